"""Every accepted record against the one that stood before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.significance import welch as tests
from auditor.significance.model import Bar, Chain, ChainRow, Side, Welch
from auditor.significance.probability import said_p
from auditor.significance.units import in_nats, to_nats


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted record: its side and what the leaderboard says of it. `score` in bits per byte."""

    side: Side
    pr: int | None
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class _Tested:
    gain_bpb: float
    gain_nats: float | None
    p: float | None  # without a margin
    p_margin: tuple[float | None, ...]  # for each bar
    how: str


def chain(entries: Sequence[Entry], bars: Sequence[Bar], tokenizer_tolerance: float) -> Chain:
    """`entries` in the order of acceptance; bars[0] is the one whose keeping is asked about.

    Each row is compared with the best score accepted before it. A second line of records starts at the same first
    row and takes a row only when it meets bars[0] against the last row taken; where a side has one seed the
    standard deviation of all records stands in. Raises ValueError without entries or without a spread in any.
    """
    bank = tests.pooled_sd([_bpb(e.side) for e in entries])
    if not entries or bank is None:
        raise ValueError("the chain needs records, and seeds in them")
    rows: list[ChainRow] = []
    best = kept = entries[0]
    for position, entry in enumerate(entries):
        if position == 0:
            rows.append(_row(entry, None, None, bars, True, "the first row"))
            continue
        step = _test(entry.side, best.side, bars, bank, tokenizer_tolerance)
        against_kept = step if kept is best else _test(entry.side, kept.side, bars, bank, tokenizer_tolerance)
        taken, reason = _keeps(against_kept, bars[0], kept)
        rows.append(_row(entry, best, step, bars, taken, reason))
        kept = entry if taken else kept
        best = entry if entry.score <= best.score else best
    final = next(row for row in reversed(rows) if row.kept)
    return Chain(tuple(rows), tuple(bars), final, bank)


def _bpb(side: Side) -> list[float]:
    return [f.val_bpb for f in side.figures]


def _test(new: Side, base: Side, bars: Sequence[Bar], bank: tuple[float, int, int], tolerance: float) -> _Tested:
    gain = tests.mean(_bpb(base)) - tests.mean(_bpb(new))
    found = in_nats(new, base, tolerance)
    if found is None:
        return _Tested(gain, None, None, tuple(None for _ in bars), "")
    ours, theirs, ratio, _ = found
    gain_nats = tests.mean(theirs) - tests.mean(ours)

    def p(margin: float) -> float:
        test: Welch | None = tests.welch(ours, theirs, shift=margin)
        if test is not None:
            return test.p
        return tests.known_sd(ours, theirs, (to_nats(bank[0], ratio), bank[1], bank[2]), shift=margin).p

    how = "welch" if tests.has_spread(ours) and tests.has_spread(theirs) else "known-sd"
    return _Tested(gain, gain_nats, p(0.0), tuple(p(bar.margin_nats) for bar in bars), how)


def _keeps(tested: _Tested, bar: Bar, kept: Entry) -> tuple[bool, str]:
    p = tested.p_margin[0]
    if p is None:
        return False, f"against {kept.side.name}: not testable"
    how = "" if tested.how == "welch" else ", standard deviation from the bank"
    return p < bar.alpha, f"against {kept.side.name}: {said_p(p)}{how}"


def _row(
    entry: Entry, before: Entry | None, step: _Tested | None, bars: Sequence[Bar], kept: bool, reason: str
) -> ChainRow:
    met: list[tuple[str, bool]] = []
    if step is not None and step.how == "welch":
        met = [(bar.id, p < bar.alpha) for bar, p in zip(bars, step.p_margin, strict=True) if p is not None]
    return ChainRow(
        name=entry.title,
        pr=entry.pr,
        date=entry.side.date,
        score=entry.score,
        mean=tests.mean(_bpb(entry.side)),
        n=len(entry.side.figures),
        url=entry.side.source,
        before=before.side.name if before else "",
        gain_bpb=step.gain_bpb if step else None,
        gain_nats=step.gain_nats if step else None,
        p=step.p if step else None,
        p_margin=step.p_margin[0] if step else None,
        tested=step.how if step else "",
        met=tuple(met),
        kept=kept,
        kept_reason=reason,
        remarks=entry.side.remarks,
    )
