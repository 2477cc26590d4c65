"""Pieces of an SVG chart: linear axes with round ticks and units, labels, and the frame with its text alternative."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from auditor.report.text import clip, escape_html

WIDTH = 760


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` onto pixels from `start` to `end`; values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """The range of the values with a margin, never empty."""
    low, high = min(values), max(values)
    margin = (high - low) * share or abs(low) * 1e-3 or 1e-6
    return low - margin, high + margin


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round values in the range: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def decimals(values: Sequence[float]) -> int:
    """Digits that tell neighbouring ticks apart."""
    if len(values) < 2:
        return 4
    return max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-9))


def text(x: float, y: float, said: str, anchor: str = "middle", colour: str = "", limit: int = 90) -> str:
    style = f' style="fill:var(--{colour})"' if colour else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{escape_html(clip(said, limit))}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = "line", *, width: float = 1, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {ends} stroke="var(--{colour})" stroke-width="{width:g}"{dashed}/>'


def path(points: Sequence[tuple[float, float]], colour: str, *, width: float = 2, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    places = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="var(--{colour})" stroke-width="{width:g}"{dashed}/>'


def dot(x: float, y: float, colour: str, *, radius: float = 5, hollow: bool = False) -> str:
    fill = "paper" if hollow else colour
    edge = colour if hollow else "paper"
    width = 2 if hollow else 1
    look = f'fill="var(--{fill})" stroke="var(--{edge})" stroke-width="{width}"'
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {look}/>'


def cross(x: float, y: float, colour: str, size: float = 4) -> str:
    return line(x - size, y - size, x + size, y + size, colour, width=2) + line(
        x - size, y + size, x + size, y - size, colour, width=2
    )


def diamond(x: float, y: float, colour: str, size: float = 7) -> str:
    points = f"{x:g},{y - size:g} {x + size:g},{y:g} {x:g},{y + size:g} {x - size:g},{y:g}"
    return f'<polygon points="{points}" fill="var(--{colour})" stroke="var(--paper)"/>'


def bottom_axis(scale: Scale, top: float, bottom: float, unit: str) -> str:
    """Ticks and grid lines from `top` to `bottom`, figures below, the unit below these."""
    marks = ticks(scale.low, scale.high)
    digits = decimals(marks)
    parts = [line(scale(v), top, scale(v), bottom) for v in marks]
    parts += [text(scale(v), bottom + 16, f"{v:.{digits}f}") for v in marks]
    parts.append(line(scale.start, bottom, scale.end, bottom, "soft"))
    parts.append(text((scale.start + scale.end) / 2, bottom + 34, unit, colour="ink"))
    return "".join(parts)


def left_axis(
    scale: Scale, left: float, right: float, unit: str, marks: Sequence[tuple[float, str]] = (), above: float = 12
) -> str:
    """Ticks and grid lines from `left` to `right`; the unit stands `above` the axis; `marks` replace round ticks."""
    if not marks:
        values = ticks(scale.low, scale.high)
        marks = [(v, f"{v:.{decimals(values)}f}") for v in values]
    parts = [line(left, scale(v), right, scale(v)) for v, _ in marks]
    parts += [text(left - 8, scale(v) + 4, said, "end") for v, said in marks]
    parts.append(line(left, scale.start, left, scale.end, "soft"))
    parts.append(text(left - 8, scale.end - above, unit, "start" if left < 80 else "middle", colour="ink"))
    return "".join(parts)


def date_axis(scale: Scale, first: date, bottom: float, top: float) -> str:
    """Weeks; the scale counts days since `first`."""
    parts = [line(scale.start, bottom, scale.end, bottom, "soft")]
    for day in range(0, math.floor(scale.high) + 1, 7):
        when = first + timedelta(days=day)
        parts.append(line(scale(day), top, scale(day), bottom))
        parts.append(text(scale(day), bottom + 16, f"{when:%b} {when.day}"))
    parts.append(text((scale.start + scale.end) / 2, bottom + 34, f"day of the record, {first.year}", colour="ink"))
    return "".join(parts)


def frame(name: str, title: str, description: str, height: float, parts: Sequence[str]) -> str:
    """The whole drawing, with its text alternative."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape_html(title)}</title>'
        f'<desc id="{name}-desc">{escape_html(description)}</desc>{"".join(parts)}</svg>'
    )
