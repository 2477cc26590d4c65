"""The picture of a flip: how much the scores changed along the stream, and where it was changed, as inline SVG."""

from __future__ import annotations

import itertools
import math

from auditor.probe.model import Holds, Kind, Measurement, Probe
from auditor.report.probe_terms import terms_plot
from auditor.report.significance import axes
from auditor.report.significance.axes import Scale

_LEFT, _RIGHT = 96, axes.WIDTH - 24
_TOP, _TALL, _FLAT = 52, 120, 34  # pixels: where a drawing begins, its height, and that of one without a change
_FLOOR = 1e-7  # nats; what is smaller is drawn as nothing
_TITLES = {
    Kind.FUTURE_FLIP: "Future flip: change of each score where the tokens after the line are others",
    Kind.TARGET_FLIP: "Target flip: change of each score where the token at the line is another",
}


def plots(probe: Probe) -> list[str]:
    """One drawing for each flip that has a profile, and one of the tokens of an exchange; what is broken first."""
    drawn = sorted((m for m in probe.measurements if m.terms or m.profile), key=lambda m: m.holds is not Holds.NO)
    wanted = (m for m in drawn if m.terms or m.kind in _TITLES)
    return [terms_plot(m) if m.terms else _plot(m, probe.stream_tokens) for m in wanted]


def _plot(m: Measurement, tokens: int) -> str:
    places = [position for position, _ in m.profile]
    end = max(tokens, places[-1] + 1, m.flipped or 0)
    x = Scale(0, end, _LEFT, _RIGHT)
    values = [value for _, value in m.profile if math.isfinite(value)]
    noise = m.noise if m.noise is not None and math.isfinite(m.noise) else 0.0
    top = max([*values, noise])
    bottom = _TOP + (_TALL if top > _FLOOR else _FLAT)
    y = Scale(math.log10(_FLOOR), math.ceil(math.log10(max(top, _FLOOR * 100))), bottom, _TOP)
    parts = [axes.left_axis(y, _LEFT, _RIGHT, "nats", _marks(y, top), above=8)]
    if m.flipped is not None:
        parts.append(_others(x, m, bottom))
    parts += _bars(m, x, y)
    if noise > _FLOOR:
        level = y(math.log10(noise))
        parts.append(axes.line(_LEFT, level, _RIGHT, level, "disputed", width=1.5, dash="5 4"))
        parts.append(axes.text(_RIGHT, level - 5, "noise", "end", "disputed"))
    parts += _positions(x, bottom)
    title = _TITLES[m.kind]
    return axes.frame(
        f"probe-{m.kind}", title, _said(m), bottom + 44, [axes.text(8, 16, title, "start", "ink"), *parts]
    )


def _marks(y: Scale, top: float) -> list[tuple[float, str]]:
    """Every second power of ten, from the top down."""
    powers = range(math.floor(y.high), math.ceil(y.low) + 1, -2) if top > _FLOOR else ()
    return [(y.low, "no change"), *((p, f"{10.0**p:g}") for p in powers)]


def _others(x: Scale, m: Measurement, bottom: float) -> str:
    """The line at the first changed position; for the future flip the shade over what comes after it."""
    assert m.flipped is not None
    at = x(m.flipped)
    shade = ""
    if m.kind is Kind.FUTURE_FLIP:
        size = f'width="{max(_RIGHT - at, 0):g}" height="{bottom - _TOP:g}"'
        shade = f'<rect x="{at:g}" y="{_TOP}" {size} fill="var(--mark)" opacity="0.6"/>'
        shade += axes.text((at + _RIGHT) / 2, _TOP + 16, "other tokens")
    return shade + axes.line(at, _TOP - 6, at, bottom, "accent", width=2)


def _bars(m: Measurement, x: Scale, y: Scale) -> list[str]:
    """One bar a bin; a bin without a change is a tick below the axis, so that what was compared can be seen."""
    colour = "violation" if m.holds is Holds.NO else "clean"
    steps = [after - before for (before, _), (after, _) in itertools.pairwise(m.profile)]
    wide = max(x(min(steps, default=int(x.high) // 10)) - _LEFT - 0.6, 1.0)
    parts = []
    for position, value in m.profile:
        at = x(position)
        parts.append(axes.line(at, y.start + 3, min(at + wide, _RIGHT), y.start + 3, "soft", width=3))
        if math.isfinite(value) and value > _FLOOR:
            level = y(math.log10(value))
            size = f'width="{wide:.1f}" height="{y.start - level:.1f}"'
            parts.append(f'<rect x="{at:g}" y="{level:g}" {size} fill="var(--{colour})"/>')
    return parts


def _positions(x: Scale, bottom: float) -> list[str]:
    parts = [axes.line(_LEFT, bottom, _RIGHT, bottom, "soft")]
    parts += [axes.text(x(v), bottom + 20, f"{v:,.0f}") for v in axes.ticks(0, x.high)]
    parts.append(axes.text((_LEFT + _RIGHT) / 2, bottom + 38, "position in the stream", colour="ink"))
    return parts


def _said(m: Measurement) -> str:
    said = f"{m.compared:,} scores compared, {m.changed:,} changed"
    if m.flipped is not None:
        said += f"; changed from position {m.flipped:,}" if m.kind is Kind.FUTURE_FLIP else f"; at {m.flipped:,}"
    changed = [(p, v) for p, v in m.profile if v > _FLOOR]
    if changed:
        position, value = max(changed, key=lambda pair: pair[1])
        said += f"; the largest change is {value:.4g} nats near position {position:,}"
    return said
