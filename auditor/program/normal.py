"""A module in one spelling, for the questions that are asked of its text.

Names that stand for one small number are that number, what was imported under another name has its own again, and so
has a function that is called out of a table or under a name of the program. Arguments of the program's own functions
stand in their order, and loops whose body is one call hold what is called (`inlined`). Nothing that the module does
changes, and every node keeps its place. What a setting may give another value stays a name.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.program import vocabulary
from auditor.program.inlined import inlined
from auditor.program.syntax import Function, bound_in, is_method, last_name, named_numbers
from auditor.program.walks import walked, walks
from auditor.source.copying import Copy, copied
from auditor.source.index import of_type

_NONE: Mapping[ast.Call, str] = MappingProxyType({})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef)


def normal(tree: ast.Module, set_: frozenset[str] = frozenset(), called: Mapping[ast.Call, str] = _NONE) -> ast.Module:
    """The module in its one spelling; the tree itself where it is written so, and else a tree of its own.

    `set_`: names whose values the configuration gives. `called`: what a call calls where another name stands there, as
    the abstract run has seen it.
    """
    numbers = {(scope, name): v for (scope, name), v in named_numbers(tree).items() if scope or name not in set_}
    own = {node.name for node in of_type(tree, *_SCOPES)}
    calls = (
        {c: called[c] for c in of_type(tree, ast.Call) if called.get(c) and not _is_own(c.func, own)} if called else {}
    )
    found = _Found(numbers, _imported(tree), _signatures(tree), walks(tree))
    if not calls and not found.asks(tree):
        return inlined(tree, of_type(tree, ast.For, ast.While), fresh=False)
    read = _read(tree, found, calls)
    return inlined(read.tree, read.loops, fresh=True)


def _is_own(function: ast.expr, own: set[str]) -> bool:
    return isinstance(function, ast.Name) and function.id in own


@dataclass(frozen=True, slots=True)
class _Found:
    """`constants`: by scope (its line, 0 for the module) and name. `imported`: a name here, and the name there.
    `signatures`: the parameters of functions that take no others. `generators`: those that give what they walk over."""

    constants: Mapping[tuple[int, str], ast.expr]
    imported: Mapping[str, str]
    signatures: Mapping[str, tuple[str, ...]]
    generators: Mapping[str, ast.FunctionDef]

    def asks(self, tree: ast.Module) -> bool:
        if self.constants or self.imported or self.generators:
            return True
        calls = [c for c in of_type(tree, ast.Call) if c.keywords or _is_written_out(c)]
        return any(getattr(c.func, "id", "") in self.signatures or _is_written_out(c) for c in calls)


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
    """The parameters of the program's functions that are called by one name and take nothing but these."""
    times = Counter(node.name for node in of_type(tree, *_SCOPES, ast.ClassDef))
    own = (f for f in of_type(tree, ast.FunctionDef) if times[f.name] == 1 and not is_method(f))
    return {f.name: tuple(a.arg for a in f.args.args) for f in own if _is_plain(f)}


def _is_plain(function: Function) -> bool:
    a = function.args
    decorated = any(last_name(decorator) != "staticmethod" for decorator in function.decorator_list)
    return not (a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or decorated)


def _is_written_out(call: ast.Call) -> bool:
    """`f(*(a, b))`"""
    stars = [argument.value for argument in call.args if isinstance(argument, ast.Starred)]
    return bool(stars) and all(
        isinstance(held, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in held.elts)
        for held in stars
    )


def _read(tree: ast.Module, found: _Found, called: Mapping[ast.Call, str]) -> Copy[ast.Module]:
    """A copy of the tree in the one spelling."""
    constants, imported = found.constants, found.imported
    named = {name for _, name in constants} | imported.keys()

    def instead(node: ast.AST, around: tuple[int, ...]) -> ast.AST | None:
        if isinstance(node, ast.Name):
            if node.id not in named or not isinstance(node.ctx, ast.Load):
                return None
            for scope in reversed(around):
                value = constants.get((scope, node.id))
                if value is not None:
                    return _at(value, node)
            return ast.copy_location(ast.Name(imported.get(node.id, node.id), node.ctx), node)
        if isinstance(node, ast.alias) and node.asname in imported:
            return ast.copy_location(ast.alias(node.name, None), node)
        return None

    copy = copied(tree, instead)
    for hung in reversed(copy.calls):  # those within a call first
        made = _call(hung.copy, found, called.get(hung.call))
        if made is not hung.copy:
            hung.holder[hung.at] = made
    return copy


def _call(node: ast.Call, found: _Found, called: str | None) -> ast.expr:
    """A call, changed in place, or what it gives."""
    if called is not None:
        node.func = _path(called, node.func)
    generator = found.generators.get(getattr(node.func, "id", ""))
    if generator is not None and (over := walked(generator, node)) is not None:
        return over
    if _is_written_out(node):
        node.args = [e for a in node.args for e in (a.value.elts if isinstance(a, ast.Starred) else [a])]  # type: ignore[attr-defined]
    names = found.signatures.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if not names or not node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        return node
    given = {k.arg: k.value for k in node.keywords}
    rest = names[len(node.args) : len(node.args) + len(given)]
    if len(given) == len(node.keywords) and set(rest) == given.keys():
        node.args += [given[name] for name in rest]
        node.keywords = []
    return node


def _path(dotted: str, node: ast.expr) -> ast.expr:
    """`torch.nn.functional.pad`, where something stood that stands for it."""
    first, *rest = dotted.split(".")
    made: ast.expr = ast.copy_location(ast.Name(first, ast.Load()), node)
    for name in rest:
        made = ast.copy_location(ast.Attribute(made, name, ast.Load()), node)
    return made


def _at(value: ast.expr, node: ast.expr) -> ast.expr:
    """A number, where a name for it stood."""
    literal = value.operand if isinstance(value, ast.UnaryOp) else value
    assert isinstance(literal, ast.Constant)
    made: ast.expr = ast.copy_location(ast.Constant(literal.value), node)
    if isinstance(value, ast.UnaryOp):
        made = ast.copy_location(ast.UnaryOp(ast.USub(), made), node)
    return made
