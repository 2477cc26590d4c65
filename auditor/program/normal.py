"""A module in one spelling, for the questions that are asked of its text.

Names that stand for one small number are that number, what was imported under another name has its own again,
arguments of the program's own functions stand in their order, and loops whose body is one call hold what is called
(`inlined`). Nothing that it does changes, and every node keeps its place. What a setting may give another value stays a
name.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.inlined import inlined
from auditor.program.syntax import Function, bound_in, named_numbers
from auditor.source.index import of_type

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef)


def normal(tree: ast.Module, again: Callable[[], ast.Module | None], set_: frozenset[str] = frozenset()) -> ast.Module:
    """The module in its one spelling; the tree itself where it is written so.

    `again` parses the text once more: what is changed is a tree of its own. `set_`: names whose values the
    configuration gives.
    """
    numbers = {(scope, name): v for (scope, name), v in named_numbers(tree).items() if scope or name not in set_}
    found = _Found(numbers, _imported(tree), _signatures(tree))
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
    times = Counter(bound_in(tree))
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
