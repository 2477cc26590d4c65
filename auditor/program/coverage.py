"""How much of the validation stream the reported score is made of, where the code cuts it short."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.program.model import Program
from auditor.program.place import Place
from auditor.program.scores import reports_of
from auditor.program.tags import BEYOND, Few, Within
from auditor.program.trace import ByClock, Output, Trace, Unfollowed


@dataclass(frozen=True, slots=True)
class Part:
    """The most that is scored, and where: a share of the stream (below 1) or a number of tokens; None: of a list of
    parts of the stream, `elements`, or as many as a clock allows (0): `seconds`, 0 where these are not known."""

    place: Place
    active: bool | None
    most: float | None
    elements: int = 0
    seconds: int = 0


def scored_part(program: Program, label: str | None) -> Part | None:
    """The part of the stream to which everything that goes into the reported figure is bounded, if it is one."""
    found: list[Part] = []
    for line in reports_of(program.trace, label):
        for number in sorted(line.outputs):
            part = _part(program.trace, program.trace.outputs[number])
            if part is None:
                return None
            found.append(part)
    told = [part for part in found if part.most is not None]  # the first round of a loop may not tell
    return max(told or found, key=lambda part: part.most or part.elements, default=None)


def _part(trace: Trace, output: Output) -> Part | None:
    carried = {instance for instance, _ in output.region}
    ended = [trace.ended[loop.instance] for loop in output.loops if loop.instance in trace.ended]
    bounds = [end.bound for end in ended if isinstance(end, Within)]
    if BEYOND not in output.tags:
        bounds += [t.bound for t in output.tags if isinstance(t, Within)]
    if bounds:
        shares = [b for b in bounds if b < 1]
        return Part(output.place, output.active, min(shares) if shares else int(min(bounds)))
    few = [t.most for t in output.tags if isinstance(t, Few)]
    around = [trace.ended[i] for i in carried & trace.ended.keys()]
    few += [end.most for end in around if isinstance(end, Few)]
    clocks = [end.seconds for end in around if isinstance(end, ByClock)]
    if clocks and not few:
        return Part(output.place, output.active, None, seconds=min(clocks))
    return Part(output.place, output.active, None, min(few)) if few else None


def bounded_list(program: Program, label: str | None, took: float | None = None) -> Unfollowed | None:
    """The gap where all that is scored is among the first elements of a list: how much of the stream these are.

    `took`: seconds of the evaluation, as far as logs say; a clock that allows more has ended nothing.
    """
    part = scored_part(program, label)
    if part is None or part.most is not None or part.active is False:
        return None
    if took is not None and took < part.seconds:
        return None
    why = "a clock ends the loop over the stream"
    if part.elements:
        why = f"the first {part.elements:,} of the parts that the stream is cut into are scored"
    return Unfollowed(
        0, 0, part.place, (), part.active is True, frozenset(), frozenset(), frozenset(),
        what="how much of the stream is scored", why=why, touches=frozenset({"the figure"}),
    )  # fmt: skip
