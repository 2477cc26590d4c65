"""Training within a round of the stream's loop on tokens that stand behind those that the round has scored."""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine, Pending
from auditor.program.interpreter.scoring.overlap import numbers, place, trained_again
from auditor.program.interpreter.scoring.unfollowed import TOKENS, WEIGHTS
from auditor.program.numbers import position_of
from auditor.program.positions import Position
from auditor.program.tags import VAL, Before, InRound, OfOutput, Tags
from auditor.program.values import Frame, Sequence, Value

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
            for instance, _ in shared:
                m.asked_again.setdefault(instance, []).append((number, output.number, node, frame))
            if learned is not None and known is not None:
                break


def walked(m: Machine, frame: Frame, instance: int, before: dict[str, Value]) -> None:
    """A round of a `while` is over. `before`: the numbers that it steps, as the round found them."""
    asked = m.asked_again.pop(instance, [])
    for learned, scored, node, where in asked:
        placed = [n for n in before if before[n] in numbers(m, learned) | numbers(m, scored)]
        if len(placed) != 1 or placed[0] not in frame.names:
            continue
        now = {before[placed[0]]: float(_FAR * _FAR)}
        then = place(m, position_of(frame.names[placed[0]]), now, last=False)
        again = trained_again(m, learned, scored, now, {before[placed[0]]: then}) if then is not None else None
        if again is not None and again > _TARGETS:
            _say_again(m, where, node, again)
            return


def _say_again(m: Machine, frame: Frame, node: ast.AST, again: float) -> None:
    why = f"{again:,.0f} tokens of it are scored in the next round"
    m.unfollowed(node, frame, "the part of the stream that is trained on", why, {TOKENS, WEIGHTS})


def _of_the_next_round(m: Machine, learned: int, scored: int, shared: set[tuple[int, int]]) -> float | None:
    inner = [loop.instance for loop in m.loops if (loop.instance, loop.iteration) in shared][-1:]
    now = _at_a_place(m, inner)
    later = {number: place * (_FAR + 1) / _FAR for number, place in now.items()}
    again = trained_again(m, learned, scored, now, later) if now else None
    return again if again is not None and again > _TARGETS else None


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
    fixed: dict[Value, float] = {}
    for instance in instances:
        element = m.extents.elements.get(instance)
        held = element.obj.items if element is not None and isinstance(element.obj, Sequence) else [element]
        for value in held:
            for term, _ in position_of(value).terms if value is not None else ():
                if isinstance(term, Value) and (term in m.extents.steps or term in m.extents.within):
                    step = m.extents.within[term][2] if term in m.extents.within else m.extents.steps[term]
                    length = m.extents.at(step, alone=True)
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
