"""What a call in a forward pass is given: arguments by place or name, literal numbers, the dimension it goes along."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.forward.dimensions import PIECE, POSITION, Layout
from auditor.program.syntax import called, is_self, literal
from auditor.source.index import of_type, walk


def given(call: ast.Call, args: Sequence[ast.expr], at: int, name: str) -> ast.expr | None:
    by_name = next((k.value for k in call.keywords if k.arg in (name, name.rstrip("s"), name + "s", "axis")), None)
    return by_name if by_name is not None else (args[at] if len(args) > at else None)


def number(node: ast.expr | None) -> int:
    """A literal integer; 0 for anything else."""
    if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == 1:
        node = node.elts[0]
    return literal(node) or 0


def start(node: ast.AST) -> int | None:
    """Where `x[:, 1:]` starts along the positions: 1; `x[:, :-1]`: 0. None for another subscript."""
    if isinstance(node, ast.Call) and called(node) == "narrow" and isinstance(node.func, ast.Attribute):
        places = node.args[-3:]  # of `x.narrow(1, 1, t)` and `torch.narrow(x, 1, 1, t)`
        return number(places[1]) if len(places) == 3 and literal(places[0]) == 1 else None
    cut = _cut(node)
    if cut is None:
        return None
    return number(cut.lower) if cut.lower is not None else 0


def starts_at(node: ast.AST, place: ast.expr) -> bool:
    """`x[:, step:]` where `place` is `step`."""
    cut = _cut(node)
    return cut is not None and cut.lower is not None and ast.dump(cut.lower) == ast.dump(place)


def _cut(node: ast.AST) -> ast.Slice | None:
    """The second slice of `x[:, a:b]`, that of the positions."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) < 2:
        return None
    first, second = node.slice.elts[:2]
    whole = isinstance(first, ast.Slice) and first.lower is first.upper is None
    return second if whole and isinstance(second, ast.Slice) else None


def position_in(picked: ast.Subscript, labels: Layout | None) -> ast.expr | None:
    """What stands for the positions in an index: `a` of `x[:, a]`, `x[b, a, :]`, `x[..., a, :]`."""
    parts = list(picked.slice.elts) if isinstance(picked.slice, ast.Tuple) else [picked.slice]
    left = list(labels or ())
    for i, part in enumerate(parts):
        if isinstance(part, ast.Constant) and part.value is None:
            continue
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            behind = sum(not (isinstance(p, ast.Constant) and p.value is None) for p in parts[i + 1 :])
            left = left[max(len(left) - behind, 0) :]
        elif left and left.pop(0) == POSITION:
            return part
    return None


def resolved(node: ast.expr, function: ast.AST) -> list[ast.expr]:
    """An expression, and what the names in it are assigned."""
    names = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    made = [s.value for s in of_type(function, ast.Assign) if any(getattr(t, "id", "") in names for t in s.targets)]
    return [node, *made]


def along(call: ast.Call, args: Sequence[ast.expr], at: int, name: str, labels: Layout) -> bool:
    """Whether one of the dimensions that a call names is that of the positions."""
    told = given(call, args, at, name)
    dims = told.elts if isinstance(told, (ast.Tuple, ast.List)) else [told]
    places = [literal(dim) for dim in dims]
    return any(p is not None and -len(labels) <= p < len(labels) and labels[p] in (POSITION, PIECE) for p in places)


def of_training(test: ast.expr) -> bool:
    """`if self.training:`"""
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return any(isinstance(part, ast.Attribute) and part.attr == "training" for part in parts)


def of_self(node: ast.expr) -> bool:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return is_self(node)
