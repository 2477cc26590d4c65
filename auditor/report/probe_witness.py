"""One witness for whoever doubts it: the sentence, the terms, the lines that took the score, how to see it again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from auditor.findings import Location
from auditor.judgement.agreement import say
from auditor.probe.model import Holds, Measurement, Probe, Witness
from auditor.report.places import place
from auditor.report.probe import why_not
from auditor.report.text import one_line, plain
from auditor.rule import Facts

_AROUND = 4  # lines of the source before and after
_TERMS = 16  # tokens of an exchange that are listed


def render(facts: Facts, probe: Probe, again: str, *, width: int = 80) -> str:
    """The whole answer, ending in a newline. `again`: the command that repeats these runs."""
    lines = list(_lines(facts, probe))
    wrapped = [part for line in lines for part in ([line] if line[:1] in (" ", "") else textwrap.wrap(line, width))]
    return "\n".join([*wrapped, "", f"Again: {plain(again)} --probe-seed {probe.seed}"]) + "\n"


def _lines(facts: Facts, probe: Probe) -> Iterator[str]:
    if probe.status != "ran":
        yield f"No witness: {why_not(probe)}."
        return
    shown = [m for m in probe.measurements if m.witnesses]
    if not shown:
        yield "No witness."
        for m in probe.measurements:
            if m.holds is not Holds.YES:
                yield f"{m.kind}: {m.holds}: {one_line(m.reason, 1000)}"
        return
    for number, measurement in enumerate(shown):
        if number:
            yield ""
        yield from _shown(facts, measurement, measurement.witnesses[0])


def _shown(facts: Facts, measurement: Measurement, witness: Witness) -> Iterator[str]:
    yield f"{witness.condition}, {witness.kind}: {say(witness)}."
    yield f"All of it: {one_line(measurement.reason, 1000)}."
    if witness.label:
        yield f'It enters "{one_line(witness.label, 200)}".'
    if measurement.terms:
        yield ""
        yield "  probability  the model's    token  piece"
        for term in measurement.terms[:_TERMS]:
            own = "-" if term.model is None else f"{term.model:.4g}"
            yield f"  {term.probability:11.4g}  {own:>11}  {term.token:7}  {plain(repr(term.piece))} ({term.chosen})"
        rest = len(measurement.terms) - _TERMS
        if rest > 0:
            yield f"  {sum(t.probability for t in measurement.terms[_TERMS:]):11.4g}  of {rest} more"
        if measurement.total is not None:
            yield f"  {measurement.total:11.4g}  together, at least"
    if witness.location is not None and witness.location.line:
        yield ""
        function = f", in {witness.function}" if witness.function else ""
        yield f"Taken at {plain(place(witness.location, facts.sources))}{plain(function)}:"
        yield from _source(facts, witness.location, witness.location.line)


def _source(facts: Facts, location: Location, line: int) -> Iterator[str]:
    """The lines around the one that took the score, from the decoded text."""
    text = next((u.text for u in facts.sources.units if (u.path, u.layer) == (location.path, location.layer)), "")
    lines = text.split("\n")
    first, last = max(1, line - _AROUND), min(len(lines), line + _AROUND)
    gutter = len(str(last))
    for number in range(first, last + 1):
        yield f"  {number:>{gutter}} {'>' if number == line else '|'} {plain(lines[number - 1])[:200]}".rstrip()
