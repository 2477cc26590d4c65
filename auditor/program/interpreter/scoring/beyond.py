"""Training within a round of the stream's loop on tokens that stand behind those that the round has scored."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from collections.abc import Sequence as Seq

from auditor.program.interpreter.machine import Machine, Pending
from auditor.program.interpreter.scoring.overlap import numbers, place, trained_again
from auditor.program.interpreter.scoring.unfollowed import TOKENS, WEIGHTS
from auditor.program.interpreter.stream import ranks
from auditor.program.numbers import position_of
from auditor.program.positions import Position
from auditor.program.tags import VAL, Before, InRound, OfOutput, Tags
from auditor.program.values import Frame, Value

_FAR = 1000  # steps into the stream where the two are compared
_TARGETS = 1  # they stand one behind the tokens that they are predicted from


def trained(m: Machine, frame: Frame, node: ast.AST, objective: Tags) -> None:
    """A step on the tokens of an objective, in a loop that has scored tokens in this round."""
    numbers = {t.number for t in objective if isinstance(t, OfOutput)}
    here = {(loop.instance, loop.iteration) for loop in m.loops}
    scored = [o for n, o in m.trace.outputs.items() if n not in numbers and o.accumulated is not None]
    for number in sorted(numbers & m.windows.keys()):
        for output in reversed(scored):
            shared = here & {(loop.instance, loop.iteration) for loop in output.loops} & set(output.region)
            if not shared or m.trace.outputs[number].region.isdisjoint(shared):
                continue
            fixed = _at_a_place(m, [instance for instance, _ in shared])
            learned, known = _end(m, m.windows[number], fixed), _end(m, m.windows.get(output.number), fixed)
            if learned is not None and known is not None and learned > known + _TARGETS:
                why = f"it ends {learned - known:,.0f} tokens behind what was scored in the same round"
                m.unfollowed(node, frame, "the part of the stream that is trained on", why, {TOKENS, WEIGHTS})
                return
            if again := _of_the_next_round(m, number, output.number, shared):
                _say_again(m, frame, node, again)
                return
            if _is_not_told(m, number, shared):
                _say_not_told(m, frame, node)
                return
            for instance, _ in shared:
                m.asked_again.setdefault(instance, []).append((number, output.number, node, frame))
            if learned is not None and known is not None:
                break


def walked(m: Machine, instance: int, steps: Seq[tuple[Value, Value]], *, shorter: bool = False) -> None:
    """A round of a loop is over. `steps`: the numbers that it steps, as the round found them and as it leaves them.

    `shorter`: what the round begins with is cut off from the stream, instead of a number that is stepped.
    """
    asked = m.asked_again.pop(instance, [])
    for learned, scored, node, where in asked:
        if shorter:
            _say_not_told(m, where, node)
            return
        asks = numbers(m, learned) | numbers(m, scored)
        placed = [(before, after) for before, after in steps if before in asks]
        if not placed or any(VAL in after.tags for _, after in placed):
            continue
        rounds = _two_rounds(m, placed)
        if rounds is None:
            _say_not_told(m, where, node)
            return
        again = trained_again(m, learned, scored, *rounds)
        if again is not None and again > _TARGETS:
            _say_again(m, where, node, again)
            return


def _two_rounds(
    m: Machine, steps: Seq[tuple[Value, Value]]
) -> tuple[dict[Value, float], dict[Value, float]] | None:  # fmt: skip
    """What the numbers that a round steps are in it and in the next one, far into the stream; None: not told."""
    if any(before is after for before, after in steps):
        return None
    if len(steps) == 1:
        before, after = steps[0]
        now = {before: float(_FAR * _FAR)}
        then = place(m, position_of(after), now, last=False)
        return None if then is None else (now, {before: then})
    now, later = dict[Value, float](), dict[Value, float]()
    for before, _ in steps:  # beside each other: where each began matters
        step = m.extents.goes_on.get(before)
        length = m.extents.at(step, alone=True) if step is not None else None
        start = m.extents.at(m.extents.begun[before][1], alone=True) if before in m.extents.begun else None
        if length is None or start is None:
            return None
        now[before], later[before] = start + _FAR * length, start + (_FAR + 1) * length
    return now, later


def _say_not_told(m: Machine, frame: Frame, node: ast.AST) -> None:
    why = "how far apart its rounds are is not told"
    m.unfollowed(node, frame, "the part of the stream that is trained on", why, {TOKENS, WEIGHTS})


def _say_again(m: Machine, frame: Frame, node: ast.AST, again: float) -> None:
    why = f"{again:,.0f} tokens of it are scored in the next round"
    m.unfollowed(node, frame, "the part of the stream that is trained on", why, {TOKENS, WEIGHTS})


def _of_the_next_round(m: Machine, learned: int, scored: int, shared: set[tuple[int, int]]) -> float | None:
    inner = [loop.instance for loop in m.loops if (loop.instance, loop.iteration) in shared][-1:]
    now = _at_a_place(m, inner) or _taken_out(m, learned)
    later = {number: place * (_FAR + 1) / _FAR for number, place in now.items()}
    again = trained_again(m, learned, scored, now, later) if now else None
    return again if again is not None and again > _TARGETS else None


def _is_not_told(m: Machine, learned: int, shared: set[tuple[int, int]]) -> bool:
    """Whether the part that a round trains on is told by a number of which nobody knows how it goes on.

    What tokens tell, as where documents begin, goes on as the stream does.
    """
    at = max(i for i, loop in enumerate(m.loops) if (loop.instance, loop.iteration) in shared)
    in_hand = set(m.extents.in_hand(m.loops[at].instance))
    within = {loop.instance for loop in m.loops[at + 1 :]}  # what tells one part of the round from another
    return any(
        (number in in_hand or _rounds_of(number)) and not _is_told(m, number)
        for number in numbers(m, learned)
        if _rounds_of(number).isdisjoint(within)
    )


def _rounds_of(number: Value) -> set[int]:
    return {t.loop for t in number.tags if isinstance(t, InRound)}


def _is_told(m: Machine, number: Value) -> bool:
    if number in m.extents.begun:
        return number in m.extents.goes_on or any(loop.instance == m.extents.begun[number][0] for loop in m.loops)
    if VAL in number.tags or ranks.of_rank(number.tags):  # a rank's share is a part of the round's
        return True
    steps = number in m.extents.steps or number in m.extents.within
    return steps or number.known or m.extents.known(number) or number in m.extents.lengths


def from_before(m: Machine) -> list[Pending]:
    """Gradients of validation tokens that were made ahead of the loops around the step, and wait beside theirs."""
    here = {loop.instance for loop in m.loops}
    return [
        p
        for p in m.pending
        if here and VAL in p.tags and here.isdisjoint([t.loop for t in p.tags if isinstance(t, InRound)])
    ]


def _at_a_place(m: Machine, instances: list[int]) -> dict[Value, float]:
    """The numbers that loops have in hand, far from the ends of the stream."""
    return _far_along(m, [number for instance in instances for number in m.extents.in_hand(instance)])


def _taken_out(m: Machine, learned: int) -> dict[Value, float]:
    """The number that a round has taken out of a list of places, or of a generator, if that tells its part."""
    running = {number for loop in m.loops for number in m.extents.in_hand(loop.instance)}
    walked = m.extents.steps.keys() | m.extents.within.keys() | m.extents.goes_on.keys()
    taken = [number for number in numbers(m, learned) - running if number in walked]
    return _far_along(m, taken) if len(taken) == 1 else {}


def _far_along(m: Machine, elements: Iterable[Value]) -> dict[Value, float]:
    """Elements of ranges, far from the ends of the stream."""
    fixed: dict[Value, float] = {}
    for term in elements:
        step = m.extents.within[term][2] if term in m.extents.within else m.extents.steps.get(term)
        step = m.extents.goes_on.get(term) if step is None else step
        length = m.extents.at(step, alone=True) if step is not None else None
        if length:
            fixed[term] = _FAR * length
    return fixed


def _end(m: Machine, window: Tags | None, fixed: dict[Value, float]) -> float | None:
    """Behind which token a window ends at the latest, beside those of earlier rounds that it may be one of."""
    ends = [t.position for t in window or () if isinstance(t, Before) and not _of_earlier_rounds(m, t.position)]
    found = [m.extents.at(end, fixed=fixed, alone=True) for end in ends] if fixed else []
    known = [end for end in found if end is not None]
    return max(known) if known and len(known) == len(found) else None


def _of_earlier_rounds(m: Machine, position: Position) -> bool:
    """Whether a place was told by what a loop around had in hand before: windows that wait in a list for their turn."""
    earlier = [place for loop in m.loops for place in m.extents.earlier.get(loop.instance, ())]
    return not m.extents.depends(position).isdisjoint(
        term for place in earlier for term, _ in place.terms if isinstance(term, Value)
    )
