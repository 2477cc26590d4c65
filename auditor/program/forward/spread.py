"""What a statistic over positions gives back to each of them, where nothing about the dimensions is taken for given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from auditor.program import vocabulary
from auditor.program.forward.dimensions import ONE, PIECE, POSITION, Layout
from auditor.program.forward.layout import Layouts
from auditor.program.syntax import called, is_self, literal
from auditor.program.values import Function
from auditor.source.index import function_around, of_type, parent

ALL_OF_THEM, NEIGHBOURS = "a statistic of all", "merged neighbours"

_STEPS = 5  # from an operation to what is made of it


def spread(operation: ast.expr, function: Function, told: Layouts) -> str:
    """What each position gets to know of others by an operation along the positions; "" where that is not known.

    "a statistic of all": one number that was made of all of them stands beside each. "merged neighbours": some that
    stand side by side were made one, and nothing moves these on before each of them gets it back.
    """
    if not isinstance(operation, ast.Call) or not isinstance(operation.func, ast.Attribute):
        return ""
    subject = told.of(operation.func.value) or (told.of(operation.args[0]) if operation.args else None)
    if subject is None or subject.count(POSITION) != 1:
        return ""
    if called(operation) in vocabulary.SHARES_OUT:
        return ALL_OF_THEM
    made = told.of(operation)
    if PIECE in subject and made is not None and PIECE not in made and POSITION in made:
        return "" if _moved_on(function) else NEIGHBOURS
    return ALL_OF_THEM if any(_kept(subject, labels) for labels in _given_back(operation, told)) else ""


def _kept(subject: Layout, made: Layout) -> bool:
    """Whether one is left of all positions, in their place: as it is put together with them, each gets it."""
    return len(made) == len(subject) and made[subject.index(POSITION)] == ONE


def _given_back(operation: ast.expr, told: Layouts) -> Iterator[Layout]:
    """The labels of what an operation gives, as it is and as `[:, None]`, `.values` and `.unsqueeze(1)` leave it."""
    node: ast.AST | None = operation
    for _ in range(_STEPS):
        labels = told.of(node) if node is not None else None
        if labels is not None:
            yield labels
        above = parent(node) if node is not None else None
        base = getattr(above, "func", getattr(above, "value", None))
        node = above if base is node and isinstance(above, (ast.Attribute, ast.Subscript, ast.Call)) else None


def _moved_on(function: Function) -> bool:
    """Whether something on the way of merged positions moves positions on, so that a group may see those before alone.

    Looked at are the method, the methods that apply its class, and the classes of what else these apply.
    """
    if function.owner is None or function.unit.tree is None:
        return True
    tree, name = function.unit.tree, function.owner.name
    classes = {node.name: node for node in of_type(tree, ast.ClassDef)}
    held: dict[str, set[str]] = {}
    for attribute, of in _parts(tree, classes):
        held.setdefault(attribute, set()).add(of)
    applied = [(call, held.get(call.func.attr, ())) for call in of_type(tree, ast.Call) if _is_own(call.func)]
    around = {within for call, of in applied if name in of and (within := function_around(call)) is not None}
    beside = {classes[part] for call, of in applied if function_around(call) in around for part in of}
    return any(_moves(node) for node in (function.node, *around, *beside))


def _parts(tree: ast.Module, classes: dict[str, ast.ClassDef]) -> Iterator[tuple[str, str]]:
    """`self.name = Class(...)`: the attributes of modules, each with the class of what it may hold."""
    for statement in of_type(tree, ast.Assign):
        made = [c.func.id for c in of_type(statement.value, ast.Call) if isinstance(c.func, ast.Name)]
        own = [t for target in statement.targets for t in of_type(target, ast.Attribute) if is_self(t.value)]
        for attribute in {t.attr for t in own}:
            for name in made:
                if name in classes:
                    yield attribute, name


def _is_own(called: ast.expr) -> TypeGuard[ast.Attribute]:
    """`self.name`"""
    return isinstance(called, ast.Attribute) and is_self(called.value)


def _moves(node: ast.AST) -> bool:
    """`x.roll(1, 1)`, `pad(x, ...)[:, :-1]`, `cat([first, x[:, :-1]], 1)`: positions get what stands before them."""
    if any(called(call) == "roll" for call in of_type(node, ast.Call)):
        return True
    for cut in of_type(node, ast.Subscript):
        parts = cut.slice.elts if isinstance(cut.slice, ast.Tuple) else [cut.slice]
        for part in parts:
            upper = literal(part.upper) if isinstance(part, ast.Slice) and part.upper is not None else None
            if upper is not None and upper < 0:
                return True
    return False
