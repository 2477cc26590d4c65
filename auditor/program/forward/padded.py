"""Positions that are filled up, and so moved: what is put behind the last one brings those behind forward."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program.forward.dimensions import POSITION
from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import along, given, number, position_in, resolved, start, starts_at
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
        return _padded_forward(call, layouts, function)
    parts = call.args[0].elts if isinstance(call.args[0], (ast.Tuple, ast.List)) else []
    labels = layouts.of(parts[0]) if len(parts) > 1 else None
    if labels is None or not is_cut_in_front(parts[0], layouts, function):
        return False
    dim = given(call, call.args, 1, "dim")
    at = 1 if name == "hstack" else literal(dim) if dim is not None else 0
    return at is not None and -len(labels) <= at < len(labels) and labels[at] == POSITION


def _padded_forward(call: ast.Call, layouts: Layouts, function: ast.AST) -> bool:
    labels = layouts.of(call.args[0])
    amounts = given(call, call.args, 1, "pad")
    if labels is None or POSITION not in labels or not isinstance(amounts, (ast.Tuple, ast.List)):
        return False
    at = 2 * (len(labels) - 1 - labels.index(POSITION))  # the last dimension's amounts come first
    if len(amounts.elts) < at + 2:
        return False
    before, after = amounts.elts[at : at + 2]
    if literal(after) is None and _cut_in_front(call, function, after):
        return number(before) <= 0
    moved = number(before) < 0 or is_cut_in_front(call.args[0], layouts, function) or _cut_in_front(call, function)
    return moved and number(before) <= 0 < number(after)


def stored_forward(target: ast.expr, value: ast.expr, layouts: Layouts) -> bool:
    """`x[:, :-1] += x[:, 1:]`: later ones are put to earlier ones."""
    if not isinstance(target, ast.Subscript) or layouts.of(value) is None:
        return False
    into = start(target)
    return into is not None and any((start(read) or 0) > into for read in of_type(value, ast.Subscript))


def is_cut_in_front(part: ast.expr, layouts: Layouts, function: ast.AST) -> bool:
    """`x[:, 1:]`, `x.narrow(1, 1, n)`, what a name for it is, and what a split gives second: the first are left out."""
    if isinstance(part, ast.Name):
        return any(_is_behind(made, at, layouts, function) for made, at in _bound(part.id, function))
    if (start(part) or 0) > 0:
        return True
    index = position_in(part, layouts.of(part.value)) if isinstance(part, ast.Subscript) else None
    return isinstance(index, ast.Slice) and number(index.lower) > 0


def _bound(name: str, function: ast.AST) -> Iterator[tuple[ast.expr, int]]:
    """What a name is assigned, and which of the values of a call it is, or 0."""
    for statement in of_type(function, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield statement.value, 0
            elif isinstance(target, (ast.Tuple, ast.List)):
                for i, element in enumerate(target.elts):
                    if isinstance(element, ast.Name) and element.id == name:
                        whole = statement.value
                        each = isinstance(whole, (ast.Tuple, ast.List)) and i < len(whole.elts)
                        yield (whole.elts[i], 0) if each else (whole, i)  # type: ignore[attr-defined]


def _is_behind(made: ast.expr, at: int, layouts: Layouts, function: ast.AST) -> bool:
    if isinstance(made, ast.Subscript) or (isinstance(made, ast.Call) and called(made) == "narrow"):
        return is_cut_in_front(made, layouts, function)
    if not at or not isinstance(made, ast.Call) or called(made) not in ("split", "tensor_split", "chunk"):
        return False
    library = isinstance(made.func, ast.Attribute) and layouts.of_library(made.func.value)
    subject, others = made.args[0] if library else getattr(made.func, "value", None), made.args[library:]
    labels = layouts.of(subject) if subject is not None else None
    return labels is not None and along(made, others, 1, "dim", labels)


def _cut_in_front(call: ast.Call, function: ast.AST, by: ast.expr | None = None) -> bool:
    """`pad(x, (0, 0, 0, 1))[:, 1:]`: what it gives is cut in front, there or under its name. `by`: by that much."""
    names = {getattr(t, "id", "") for s in of_type(function, ast.Assign) if s.value is call for t in s.targets} - {""}
    cuts = [c for c in of_type(function, ast.Subscript) if by is None or starts_at(c, by)]
    return any(
        (c.value is call or getattr(c.value, "id", "") in names) and (by is not None or (start(c) or 0) > 0)
        for c in cuts
    )
