"""What of the training data the evaluation uses: shards that it reads, and what was kept of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.program.model import Program
from auditor.program.module import Seen
from auditor.program.place import Place
from auditor.program.scores import reports_of
from auditor.program.syntax import both
from auditor.program.tags import TRAIN
from auditor.program.trace import Event, ReportLine, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRead(Seen):
    """A read of training shards during evaluation. `scoring`: in a function that scores, else behind the artifact."""

    scoring: bool


def training_reads(program: Program, label: str | None) -> Iterator[TrainingRead]:
    """One for each place in the code; `label` is what the log calls the score."""
    told: set[tuple[str, int, int]] = set()
    for trace, name in ((program.trace, label), (program.dormant, None)):
        for report in reports_of(trace, name) if trace is not None else ():
            for read in _of_report(trace, report) if trace is not None else ():
                if read.place.key not in told and (read.active is False) == (trace is program.dormant):
                    told.add(read.place.key)
                    yield read


def _of_report(trace: Trace, report: ReportLine) -> Iterator[TrainingRead]:
    outputs = [trace.outputs[number] for number in report.outputs]
    last = max((output.order for output in outputs), default=0)
    loaded = min((load.order for load in trace.loads.values() if load.read_back and not load.off), default=last)
    for read in trace.training_reads.values():
        if read.order > last:
            continue
        within = max((_shared(read, output) for output in outputs if _shares(trace, read, output, report)), default=0)
        if within or read.order > loaded:
            calls = (*read.calls, read.place)
            place = calls[within or _shared(read, report)]
            active = False if read.off or report.off else read.active
            yield TrainingRead(place=place, active=active, scoring=bool(within))


def carried(program: Program, label: str | None) -> Iterator[Seen]:
    """Where what was made of training tokens goes into the score as it is in memory: weights hold no tokens.

    What is written to a file may be part of the artifact, and is left out.
    """
    reports = [r for r in reports_of(program.trace, label) if TRAIN in r.tags and r.outputs]
    for report in reports if not program.trace.training_saved else ():
        outputs = [program.trace.outputs[number] for number in report.outputs]
        mixed = [output for output in outputs if TRAIN in output.tags]
        first: Event = min(mixed, key=lambda output: output.order, default=report)
        active = both(first.active, report.active)
        if not first.off and not report.off:
            yield Seen(place=first.place, active=active)
            return


def _shares(trace: Trace, read: Event, output: Event, report: Event) -> bool:
    """Whether one call leads to both: of a function that scores, and neither trains nor prints the figure."""
    within = _shared(read, output)
    training = max((_shared(read, trained) for trained in trace.trained.values()), default=0)
    return within > max(_shared(output, report), training)


def _shared(one: Event, other: Event) -> int:
    """How many calls lead to both of two events, from the outermost one on."""
    return _common(one.calls, other.calls)


def _common(one: Sequence[Place], other: Sequence[Place]) -> int:
    shared = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine.key != theirs.key:
            break
        shared += 1
    return shared
