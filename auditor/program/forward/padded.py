"""Positions that are filled up, and so moved: what is put behind the last one brings those behind forward."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import along, given, number, resolved, start, starts_at
from auditor.program.syntax import called, literal
from auditor.source.index import of_type, parent, walk


def open_ended(call: ast.Call, subject: ast.expr, args: Sequence[ast.expr], function: ast.AST) -> bool:
    """A convolution by weights that is filled up behind the last position, and of which nothing is cut off there."""
    padding = given(call, args, 3, "padding")
    if padding is not None and literal(padding) != 0:
        return not cut_behind(call, function)
    pads = [p for p in resolved(subject, function) if isinstance(p, ast.Call) and called(p) == "pad"]
    return any(filled_behind(p) for p in pads) and not cut_behind(call, function)


def behind(subject: ast.expr, function: ast.AST) -> bool:
    """Whether windows of what is filled up in front end with the position that they stand for."""
    pads = [p for p in resolved(subject, function) if isinstance(p, ast.Call) and called(p) == "pad"] if subject else []
    return bool(pads) and all(front_alone(p) for p in pads)


def front_alone(pad: ast.Call) -> bool:
    """`pad(x, (0, 0, 2, 0))`: nothing behind, in either dimension."""
    amounts = given(pad, pad.args, 1, "pad")
    behind = amounts.elts[1::2] if isinstance(amounts, (ast.Tuple, ast.List)) else [ast.Name("?")]
    return all(literal(b) == 0 for b in behind)


def filled_behind(pad: ast.Call) -> bool:
    """`pad(x, (1, 1))`: whether something that is not zero is put behind what stands last."""
    amounts = given(pad, pad.args, 1, "pad")
    behind = amounts.elts[1] if isinstance(amounts, (ast.Tuple, ast.List)) and len(amounts.elts) > 1 else None
    return behind is not None and literal(behind) != 0


def cut_behind(call: ast.Call, function: ast.AST) -> bool:
    """`conv1d(...)[..., :t]`: whether the last ones of what it gives are left out, there or under its name."""
    names = {getattr(t, "id", "") for s in of_type(function, ast.Assign) if call in walk(s.value) for t in s.targets}
    for cut in of_type(function, ast.Subscript):
        if call in walk(cut.value) or getattr(cut.value, "id", "") in names - {""}:
            parts = cut.slice.elts if isinstance(cut.slice, ast.Tuple) else [cut.slice]
            if any(isinstance(p, ast.Slice) and p.lower is None and p.upper is not None for p in parts):
                return True
    return False


def kept_behind(call: ast.Call) -> bool:
    """`self.conv(x)[..., -t:]`: the last ones of what it gives, which the filling behind reached."""
    cut = parent(call)
    if not isinstance(cut, ast.Subscript):
        return False
    last = cut.slice.elts[-1] if isinstance(cut.slice, ast.Tuple) else cut.slice
    return isinstance(last, ast.Slice) and last.lower is not None and last.upper is None


def brought_forward(call: ast.Call, name: str, layouts: Layouts, function: ast.AST) -> bool:
    """`cat([x[:, 1:], last], 1)`, `pad(x[:, 1:], (0, 0, 0, 1))`: each position gets what stands behind it."""
    if not call.args:
        return False
    if name == "pad":
        amounts = call.args[1].elts if len(call.args) > 1 and isinstance(call.args[1], (ast.Tuple, ast.List)) else []
        before, after = (number(amounts[2]), number(amounts[3])) if len(amounts) >= 4 else (0, 0)
        if len(amounts) >= 4 and literal(amounts[3]) is None and _cut_in_front(call, function, amounts[3]):
            return before <= 0 and layouts.of(call.args[0]) is not None
        moved = before < 0 or (start(call.args[0]) or 0) > 0 or _cut_in_front(call, function)
        return moved and before <= 0 < after and layouts.of(call.args[0]) is not None
    parts = call.args[0].elts if isinstance(call.args[0], (ast.Tuple, ast.List)) else []
    first = start(parts[0]) if len(parts) > 1 else None
    labels = layouts.of(parts[0]) if first is not None and first > 0 else None
    return labels is not None and along(call, call.args, 1, "dim", labels)


def _cut_in_front(call: ast.Call, function: ast.AST, by: ast.expr | None = None) -> bool:
    """`pad(x, (0, 0, 0, 1))[:, 1:]`: what it gives is cut in front, there or under its name. `by`: by that much."""
    names = {getattr(t, "id", "") for s in of_type(function, ast.Assign) if s.value is call for t in s.targets} - {""}
    cuts = [c for c in of_type(function, ast.Subscript) if by is None or starts_at(c, by)]
    return any(
        (c.value is call or getattr(c.value, "id", "") in names) and (by is not None or (start(c) or 0) > 0)
        for c in cuts
    )
