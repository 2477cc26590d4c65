"""Conditions under which an n-gram hint applies that ask for the class of the very token that is scored, in Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from auditor.program.module import Module, Seen
from auditor.program.syntax import called, names
from auditor.source.index import of_type, walk

_MOST = 4  # places of one text that are told


def target_gates(module: Module) -> Iterator[Seen]:
    """Where a hint is stored under a condition on the class of the token that it is for."""
    for node in islice(_in_python(module.tree), _MOST):
        yield Seen(place=module.place(node), active=module.reached(node))


def _in_python(tree: ast.Module) -> Iterator[ast.AST]:
    for loop in of_type(tree, ast.For):
        yield from _gates(loop.body, *_walked(loop))


def _walked(loop: ast.For) -> tuple[set[str], set[str]]:
    """The names that a loop gives to the position, and to what stands there."""
    over = loop.iter
    names = [n.id for n in of_type(loop.target, ast.Name)]
    if isinstance(over, ast.Call) and called(over) == "range":
        return set(names), set()
    if isinstance(over, ast.Call) and called(over) == "enumerate":
        return set(names[:1]), set(names[1:])
    return set(), set(names)


def _gates(statements: list[ast.stmt], positions: set[str], current: set[str]) -> Iterator[ast.If]:
    """Conditions on what a table holds for the element, under which a look-up by something else is stored there."""
    classes: set[str] = set()
    for node in (node for statement in statements for node in of_type(statement, ast.Assign)):
        target = node.targets[0] if len(node.targets) == 1 else None
        if not isinstance(target, ast.Name):
            continue
        if _reads(node.value, current) or names(node.value) & classes:
            classes.add(target.id)
        elif _plain(node.value) & current or _reads(node.value, positions):
            current = current | {target.id}
    own = positions | current | classes
    for branch in (node for statement in statements for node in of_type(statement, ast.If)):
        asks = names(branch.test) & classes or _reads(branch.test, current)
        parts = [*branch.body, *branch.orelse] if asks else []
        if any(_stored(n, positions, own) for part in parts for n in walk(part)):
            yield branch


def _reads(node: ast.AST, keys: set[str]) -> bool:
    """Whether something is read under one of these names as the key."""
    return any(_plain(read.slice) & keys for read in of_type(node, ast.Subscript))


def _plain(node: ast.expr) -> set[str]:
    """The name that an expression converts: `tok`, `int(tok)`, `tok.item()`."""
    while isinstance(node, ast.Call):
        if len(node.args) > 1:
            return set()
        node = node.args[0] if node.args else node.func
        node = node.value if isinstance(node, ast.Attribute) else node
    return {node.id} if isinstance(node, ast.Name) else set()


def _stored(node: ast.AST, positions: set[str], own: set[str]) -> bool:
    """`hint[i] = table[context]`: what is stored for the position is looked up by something that is not its token."""
    if not isinstance(node, ast.Assign) or not any(
        isinstance(target, ast.Subscript) and _plain(target.slice) & positions for target in node.targets
    ):
        return False
    keys = [names(read.slice) for read in of_type(node.value, ast.Subscript)]
    keys += [names(c.args[0]) for c in of_type(node.value, ast.Call) if called(c) == "get" and c.args]
    return any(key and not key & own for key in keys)
