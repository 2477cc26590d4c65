"""Chunks that overlap: training on tokens that the next round of the stream's loop scores.

Score-first holds for a chunk by itself, and for all of them only where the next one begins behind what was trained on.
`for at in range(0, n, 512)` with chunks of 1,024 scores half of each after it was trained on. Where the part of a round
that counts begins is worked out for the round after this one, where it ends for this one; nothing is said where either
is not told exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import parts
from auditor.program.positions import FunctionOf, Position
from auditor.program.tags import RANK, WORLD, Before, Reads
from auditor.program.values import Value

Fixed = Mapping[Value, float]


def trained_again(m: Machine, learned: int, scored: int, now: Fixed, later: Fixed) -> float | None:
    """How many tokens of the next round's score this round trains on; None where that is not told, or none.

    `learned`, `scored`: outputs of the model, for the objective and for the score. `now`, `later`: the numbers that the
    loops have in hand in this round and in the next one.
    """
    end = _extreme(m, (t.position for t in m.windows.get(learned, ()) if isinstance(t, Before)), now, last=True)
    window = m.windows.get(scored, frozenset())
    begin = _extreme(m, (t.position for t in window if isinstance(t, Reads)), later, last=False)
    if begin is None or end is None:
        return None
    counted = m.counted_parts.get(scored, [])
    if counted:
        ends = _extreme(m, (t.position for t in window if isinstance(t, Before)), later, last=True)
        skipped = parts.skipped(m, counted, ends - begin) if ends is not None else None
        if skipped is None:
            return None
        begin += skipped
    return end - begin if end > begin else None


def numbers(m: Machine, output: int) -> set[Value]:
    """The numbers that tell where an output's window begins and ends, those that others run through among them."""
    return _made_of(m, [t.position for t in m.windows.get(output, ()) if isinstance(t, (Reads, Before))])


def _made_of(m: Machine, waiting: list[Position]) -> set[Value]:
    found: set[Value] = set()
    while waiting:
        new = set(_numbers(waiting.pop())) - found
        found |= new
        waiting += [bound for number in new for bound in m.extents.within.get(number, ())]
    return found


def _extreme(m: Machine, positions: Iterable[Position], fixed: Fixed, *, last: bool) -> float | None:
    found = [
        place(m, position, fixed, last=last) if not fixed.keys().isdisjoint(_made_of(m, [position])) else None
        for position in positions
    ]
    known = [place for place in found if place is not None]
    return (max if last else min)(known) if known and len(known) == len(found) else None


def place(m: Machine, position: Position, fixed: Fixed, *, last: bool) -> float | None:
    """What a position comes to exactly, in the first or last round of the loops within the round; one process runs."""
    known = dict(fixed)
    for number in _numbers(position):
        if number in known:
            continue
        if number in m.extents.within:
            bounds = m.extents.within[number]
            if not _is_within_the_round(m, bounds, fixed):
                return None
            start, stop, step = (place(m, bound, fixed, last=last) for bound in bounds)
            if start is None or stop is None or not step or step < 0:
                return None
            known[number] = start + (max(math.ceil((stop - start) / step) - 1, 0) * step if last else 0)
        elif RANK in number.tags or WORLD in number.tags:
            known[number] = float(WORLD in number.tags)
    return m.extents.at(position, fixed=known, alone=True) if m.extents.exact(position, known.keys()) else None


def _is_within_the_round(m: Machine, bounds: Iterable[Position], fixed: Fixed) -> bool:
    """Whether a range goes over a part of the round, and not over all of the stream, as in another loop."""
    start, stop, _ = bounds
    if any(number in fixed for bound in (start, stop) for number in _numbers(bound)):
        return True
    end = m.extents.end(stop)
    return end is not None and end >= 1


def _numbers(position: Position) -> Iterable[Value]:
    waiting, seen = [position], {position}
    while waiting:
        for term, _ in waiting.pop().terms:
            if isinstance(term, Value):
                yield term
            elif isinstance(term, FunctionOf):
                new = [part for part in term.operands if part not in seen]
                seen.update(new)
                waiting += new
