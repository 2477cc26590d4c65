"""The pictures of a probe in characters, for terminals and review comments; pages have them as SVG.

A flip is one row of bars along the stream, logarithmic; an exchange has a bar for each token, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.cells import set_cell_size

from auditor.probe.model import Holds, Kind, Measurement, Probe
from auditor.report.probe_terms import Row, rows
from auditor.report.significance.blocks import Drawing
from auditor.report.text import plain

WIDTH = 76  # columns, so that it stands in 80
_FLOOR = 1e-7  # nats; what is smaller is drawn as no change
_STEPS, _EIGHTHS = "▁▂▃▄▅▆▇█", "▏▎▍▌▋▊▉█"
_NONE, _NOTHING, _OTHERS, _LINE = "·", " ", "░", "┊"
_ROWS = 12  # tokens of an exchange that are drawn
_PIECE, _REASON, _VALUE = 15, 16, 9  # columns
_FLIPS = {
    Kind.FUTURE_FLIP: "Future flip: change of each score where tokens from {} on are others",
    Kind.TARGET_FLIP: "Target flip: change of each score where the token at {} is another",
}


def drawings(probe: Probe) -> Iterator[Drawing]:
    """What is broken first; of flips that changed nothing, the first alone."""
    flips = [m for m in probe.measurements if m.kind in _FLIPS and m.profile and m.flipped is not None]
    flips = [m for m in flips if m.holds is Holds.NO] or flips[:1]
    shown = [m for m in probe.measurements if m.terms or m in flips]
    for m in sorted(shown, key=lambda m: m.holds is not Holds.NO):
        yield _terms(m) if m.terms else _flip(m, probe.stream_tokens)


def _flip(m: Measurement, tokens: int) -> Drawing:
    flipped = m.flipped or 0
    last = max(p for p, _ in m.profile)
    end = max(tokens, last + 1, flipped + 1)
    cells = [math.nan] * WIDTH
    for position, change in m.profile:
        at = min(position * WIDTH // end, WIDTH - 1)
        cells[at] = change if math.isnan(cells[at]) else max(change, cells[at])
    line = min(flipped * WIDTH // end, WIDTH - 1)
    top = max([change for _, change in m.profile if math.isfinite(change)], default=0.0)
    bars = "".join(_cell(change, top) for change in cells[:line])
    after = _OTHERS * (WIDTH - line - 1) if m.kind is Kind.FUTURE_FLIP else _NOTHING * (WIDTH - line - 1)
    scale = f"{_NONE} no change"
    if top > _FLOOR:
        scale += f", {_STEPS} from {_FLOOR:.0e} to {top:.2g} nats (logarithmic)"
    if m.kind is Kind.FUTURE_FLIP:
        scale += f", {_OTHERS} other tokens"
    return Drawing(_FLIPS[m.kind].format(f"{flipped:,}"), ((bars + "│" + after).rstrip(), scale))


def _cell(change: float, top: float) -> str:
    if math.isnan(change):
        return _NOTHING
    if change <= _FLOOR:
        return _NONE
    share = math.log(min(change, top) / _FLOOR) / math.log(top / _FLOOR) if top > _FLOOR else 1.0
    return _STEPS[min(round(share * (len(_STEPS) - 1)), len(_STEPS) - 1)]


def _terms(m: Measurement) -> Drawing:
    """Each bar begins where the one before has ended."""
    left = _PIECE + _REASON + _VALUE + 3
    room = WIDTH - left - 1  # and one for the line at 1 where all is less
    shown = rows(m, _ROWS)
    end = max(1.0, sum(row.probability for row in shown))
    one = round(room / end)
    lines, so_far = [], 0.0
    for row in shown:
        bar = _bar(so_far / end * room, row.probability / end * room, room, one)
        lines.append((_label(row) + bar).rstrip())
        so_far += row.probability
    axis = f"{'0':<{one}}1"
    ending = f"{so_far:.4g}"
    if one + 3 + len(ending) < room:
        axis = f"{axis:<{room - len(ending)}}{ending}"
    lines.append(" " * left + axis)
    return Drawing(
        f"Exchange: probability of each token tried at position {m.terms[0].position:,}, added up", tuple(lines)
    )


def _label(row: Row) -> str:
    return f"{set_cell_size(plain(row.piece), _PIECE)} {row.why:<{_REASON}} {row.probability:>{_VALUE}.4g} "


def _bar(start: float, length: float, room: int, one: int) -> str:
    """In eighths of a column; the line at 1 where no bar is."""
    first = min(int(start), room - 1)
    eighths = max(round(length * 8), 1)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
    cells = [_NOTHING] * (room + 1)
    for i, cell in enumerate(bar[: room - first]):
        cells[first + i] = cell
    if cells[one] == _NOTHING:
        cells[one] = _LINE
    return "".join(cells)
