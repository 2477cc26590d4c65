"""Which positions of a window count: what a slice or a mask of its losses leaves out, beside how far windows overlap.

The numbers of the positions are what `arange` gives. A mask that compares them with a bound has a part of the window;
so has a slice. Where windows stand further apart than that part is long, what lies between is never scored. What else
is made of these numbers weighs positions by where they stand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.numbers import position_of
from auditor.program.positions import FunctionOf, Position
from auditor.program.recipe.model import Op
from auditor.program.tags import MASK, NONE, VAL, Before, Mark, OfOutput, Places, Reads, Tags, WindowPart, has
from auditor.program.trace import CHANGES_LOSSES, LEAVES_OUT
from auditor.program.values import Frame, Value

_UNTOLD = WindowPart(None, None, told=False)
_APART = 1000  # rounds into the stream where windows are compared
_ONE = Position(1)


def numbered(args: Sequence[Value]) -> Tags:
    """The tags of `arange(...)`."""
    first = position_of(args[0]) if len(args) > 1 else Position()
    return frozenset({Places(first if len(args) < 3 else None)})


def _first(value: Value) -> Position | None:
    return next((t.first for t in value.tags if isinstance(t, Places)), None)


def made(op: ast.operator, left: Value, right: Value, tags: Tags) -> Tags:
    """The tags of `left op right`: numbers of positions that are moved, or something else that is made of them."""
    numbers = [v for v in (left, right) if v.tags and has(v.tags, Places)]
    if not numbers:
        return tags
    first = _first(left)
    moved = None
    if len(numbers) == 1 and isinstance(op, (ast.Add, ast.Sub)) and (first is not None or isinstance(op, ast.Add)):
        one, other = (left, right) if numbers[0] is left else (right, left)
        first = _first(one)
        if first is not None:
            moved = first.plus(position_of(other), 1 if isinstance(op, ast.Add) else -1)
    return frozenset([t for t in tags if not isinstance(t, Places)]) | {Places(moved)}


def compared(op: ast.cmpop, left: Value, right: Value) -> Tags:
    """The part of the window that a mask leaves; nothing where no numbers of positions are compared."""
    numbers = [v for v in (left, right) if v.tags and has(v.tags, Places)]
    if not numbers:
        return NONE
    if len(numbers) > 1:
        return NONE  # pairs of positions, as in the mask of attention
    turned = numbers[0] is right
    bound = position_of(left if turned else right)
    first = _first(numbers[0])
    if first is None:
        return frozenset({_UNTOLD})
    at = bound.plus(first, -1)
    sign = _TURNED.get(type(op), type(op)) if turned else type(op)
    after = at.plus(_ONE) if at is not None else None
    if at is None or after is None:
        return frozenset({_UNTOLD})
    if sign in (ast.GtE, ast.Gt):
        return frozenset({WindowPart(at if sign is ast.GtE else after, None)})
    if sign in (ast.Lt, ast.LtE):
        return frozenset({WindowPart(None, at if sign is ast.Lt else after)})
    return frozenset({_UNTOLD})


_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}


def negated(tags: Tags) -> Tags:
    """`~mask`"""
    parts = [t for t in tags if isinstance(t, WindowPart)]
    if not parts:
        return tags
    one = parts[0] if len(parts) == 1 and parts[0] != _UNTOLD else None
    turned = WindowPart(one.end, one.first) if one is not None else _UNTOLD
    return frozenset([t for t in tags if not isinstance(t, WindowPart)]) | {turned}


def weighed(m: Machine, frame: Frame, node: ast.AST, losses: Value, factor: Value) -> Tags:
    """`losses * mask`, `losses[mask]`, `losses * arange(n) / n`."""
    told = [t for t in factor.tags if isinstance(t, WindowPart)]
    # Tokens that were picked at numbered places have no numbers of their own.
    if not told and has(factor.tags, Places) and VAL not in factor.tags:
        why = "each position counts by where it stands in its window"
        return m.doubt(node, frame, "a weight of the losses", why, against=CHANGES_LOSSES)
    return _judged(m, frame, node, losses, told)


def cut(m: Machine, frame: Frame, node: ast.AST, losses: Value, index: Value) -> Tags:
    """`losses[n:]`, `losses[:, n:m]`, `losses[mask]`."""
    told = [t for t in index.tags if isinstance(t, WindowPart)] if MASK in index.tags else list(_slices(index))
    return _judged(m, frame, node, losses, told)


_IN_PIECES = Mark("in-pieces")
"""Tag of the list of pieces that losses were cut into."""


def method(m: Machine, frame: Frame, node: ast.AST, losses: Value, name: str, args: Sequence[Value]) -> Tags:
    """`losses.narrow(0, first, length)`, `losses.chunk(2)`."""
    if name in vocabulary.CUTS_UP:
        return frozenset({_IN_PIECES})
    if name != "narrow" or len(args) != 3:
        return NONE
    first = position_of(args[1])
    return _judged(m, frame, node, losses, [WindowPart(first, first.plus(position_of(args[2])))])


def taken(m: Machine, frame: Frame, node: ast.AST, losses: Value, index: Value) -> Tags:
    """`losses.chunk(2)[1]`, `losses.view(2, -1)[1]`: one of the pieces, whose turn is written down."""
    if not isinstance(index.const, int) or (index.const in (0, -1) and _IN_PIECES not in losses.tags):
        return NONE
    return m.doubt(node, frame, "one piece of the losses", "the others do not count", against=LEAVES_OUT)


def left_out(m: Machine, frame: Frame, node: ast.AST, targets: Value, index: Value, value: Value) -> Tags:
    """`y[:, :n] = -100`: the targets that are left out, beside how far windows overlap."""
    if not isinstance(value.const, int) or value.const >= 0:
        return NONE
    kept: list[WindowPart] = []
    for part in _slices(index):
        lower, upper = part.first, part.end
        kept += [WindowPart(upper, None)] if lower is None or lower == Position() else [WindowPart(None, lower)]
    window = frozenset([t for t in targets.tags if isinstance(t, (Reads, Before))])
    for number, given in m.windows.items() if kept else ():
        if window & given:
            m.counted_parts.setdefault(number, []).append(_UNTOLD)
    for part in kept:
        if (share := _share(m, window, part.first, part.end)) is not None:
            why = f"{share:.0%} of each window is scored, and windows do not overlap so far"
            return m.doubt(node, frame, "a part of each window", why, against=LEAVES_OUT)
    return NONE


def cut_output(m: Machine, frame: Frame, node: ast.AST, output: Value, index: Value) -> Tags:
    """`logits[n:]`, `logits[:, n:]`: what is scored of a window. A slice with an end may be one of the vocabulary."""
    return _judged(m, frame, node, output, [t for t in _slices(index) if t.first is not None and t.end is None])


def _slices(index: Value) -> Iterator[WindowPart]:
    for part in index.obj.parts if isinstance(index.obj, tokens.Axes) else (index,):
        if isinstance(part.obj, tokens.Cut):
            lower, upper = (
                None if bound is None or (bound.known and bound.const is None) else position_of(bound)
                for bound in (part.obj.lower, part.obj.upper)
            )
            if (lower is not None and lower != Position()) or upper is not None:
                yield WindowPart(lower, upper)


def skipped(m: Machine, counted: Sequence[WindowPart], length: float) -> float | None:
    """How many tokens of a window of that length stand ahead of the part that counts; None where that is not told."""
    if len(set(counted)) != 1 or not counted[0].told:
        return None
    return _bound(m, counted[0].first, length, 0.0)


def _judged(m: Machine, frame: Frame, node: ast.AST, losses: Value, told: Sequence[WindowPart]) -> Tags:
    for number in (t.number for t in losses.tags if isinstance(t, OfOutput)) if told else ():
        m.counted_parts.setdefault(number, []).extend(told)
    for part in told:
        if part == _UNTOLD:
            why = "which positions count goes by where they stand in their window"
            return m.doubt(node, frame, "a choice among losses", why, against=LEAVES_OUT)
        share = _left_out(m, losses, part.first, part.end)
        if share is not None:
            why = f"{share:.0%} of each window is scored, and windows do not overlap so far"
            return m.doubt(node, frame, "a part of each window", why, against=LEAVES_OUT)
    return NONE


def _left_out(m: Machine, losses: Value, lower: Position | None, upper: Position | None) -> float | None:
    """The share of the tokens that is scored, where between windows some are not; None where none is left."""
    for number in sorted(t.number for t in losses.tags if isinstance(t, OfOutput)):
        window = m.windows.get(number)
        share = _share(m, window, lower, upper) if window is not None else None
        if share is not None:
            return share
    return None


def _share(m: Machine, window: Tags, lower: Position | None, upper: Position | None) -> float | None:
    starts = [t.position for t in window if isinstance(t, Reads)]
    ends = [t.position for t in window if isinstance(t, Before)]
    elements = {e for start in starts for e in m.extents.depends(start)}
    if len(elements) != 1:
        return None
    element = elements.pop()
    moving = any(element in m.extents.depends(bound) for bound in (lower, upper) if bound is not None)
    if moving and not all(m.extents.exact(at, {element}) for at in (*starts, *ends, lower, upper) if at is not None):
        return None  # from where the last window has ended, or any other place that is its own
    step = m.extents.within[element][2] if element in m.extents.within else m.extents.steps.get(element)
    apart = m.extents.at(step, alone=True) if step is not None else None
    if apart is None or apart <= 0:
        return None
    fixed = {element: _APART * apart}
    begin = min((b for s in starts if (b := m.extents.at(s, fixed=fixed, alone=True)) is not None), default=None)
    later = [e for p in ends if (e := m.extents.at(p, fixed=fixed, alone=True)) is not None]
    length = min((e - begin for e in later if begin is not None and e - begin > 1), default=None)
    if length is None:
        return None
    first, last = (_bound(m, bound, length, default) for bound, default in ((lower, 0.0), (upper, length)))
    if first is None or last is None:
        return None
    counted = min(last, length) - first
    return counted / apart if 0 < counted < min(apart, length) - 1 else None


def _bound(m: Machine, bound: Position | None, length: float, default: float) -> float | None:
    """Where a part of a window of that length begins, or ends."""
    if bound is None:
        return default
    sizes = _sizes(bound)
    known = m.extents.at(bound, fixed=dict.fromkeys(sizes, length), alone=True)
    if known is None:
        return None
    return known + length if bound.from_the_end else known


def _sizes(position: Position) -> set[Value]:
    """The numbers in it that are how many losses, or tokens, there are."""
    found: set[Value] = set()
    waiting = [position]
    while waiting:
        for term, _ in waiting.pop().terms:
            if isinstance(term, FunctionOf):
                waiting += term.operands
            elif isinstance(term, Value) and term.recipe is not None and term.recipe.op is Op.LENGTH:
                found.add(term)
    return found
