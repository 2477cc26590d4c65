"""Figures, durations and sizes as logs, JSON and prose spell them: one reader for all of them.

A reading is a value, or says why it is none. A unit that is not known gives no value: a guess would turn 640 s into
0.64 s. All patterns are bounded, so that reading is linear in the text.
"""

from auditor.quantities.durations import duration_at, find_durations
from auditor.quantities.figures import Reading, figure_at, find_figure, spread_after
from auditor.quantities.sizes import find_size, size_at
from auditor.quantities.units import unit_of_name

__all__ = [
    "Reading",
    "duration_at",
    "figure_at",
    "find_durations",
    "find_figure",
    "find_size",
    "size_at",
    "spread_after",
    "unit_of_name",
]
