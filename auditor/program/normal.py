"""A module in one spelling, for the questions that are asked of its text.

Names that stand for one small number are that number, what was imported under another name has its own again,
arguments of the program's own functions stand in their order, and loops whose body is one call hold what is called
(`inlined`). Nothing that it does changes, and every node keeps its place. What a setting may give another value stays a
name.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.inlined import inlined
from auditor.program.syntax import Function, number
from auditor.source.index import of_type, own_of_type

_LARGEST = 4  # of whole numbers: what shifts, axes and ends are made of; sizes are told by their names
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef)


def normal(tree: ast.Module, again: Callable[[], ast.Module | None], set_: frozenset[str] = frozenset()) -> ast.Module:
    """The module in its one spelling; the tree itself where it is written so.

    `again` parses the text once more: what is changed is a tree of its own. `set_`: names whose values the
    configuration gives.
    """
    found = _Found(_constants(tree, set_), _imported(tree), _signatures(tree))
    if found.asks(tree):
        copy = again()
        if copy is not None:
            tree = _Normal(found).visit(copy)
    return inlined(tree)


@dataclass(frozen=True, slots=True)
class _Found:
    """`constants`: by scope (its line, 0 for the module) and name. `imported`: a name here, and the name there.
    `signatures`: the parameters of functions that take no others."""

    constants: Mapping[tuple[int, str], ast.expr]
    imported: Mapping[str, str]
    signatures: Mapping[str, tuple[str, ...]]

    def asks(self, tree: ast.Module) -> bool:
        if self.constants or self.imported:
            return True
        calls = (c for c in of_type(tree, ast.Call) if c.keywords and isinstance(c.func, ast.Name))
        return any(isinstance(c.func, ast.Name) and c.func.id in self.signatures for c in calls)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _constants(tree: ast.Module, set_: frozenset[str]) -> dict[tuple[int, str], ast.expr]:
    outer = {name for node in of_type(tree, ast.Global, ast.Nonlocal) for name in node.names}
    everywhere = Counter(_bound(tree))
    found: dict[tuple[int, str], ast.expr] = {}
    for scope in (tree, *of_type(tree, *_SCOPES)):
        stored = everywhere if scope is tree else Counter(_bound(scope))
        for statement in own_of_type(scope, ast.Assign):
            target = statement.targets[0]
            if len(statement.targets) != 1 or not isinstance(target, ast.Name) or not _is_small(statement.value):
                continue
            if stored[target.id] == 1 and target.id not in outer and not (scope is tree and target.id in set_):
                found[getattr(scope, "lineno", 0), target.id] = statement.value
    return found


def _bound(scope: ast.AST) -> Iterator[str]:
    """Every name that something within a scope gives a value, as often as it does."""
    for name in of_type(scope, ast.Name):
        if not isinstance(name.ctx, ast.Load):
            yield name.id
    for argument in of_type(scope, ast.arg):
        yield argument.arg
    for alias in of_type(scope, ast.alias):
        yield alias.asname or alias.name.split(".")[0]
    for node in of_type(scope, *_SCOPES, ast.ClassDef):
        yield node.name
    for handler in of_type(scope, ast.ExceptHandler):
        yield handler.name or ""


def _is_small(node: ast.expr) -> bool:
    value = number(node)
    literal = node.operand if isinstance(node, ast.UnaryOp) else node
    return value is not None and (isinstance(getattr(literal, "value", None), float) or abs(value) <= _LARGEST)


# --- imports ---------------------------------------------------------------------------------------------------------


def _imported(tree: ast.Module) -> dict[str, str]:
    """What goes by another name than it has where it is defined: `from time import sleep as rest`, `import os as o`."""
    found: dict[str, str] = {}
    for statement in of_type(tree, ast.Import, ast.ImportFrom):
        for alias in statement.names:
            named = alias.asname
            plain = isinstance(statement, ast.ImportFrom) or "." not in alias.name
            if named is not None and plain and named != alias.name and named not in vocabulary.USUAL_NAMES:
                found[named] = alias.name
    if not found:
        return found
    times = Counter(_bound(tree))
    return {named: name for named, name in found.items() if times[named] == 1 and times[name] == 0}


# --- calls -----------------------------------------------------------------------------------------------------------


def _signatures(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """The parameters of the module's functions that are called by one name and take nothing but these."""
    times = Counter(node.name for node in of_type(tree, *_SCOPES, ast.ClassDef))
    own = (s for s in tree.body if isinstance(s, ast.FunctionDef) and times[s.name] == 1)
    return {f.name: tuple(a.arg for a in f.args.args) for f in own if _is_plain(f)}


def _is_plain(function: Function) -> bool:
    a = function.args
    return not (a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or function.decorator_list)


class _Normal(ast.NodeTransformer):
    def __init__(self, found: _Found) -> None:
        self.found = found
        self.scopes = [0]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._within(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._within(node)

    def _within(self, node: Function) -> ast.AST:
        self.scopes.append(node.lineno)
        self.generic_visit(node)
        self.scopes.pop()
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        for scope in reversed(self.scopes):
            value = self.found.constants.get((scope, node.id))
            if value is not None:
                return _at(value, node)
        node.id = self.found.imported.get(node.id, node.id)
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        if node.asname in self.found.imported:
            node.asname = None
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        names = self.found.signatures.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not names or not node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            return node
        given = {k.arg: k.value for k in node.keywords}
        rest = names[len(node.args) : len(node.args) + len(given)]
        if len(given) == len(node.keywords) and set(rest) == given.keys():
            node.args += [given[name] for name in rest]
            node.keywords = []
        return node


def _at(value: ast.expr, node: ast.expr) -> ast.expr:
    """A number, where a name for it stood."""
    literal = value.operand if isinstance(value, ast.UnaryOp) else value
    assert isinstance(literal, ast.Constant)
    made: ast.expr = ast.copy_location(ast.Constant(literal.value), node)
    if isinstance(value, ast.UnaryOp):
        made = ast.copy_location(ast.UnaryOp(ast.USub(), made), node)
    return made
