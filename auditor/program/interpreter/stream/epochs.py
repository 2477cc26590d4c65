"""Rounds of a loop that each go over the stream again: epochs, however far a round's number shifts them.

`for epoch in range(3): for at in range(0, n, 64): tokens[at + epoch : at + epoch + 64]` takes other tokens in each
round, and yet a round has no part of the stream to itself: what one takes is taken by all. How far it goes is worked
out from where the loops within it begin to where they end; what its own number adds to both falls out.
"""

from __future__ import annotations

from auditor.program.extent import STREAM
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.numbers import position_of
from auditor.program.positions import FunctionOf, Position
from auditor.program.tags import InRound, Tags
from auditor.program.trace import Loop
from auditor.program.values import Value

_HALF = 0.5  # of the stream: two rounds that go over more than that have tokens in common
_NESTED = 8  # ranges within ranges

Ends = dict[Value, Position]


def of_parts(m: Machine, index: Value) -> Tags:
    """The tags of an index into the stream, without those of rounds that have no part of it to themselves."""
    rounds = {t.loop for t in index.tags if isinstance(t, InRound)}
    at = [i for i, loop in enumerate(m.loops) if loop.instance in rounds]
    bounds = _bounds(index)
    if not at or bounds is None:
        return index.tags
    again = {m.loops[i].instance for i in at if _goes_over_it(m, *bounds, m.loops[i + 1 :])}
    return frozenset([t for t in index.tags if not (isinstance(t, InRound) and t.loop in again)])


def _bounds(index: Value) -> tuple[Position, Position] | None:
    """Where a slice begins and ends, or an element does."""
    if isinstance(index.obj, tokens.Cut):
        lower, upper = (
            None if bound is None or (bound.known and bound.const is None) else position_of(bound)
            for bound in (index.obj.lower, index.obj.upper)
        )
        to_the_end = upper is None or upper.from_the_end
        return lower or Position(), STREAM if upper is None or to_the_end else upper
    if index.obj is not None or index.known:
        return None
    lower = position_of(index)
    upper = lower.plus(Position(1))
    return None if upper is None else (lower, upper)


def _goes_over_it(m: Machine, lower: Position, upper: Position, within: list[Loop]) -> bool:
    """Whether a round takes more than half of the stream, `within` the loops that run in it."""
    first, last = _in_hand(m, within)
    begin, end = _with(lower, first), _with(upper, last)
    length = end.plus(begin, -1) if begin is not None and end is not None else None
    if length is None:
        return False
    if upper == STREAM and begin is not None:  # `tokens[epoch:]`: what is left of it
        left_out = m.extents.end(begin)
        return left_out is not None and (left_out >= 1 or left_out < _HALF)
    share = m.extents.end(length) if m.extents.exact(length, frozenset()) else None
    return share is not None and _HALF <= share < 1


def _in_hand(m: Machine, within: list[Loop]) -> tuple[Ends, Ends]:
    """What the numbers that loops have in hand begin with, and what they go up to."""
    first, last = Ends(), Ends()
    for loop in within:
        for number in m.extents.in_hand(loop.instance):
            if number in m.extents.within:
                first[number], last[number], _ = m.extents.within[number]
            elif number in m.extents.steps and (most := m.extents.bounds(number)):
                first[number], last[number] = Position(), most[0]
    for number, (instance, start) in m.extents.begun.items():
        if any(loop.instance == instance for loop in within) and (most := m.extents.bounds(number)):
            first[number], last[number] = start, most[0]
    return first, last


def _with(position: Position, numbers: Ends) -> Position | None:
    """The position with these in the place of the numbers that loops have in hand; None where it has too many terms."""
    for _ in range(_NESTED):
        found: Position | None = Position(position.constant)
        changed = False
        for term, factor in position.terms:
            part = numbers.get(term) if isinstance(term, Value) else None
            if isinstance(term, FunctionOf) and isinstance(term.operands, tuple):
                operands = tuple(_with(operand, numbers) or operand for operand in term.operands)
                if operands != term.operands:
                    term, changed = FunctionOf(term.function, operands), True
            changed |= part is not None
            times = part.times(factor) if part is not None else Position(0, frozenset({(term, factor)}))
            found = found.plus(times) if found is not None else None
        if found is None or not changed:
            return found
        position = found
    return position
