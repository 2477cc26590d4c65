"""The picture of an exchange: what each token that was tried would have been given, added up."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.probe.model import Holds, Measurement, Term
from auditor.report.significance import axes
from auditor.report.significance.axes import Scale
from auditor.report.text import count

_LEFT, _RIGHT = 190, axes.WIDTH - 76
_TOP, _ROW = 56, 18  # pixels: where the first row is, and its height
_ROWS = 16  # terms that are drawn, the largest first
_REST = 5e-4  # of probability: less than this is not drawn
WHY = {
    "there": "stands there", "seen": "seen before", "prefix": "begins what came", "likely": "likely", "drawn": "drawn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a token, or what others have together."""

    piece: str
    why: str
    probability: float
    model: float | None = None
    together: bool = False


def rows(m: Measurement, most: int = _ROWS) -> list[Row]:
    """The tokens of the position with the largest sum, what others tried have, and what is known of the rest."""
    terms = [t for t in m.terms if t.position == m.terms[0].position]
    shown = [Row(piece(t), WHY[t.chosen], t.probability, t.model) for t in terms[:most]]
    others = terms[most:]
    if others:
        shown.append(Row(f"{len(others)} more", "tried", sum(t.probability for t in others), None, together=True))
    rest = (m.total or 0.0) - sum(row.probability for row in shown)
    if rest > _REST:
        untold = m.compared - len(terms)
        name = f"{untold} more" if untold > 0 else "the others"
        shown.append(Row(name, "tried" if untold > 0 else "at least", rest, None, together=True))
    return shown


def piece(term: Term) -> str:
    """The token's text in quotation marks."""
    return f"'{repr(term.piece)[1:-1]}'" if term.piece else f"token {term.token}"


def terms_plot(m: Measurement) -> str:
    """Bars that follow each other along one axis of probability, with a line at 1; the model's own below each."""
    shown = rows(m)
    whole = sum(row.probability for row in shown)
    x = Scale(0, max(1.1, whole) * 1.04, _LEFT, _RIGHT)
    bottom = _TOP + _ROW * len(shown)
    colour = "violation" if m.holds is Holds.NO else "clean"
    own = any(row.model for row in shown)
    parts, so_far = [], 0.0
    for number, row in enumerate(shown):
        y = _TOP + number * _ROW
        parts.append(axes.text(_LEFT - 8, y + 11, f"{row.piece[:16]}, {row.why}", "end"))
        parts.append(_bar(x, so_far, row.probability, y + 1, colour))
        if row.model is not None:
            parts.append(_bar(x, so_far, row.model, y + 12, "soft", 3))
        so_far += row.probability
        parts.append(axes.text(x(so_far) + 6, y + 11, f"{row.probability:.3g}", "start", "ink"))
    parts.append(axes.line(x(1.0), _TOP - 8, x(1.0), bottom + 4, "accent", width=2))
    parts.append(axes.text(x(1.0), _TOP - 12, "1: a distribution", colour="accent"))
    parts.append(axes.line(_LEFT, bottom, _RIGHT, bottom, "soft"))
    parts += [axes.text(x(v), bottom + 18, f"{v:g}") for v in axes.ticks(0, x.high)]
    unit = "probability, added up" + ("; thin: what the model alone gives it" if own else "")
    parts.append(axes.text((_LEFT + _RIGHT) / 2, bottom + 36, unit, colour="ink"))
    title = f"Exchange: what other tokens at position {m.terms[0].position:,} would have been given"
    said = f"{count(m.compared or len(m.terms), 'token')} tried, {whole:.4g} together"
    return axes.frame(
        "probe-exchange", title, said, bottom + 44, [axes.text(8, 16, title, "start", "ink"), *parts]
    )  # fmt: skip


def _bar(x: Scale, start: float, value: float, y: float, colour: str, tall: int = 10) -> str:
    size = f'width="{max(x(start + value) - x(start), 1.0):.1f}" height="{tall}"'
    return f'<rect x="{x(start):g}" y="{y:g}" {size} fill="var(--{colour})"/>'
