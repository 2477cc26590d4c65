"""The wording of a comparison: its answer in a sentence and its sections, for the formats that people read."""

from __future__ import annotations

from auditor.report.significance.blocks import Block, Items, Paragraph, Section, Table
from auditor.significance.model import (
    UNIT_NAMES,
    BarResult,
    Comparison,
    Equivalence,
    Measured,
    Permutation,
    Power,
    SeedsNeeded,
    Side,
    Summary,
)
from auditor.significance.probability import said_p, show_p

_PART = ("Bars", "About the evidence", "Figures", "Second opinion: standard deviation from the records")
WORDS = {True: "met", False: "not met", None: "cannot be tested"}
_SHORT = {"bpb": "BPB", "nats": "nats/token"}


def title(c: Comparison) -> str:
    """The answer in a few words."""
    if c.equivalence is not None:
        return {True: "reproduced", False: "not shown to be reproduced", None: "cannot be tested"}[
            c.equivalence.equivalent
        ]
    deciding = c.deciding
    if deciding is None or deciding.met is None:
        return "cannot be tested"
    met = [b.bar.title for b in c.bars if b.met]
    missed = [b.bar.title for b in c.bars if not b.met]
    if not missed:
        return f"meets the {' and the '.join(f'{name} bar' for name in met)}"
    if not met:
        return f"does not meet the {' or the '.join(f'{name} bar' for name in missed)}"
    return f"meets the {met[0]} bar, not the {missed[0]} bar"


def tone(c: Comparison) -> str:
    """`clean`, `violation` or `inconclusive`: the verdict's colour in the other reports."""
    if c.equivalence is not None:
        said = c.equivalence.equivalent
    else:
        said = c.deciding.met if c.deciding else None
    return {True: "clean", False: "violation", None: "inconclusive"}[said]


def sentence(c: Comparison) -> str:
    """Who against whom, by how much, and what that means under each bar."""
    measured = c.in_unit("bpb")
    if measured is None:
        return f"{c.new.name} against {c.base.name}: {_refusals(c)}."
    gain = measured.base.mean - measured.new.mean
    nats = c.in_unit("nats")
    also = f" ({abs(nats.base.mean - nats.new.mean):.5f} nats per token)" if nats else ""
    many = c.new.kind == "values"
    verb = ("beat" if many else "beats") if gain > 0 else ("are behind" if many else "is behind")
    said = f"{c.new.name} {verb} {c.base.name} by {abs(gain):.8f} bits per byte{also}"
    if gain == 0:
        said = f"{c.new.name} {'have' if many else 'has'} the mean of {c.base.name} to the last digit"
    if _refusals(c):
        return f"{said}, and nothing can be tested: {_refusals(c)}."
    bars = "; ".join(
        f"{b.bar.title} bar {WORDS[b.met]}" + (f" ({said_p(b.p)})" if b.p is not None else "") for b in c.bars
    )
    return f"{said}. {bars}."


def _refusals(c: Comparison) -> str:
    return "; ".join(r.message for r in c.remarks if r.effect == "refused")


def sections(c: Comparison) -> tuple[Section, ...]:
    """The report, most telling first; empty sections are left out."""
    found = (
        Section("Bars", _bars(c)),
        Section("About the evidence", _evidence(c)),
        Section("Did it reproduce?", _equivalence(c.equivalence) if c.equivalence else ()),
        Section("Figures", _figures(c), chart="seeds"),
        Section("Second opinion: standard deviation from the records", _known_sd(c)),
        Section("What the test could have shown", _power(c), chart="power"),
        Section("Where it stands", (Paragraph(_standing(c)),) if c.frontier else (), chart="frontier"),
        Section("Seeds", (_seeds(c),), folded=True),
        Section("Method", _method(c), folded=True),
    )
    return tuple(s for s in found if s.blocks)


def part(c: Comparison) -> tuple[Section, ...]:
    """What golf-audit shows of it, beside seeds and budgets; golf-stats has the rest."""
    return tuple(s for s in sections(c) if s.title in _PART)


def _bars(c: Comparison) -> tuple[Block, ...]:
    rows = (
        ("gain needed", *(_needs(b) for b in c.bars)),
        ("p needed", *(f"below {b.bar.alpha:g}" for b in c.bars)),
        ("p", *(show_p(b.p) for b in c.bars)),
        ("result", *(WORDS[b.met] for b in c.bars)),
        (f"on {c.as_of}", *("applied" if b.in_force else f"not before {b.bar.since}" for b in c.bars)),
        ("source", *(b.bar.said for b in c.bars)),
    )
    links = tuple((b.bar.said, b.bar.url) for b in c.bars)
    notes = tuple((b.bar.title, b.bar.note) for b in c.bars if b.bar.note)
    headings = ("", *(f"{b.bar.title} bar" for b in c.bars))
    return (Table(headings, rows, frozenset(range(len(headings))), links), Items(notes))


def _needs(b: BarResult) -> str:
    if not b.bar.margin_nats:
        return "more than 0"
    in_bpb = f" = {b.margin_bpb:.5f} BPB" if b.margin_bpb is not None else ""
    return f"{b.bar.margin_nats:g} nats/token{in_bpb}"


def _evidence(c: Comparison) -> tuple[Block, ...]:
    return (Items(tuple((r.effect, r.message) for r in c.remarks)),) if c.remarks else ()


def _figures(c: Comparison) -> tuple[Block, ...]:
    if not c.measured:
        return ()
    headings = ("", *(UNIT_NAMES[m.unit] for m in c.measured))
    rows: list[tuple[str, ...]] = []
    for label, side in (("new", c.new), ("baseline", c.base)):
        chosen: list[Summary] = [m.new if label == "new" else m.base for m in c.measured]
        rows.append((f"{label}: mean of {len(side.figures)}", *(f"{s.mean:.8f}" for s in chosen)))
        rows.append((f"{label}: sample sd", *(_number(s.sd) for s in chosen)))
        rows.append((f"{label}: standard error", *(_number(s.se) for s in chosen)))
    rows.append(("difference (new - baseline)", *(f"{m.new.mean - m.base.mean:+.8f}" for m in c.measured)))
    if all(m.welch for m in c.measured):
        rows += _test_rows(c.measured)
    return (Table(headings, tuple(rows)), *_margins(c), Paragraph(f"Units: {c.units_note}."))


def _test_rows(measured: tuple[Measured, ...]) -> list[tuple[str, ...]]:
    tests = [m.welch for m in measured if m.welch]
    level = f"{100 * tests[0].confidence:g} %"
    return [
        (f"{level} interval of it", *(f"{w.low:+.6f} to {w.high:+.6f}" for w in tests)),
        ("standard error of it", *(_number(w.standard_error) for w in tests)),
        ("Welch df", *(f"{w.df:.2f}" for w in tests)),
        ("Welch t", *(f"{w.t:.2f}" for w in tests)),
        ("p, one-sided, no margin", *(show_p(w.p) for w in tests)),
        ("permutation p (its floor)", *(_permuted(m.permutation) for m in measured)),
        ("Hedges' g", *("-" if m.hedges_g is None else f"{m.hedges_g:.2f}" for m in measured)),
    ]


def _permuted(p: Permutation | None) -> str:
    return "too many regroupings" if p is None else f"{show_p(p.p)} ({show_p(p.floor)})"


def _margins(c: Comparison) -> tuple[Block, ...]:
    """The tests against a margin, which are tests of another null hypothesis."""
    rows = [
        (b.bar.title, _SHORT[unit], f"{w.shift:.6f}", f"{w.t:.2f}", f"{w.df:.2f}", show_p(w.p), _permuted(permuted))
        for b in c.bars
        if b.bar.margin_nats
        for unit, w, permuted in b.tests
    ]
    if not rows:
        return ()
    headings = ("against the margin", "unit", "margin", "t", "df", "p", "permutation p (floor)")
    return (Table(headings, tuple(rows), frozenset({0, 1})),)


def _known_sd(c: Comparison) -> tuple[Block, ...]:
    rows = [
        (
            b.bar.title,
            _SHORT[b.unit],
            f"{b.margin:.6f}",
            _number(b.known_sd.sd),
            f"{b.known_sd.z:.2f}",
            show_p(b.known_sd.p),
        )
        for b in c.bars
        if b.known_sd is not None
    ]
    if not rows or c.pooled_sd is None:
        return ()
    sd, df, records = c.pooled_sd
    text = (
        f"A z test with {sd:.6f} bits per byte, the standard deviation between seeds pooled over {records} accepted "
        f"records ({df} degrees of freedom). It takes this submission's seeds to scatter like theirs, which nothing "
        "here shows: it decides no bar."
    )
    return (Paragraph(text), Table(("bar", "unit", "margin", "sd", "z", "p"), tuple(rows), frozenset({0, 1})))


def _power(c: Comparison) -> tuple[Block, ...]:
    tested = [(b, b.power) for b in c.bars if b.power is not None]
    if not tested:
        return ()
    unit = _SHORT[tested[0][0].unit]
    headings = ("", *(b.bar.title for b, _ in tested))
    powers: list[Power] = [p for _, p in tested]
    rows = [
        (f"smallest gain that would have passed, {unit}", *(f"{p.least_passing:.5f}" for p in powers)),
        (f"true gain that passes 80 times of 100, {unit}", *(f"{p.detectable:.5f}" for p in powers)),
        ("power, were the observed gain the true one", *(_percent(p.at_observed) for p in powers)),
        ("false passes, were the true gain the margin", *(_percent(p.size) for p in powers)),
    ]
    for index, needed in enumerate(powers[0].needed):
        label = f"seeds for {needed.power:.0%} power: new side / each side".replace("%", " %")
        rows.append((label, *(_needed(p.needed[index]) for p in powers)))
    text = "At the observed standard deviations, whose own uncertainty is large with few seeds."
    return (Table(headings, tuple(rows)), Paragraph(text))


def _percent(share: float) -> str:
    if share > 0.9995:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def _needed(n: SeedsNeeded) -> str:
    def say(seeds: int | None) -> str:
        return "none would do" if seeds is None else str(seeds)

    return say(None) if n.new_side is None and n.each_side is None else f"{say(n.new_side)} / {say(n.each_side)}"


def _equivalence(e: Equivalence) -> tuple[Block, ...]:
    if e.equivalent is None or e.low is None or e.high is None:
        return (Paragraph(f"It cannot be tested: {e.reason}."),)
    unit = UNIT_NAMES[e.unit]
    said = "differ by less than" if e.equivalent else "were not shown to differ by less than"
    text = (
        f"The two {said} {e.margin:g} {unit}: difference {e.difference:+.6f}, {100 - 200 * e.alpha:g} % interval "
        f"{e.low:+.6f} to {e.high:+.6f}; two one-sided tests ({e.how}), the larger {said_p(e.p or 0.0)}, needed below "
        f"{e.alpha:g}."
    )
    return (Paragraph(text),)


def _standing(c: Comparison) -> str:
    day = c.new.date or c.as_of
    better = [row for row in c.frontier if row[0] <= day and row[2] != c.new.name]
    best = min((score for _, score, _ in better), default=None)
    measured = c.in_unit("bpb")
    if best is None or measured is None:
        return f"No other record was accepted by {day}."
    return f"Best other record accepted by {day}: {best:.4f} bits per byte; this one: {measured.new.mean:.5f}."


def _seeds(c: Comparison) -> Table:
    rows = tuple(
        (
            label,
            "?" if f.seed is None else str(f.seed),
            f"{f.val_bpb:.8f}",
            "-" if f.val_loss is None else f"{f.val_loss:.8f}",
            f.log,
        )
        for label, side in (("new", c.new), ("baseline", c.base))
        for f in side.figures
    )
    return Table(("side", "seed", "bits per byte", "nats per token", "log"), rows, frozenset({0, 4}))


def _method(c: Comparison) -> tuple[Block, ...]:
    rows = [
        ("new", _said(c.new)),
        ("baseline", f"{_said(c.base)}; {c.baseline_because}" if c.baseline_because else _said(c.base)),
        (
            "test",
            "t = (mean new + margin - mean baseline) / sqrt(s1^2/n1 + s2^2/n2); one-sided, p = P(T < t); df by "
            "Welch and Satterthwaite",
        ),
        ("nats", "nats per token = bits per byte x ln 2 x bytes per token, which the run's log implies"),
        ("power", "integrated over the sampling distribution of both variances"),
    ]
    return (Items(tuple(rows)),)


def _said(side: Side) -> str:
    parts = [side.name, side.kind]
    if side.date:
        parts.append(side.date)
    if side.source and side.source != side.name:
        parts.append(side.source)
    if side.claimed is not None:
        parts.append(f"claims {side.claimed:.9g}")
    return ", ".join(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.8f}"
