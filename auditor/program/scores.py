"""Which printed figure is the score, and what it depends on: the pairs of events that the rules judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

from auditor.program.model import Program
from auditor.program.tags import (
    AsTrained,
    ChosenBy,
    Doubtful,
    From,
    LookedUp,
    Omitting,
    Recalled,
    Reread,
    ScaledBy,
    StackedBy,
    UpTo,
)
from auditor.program.trace import (
    THE_LOG,
    Adapt,
    Choice,
    Event,
    Lookup,
    Loop,
    Order,
    Output,
    Recall,
    ReportLine,
    Trace,
    Unfollowed,
)


@dataclass(frozen=True, slots=True)
class Dependence:
    """A score that depends on an adaptation to validation tokens, and how the two stand to each other."""

    adapt: Adapt
    output: Output
    report: ReportLine
    order: Order
    active: bool | None
    context_only: bool  # the objective ends where the scored part of the window begins
    repeats: Loop | None  # an epoch loop around both
    scored_first: bool  # the adaptation's own tokens were scored before it
    saved: bool  # the adaptation reached the score through a saved artifact

    @property
    def score_first(self) -> bool:
        """The legal order: only tokens of strictly earlier chunks were trained on."""
        return self.order is Order.EARLIER

    @property
    def of_tensor(self) -> bool:
        """A tensor of its own is fitted, not the model's weights."""
        return self.adapt.subject == "tensor"

    @property
    def fitted_in_place(self) -> bool:
        """A tensor is fitted beside the score that it changes, not in a pass before it."""
        return self.of_tensor and not (self.score_first or self.in_another_pass)

    @property
    def in_another_pass(self) -> bool:
        """A whole pass over the stream trains before the one that scores, outside of any epoch loop around both."""
        return self.order is Order.OTHER_PASS and self.repeats is None


@dataclass(frozen=True, slots=True)
class Reported:
    """An event whose result reaches the reported score."""

    event: Event
    number: int
    report: ReportLine


def reports_of(trace: Trace, label: str | None) -> list[ReportLine]:
    """The reports that print the score under `label`; without a match, every report of bits per byte."""
    lines = [r for r in trace.reports if "bpb" in r.text.lower()]
    lines = lines or [r for r in trace.reports if "loss" in r.text.lower()]
    if label:
        literal = [r for r in lines if re.match(re.escape(label) + r"(\W|$)", r.text.strip())]
        if literal:
            return literal
        wanted = _normal(label)
        exact = [r for r in lines if _normal(r.text).startswith(wanted) or wanted in _normal(r.text)]
        if exact:
            return exact
        fitting = [r for r in lines if _pattern(r.text).match(label)]
        if fitting:
            return fitting
    return lines


OfEvent = LookedUp | Reread | ChosenBy | ScaledBy | StackedBy | Omitting | Recalled
"""Kinds of tags that name an event of the trace."""


def reported_events(program: Program, label: str | None, kind: type[OfEvent]) -> list[Reported]:
    """The events of one kind that reach the score, the active ones first, one for each place and what happens there.

    Events that run elsewhere in the program, but whose result never reaches the reported score, are left out.
    """
    hits: dict[tuple[object, ...], Reported] = {}
    for trace, name in ((program.trace, label), (program.dormant, None)):
        if trace is None:
            continue
        for report in reports_of(trace, name):
            for number in sorted(t.number for t in report.tags if isinstance(t, kind)):
                event = _events(trace, kind)[number]
                if bool(event.off or report.off) == (trace is program.dormant) and _is_along(trace, event, report):
                    again = isinstance(event, Lookup) and event.refilled  # the same line in a second pass
                    key, hit = (event.place.key, again), Reported(event, number, report)
                    if key not in hits or (isinstance(event, Choice) and hits[key].report is report):
                        hits[key] = hit  # a choice that is made round after round: the last one chose among all
    return list(hits.values())


def _is_along(trace: Trace, event: Event, report: ReportLine) -> bool:
    """Whether the loops that tell what is read from a file are those that walk over the scored tokens."""
    if not isinstance(event, Recall):
        return True
    waiting, seen = set(report.outputs), set(report.outputs)
    while waiting:
        output = trace.outputs[waiting.pop()]
        # What is made of an output adds loops of its own, over positions of a window; hidden states those of layers.
        if not output.parents and event.rounds & trace.walks & {loop for loop, _ in output.region}:
            return True
        waiting |= output.parents - seen
        seen |= output.parents
    return False


def _events(trace: Trace, kind: type[OfEvent]) -> Mapping[int, Event]:
    table: dict[type[OfEvent], Mapping[int, Event]] = {
        LookedUp: trace.lookups,
        Reread: trace.lookups,
        ChosenBy: trace.choices,
        ScaledBy: trace.scales,
        StackedBy: trace.stacks,
        Omitting: trace.omissions,
        Recalled: trace.recalls,
    }
    return table[kind]


def unfollowed(program: Program, label: str | None = None) -> tuple[Unfollowed, ...]:
    """What was not followed on the way to the last printed score, in the order in which it runs.

    `label` is what the log calls the score.
    """
    trace = program.trace
    last = max((report.order for report in trace.reports if report.outputs), default=0)
    carried = {t.number for report in reports_of(trace, label) for t in report.tags if isinstance(t, Doubtful)}
    gaps = [
        gap
        for gap in trace.unfollowed.values()
        if gap.active is not False
        and (gap.number in carried if gap.carried else gap.order <= last or THE_LOG in gap.touches)
    ]
    return tuple(sorted([*gaps, *_never_read_back(trace, label)], key=lambda gap: gap.order))


def _never_read_back(trace: Trace, label: str | None) -> list[Unfollowed]:
    """Scores of weights as training has left them, where the file holds what rounding has made of them."""
    lines = [report for report in reports_of(trace, label) if report.outputs]
    if not trace.rounded or not lines or any(trace.outputs[n].read_back for r in trace.reports for n in r.outputs):
        return []
    numbers = {t.number for t in lines[-1].tags if isinstance(t, AsTrained)}
    found = []
    for output in (trace.outputs[number] for number in sorted(numbers) if not trace.outputs[number].off):
        own = {f.name: getattr(output, f.name) for f in fields(Event)}
        found.append(
            Unfollowed(
                **own,
                what="whether the scored weights are the artifact's",
                why="those in memory are scored as training has left them, and rounded ones were packed",
                touches=frozenset({"weights"}),
            )
        )
    return found


def _normal(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _pattern(template: str) -> re.Pattern[str]:
    """The label that a template prints: its text before the first figure, holes as wildcards."""
    head = re.split(r"val_|loss|bpb", template, maxsplit=1)[0].strip()
    parts = [re.escape(part) for part in head.split("{}")[:6]]
    return re.compile(r"[^\s]*".join(parts) + r"\W*$" if any(parts) else r"(?!)")


@lru_cache(maxsize=2)  # many rules ask it of the program at hand
def dependences(program: Program, label: str | None) -> tuple[Dependence, ...]:
    """Every pair of an adaptation and a score that depends on it: the active ones, then those switched off."""
    found = list(_of_trace(program.trace, label, dormant=False))
    if program.dormant is not None:
        seen = {d.adapt.place.key for d in found}
        extra = _of_trace(program.dormant, None, dormant=True)
        found.extend(d for d in extra if d.adapt.place.key not in seen)
    return tuple(found)


def _of_trace(trace: Trace, label: str | None, *, dormant: bool) -> list[Dependence]:
    found: dict[tuple[object, ...], Dependence] = {}
    reported = {n for r in trace.reports if "bpb" in r.text.lower() for n in r.outputs}
    for report in reports_of(trace, label):
        for number in sorted(report.outputs):
            output = trace.outputs[number]
            for adapted in sorted(output.state):
                adapt = trace.adapts[adapted]
                if adapt.excludes(output) or adapt.excludes(report) or output.excludes(report):
                    continue
                off = adapt.off or output.off or report.off
                if dormant != bool(off):
                    continue
                order = trace.relation(adapt, output)
                key = (adapt.place.key, output.place.key, order)
                if key not in found:
                    found[key] = _dependence(trace, adapt, output, report, order, reported)
    return list(found.values())


def _dependence(
    trace: Trace, adapt: Adapt, output: Output, report: ReportLine, order: Order, reported: set[int]
) -> Dependence:
    states = (adapt.active, output.active, report.active)
    active = False if False in states else None if None in states else True
    return Dependence(
        adapt,
        output,
        report,
        order,
        active,
        context_only=_context_only(adapt, report),
        repeats=trace.repeats(adapt, output) if order is not Order.EARLIER else None,
        scored_first=_scored_first(trace, adapt, reported),
        saved=adapt.number in trace.saved,
    )


def _context_only(adapt: Adapt, report: ReportLine) -> bool:
    """Whether the objective's slice ends where the scored slice begins."""
    begins = {t.position for t in report.tags if isinstance(t, From)}
    ends = {t.position for t in adapt.tags if isinstance(t, UpTo)}
    if begins & {t.position for t in adapt.tags if isinstance(t, From)}:
        return False
    return bool(ends & begins)


def _scored_first(trace: Trace, adapt: Adapt, reported: set[int]) -> bool:
    for number in reported:
        output = trace.outputs[number]
        if output.order > adapt.order or adapt.number in output.state:
            continue
        if number in adapt.outputs:
            return True
        mine = {loop.instance for loop in adapt.loops}
        shared = {(loop.instance, loop.iteration) for loop in output.loops if loop.instance in mine}
        if shared & output.region & adapt.region:
            return True
    return False
