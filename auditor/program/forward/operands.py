"""What a call in a forward pass is given: arguments by place or name, literal numbers, the dimension it goes along."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.forward.dimensions import PIECE, POSITION, Layout
from auditor.program.syntax import literal
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
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) < 2:
        return None
    first, second = node.slice.elts[:2]
    if not (isinstance(first, ast.Slice) and first.lower is first.upper is None and isinstance(second, ast.Slice)):
        return None
    return number(second.lower) if second.lower is not None else 0


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
