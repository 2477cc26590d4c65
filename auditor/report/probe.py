"""The probe in words, for every report: what was run, what each measurement says, how code and run agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from auditor.judgement.model import Report
from auditor.judgement.witnessed import say
from auditor.probe.model import Attempt, Holds, Isolation, Kind, Measurement, Probe, Shrunk, Unseen, Witness
from auditor.report.places import place
from auditor.report.probe_bars import drawings
from auditor.report.significance.blocks import Block, Items, Paragraph, Section, Table
from auditor.report.text import count

TITLE = "Probe"
_HEADINGS = ("measurement", "result", "compared", "changed", "noise", "effect", "reported")
_SHRUNK, _ATTEMPTS, _NAMES = 12, 6, 12  # rows of each before it is cut


def sections(report: Report) -> tuple[Section, ...]:
    """The probe's part of a report: what was measured, how it agrees with the code, how it was run."""
    probe = report.probe
    if probe is None:
        return ()
    blocks: list[Block] = [Paragraph(sentence(probe))]
    if probe.measurements:
        blocks += [*drawings(probe), Paragraph(how(probe))]
        blocks.append(Table(_HEADINGS, tuple(_row(m) for m in probe.measurements), frozenset({0, 1}), secondary=_LAST))
        blocks.append(Paragraph(_LEGEND))
        said = blocks[0].text if isinstance(blocks[0], Paragraph) else ""
        rest = [m for m in probe.measurements if m.holds is not Holds.YES and m.reason[1:] not in said]
        blocks.append(Items(tuple((str(m.kind), m.reason) for m in rest)))
    agreed = Items(tuple((row.subject, f"{row.stand}: {row.text}") for row in report.agreement))
    return (
        Section(TITLE, tuple(blocks), chart="probe"),
        *([Section("Code and run", (agreed,))] if agreed.rows else []),
        Section("How it was run", (Items(tuple(_facts(report, probe))),), folded=True),
    )


_LAST = frozenset({len(_HEADINGS) - 1})
_LEGEND = (
    "Noise: the largest change between two runs on the same stream. Effect: the largest that was measured, in nats;"
    " of an exchange, by how much the probabilities exceed 1."
)


def sentence(probe: Probe) -> str:
    """What was shown, in one sentence."""
    if probe.status != "ran":
        return f"Not checked: {why_not(probe)}."
    shown = list(_shown(probe))
    if shown:
        return "; ".join(shown)[:1].upper() + "; ".join(shown)[1:] + "."
    flip, exchanged = probe.find(Kind.FUTURE_FLIP), probe.find(Kind.EXCHANGE)
    for found in (flip, exchanged):
        if found is not None and found.holds is not Holds.YES:
            return f"Nothing is shown, since {found.kind} could not be judged: {found.reason.rstrip('.')}."
    said = [found.reason.rstrip(".") for found in (flip, exchanged) if found is not None]
    return f"Nothing was found: {'; '.join(said)}." if said else "Nothing was measured."


def _shown(probe: Probe) -> Iterator[str]:
    """What the witnesses are of, the gravest first."""
    exchanged = probe.find(Kind.EXCHANGE)
    if exchanged is not None and exchanged.holds is Holds.NO:
        yield exchanged.reason
    for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP):
        found = probe.find(kind)
        if found is not None and found.witnesses:
            yield _flipped(found)
            break
    counted = probe.find(Kind.SCORE_COUNT)
    if counted is not None and counted.witnesses:
        yield f"{counted.changed:,} of {counted.compared:,} positions enter the reported number more than once"


def _flipped(found: Measurement) -> str:
    first, at = found.witnesses[0], found.flipped or 0
    if first.position == at:
        return f"the distribution that predicts position {at:,} changed with the token there: it had seen it"
    other = "every token from there on" if found.kind is Kind.FUTURE_FLIP else "the token there"
    most = f", by up to {found.effect:.2g} nats," if found.effect and math.isfinite(found.effect) else ""
    what = f"{found.changed:,} of {found.compared:,} scores before position {at:,} changed{most}"
    return f"{what} where {other} was another: these predictions knew what comes later"


def how(probe: Probe) -> str:
    """How it was run, and which measurements say what."""
    said = f"Run small on the CPU in a sandbox: {probe.losses_recorded:,} losses, {probe.stream_tokens:,} tokens."
    broken = [m for m in probe.measurements if m.holds is Holds.NO]
    seen = [str(m.kind) for m in broken if m.witnesses]
    odd = [str(m.kind) for m in broken if not m.witnesses]
    unknown = [str(m.kind) for m in probe.measurements if m.holds is Holds.UNKNOWN]
    if seen:
        said += f" Broken: {', '.join(seen)}."
    if odd:
        said += f" Off, which breaks no condition by itself: {', '.join(odd)}."
    if probe.decided and not broken:
        said += " Nothing that was measured is broken."
    if unknown:
        said += f" Not checked: {', '.join(unknown)}."
    return said


def why_not(probe: Probe) -> str:
    """Why there is no result, and what was tried."""
    if probe.status == "refused":
        missing = probe.isolation.missing
        said = f"it was not run: {probe.reason.rstrip('.')}"
        if missing and not all(name in probe.reason for name in missing):
            said += f"; missing: {', '.join(missing)}"
        if missing and "--probe-unsafe" not in probe.reason:
            said += "; --probe-unsafe runs it all the same"
        return said
    said = f"it was run small and came to no result: {probe.reason.rstrip('.')}"
    last = probe.attempts[-1] if probe.attempts else None
    where = f"{last.location.path}:{last.location.line}" if last and last.location else ""
    if where and where not in said:
        said += f" ({where})"
    return said + (f"; {count(len(probe.attempts), 'attempt')}" if probe.attempts else "")


def unchecked(probe: Probe) -> Iterator[tuple[str, str]]:
    """(reason, what) of everything that the probe was asked to decide and did not."""
    if probe.status != "ran":
        yield why_not(probe), "probe"
        return
    for measurement in probe.measurements:
        if measurement.holds is Holds.UNKNOWN:
            yield measurement.reason or "it could not be measured", f"probe, {measurement.kind}"
    if not probe.measurements:
        yield "it ran and nothing could be measured", "probe"


def mark(probe: Probe | None) -> str:
    """The cell of the triage table."""
    if probe is None:
        return ""
    if probe.status != "ran":
        return "refused" if probe.status == "refused" else "no result"
    conditions = sorted({w.condition for w in probe.witnesses})
    if conditions:
        return f"breaks {','.join(conditions)}"
    broken = [m for m in probe.measurements if m.holds is Holds.NO]
    if not probe.decided:
        return "undecided"
    return "remarks" if broken else "holds"


def _row(m: Measurement) -> tuple[str, ...]:
    compared = m.compared or m.holds is not Holds.UNKNOWN
    return (
        str(m.kind),
        str(m.holds),
        f"{m.compared:,}" if compared else "-",
        f"{m.changed:,}" if compared else "-",
        amount(m.noise),
        amount(m.effect),
        {True: "yes", False: "no", None: "?"}[m.reported],
    )


def amount(value: float | None) -> str:
    """A change in nats: "0" where nothing changed, "-" where it was not measured."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{value:.4f}" if abs(value) >= 0.001 else f"{value:.1e}"


def _facts(report: Report, probe: Probe) -> Iterator[tuple[str, str]]:
    shown = [m.witnesses[0] for m in probe.measurements if m.witnesses]
    for witness in shown:
        yield "witness", _witness(report, witness)
    if len(probe.witnesses) > len(shown):
        yield "witnesses", f"{len(probe.witnesses) - len(shown)} more; --format json has them"
    if probe.labels:
        yield "figures", ", ".join(f'"{name}"' for name in probe.labels[:_NAMES])
    ran = probe.status == "ran"
    if ran and probe.attempts and probe.attempts[-1].changed:
        yield "shrunk", _changes(probe.attempts[-1].changed)
    before: frozenset[Shrunk] = frozenset()
    for number, attempt in enumerate(probe.attempts, start=1):
        new = [s for s in attempt.changed if s not in before]
        before = frozenset(attempt.changed)
        if attempt.error and number > len(probe.attempts) - _ATTEMPTS:
            yield f"attempt {number}", _attempt(report, attempt, new)
    for left_out in probe.unseen[:_ATTEMPTS]:
        yield "did not run", _unseen(report, left_out)
    for evasion in probe.evasions[:_ATTEMPTS]:
        where = place(evasion.location, report.sources)
        yield "evasion", evasion.what + (f" ({where})" if where else "")
    if probe.absent:
        yield "not here", ", ".join(probe.absent[:_NAMES]) + _more(probe.absent, _NAMES)
    alone = f"; golf-audit explain-witness --kind {shown[0].kind} shows the witness alone" if shown else ""
    yield "seed", f"{probe.seed} (--probe-seed repeats these runs{alone})"
    yield "isolation", isolation(probe.isolation, probe.status != "refused")


def isolation(given: Isolation, run: bool = True) -> str:
    """`files: Landlock; network: no sockets (seccomp)`."""
    said = "; ".join(f"{what}: {how}" for what, how in given.guards) or ("none known" if run else "not set up")
    if given.missing:
        said += f"; missing: {', '.join(given.missing)}"
    return said + ("; run all the same (--probe-unsafe)" if given.unsafe and run else "")


def _unseen(report: Report, left_out: Unseen) -> str:
    said = f"{place(left_out.location, report.sources)} could use {', '.join(left_out.names)}"
    return said + (f", if {left_out.test}" if left_out.test else "")


def _witness(report: Report, witness: Witness) -> str:
    said = say(witness)
    where = place(witness.location, report.sources)
    if where:
        said += f", taken at {where}" + (f" ({witness.function})" if witness.function else "")
    if witness.label:
        said += f', for "{witness.label}"'
    return f"{said}: {witness.condition}"


def _attempt(report: Report, attempt: Attempt, new: Sequence[Shrunk]) -> str:
    """What an attempt ended with, and what it had changed that the one before it had not."""
    where = place(attempt.location, report.sources)
    said = f"{attempt.error}{f' ({where})' if where else ''}"
    return said + (f"; with {_changes(new)}" if new else "")


def _changes(changed: Sequence[Shrunk]) -> str:
    said = ", ".join(f"{s.name} {s.submitted} -> {s.used}" for s in changed[:_SHRUNK])
    return said + _more(changed, _SHRUNK)


def _more(items: Sequence[object], shown: int) -> str:
    return f" and {len(items) - shown} more" if len(items) > shown else ""
