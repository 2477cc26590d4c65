"""The charts of a comparison and of the chain, as inline SVG. Shape and label carry what colour repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from auditor.report.significance import axes
from auditor.report.significance.axes import Scale
from auditor.report.significance.chain_view import name as row_name
from auditor.report.text import one_line
from auditor.significance.model import UNIT_NAMES, BarResult, Chain, ChainRow, Comparison, Measured, Side, Summary

_LEFT, _RIGHT = 150, axes.WIDTH - 30
_STEEP_DAYS = 8  # after these the line of records falls slowly
_NAME = 20  # characters of a side's name
_CURVES = (("accent", ""), ("clean", "7 4"), ("disputed", "2 3"))


def of_comparison(c: Comparison, chart: str) -> str:
    """The chart of that name, "" where there is nothing to draw."""
    if chart == "seeds":
        return seeds(c)
    if chart == "power":
        return power(c)
    return frontier(c) if chart == "frontier" else ""


def of_chain(chain: Chain) -> str:
    """The whole line of records, and the part after its steep first week."""
    first = date.fromisoformat(min(row.date for row in chain.rows))
    later = [row for row in chain.rows if _days(row.date, first) >= _STEEP_DAYS]
    return _chain(chain, chain.rows, "chain") + (_chain(chain, later, "chain-later") if len(later) > 1 else "")


# --- seeds ---------------------------------------------------------------------------------------------------------


def seeds(c: Comparison) -> str:
    """Every seed of both sides with means, intervals and the bar; below, the gain with its interval."""
    measured = c.in_unit("bpb")
    if measured is None:
        return ""
    bar = _margin_bar(c)
    limit = measured.base.mean - bar.margin_bpb if bar is not None and bar.margin_bpb else None
    values = [f.val_bpb for side in (c.new, c.base) for f in side.figures] + ([limit] if limit is not None else [])
    ends = [e for s in (measured.new, measured.base) for e in (s.low, s.high) if e is not None]
    wide = axes.padded(values + ends)
    low, high = wide if wide[1] - wide[0] < 3 * (max(values) - min(values)) else axes.padded(values, 0.3)
    x = Scale(low, high, _LEFT, _RIGHT)
    parts = [axes.bottom_axis(x, 34, 150, "bits per byte; lower is better")]
    if limit is not None and bar is not None:
        parts.append(axes.line(x(limit), 28, x(limit), 150, "disputed", width=2, dash="5 4"))
        said = f"{bar.bar.title} bar: {bar.margin_bpb:.5f} below the baseline"
        parts.append(axes.text(x(limit), 20, said, _anchor(x, limit), "disputed"))
    for y, side, summary, colour in (
        (66, c.base, measured.base, "soft"),
        (118, c.new, measured.new, "accent"),
    ):
        parts += _side(x, y, side, summary, colour, "baseline" if side is c.base else "new")
    second, below = _gain(c, 216)
    title = "Seeds of both sides, bits per byte"
    return axes.frame("seeds", title, _seeds_said(c, measured, limit), below, [*parts, *second])


def _margin_bar(c: Comparison) -> BarResult | None:
    return next((b for b in c.bars if b.margin_bpb), None)


def _anchor(x: Scale, value: float) -> str:
    share = (x(value) - x.start) / (x.end - x.start)
    return "start" if share < 0.3 else "end" if share > 0.7 else "middle"


def _side(x: Scale, y: float, side: Side, summary: Summary, colour: str, role: str) -> list[str]:
    parts = [
        axes.text(_LEFT - 12, y, one_line(side.name, _NAME), "end", "ink"),
        axes.text(_LEFT - 12, y + 15, role, "end"),
    ]
    if summary.low is not None and summary.high is not None:
        parts.append(axes.line(x(summary.low), y + 14, x(summary.high), y + 14, colour, width=3))
        for end in (summary.low, summary.high):
            if x.holds(end):
                parts.append(axes.line(x(end), y + 9, x(end), y + 19, colour, width=2))
    parts.append(axes.line(x(summary.mean), y - 14, x(summary.mean), y + 20, colour, width=2))
    parts += [axes.dot(x(f.val_bpb), y - 4, colour) for f in side.figures]
    return parts


def _gain(c: Comparison, top: float) -> tuple[list[str], float]:
    """The gain with its interval against no gain and the bar's margin; and where the drawing ends."""
    measured = c.in_unit("nats") or c.in_unit("bpb")
    if measured is None or measured.welch is None:
        return [], 200
    test = measured.welch
    gain, low, high = -test.difference, -test.high, -test.low
    bar = _margin_bar(c) if measured.unit == "nats" else None
    x = Scale(*axes.padded([0.0, low, high, gain, *([bar.margin] if bar else [])]), _LEFT, _RIGHT)
    y = top + 48
    parts = [axes.bottom_axis(x, top + 24, y + 24, f"gain over the baseline, {UNIT_NAMES[measured.unit]}")]
    parts.append(axes.line(x(0), top + 18, x(0), y + 24, "ink", width=1.5))
    parts.append(axes.text(x(0), top + 10, "no gain", "end" if bar else "middle"))
    if bar is not None:
        parts.append(axes.line(x(bar.margin), top, x(bar.margin), y + 24, "disputed", width=2, dash="5 4"))
        side = "end" if x(bar.margin) > (x.start + x.end) / 2 else "start"
        parts.append(axes.text(x(bar.margin), top - 6, f"{bar.bar.title} bar {bar.margin:g}", side, "disputed"))
    parts.append(axes.line(x(low), y, x(high), y, "accent", width=3))
    parts += [axes.line(x(end), y - 6, x(end), y + 6, "accent", width=2) for end in (low, high)]
    parts.append(axes.diamond(x(gain), y, "accent"))
    parts.append(axes.text(_LEFT - 12, y - 2, "gain", "end", "ink"))
    parts.append(axes.text(_LEFT - 12, y + 13, f"{100 * test.confidence:g} % interval", "end"))
    return parts, y + 72


def _seeds_said(c: Comparison, measured: Measured, limit: float | None) -> str:
    said = []
    for side, summary in ((c.base, measured.base), (c.new, measured.new)):
        figures = ", ".join(f"{f.val_bpb:.9g}" for f in side.figures)
        said.append(f"{one_line(side.name, 60)}: {figures}; mean {summary.mean:.8f}")
        if summary.low is not None:
            said[-1] += f", interval {summary.low:.6f} to {summary.high:.6f}"
    if limit is not None:
        said.append(f"the bar lies at {limit:.6f}")
    if measured.welch is not None:
        said.append(f"gain {-measured.welch.difference:.8f} bits per byte")
    return ". ".join(said) + "."


# --- power ---------------------------------------------------------------------------------------------------------


def power(c: Comparison) -> str:
    """The chance to pass each bar over the true gain."""
    tested = [b for b in c.bars if b.power is not None]
    if not tested:
        return ""
    unit = tested[0].unit
    right = max(b.power.curve[-1][0] for b in tested if b.power)
    x, y = Scale(0.0, right, 70, _RIGHT), Scale(0.0, 1.0, 250, 50)
    parts = [axes.bottom_axis(x, 50, 250, f"true gain over the baseline, {UNIT_NAMES[unit]}")]
    marks = [(v / 100, f"{v} %") for v in (0, 20, 40, 60, 80, 100)]
    parts.append(axes.left_axis(y, 70, _RIGHT, "chance to pass", marks, above=28))
    parts.append(axes.line(70, y(0.8), _RIGHT, y(0.8), "soft", dash="2 3"))
    for b, (colour, dash) in zip(tested, _CURVES, strict=False):
        assert b.power is not None
        parts.append(axes.path([(x(g), y(p)) for g, p in b.power.curve], colour, dash=dash))
    parts += _legend(tested)
    measured = c.in_unit(unit)
    gain = measured.base.mean - measured.new.mean if measured else 0.0
    if 0 <= gain <= right:
        parts.append(axes.line(x(gain), 50, x(gain), 250, "ink", width=1.5))
        parts.append(axes.text(x(gain), 44, f"observed {gain:.5f}", _anchor(x, gain), "ink"))
    else:
        said = f"observed {gain:.5f}: " + ("off to the right" if gain > 0 else "off to the left")
        parts.append(axes.text(x.end if gain > 0 else x.start, 44, said, "end" if gain > 0 else "start", "ink"))
    described = "; ".join(
        f"{b.bar.title} bar: 80 % at a true gain of {b.power.detectable:.5f}, {100 * b.power.at_observed:.0f} % at the "
        "observed one"
        for b in tested
        if b.power
    )
    return axes.frame("power", f"Power over the true gain, {UNIT_NAMES[unit]}", described + ".", 296, parts)


def _legend(tested: list[BarResult]) -> list[str]:
    parts = []
    at = 230.0
    for b, (colour, dash) in zip(tested, _CURVES, strict=False):
        said = f"{b.bar.title} bar (p < {b.bar.alpha:g})"
        parts.append(axes.line(at, 18, at + 34, 18, colour, width=2, dash=dash))
        parts.append(axes.text(at + 42, 22, said, "start", "ink"))
        at += 62 + 7 * len(said)
    return parts


# --- the frontier over time ----------------------------------------------------------------------------------------


def frontier(c: Comparison) -> str:
    """The accepted records over time, with this submission among them."""
    if not c.frontier:
        return ""
    day = c.new.date or c.as_of
    measured = c.in_unit("bpb")
    mine = measured.new.mean if measured else None
    first = date.fromisoformat(min(row[0] for row in c.frontier))
    x, y = _time_scales([row[0] for row in c.frontier] + [day], [row[1] for row in c.frontier] + _known(mine), first)
    parts = [axes.left_axis(y, 70, _RIGHT, "bits per byte"), axes.date_axis(x, first, 290, 40)]
    steps = _steps([(row[0], row[1]) for row in c.frontier], x, y, first)
    parts.append(axes.path(steps, "soft", width=1.5))
    parts += [axes.dot(x(_days(d, first)), y(s), "soft", radius=3) for d, s, _ in c.frontier]
    base = next((row for row in c.frontier if c.base.kind == "record" and row[2] == c.base.name), None)
    if base is not None:
        at, height = x(_days(base[0], first)), y(base[1])
        parts.append(axes.dot(at, height, "ink", radius=5, hollow=True))
        # The line of records falls to the right: below on the left and above on the right there is room.
        side = "end" if at > x.start + 90 else "start"
        parts.append(axes.text(at - 4, height + 20, f"baseline {one_line(base[2], _NAME)}", side, "ink"))
    if mine is not None:
        at, height = x(_days(day, first)), y(mine)
        parts.append(axes.diamond(at, height, "accent"))
        said = f"{one_line(c.new.name, _NAME)}: {mine:.5f}"
        near_edge = at > x.end - 200
        parts.append(axes.text(at, height - (26 if near_edge else 14), said, "end" if near_edge else "start", "accent"))
    best = min(c.frontier, key=lambda row: row[1])
    said = f"{len(c.frontier)} accepted records, down to {best[1]:.4f} of {best[0]}"
    said += f"; this submission of {day}: {mine:.5f}." if mine is not None else "."
    return axes.frame("frontier", "The record over time, bits per byte", said, 336, parts)


def _known(value: float | None) -> list[float]:
    return [] if value is None else [value]


def _days(day: str, first: date) -> float:
    return float((date.fromisoformat(day) - first).days)


def _time_scales(days: list[str], values: list[float], first: date, margin: float = 0.12) -> tuple[Scale, Scale]:
    last = max(_days(d, first) for d in days)
    start = min(0.0, *(_days(d, first) for d in days))
    return Scale(start - 1, last + 2, 70, _RIGHT), Scale(*axes.padded(values, margin), 290, 40)


def _steps(rows: list[tuple[str, float]], x: Scale, y: Scale, first: date) -> list[tuple[float, float]]:
    """The best so far as a staircase to the right edge."""
    points: list[tuple[float, float]] = []
    best: float | None = None
    for day, score in rows:
        if best is not None and score >= best:
            continue
        at = x(_days(day, first))
        if best is not None:
            points.append((at, y(best)))
        points.append((at, y(score)))
        best = score
    if best is not None:
        points.append((x.end, y(best)))
    return points


# --- the chain -----------------------------------------------------------------------------------------------------


def _chain(chain: Chain, rows: Sequence[ChainRow], name: str) -> str:
    """The record as it was, and as it would be had the README's bar been kept; the mark says which bar a row meets."""
    whole = len(rows) == len(chain.rows)
    first = date.fromisoformat(min(row.date for row in rows))
    best = rows[0].score
    drawn = [row.score for row in rows if whole or row.score <= best]  # a later row far above says nothing here
    x, y = _time_scales([r.date for r in rows], drawn, first, 0.12 if whole else 0.2)
    parts = [axes.left_axis(y, 70, _RIGHT, "bits per byte"), axes.date_axis(x, first, 290, 40)]
    parts.append(axes.path(_steps([(r.date, r.score) for r in rows], x, y, first), "soft", width=1.5))
    kept = [r for r in chain.rows if r.kept]
    before = [r.score for r in kept if r.date < rows[0].date]
    start = [(rows[0].date, min(before))] if before else []
    parts.append(axes.path(_steps([*start, *((r.date, r.score) for r in kept)], x, y, first), "accent", dash="6 4"))
    parts += [_mark(chain, row, x(_days(row.date, first)), y(row.score)) for row in rows if y.holds(row.score)]
    parts += _chain_legend(chain, x.end)
    final, last = chain.kept_final, min(chain.rows, key=lambda r: r.score)
    if not whole:
        parts.append(
            axes.text(x.end, y(final.score) - 32, f"kept: {final.score:.4f} ({row_name(final)})", "end", "accent")
        )
        parts.append(
            axes.text(x.end, y(last.score) + 16, f"as it was: {last.score:.4f} ({row_name(last)})", "end", "ink")
        )
    said = (
        f"{len(rows)} accepted records from {rows[0].score:.4f} to {last.score:.4f}; had the README's bar "
        f"been kept, {sum(r.kept for r in rows)} of them, down to {final.score:.4f}."
    )
    title = "Accepted records over time" if whole else f"Accepted records since {rows[0].date}"
    return axes.frame(name, f"{title}, bits per byte", said, 336, parts)


def _mark(chain: Chain, row: ChainRow, x: float, y: float) -> str:
    met = dict(row.met)
    if not met:
        return axes.dot(x, y, "soft", radius=3.5)
    if met.get(chain.bars[0].id):
        return axes.diamond(x, y, "clean", 6)
    return axes.dot(x, y, "accent", radius=4, hollow=True) if any(met.values()) else axes.cross(x, y, "violation")


def _chain_legend(chain: Chain, right: float) -> list[str]:
    marks = [
        (axes.diamond(0, 0, "clean", 6), f"meets the {chain.bars[0].title} bar"),
        (axes.dot(0, 0, "accent", radius=4, hollow=True), f"meets the {chain.bars[-1].title} bar only"),
        (axes.cross(0, 0, "violation"), "meets neither"),
        (axes.dot(0, 0, "soft", radius=3.5), "not testable"),
    ]
    lines = [
        (axes.line(-10, 0, 10, 0, "soft", width=1.5), "the record"),
        (
            axes.line(-10, 0, 10, 0, "accent", width=2, dash="6 4"),
            f"the record had the {chain.bars[0].title} bar been kept",
        ),
    ]
    parts = []
    for index, (mark, said) in enumerate([*marks, *lines]):
        y = 54 + 18 * index
        parts.append(f'<g transform="translate({right - 300:g},{y})">{mark}</g>')
        parts.append(axes.text(right - 282, y + 4, said, "start", "ink"))
    return parts
