"""One witness for whoever doubts it: the sentence, the terms, the lines that made it, how to see it again."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from auditor.findings import Finding, Location
from auditor.judgement.agreement import WITNESS
from auditor.judgement.witnessed import say
from auditor.probe.model import Holds, Kind, Measurement, Probe, Witness
from auditor.report.places import place
from auditor.report.probe import why_not
from auditor.report.probe_terms import WHY, piece
from auditor.report.text import clip, one_line, plain
from auditor.rule import Facts
from auditor.source.excerpt import quote

_AROUND = 3  # lines of the source before and after
_FOLDED = 6  # lines that a long one of them is shown on
_CUT = 400  # characters
_MARKED = re.compile(r" +\d+ > ")
_TERMS = 16  # tokens of an exchange that are listed


def render(
    facts: Facts, probe: Probe, again: str, findings: Sequence[Finding] = (), *, asked: str | None = None,
    width: int = 80,
) -> str:  # fmt: skip
    """The whole answer, ending in a newline.

    `again`: the command that repeats these runs. `findings`: those of the code, of which the ones that a witness
    confirms are shown. `asked`: the one measurement that was asked for, None for any.
    """
    lines = list(_lines(facts, probe, [f for f in findings if any(s.event == WITNESS for s in f.trace)], asked))
    wrapped = [part for line in lines for part in _wrapped(line, width)]
    return "\n".join([*wrapped, "", f"Again: {plain(again)} --probe-seed {probe.seed}"]) + "\n"


def _wrapped(line: str, width: int) -> list[str]:
    """Running text, and the line of source that it is about; what stands around that is cut where it does not fit."""
    marked = _MARKED.match(line)
    if marked is not None and len(line) > width:
        first, indent = marked.end(), " " * marked.end()
        step = width - first
        pieces = [line[at : at + step] for at in range(first, min(len(line), first + _FOLDED * step), step)]
        return [line[:first] + pieces[0], *(indent + piece for piece in pieces[1:])]
    if line[:1] in (" ", ""):
        return [clip(line, width).rstrip()]
    return textwrap.wrap(line, width)


def _lines(facts: Facts, probe: Probe, confirmed: Sequence[Finding], asked: str | None) -> Iterator[str]:
    if probe.status != "ran":
        yield f"No witness: {why_not(probe)}."
        return
    witnessed = [m for m in probe.measurements if m.witnesses]
    shown = [m for m in witnessed if asked in (None, m.kind)]
    beside = ", ".join(m.kind for m in witnessed if m not in shown)
    if not shown:
        yield from _none(probe, asked)
    seen: set[Location] = set()
    for number, measurement in enumerate(shown):
        if number:
            yield ""
        yield from _shown(measurement, measurement.witnesses[0])
        yield from _taken(facts, measurement.witnesses[0], seen)
    for finding in confirmed if shown else ():
        yield ""
        rule = plain(finding.rule)
        if finding.location is None or finding.location in seen:
            yield f"The code's own finding, {rule}: {one_line(finding.message, 1000)}."
            continue
        seen.add(finding.location)
        yield f"The code's own finding, {rule}, at {_at(facts, finding.location)}: {one_line(finding.message, 1000)}:"
        yield from _source(facts, finding.location)
    if beside:
        yield ""
        yield f"These runs have witnesses of another kind as well, {beside}: without --kind they are shown."


def _taken(facts: Facts, witness: Witness, seen: set[Location]) -> Iterator[str]:
    """The lines that took its score, unless another's were the same."""
    location = witness.location
    if location is None or not location.line:
        return
    function = f", in {plain(witness.function)}" if witness.function else ""
    yield ""
    if location in seen:
        yield f"The score was taken at {_at(facts, location)}{function}, as above."
        return
    seen.add(location)
    yield f"The score was taken at {_at(facts, location)}{function}:"
    yield from _source(facts, location)


def _none(probe: Probe, asked: str | None) -> Iterator[str]:
    """`asked`: of one measurement alone the exchange was tried where it was that one."""
    yield "No witness."
    for m in probe.measurements:
        made = m.holds is not Holds.UNKNOWN or m.reason != "there was no such run"
        exchanged = m.kind is not Kind.EXCHANGE or asked in (None, Kind.EXCHANGE)
        if made and exchanged and m.kind is not Kind.DETERMINISM:
            yield f"{m.kind}: {m.holds}: {one_line(m.reason, 1000)}."
    if asked not in (None, Kind.EXCHANGE):
        yield f"--kind {Kind.EXCHANGE} asks whether the scores are of a distribution."


def _shown(measurement: Measurement, witness: Witness) -> Iterator[str]:
    yield f"{witness.condition}, {witness.kind}: {say(witness)}."
    yield f"All of it: {one_line(measurement.reason, 1000)}."
    if witness.label:
        yield f'It enters "{one_line(witness.label, 200)}".'
    if measurement.terms:
        yield ""
        yield from _terms(measurement)


def _terms(measurement: Measurement) -> Iterator[str]:
    """The largest first, each with the sum so far: what an author can add up by hand."""
    yield f"  {'probability':>11}  {'so far':>8}  {'the model':>11}  {'token':>6}  piece, and why it was tried"
    so_far = 0.0
    for term in measurement.terms[:_TERMS]:
        so_far += term.probability
        own = "-" if term.model is None else f"{term.model:.4g}"
        said = f"{plain(piece(term))}, {WHY[term.chosen]}"
        yield f"  {term.probability:11.4g}  {so_far:8.4g}  {own:>11}  {term.token:6}  {said}"
    rest = measurement.terms[_TERMS:]
    if rest:
        yield f"  {sum(t.probability for t in rest):11.4g}  {'':8}  {'':11}  {'':6}  {len(rest)} more"
    if measurement.total is not None:
        yield f"  {measurement.total:11.4g}  together, at least"


def _at(facts: Facts, location: Location) -> str:
    return plain(place(location, facts.sources))


def _source(facts: Facts, location: Location) -> Iterator[str]:
    """The lines around it, from the decoded text, as far to the left as they go."""
    lines = quote(facts.sources, facts.submission, location, context=_AROUND)
    texts = textwrap.dedent("\n".join(plain(line.text.replace("\t", "    ")) for line in lines)).split("\n")
    gutter = len(str(lines[-1].number)) if lines else 0
    for line, text in zip(lines, texts, strict=False):
        yield f"  {line.number:>{gutter}} {'>' if line.marked else '|'} {text[: None if line.marked else _CUT]}"
