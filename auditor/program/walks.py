"""Generators that give what they walk over, as what they walk: `def starts(n): for at in range(0, n, 8): yield at`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from copy import deepcopy

from auditor.source.copying import copied
from auditor.source.index import of_type


def walks(tree: ast.Module) -> Mapping[str, ast.FunctionDef]:
    """The module's generators that do nothing but give, one by one, what a loop goes over."""
    times: dict[str, int] = {}
    for node in of_type(tree, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        times[node.name] = times.get(node.name, 0) + 1
    found = (f for f in of_type(tree, ast.FunctionDef) if times[f.name] == 1 and not f.decorator_list)
    return {function.name: function for function in found if _over(function) is not None}


def _over(function: ast.FunctionDef) -> ast.expr | None:
    """What it goes over."""
    loop = function.body[-1]
    if len(function.body) > 2 or not isinstance(loop, ast.For) or loop.orelse or len(loop.body) != 1:
        return None
    if len(function.body) == 2 and not isinstance(function.body[0], ast.Expr):  # a docstring
        return None
    statement = loop.body[0]
    given = statement.value if isinstance(statement, ast.Expr) else None
    name = given.value if isinstance(given, ast.Yield) else None
    if not isinstance(name, ast.Name) or not isinstance(loop.target, ast.Name):
        return None
    return loop.iter if name.id == loop.target.id else None


def walked(function: ast.FunctionDef, call: ast.Call) -> ast.expr | None:
    """What a call of such a generator goes over, in the caller's words; None where it is given other things."""
    over, a = _over(function), function.args
    if over is None or call.keywords or a.kwarg or a.kwonlyargs or a.posonlyargs or a.defaults:
        return None
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    names = [argument.arg for argument in a.args]
    if len(call.args) < len(names) or (a.vararg is None and len(call.args) > len(names)):
        return None
    rest = call.args[len(names) :]
    given = _Given(dict(zip(names, call.args, strict=False)), a.vararg.arg if a.vararg else "", rest)
    made: ast.expr = given.visit(copied(over).tree)
    for part in ast.walk(made):
        if isinstance(part, ast.expr):
            ast.copy_location(part, call)
    return made


class _Given(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr], rest: str, others: list[ast.expr]) -> None:
        self.values = values
        self.rest = rest
        self.others = others

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.values.get(node.id)
        return node if value is None else deepcopy(value)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        arguments: list[ast.expr] = []
        for argument in node.args:
            held = argument.value if isinstance(argument, ast.Starred) else None
            if isinstance(held, ast.Name) and held.id == self.rest:
                arguments += [deepcopy(other) for other in self.others]
            else:
                arguments.append(self.visit(argument))
        node.args = arguments
        return node
