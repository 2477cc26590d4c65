"""Figures in bits per byte that are made with a constant number of bytes per token."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.module import Module, Seen
from auditor.program.syntax import assignments, last_name, number, scopes
from auditor.source.index import of_type

# No tokenizer has fewer than 1.2 or more than 8 bytes a token; 2 and 8 convert units.
_FEWEST, _MOST, _UNIT = 1.2, 8.0, 2.0
_LN2 = 0.6931


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantBytes(Seen):
    """A figure that is divided by `width` bytes per token. `name`: what it is assigned to, "" where it is returned."""

    name: str
    width: float


def constant_bytes(module: Module) -> Iterator[ConstantBytes]:
    """One for every statement that makes or returns such a figure."""
    told: set[int] = set()
    for scope in scopes(module.tree):
        for target, value, statement in assignments(scope):
            if isinstance(value, ast.BinOp) and statement.lineno not in told:
                width = _width(module, value)
                if width is not None:
                    told.add(statement.lineno)
                    yield _seen(module, statement, last_name(target) or "the figure", width)
    for node in of_type(module.tree, ast.Return):
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        widths = (_width(module, part) for part in parts if isinstance(part, ast.BinOp))
        width = next((w for w in widths if w is not None), None)
        if width is not None and node.lineno not in told:
            yield _seen(module, node, "", width)


def _seen(module: Module, node: ast.AST, name: str, width: float) -> ConstantBytes:
    return ConstantBytes(place=module.place(node), active=module.reached(node), name=name, width=width)


def _width(module: Module, node: ast.BinOp) -> float | None:
    factors = list(_factors(node))
    if len(factors) < 2:
        return None
    for factor, inverse in list(factors):
        values = module.origins.assigned(factor) if isinstance(factor, ast.Name) else []
        if len(values) == 1 and isinstance(values[0], ast.BinOp) and any(_is_ln2(f) for f, _ in _factors(values[0])):
            factors += _factors(values[0], inverse)
    if not any(_is_ln2(f) and inverse for f, inverse in factors):
        return None
    for factor, inverse in factors:
        value = None if _is_ln2(factor) else module.guards.settled.number_of(factor)
        if value is not None and value > 0:
            width = value if inverse else 1 / value
            if _FEWEST < width < _MOST and width != _UNIT:
                return width
    return None


def _factors(node: ast.expr, inverse: bool = False) -> Iterator[tuple[ast.expr, bool]]:
    """The factors of a product; True for those it is divided by."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _factors(node.left, inverse)
        yield from _factors(node.right, inverse != isinstance(node.op, ast.Div))
    else:
        yield node, inverse


def _is_ln2(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and last_name(node.func) in {"log", "log_"} and node.args:
        return number(node.args[0]) == 2.0
    value = number(node)
    return last_name(node).upper() in {"LN2", "LOG2", "LN_2"} or (value is not None and abs(value - _LN2) < 0.0005)
