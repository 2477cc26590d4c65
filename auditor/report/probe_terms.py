"""The picture of an exchange: what each token that was tried would have been given, added up."""

from __future__ import annotations

from auditor.probe.model import Holds, Measurement, Term
from auditor.report.significance import axes
from auditor.report.significance.axes import Scale
from auditor.report.text import count

_LEFT, _RIGHT = 210, axes.WIDTH - 60
_TOP, _ROW = 56, 18  # pixels: where the first row is, and its height
_ROWS = 16  # terms that are drawn, the largest first
_WHY = {
    "there": "stands there", "seen": "seen before", "prefix": "begins what came", "likely": "likely", "drawn": "drawn",
}  # fmt: skip


def terms_plot(m: Measurement) -> str:
    """Bars that follow each other along one axis of probability, with a line at 1; the model's own beside each."""
    shown = [t for t in m.terms if t.position == m.terms[0].position][:_ROWS]
    rest = len(m.terms) - len(shown)
    end = max(1.1, m.total or 0.0, sum(t.probability for t in m.terms)) * 1.04
    x = Scale(0, end, _LEFT, _RIGHT)
    bottom = _TOP + _ROW * (len(shown) + (1 if rest else 0))
    colour = "violation" if m.holds is Holds.NO else "clean"
    parts, so_far = [], 0.0
    for row, term in enumerate(shown):
        y = _TOP + row * _ROW
        parts.append(axes.text(_LEFT - 8, y + 12, _label(term), "end"))
        parts.append(_bar(x, so_far, term.probability, y, colour))
        if term.model is not None:
            parts.append(_bar(x, so_far, term.model, y + 11, "soft", 3))
        so_far += term.probability
    if rest:
        others = sum(t.probability for t in m.terms[len(shown) :])
        parts.append(axes.text(_LEFT - 8, bottom - 6, f"{rest} more", "end"))
        parts.append(_bar(x, so_far, others, bottom - _ROW, colour))
    parts.append(axes.line(x(1.0), _TOP - 8, x(1.0), bottom + 4, "accent", width=2))
    parts.append(axes.text(x(1.0), _TOP - 12, "1: a distribution", colour="accent"))
    parts.append(axes.line(_LEFT, bottom, _RIGHT, bottom, "soft"))
    parts += [axes.text(x(v), bottom + 18, f"{v:g}") for v in axes.ticks(0, end)]
    parts.append(axes.text((_LEFT + _RIGHT) / 2, bottom + 36, "probability, added up", colour="ink"))
    place = m.terms[0].position
    title = f"Exchange: what other tokens at position {place:,} would have been given"
    said = f"{count(len(m.terms), 'token')} tried, {so_far:.4g} together of the {len(shown)} shown"
    return axes.frame(
        "probe-exchange", title, said, bottom + 44, [axes.text(8, 16, title, "start", "ink"), *parts]
    )  # fmt: skip


def _bar(x: Scale, start: float, value: float, y: float, colour: str, tall: int = 10) -> str:
    size = f'width="{max(x(start + value) - x(start), 1.0):.1f}" height="{tall}"'
    return f'<rect x="{x(start):g}" y="{y:g}" {size} fill="var(--{colour})"/>'


def _label(term: Term) -> str:
    piece = repr(term.piece)[1:-1] if term.piece.strip() else "a space" if term.piece else f"token {term.token}"
    return f"{piece[:14]}  {_WHY[term.chosen]}  {term.probability:.3g}"
