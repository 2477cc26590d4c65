"""A dot plot of the seeds' bits per byte against the claim, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from auditor.report.text import escape_html

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 24, 90, 30, 26, 34


def seeds_plot(points: Sequence[tuple[str, float]], mean: float | None, claim: float | None) -> str:
    """One row per seed: (label, bits per byte). Empty when there is nothing to compare.

    The axis is drawn to the spread of the values, so that differences in the fourth decimal are visible.
    """
    values = [value for _, value in points] + [v for v in (mean, claim) if v is not None]
    values = [value for value in values if math.isfinite(value)]
    if not points or len(points) + (claim is not None and math.isfinite(claim)) < 2 or len(values) < 2:
        return ""
    low, high = min(values), max(values)
    margin = (high - low) * 0.12 or max(abs(low) * 1e-4, 1e-6)
    low, high = low - margin, high + margin
    bottom = _TOP + _ROW * len(points)

    def x(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {bottom + _BOTTOM}" role="img" aria-label="{_description(points, mean, claim)}">'
    ]
    parts += _axis(low, high, x(low), x(high), bottom)
    if claim is not None and math.isfinite(claim):
        parts += _rule(x(claim), bottom, "claim", "var(--accent)", dashed=True)
    if mean is not None:
        parts += _rule(x(mean), bottom, "mean", "var(--ink)", dashed=False)
    for row, (label, value) in enumerate(points):
        y = _TOP + _ROW * row + _ROW / 2
        parts.append(f'<text x="{_LEFT - 14}" y="{y + 4:g}" text-anchor="end">{escape_html(label[:12])}</text>')
        if math.isfinite(value):
            parts.append(f'<circle cx="{x(value)}" cy="{y:g}" r="5" fill="var(--clean)" stroke="var(--paper)"/>')
    parts.append("</svg>")
    return "".join(parts)


def _description(points: Sequence[tuple[str, float]], mean: float | None, claim: float | None) -> str:
    said = "; ".join(f"{label}: {value:.8f}" for label, value in points)
    said += f"; mean {mean:.8f}" if mean is not None else ""
    said += f"; claimed {claim:.8f}" if claim is not None else ""
    return escape_html(f"Bits per byte by seed. {said}")


def _axis(low: float, high: float, left: float, right: float, y: int) -> list[str]:
    parts = [f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="var(--line)"/>']
    for value, at, anchor in (
        (low, left, "start"),
        ((low + high) / 2, (left + right) / 2, "middle"),
        (high, right, "end"),
    ):
        parts.append(f'<text x="{at:g}" y="{y + 20}" text-anchor="{anchor}">{value:.5f}</text>')
    return parts


def _rule(x: float, bottom: int, label: str, colour: str, *, dashed: bool) -> list[str]:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    # The claim is named above the rows and the mean below them: the two are often one pixel apart.
    y = _TOP - 10 if dashed else bottom + 32
    return [
        f'<line x1="{x}" y1="{_TOP - 4}" x2="{x}" y2="{bottom}" stroke="{colour}"{dash}/>',
        f'<text x="{x}" y="{y}" text-anchor="middle">{label}</text>',
    ]
