"""The frontier over time as inline SVG: what is valid as the audit sees it, what was accepted, what was claimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from auditor.queue.board import Point, Standings
from auditor.report.text import escape_html

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 420, 62, 16, 34, 30
_STEP = 0.01  # bits per byte, the least between two lines of the grid
_LOWEST = 1.0  # no legal score below it has survived a review: what claims less stands on the floor
_LINES = (
    ("claimed", "claimed by anybody", "4 3"),
    ("accepted", "accepted records", ""),
    ("valid", "valid as audited", ""),
)


def frontier_chart(standings: Standings, *, since: str = "") -> str:
    """The chart from a day (ISO) on; empty where there is nothing to show."""
    lines = {"claimed": standings.claimed, "accepted": standings.accepted, "valid": standings.valid}
    first_day, last_day = _span(standings)
    points = [point for point in standings.points if max(since, first_day) <= point.day <= last_day]
    shown = [p for p in (*points, *standings.accepted) if p.day >= since]
    if not shown:
        return ""
    first, last = (date.fromisoformat(pick(p.day for p in shown)) for pick in (min, max))
    last = max(last, first + timedelta(days=1))
    reached = [p.bpb for p in (*standings.accepted, *standings.valid) if p.day >= since and p.bpb >= _LOWEST]
    high = min(max(reached, default=1.3) + _STEP, 1.3)
    low = max(min(reached, default=_LOWEST) - 3 * _STEP, _LOWEST - _STEP)

    def x(day: str) -> float:
        share = (max(date.fromisoformat(day), first) - first) / (last - first)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(bpb: float) -> float:
        share = (min(max(bpb, low), high) - low) / (high - low)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)

    said = escape_html(_description(lines, first, last))
    parts = [f'<svg class="frontier" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">']
    parts += _grid(low, high, first, last, x, y)
    parts += [_dot(p, x, y, low) for p in points if p.bpb <= high]
    for name, _, dash in _LINES:
        parts.append(_stairs(name, dash, [p for p in lines[name] if _in(p, since, lines[name])], x, y))
    return "".join([*parts, "</svg>"])


def _span(standings: Standings) -> tuple[str, str]:
    """The days that a date can mean: a submission that bears another one has it wrong."""
    days = [date.fromisoformat(point.day) for point in standings.accepted]
    if not days:
        return "", "9999-12-31"
    return (min(days) - timedelta(days=7)).isoformat(), (max(days) + timedelta(days=60)).isoformat()


def _in(point: Point, since: str, line: Sequence[Point]) -> bool:
    """On the line from that day on, or the step on which the line stands then."""
    before = [p for p in line if p.day < since]
    return point.day >= since or (bool(before) and point == before[-1])


def _description(lines: dict[str, tuple[Point, ...]], first: date, last: date) -> str:
    ends = [f"{title}: {lines[name][-1].bpb:.4f}" for name, title, _ in _LINES if lines[name]]
    return f"Best score in bits per byte from {first} to {last}. {'; '.join(ends)}"


def _grid(
    low: float, high: float, first: date, last: date, x: Callable[[str], float], y: Callable[[float], float]
) -> list[str]:
    step = _STEP
    while (high - low) / step > 9:
        step *= 2 if round(step / 10 ** len(str(int(1 / step))), 3) != 0.02 else 2.5
    parts = []
    value = round(low / step + 0.499) * step
    while value <= high:
        at = y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:g}" text-anchor="end">{value:.2f}</text>')
        value = round(value + step, 6)
    days = (last - first).days
    for tick in range(0, days + 1, max(1, -(-days // 7))):
        day = (first + timedelta(days=tick)).isoformat()
        anchor = "end" if tick > days * 0.95 else "middle"
        parts.append(f'<text x="{x(day)}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="{anchor}">{day[5:]}</text>')
    parts.append('<text x="4" y="14" text-anchor="start">bits per byte, lower is better</text>')
    return parts


def _dot(point: Point, x: Callable[[str], float], y: Callable[[float], float], low: float) -> str:
    kind = "valid" if point.valid else "invalid"
    where = f"{point.bpb:.4f}" + (", below the chart" if point.bpb < low else "")
    title = escape_html(
        f"#{point.pr} {point.day}: {where}, {'valid' if point.valid else 'not valid'}: {point.name}"[:160]
    )
    cx, cy = x(point.day), y(point.bpb)
    if point.valid:
        mark = f'<circle class="{kind}" cx="{cx}" cy="{cy}" r="3.5">'
        return f"{mark}<title>{title}</title></circle>"
    path = f"M{cx - 3:g} {cy - 3:g}l6 6m0-6l-6 6"
    return f'<path class="{kind}" d="{path}"><title>{title}</title></path>'


def _stairs(
    name: str, dash: str, points: Sequence[Point], x: Callable[[str], float], y: Callable[[float], float]
) -> str:
    if not points:
        return ""
    path = f"M{x(points[0].day)} {y(points[0].bpb)}"
    for point in points[1:]:
        path += f"H{x(point.day)}V{y(point.bpb)}"
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path class="line {name}" d="{path}H{_WIDTH - _RIGHT}"{dashed}/>'
