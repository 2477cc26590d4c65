"""curves.svg: the course of a run's seeds, over the record's where the two can be compared.

Four panels: training loss, milliseconds a step, tokens a second (and MFU where it is known), bits per byte of the
validation set from stage to stage. Drawn with the standard library: lines, dots and text are all that it takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from reference_model.reproduce import target
from reference_model.reproduce.results import Progress, SeedResult, progress

COLOURS = ("#0b6e99", "#c2571a", "#4c8b2b", "#8b4fa8", "#555555")
RECORD = "#999999"
WIDTH, HEIGHT = 460, 250  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 20, 44, 34
_NAME = 62  # of a line, in the row of names below the title

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """Points that belong together. `dots`: marked one by one instead of joined."""

    name: str
    points: Points
    colour: str
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. `names`: what stands under the whole numbers of the x axis, instead of the numbers."""

    title: str
    lines: list[Line]
    names: Sequence[str] = field(default=())


def curves(logs: Mapping[int, str], results: Sequence[SeedResult], compared: bool) -> str:
    """The picture, as SVG. `compared`: the record's own course is drawn, too."""
    steps = {seed: steps_of(text) for seed, text in logs.items()}
    colour = {seed: COLOURS[index % len(COLOURS)] for index, seed in enumerate(sorted(steps))}

    def lines(value: str, scale: float = 1.0) -> list[Line]:
        found = []
        for seed, seen in sorted(steps.items()):
            points = [(float(s.step), getattr(s, value) * scale) for s in seen if getattr(s, value) is not None]
            found.append(Line(f"seed {seed}", points[_SETTLING:] if len(points) > 2 * _SETTLING else points,
                              colour[seed]))  # fmt: skip
        return found

    losses, paces = lines("loss"), lines("step_ms")
    shares = lines("mfu", 100.0)
    by_stage = [
        Line(
            f"seed {r.seed}",
            [(i + _APART * (n + 1), e.val_bpb) for i, e in enumerate(r.evaluations)],
            colour[r.seed],
            True,
        )
        for n, r in enumerate(results)
    ]
    names = [e.name for e in results[0].evaluations] if results else []
    if compared:
        losses.append(Line("record", [(s, sum(v) / 3) for s, v in target.LOSSES.items()], RECORD, True))
        last = max((s.step for seen in steps.values() for s in seen), default=0)
        before, after = target.MS_PER_STEP
        paces.append(Line("record", [(0, before), (3000, before), (3000, after), (max(last, 3000), after)], RECORD))
        stages = {name: sum(v) / 3 for name, v in target.STAGES}
        by_stage.append(Line("record", [(i, stages[n]) for i, n in enumerate(names) if n in stages], RECORD, True))
    if any(line.points for line in shares):
        work = Panel("MFU, % of 989 TFLOP/s on each card", shares)
    else:
        fastest = max((s.tokens_per_second for seen in steps.values() for s in seen), default=0)
        unit, scale = ("million", 1e-6) if fastest >= 1_000_000 else ("thousand", 1e-3)
        work = Panel(f"{unit} tokens a second, since the start", lines("tokens_per_second", scale))
    panels = [Panel("training loss, nats per token, by step", losses), Panel("milliseconds a step", paces), work,
              Panel("validation, bits per byte", by_stage, names)]  # fmt: skip
    drawn = "\n".join(
        f'<g transform="translate({index % 2 * WIDTH},{index // 2 * HEIGHT})">{_panel(panel)}</g>'
        for index, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {2 * HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>\n{drawn}\n</svg>\n'
    )


_APART = 0.06  # between the seeds' dots at one stage: they would hide each other
_SETTLING = 6  # the first steps' lines, whose losses and times would flatten the rest


def steps_of(text: str) -> list[Progress]:
    """The steps that a log tells of, in order."""
    return [step for line in text.splitlines() if (step := progress(line)) is not None]


def _panel(panel: Panel) -> str:
    lines = [line for line in panel.lines if line.points]
    title = f'<text x="{_LEFT}" y="18" font-size="12" font-weight="bold">{escape(panel.title)}</text>'
    if not lines:
        return f'{title}<text x="{_LEFT}" y="60" fill="{RECORD}">the logs have no figures of this</text>'
    xs, ys = ([point[axis] for line in lines for point in line.points] for axis in (0, 1))
    x_ticks = list(range(len(panel.names))) if panel.names else ticks(min(xs), max(xs))
    y_ticks = ticks(min(ys), max(ys))
    low_x, high_x = (-0.4, len(panel.names) - 0.6) if panel.names else (min(0.0, min(xs)), max(*xs, x_ticks[-1]))
    low_y, high_y = min(*ys, y_ticks[0]), max(*ys, y_ticks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / ((high_x - low_x) or 1.0) * (WIDTH - _LEFT - _RIGHT)
        up = (y - low_y) / ((high_y - low_y) or 1.0) * (HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across, HEIGHT - _BOTTOM - up

    parts = [title]
    for y in y_ticks:
        height = place(low_x, y)[1]
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{_number(y, y_ticks)}</text>')
    for x in x_ticks:
        name = escape(panel.names[int(x)]) if panel.names else _number(x, x_ticks)
        where = f'x="{place(x, low_y)[0]:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle"'
        parts.append(f"<text {where}>{name}</text>")
    for index, line in enumerate(lines):
        parts += _drawn(line, [place(*point) for point in line.points], index)
    return "".join(parts)


def _drawn(line: Line, at: Points, index: int) -> list[str]:
    """The line, and its name in the row between title and chart, where no line runs through it."""
    colour = f'fill="{line.colour}"'
    if line.dots:
        parts = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {colour} fill-opacity="0.75"/>' for x, y in at]
    else:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts = [f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="1.4"/>']
    return [*parts, f'<text x="{_LEFT + _NAME * index}" y="34" {colour}>{escape(line.name)}</text>']


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`: one, two or five times a power of ten apart."""
    span = (high - low) or abs(high) or 1.0
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    apart = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first, last = math.floor(low / apart + 1e-9), math.ceil(high / apart - 1e-9)
    return [apart * count for count in range(first, max(last, first + 1) + 1)]


def _number(value: float, among: Sequence[float]) -> str:
    apart = among[1] - among[0] if len(among) > 1 else 1.0
    return f"{value:,.{max(0, -math.floor(math.log10(apart) + 1e-9))}f}"
