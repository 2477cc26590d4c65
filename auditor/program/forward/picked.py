"""Positions that a forward pass picks by their numbers: moved on, drawn, or the last one, which has seen all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program import vocabulary
from auditor.program.forward.dimensions import POSITION, Layout
from auditor.program.forward.layout import Layouts
from auditor.program.forward.masks import reaches_later
from auditor.program.forward.operands import along, given, number, position_in, resolved
from auditor.program.forward.whole import comes_back
from auditor.program.syntax import called, literal
from auditor.source.index import of_type, parent, walk


def later(function: ast.AST, layouts: Layouts) -> Iterator[ast.expr]:
    """`x[:, arange(t) + 1]`, `[x[:, i + 1] for i in range(t)]`"""
    for picked in of_type(function, ast.Subscript):
        index = position_in(picked, layouts.of(picked.value))
        if index is None or isinstance(index, (ast.Slice, ast.Constant)):
            continue
        if _later(index, function) or _after_its_number(picked, index):
            yield picked


def beside_all(function: ast.AST, layouts: Layouts) -> Iterator[ast.expr]:
    """What was picked among all positions, and stands beside each of them: `x + x[:, -1:]`, `x[:, randperm(t)]`."""
    for picked in of_type(function, ast.Subscript):
        index = position_in(picked, layouts.of(picked.value))
        if index is None:
            continue
        last = _is_last(index, layouts) and comes_back(picked, function, layouts)
        if last or _is_the_later_of(index) or _is_drawn(index, function):
            yield picked
    for call in of_type(function, ast.Call):
        if called(call) != "select" or not isinstance(call.func, ast.Attribute) or len(call.args) != 2:
            continue
        labels = layouts.of(call.func.value)
        along_positions = labels is not None and along(call, call.args, 0, "dim", labels)
        if along_positions and _is_last(call.args[1], layouts) and comes_back(call, function, layouts):
            yield call


def picks_later(call: ast.Call, name: str, args: Sequence[ast.expr], labels: Layout, function: ast.AST) -> bool:
    """`x.index_select(1, later)`, `x.gather(1, later)`: positions by their numbers, some of them moved on."""
    if name not in ("index_select", "gather", "take_along_dim") or not along(call, args, 0, "dim", labels):
        return False
    index = given(call, args, 1, "index")
    if index is None:
        return False
    return _later(index, function) if name == "index_select" else bool(reaches_later(function, index))


def _after_its_number(picked: ast.Subscript, index: ast.expr) -> bool:
    """`[x[:, min(i + 1, t - 1)] for i in range(t)]`: what stands behind comes to the place of `i`."""
    made = parent(picked)
    while isinstance(made, (ast.Call, ast.BinOp, ast.Subscript, ast.Attribute)):
        made = parent(made)
    if not isinstance(made, (ast.ListComp, ast.GeneratorExp)):
        return False
    counted = {
        part.target.id
        for part in made.generators
        if isinstance(part.target, ast.Name)
        and isinstance(part.iter, ast.Call)
        and called(part.iter) in vocabulary.COUNTS_UP
    }
    return any(
        isinstance(n.op, ast.Add)
        and {getattr(n.left, "id", ""), getattr(n.right, "id", "")} & counted
        and (literal(n.left) or literal(n.right) or 0) > 0
        for n in of_type(index, ast.BinOp)
    )


def _is_drawn(index: ast.expr, function: ast.AST) -> bool:
    """`x[:, randperm(t)]`: positions in an order that chance has told."""
    return any(
        called(n) in vocabulary.DRAWS
        for part in resolved(index, function)
        for n in walk(part)
        if isinstance(n, ast.Call)
    )


def _is_the_later_of(index: ast.expr) -> bool:
    """`x[:, 1::2]`: of neighbours one that is not the first."""
    return (
        isinstance(index, ast.Slice) and index.step is not None and number(index.step) > 1 and number(index.lower) > 0
    )


def _is_last(index: ast.expr, layouts: Layouts) -> bool:
    """`x[:, -1:]`, `x[:, -1]`, `x[:, t - 1]`, `x[:, t - 1 : t]`: the last position, which has seen all others."""
    bound = index.lower if isinstance(index, ast.Slice) else index
    if isinstance(bound, ast.BinOp) and isinstance(bound.op, ast.Sub) and number(bound.right) == 1:
        return layouts.size(bound.left) == POSITION
    whole = not isinstance(index, ast.Slice) or index.upper is None
    return whole and not isinstance(bound, ast.Slice) and number(bound) == -1


def _later(index: ast.expr, function: ast.AST) -> bool:
    """`arange(t) + 1`: numbers of the positions, moved on. `[*range(1, t), 0]`, `arange(t - 1, -1, -1)`"""
    known = reaches_later(function, index)
    if known is not None:
        return known
    parts = resolved(index, function)
    nodes = [n for part in parts for n in walk(part)]
    signs = {type(n.op) for n in nodes if isinstance(n, (ast.BinOp, ast.UnaryOp))}
    methods = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    counts = [n for n in nodes if isinstance(n, ast.Call) and called(n) in vocabulary.COUNTS_UP]
    if any(_begins_later(call) or _goes_down(call) for call in counts):
        return True
    more, less = ast.Add in signs or "add" in methods, signs & {ast.Sub, ast.USub} or "sub" in methods
    return bool(more and not less and counts)


def _begins_later(count: ast.Call) -> bool:
    """`range(1, t)`, at the front of a list of numbers."""
    return (
        len(count.args) > 1
        and (literal(count.args[0]) or 0) > 0
        and isinstance(above := parent(count), ast.Starred)
        and isinstance(held := parent(above), (ast.List, ast.Tuple))
        and held.elts[0] is above
    )


def _goes_down(count: ast.Call) -> bool:
    return len(count.args) > 2 and (literal(count.args[2]) or 0) < 0
