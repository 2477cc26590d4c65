"""Figures of claims: JSON numbers and what people write into strings and tables."""

from __future__ import annotations

import math
import re

from auditor.quantities import duration_at, find_durations, find_figure, find_size, size_at, unit_of_name

_MAX_TEXT = 400
# `<16 MB` is a limit that was kept, and no size.
_BOUND = re.compile(r"\s{0,4}(?:[<>\u2264\u2265]|(?:under|below|within|less than|at most|up to)\b)", re.IGNORECASE)
_LEAST_BYTES = 1000  # a bare size below this is in megabytes
# The longest phase that anybody trained for lasts two days; a bare number far beyond that is in milliseconds, one
# near it may be either.
_LONGEST_SECONDS, _LEAST_MILLISECONDS = 100_000.0, 300_000.0


def first_figure(text: str) -> float | None:
    """The first number in the text, whatever follows it; None without one."""
    reading = find_figure(text[:_MAX_TEXT])
    return reading.value if reading is not None and reading.value is not None and math.isfinite(reading.value) else None


def _plain(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > 10**18:
        return None
    return float(value) if math.isfinite(value) else None


def to_float(value: object) -> float | None:
    """A figure without unit; None where the value is none."""
    return first_figure(value) if isinstance(value, str) else _plain(value)


def to_bytes(value: object, key: str = "") -> int | None:
    """Bytes; the unit is the text's own, else the key's. A bare number under 1,000 is taken as megabytes."""
    if isinstance(value, str):
        text = value[:_MAX_TEXT]
        if _BOUND.match(text):
            return None
        sized = find_size(text)
        if sized is not None and sized.value is not None:
            return round(sized.value)
        bare = find_figure(text)
        known = size_at(text, bare.start, "mb") if bare is not None else None
        if bare is None or known is None or known.value is None:
            return None
        spaced = size_at(text, bare.start, "bytes")
        if spaced is not None and spaced.value is not None and spaced.end > bare.end:
            return round(spaced.value)  # `15 988 293`: as many digits are bytes
        amount = bare.value
    else:
        amount = _plain(value)
    if amount is None or not math.isfinite(amount) or amount < 0:
        return None
    unit = unit_of_name(key, size=True)
    # A key may name megabytes and hold bytes: no artifact has a million megabytes.
    if unit and (unit not in ("b", "byte", "bytes")) and amount < 1_000_000:
        scaled = size_at(f"{amount:.12g} {unit}")
        return round(scaled.value) if scaled is not None and scaled.value is not None else None
    return round(amount * 1e6) if 0 < amount < _LEAST_BYTES else round(amount)


def to_seconds(value: object, key: str = "") -> float | None:
    """Seconds; the unit is the text's own, else the key's (`_ms`, `_min`), else seconds.

    None where a unit is not known, and for a bare number that may be in seconds as well as in milliseconds.
    """
    unit = unit_of_name(key)
    if isinstance(value, str):
        text = value[:_MAX_TEXT]
        timed = find_durations(text)
        if timed:
            return timed[0].value
        bare = find_figure(text)
        reading = duration_at(text, bare.start, unit or "s") if bare is not None else duration_at(text)
        if reading is None or reading.value is None:
            return None
        amount, unit = (reading.value, "s") if unit or reading.unit else (reading.value, "")
    else:
        plain = _plain(value)
        if plain is None:
            return None
        amount = plain
    if unit:
        reading = duration_at(f"{amount:.12g} {unit}")
        return reading.value if reading is not None else None
    if amount <= _LONGEST_SECONDS:
        return amount
    return amount / 1000 if amount >= _LEAST_MILLISECONDS else None


def to_count(text: str) -> int | None:
    """The whole number that a text begins with: `7,101`, `5 538`, `50K`, `4837 / 20000`; None for a fraction."""
    match = _COUNT.match(text[:_MAX_TEXT])
    if match is None:
        return None
    return int(re.sub(r"\D", "", match[1])) * (1_000 if match[2] else 1)


_COUNT = re.compile(
    r"[\s~\u2248*`]{0,6}(\d{1,3}(?:[ ,_\u00a0\u202f]\d{3})+|\d{1,12})(?!\.\d)(?:\s?(k)\b)?", re.IGNORECASE
)


def to_seed(value: object) -> int | None:
    """`42`, `"seed_42"`, `"Seed 1337"`, `"s314"` as a seed."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 10**12 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and 0 <= value < 10**12 else None
    if isinstance(value, str):
        match = _SEED.fullmatch(value.strip().strip("*`").strip())
        return int(match[1]) if match else None
    return None


_SEED = re.compile(
    r"(?:\w{0,24}[ _-])?(?:seed|s)?[ _:=#-]{0,3}(\d{1,10})(?:[ _(*\u2020\u2021].{0,40})?", re.IGNORECASE | re.DOTALL
)
