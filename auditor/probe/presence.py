"""Whether an expression is certain not to be None, by what the script gives it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.probe.blocks import same_frame
from auditor.probe.given import Function, Given, called

_CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SOMETHING = (*_CONTAINERS, ast.BinOp, ast.UnaryOp, ast.Compare, ast.JoinedStr, ast.Lambda)
_PLAIN = (ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Name, ast.Attribute)
_LIBRARIES = ("torch", "numpy", "math")


def is_something(given: Given, node: ast.expr) -> bool:
    """Whether it is certain not to be None."""
    if isinstance(node, ast.Constant):
        return node.value is not None
    if isinstance(node, ast.Call):
        root = _root(node)
        if isinstance(root, ast.Call):  # `Adapter(rank).to(device)`
            return is_something(given, root)
        return _is_of(given, node, _LIBRARIES) or called(node) in given.classes or _is_a_layer(given, node.func)
    return isinstance(node, _SOMETHING)


def returned(given: Given, node: ast.expr, seen: frozenset[str]) -> list[ast.expr] | None:
    """What a function of the script gives back that it calls; None where it is none, or may give back None.

    The parts of a tuple are each a value: which of them a name is given is not asked.
    """
    if not isinstance(node, ast.Call) or called(node) in seen or called(node) in given.classes:
        return None
    values: list[ast.expr] = []
    for function in given.functions.get(called(node), ()):
        parts = [part for statement in function.body for part in same_frame(statement)]
        returns = [part.value for part in parts if isinstance(part, ast.Return)]
        if not isinstance(function.body[-1], ast.Return) or None in returns:
            return None
        for value in returns:
            values += value.elts if isinstance(value, ast.Tuple) else [value] if value is not None else []
    return values if values and not any(isinstance(v, ast.Constant) and v.value is None for v in values) else None


def outcomes(functions: Iterable[Function], *, plain: bool = False) -> list[ast.expr]:
    """What these give back, and where that differs what decides it; `plain`: truths and numbers alone."""
    found: list[ast.expr] = []
    for function in functions:
        values = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
        if not plain or all(isinstance(value, _PLAIN) for value in values):
            found += values
            found += tests([function]) if len({ast.dump(value) for value in values}) > 1 else []
    return found


def tests(functions: Iterable[Function]) -> list[ast.expr]:
    """What branches of these ask for."""
    parts = (part for function in functions for statement in function.body for part in same_frame(statement))
    return [part.test for part in parts if isinstance(part, ast.If | ast.While | ast.IfExp)]


def _is_a_layer(given: Given, function: ast.expr) -> bool:
    """Whether it is an attribute that holds a layer of torch's own, and nothing else: `self.head(x)`."""
    values = given.values.get(given.key(function), []) if isinstance(function, ast.Attribute) else []
    return bool(values) and all(isinstance(value, ast.Call) and _is_of(given, value, ("torch",)) for value in values)


def _is_of(given: Given, call: ast.Call, libraries: tuple[str, ...]) -> bool:
    root = _root(call)
    return isinstance(root, ast.Name) and given.modules.get(root.id, "").startswith(libraries)


def _root(call: ast.Call) -> ast.expr:
    """`a` of `a.b.c()`."""
    root = call.func
    while isinstance(root, ast.Attribute):
        root = root.value
    return root
