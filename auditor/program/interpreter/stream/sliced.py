"""Lists of places in the stream of which a part is taken: windows that no round of the loop comes to."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import ranks, tokens
from auditor.program.numbers import position_of
from auditor.program.tags import NONE, SORTED, InRound, Tags
from auditor.program.trace import LEAVES_OUT
from auditor.program.values import Frame, Sequence, Value, with_tags
from auditor.source.index import parent

_LOOKED_AT = 4  # elements of a list, and parts of an element


def left_out(m: Machine, frame: Frame, node: ast.Subscript, container: Value, index: Value) -> Tags:
    """`starts[:-1]`, `starts[1:]`, `starts[::2]` of the places where windows begin.

    Beside the whole list, as in `zip(edges[:-1], edges[1:])`, such a slice says where each of them ends. The first so
    many are another question (`reach.first_of`).
    """
    if not isinstance(index.obj, tokens.Cut) or not isinstance(container.obj, Sequence) or _is_paired(node):
        return NONE
    if SORTED in container.tags and _ends_for_all(m, index.obj):
        return m.doubt(
            node,
            frame,
            "a part of what was put in order",
            "what is left out is told by what it holds",
            against=LEAVES_OUT,
        )
    if not any(_is_place(m, item) for item in container.obj.items[:_LOOKED_AT]):
        return NONE
    lower, upper, step = (_literal(bound) for bound in (index.obj.lower, index.obj.upper, index.obj.step))
    if lower == 0 and upper >= 0 and step in (0, 1):
        return NONE
    return m.doubt(
        node, frame, "a part of the places in the stream", "what stands at the others is left out", against=LEAVES_OUT
    )


def _ends_for_all(m: Machine, index: tokens.Cut) -> bool:
    """Whether a slice leaves something out, and none of a batch after the other."""
    here = {loop.instance for loop in m.loops}
    bounds = [b for b in (index.lower, index.upper) if b is not None and not (b.known and b.const in (None, 0))]
    moves = any(isinstance(t, InRound) and t.loop in here for b in bounds for t in b.tags)
    return len(bounds) == 1 and not moves and not ranks.of_rank(bounds[0].tags)


def differ(m: Machine, one: Value, other: Value) -> bool:
    """Whether some of the processes go through places in the stream where others have other ones, or none."""
    held = [v.obj.items[:_LOOKED_AT] if isinstance(v.obj, Sequence) else [] for v in (one, other)]
    of_both = [{_where(m, item) for item in items} for items in held]  # `tqdm(starts) if rank == 0 else starts`
    return of_both[0] != of_both[1] and any(_is_place(m, item) for items in held for item in items)


def alike(m: Machine, items: Seq[Value]) -> bool:
    """Whether elements are places of one kind, each as far from the next: any of them stands for all."""
    kinds = {_kind(m, item) for item in items}
    return len(kinds) == 1 and all(_is_place(m, item) for item in items)


def _kind(m: Machine, item: Value) -> object:
    parts = item.obj.items if isinstance(item.obj, Sequence) and item.obj.exact else None
    return _where(m, item) if parts is None else tuple(_kind(m, part) for part in parts)


def _where(m: Machine, item: Value) -> object:
    """Where a place is: by the range that it is an element of, whichever call has made that."""
    place = position_of(item)
    found: list[object] = [place.constant]
    for term, factor in place.terms:
        bounds = m.extents.within.get(term) if isinstance(term, Value) else None
        step = m.extents.steps.get(term) if isinstance(term, Value) else None
        if bounds is None and step is None:
            return place
        found += [factor, *(m.extents.at(bound, alone=True) for bound in bounds or (step,) if bound is not None)]
    return tuple(found)


def marked(m: Machine, frame: Frame, node: ast.AST, places: Value) -> Value:
    """The places that this process goes through, where others go through other ones."""
    tags = m.doubt(
        node,
        frame,
        "the places in the stream",
        "which of them count differs from process to process",
        against=LEAVES_OUT,
    )
    if not isinstance(places.obj, Sequence):
        return with_tags(places, tags)
    return Value(places.tags | tags, obj=Sequence([with_tags(i, tags) for i in places.obj.items], places.obj.exact))


def _literal(bound: Value | None) -> int:
    """The constant of the code that a bound is; zero where there is none, or it is no constant."""
    return bound.const if bound is not None and type(bound.const) is int and not bound.tags else 0


def _is_place(m: Machine, item: Value) -> bool:
    held = item.obj.items[:_LOOKED_AT] if isinstance(item.obj, Sequence) else [item]
    terms = [term for value in held for term, _ in position_of(value).terms if isinstance(term, Value)]
    return any(term in m.extents.steps or term in m.extents.within for term in terms)


def _is_paired(node: ast.AST) -> bool:
    above = parent(node)
    while isinstance(above, ast.expr):
        if isinstance(above, ast.Call) and getattr(above.func, "id", "") == "zip":
            return True
        above = parent(above)
    return False
