"""Two sides and the bars become the whole answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

from auditor.significance import power as powers
from auditor.significance import welch as tests
from auditor.significance.equivalence import tost
from auditor.significance.model import (
    Bar,
    BarResult,
    Comparison,
    Equivalence,
    KnownSd,
    Measured,
    Power,
    Remark,
    Side,
    Unit,
)
from auditor.significance.probability import said_p
from auditor.significance.units import in_nats, to_bpb, to_nats


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison is held against: bars, the bank's standard deviation (bits per byte, df, records), the day.

    `tokenizer_tolerance` is the relative difference of bytes per token within which two tokenizers are one.
    """

    bars: tuple[Bar, ...]
    bank: tuple[float, int, int] | None
    as_of: date
    tokenizer_tolerance: float
    confidence: float = tests.CONFIDENCE


@dataclass(frozen=True, slots=True)
class _Units:
    """The figures of both sides in each unit that is known."""

    bpb: tuple[list[float], list[float]]
    nats: tuple[list[float], list[float]] | None
    ratio: float | None  # bytes per token of the new side
    note: str

    def of(self, unit: Unit) -> tuple[list[float], list[float]]:
        return self.nats if unit == "nats" and self.nats is not None else self.bpb

    @property
    def known(self) -> tuple[Unit, ...]:
        return ("bpb", "nats") if self.nats is not None else ("bpb",)


def compare(
    new: Side,
    base: Side,
    terms: Terms,
    *,
    baseline_because: str = "",
    margin_nats: float | None = None,
    frontier: tuple[tuple[str, float, str], ...] = (),
) -> Comparison:
    """Every test of `new` against `base`. With `margin_nats` also whether the two are equivalent within it."""
    new = _less_favourable(new, base)
    remarks = [replace(r, message=f"{side.name}: {r.message}") for side in (new, base) for r in side.remarks]
    refused = "; ".join(r.message for r in remarks if r.effect == "refused")
    broken = any(r.code in ("not-a-number", "no-figure") for r in (*new.refusals, *base.refusals))
    if broken:
        bars = tuple(_untested(bar, terms, refused) for bar in terms.bars)
        return Comparison(
            new, base, terms.as_of.isoformat(), baseline_because, (), bars, tuple(remarks), "", None, terms.bank
        )
    units = _units(new, base, terms)
    return Comparison(
        new=new,
        base=base,
        as_of=terms.as_of.isoformat(),
        baseline_because=baseline_because,
        measured=tuple(_measure(unit, *units.of(unit), terms, bool(refused)) for unit in units.known),
        bars=tuple(_bar(bar, units, terms, refused, new) for bar in terms.bars),
        remarks=tuple(remarks),
        units_note=units.note,
        bytes_per_token=units.ratio,
        pooled_sd=terms.bank,
        equivalence=None if margin_nats is None else _equivalence(units, margin_nats, terms, new, base),
        frontier=frontier,
    )


def two_sided(left: Side, right: Side) -> float | None:
    """Two-sided Welch p that two sides differ in bits per byte; None where it cannot be tested."""
    test = tests.welch([f.val_bpb for f in left.figures], [f.val_bpb for f in right.figures])
    return None if test is None else 2 * min(test.p, 1 - test.p)


def _less_favourable(new: Side, base: Side) -> Side:
    """Of two choices of figures the one with the larger p; a choice that cannot be tested is the less favourable."""
    if not new.stricter:
        return new
    theirs = [f.val_bpb for f in base.figures]
    ours = tests.welch([f.val_bpb for f in new.figures], theirs)
    strict = tests.welch([f.val_bpb for f in new.stricter], theirs)
    if ours is not None and (strict is None or strict.p > ours.p):
        if strict is None:
            remark = Remark("mixed-code", "refused", "without the odd script too few seeds are left to test")
            return replace(new, figures=new.stricter, remarks=(*new.remarks, remark))
        return replace(new, figures=new.stricter)
    return new


def _units(new: Side, base: Side, terms: Terms) -> _Units:
    bpb = ([f.val_bpb for f in new.figures], [f.val_bpb for f in base.figures])
    found = in_nats(new, base, terms.tokenizer_tolerance)
    if found is None:
        return _Units(bpb, None, None, "neither side tells its bytes per token: nats per token are not known")
    ours, theirs, ratio, note = found
    return _Units(bpb, (ours, theirs), ratio, note)


def _measure(unit: Unit, new: list[float], base: list[float], terms: Terms, refused: bool) -> Measured:
    sides = tests.summary(new, terms.confidence), tests.summary(base, terms.confidence)
    if refused:
        return Measured(unit, *sides, None, None, None)
    test = tests.welch(new, base, confidence=terms.confidence)
    return Measured(unit, *sides, test, tests.hedges_g(new, base), tests.permutation(new, base))


def _in_force(bar: Bar, terms: Terms) -> bool:
    return bar.since <= terms.as_of


def _untested(bar: Bar, terms: Terms, reason: str) -> BarResult:
    return BarResult(bar, _in_force(bar, terms), None, reason, "nats", bar.margin_nats, None)


def _bar(bar: Bar, units: _Units, terms: Terms, refused: str, new: Side) -> BarResult:
    if bar.margin_nats and units.nats is None:
        return _untested(bar, terms, f"{units.note}; --bytes-per-token tells it")
    unit: Unit = "nats" if units.nats is not None else "bpb"
    in_bpb = to_bpb(bar.margin_nats, units.ratio) if units.ratio is not None else 0.0
    margins: dict[Unit, float] = {"nats": bar.margin_nats, "bpb": in_bpb}
    result = BarResult(bar, _in_force(bar, terms), None, refused, unit, margins[unit], in_bpb)
    if refused:
        return replace(result, known_sd=_known_sd(unit, units, margins[unit], terms, new))
    done = []
    for known in units.known:
        sides = units.of(known)
        test = tests.welch(*sides, shift=margins[known], confidence=terms.confidence)
        if test is None:  # sides whose scores do not spread were refused; losses may be printed with too few digits
            said = "losses" if known == "nats" else "scores"
            return _untested(bar, terms, f"the {said} of the seeds do not differ, so that they cannot be tested")
        done.append((known, test, tests.permutation(*sides, shift=margins[known])))
    decisive = next(test for known, test, _ in done if known == unit)
    met = decisive.p < bar.alpha
    reason = f"{said_p(decisive.p)}, {'below' if met else 'not below'} {bar.alpha:g}"
    power = _power(unit, units, margins[unit], bar, decisive.df, terms.bars)
    return replace(result, met=met, reason=reason, tests=tuple(done), power=power)


def _known_sd(unit: Unit, units: _Units, margin: float, terms: Terms, new: Side) -> KnownSd | None:
    """The second opinion, where figures are too few; not where seeds of several configurations are mixed."""
    if terms.bank is None or any(r.code == "mixed-settings" for r in new.refusals):
        return None
    sd, df, records = terms.bank
    scaled = to_nats(sd, units.ratio) if unit == "nats" and units.ratio is not None else sd
    return tests.known_sd(*units.of(unit), (scaled, df, records), shift=margin)


def _power(unit: Unit, units: _Units, margin: float, bar: Bar, df: float, bars: tuple[Bar, ...]) -> Power:
    new, base = units.of(unit)
    design = powers.Design(math.sqrt(tests.variance(new)), len(new), math.sqrt(tests.variance(base)), len(base))
    gain = tests.mean(base) - tests.mean(new)
    # One axis for the curves of all bars. Without nats per token there is no bar with a margin among those tested.
    margins = {b: b.margin_nats for b in bars if unit == "nats" or not b.margin_nats}
    right = max(powers.reach(design, margin=m, alpha=b.alpha) for b, m in margins.items())
    right = gain * 1.1 if right < gain < 2 * right else right
    return powers.analyse(design, gain, df, margin=margin, alpha=bar.alpha, right=right)


def _equivalence(units: _Units, margin_nats: float, terms: Terms, new: Side, base: Side) -> Equivalence:
    unit: Unit = "nats" if units.nats is not None else "bpb"
    reason = "; ".join(r.message for s in (new, base) for r in s.refusals if r.code == "mixed-settings")
    if units.ratio is None:
        reason = f"{units.note}; --bytes-per-token tells it"
    difference = tests.mean(units.of(unit)[0]) - tests.mean(units.of(unit)[1])
    if reason:
        return Equivalence(unit, margin_nats, 0.05, difference, None, None, None, None, None, None, "", reason)
    assert units.ratio is not None
    bank = None
    if terms.bank is not None:
        bank = (to_nats(terms.bank[0], units.ratio), terms.bank[1], terms.bank[2])
    return tost(*units.of(unit), unit=unit, margin=margin_nats, bank=bank)
