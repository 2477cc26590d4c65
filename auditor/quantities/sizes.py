"""Sizes, in bytes."""

from __future__ import annotations

import math
import re

from auditor.quantities.figures import SPACED, Reading, after_decoration, after_spread, figure_at, value_of
from auditor.quantities.units import scale_of_size, unit_at


def size_at(text: str, at: int = 0, default: str = "") -> Reading | None:
    """The size that stands at `at`, in bytes; None where no number does.

    `15988293 bytes`, `15,988,293 B`, `15 988 293 bytes`, `15.99 MB` (a million bytes), `15.25 MiB`. A bare number is
    in the unit `default`; without one its unit is not known.
    """
    start = after_decoration(text, at)
    spaced = SPACED.match(text, start)
    if spaced and (default or scale_of_size(unit_at(text, spaced.end())[0]) is not None):
        number: Reading | None = Reading(value_of(spaced[0]), start, spaced.end())
    else:
        number = figure_at(text, start)
    if number is None or number.value is None:
        return number
    if not math.isfinite(number.value) or number.value < 0:
        return Reading(None, start, number.end, problem="not a number of bytes")
    unit, end, problem = unit_at(text, after_spread(text, number.end))
    if problem:
        return Reading(None, start, end, unit, problem)
    scale = scale_of_size(unit or default)
    if scale is None:
        return Reading(None, start, end, unit, f"the unit {unit!r} is not known" if unit else "it has no unit")
    amount = number.value * scale
    if scale == 1 and amount != int(amount):
        return Reading(None, start, end, unit, "a fraction of a byte")
    return Reading(float(round(amount)), start, end, unit, exact=scale == 1)


def find_size(text: str, at: int = 0) -> Reading | None:
    """The exact size of a text where it has one (`15.99 MB (15,988,293 bytes)`), else its first one with a unit."""
    first: Reading | None = None
    for match in re.finditer(r"(?<![\w.,/:-])\d", text[:4_000]):
        if match.start() < at or (first is not None and match.start() < first.end):
            continue
        reading = size_at(text, match.start())
        if reading is None or reading.value is None:
            continue
        if reading.exact:
            return reading
        first = first or reading
    return first
