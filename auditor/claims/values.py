"""Figures as people write them: thousands separators, units, approximations, bold."""

from __future__ import annotations

import math
import re

_FIGURE = re.compile(
    r"(?<![\w.])([-+\u2212]?\d{1,3}(?:[,_\u202f]\d{3}){1,5}(?:\.\d{1,12})?"
    r"|[-+\u2212]?\d{1,15}(?:\.\d{1,18})?(?:[eE][-+]?\d{1,3})?)"
)
_UNIT = re.compile(r"\s{0,3}(MiB|MB|KiB|KB|kB|GB|bytes|byte|B|ms|seconds|secs|sec|s|minutes|min|m|h)?(?![A-Za-z])")
_SCALE = {"mib": 1_048_576.0, "mb": 1e6, "kib": 1024.0, "kb": 1e3, "gb": 1e9}
_TIME = {"ms": 0.001, "minutes": 60.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_MAX_TEXT = 200


def first_figure(text: str) -> tuple[float, str] | None:
    """The first number in the text and the unit right after it (lower case, "" without one)."""
    text = text[:_MAX_TEXT].replace("*", "").replace("`", "").replace("~", "")
    match = _FIGURE.search(text)
    if match is None:
        return None
    plain = match[1].replace(",", "").replace("_", "").replace("\u202f", "").replace("\u2212", "-")
    try:
        value = float(plain)
    except ValueError:
        return None
    unit = _UNIT.match(text, match.end())
    return (value, (unit[1] or "").lower() if unit else "") if math.isfinite(value) else None


def _plain(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > 10**18:
        return None
    return float(value) if math.isfinite(value) else None


def to_float(value: object) -> float | None:
    """A figure without unit; None where the value is none."""
    if isinstance(value, str):
        figure = first_figure(value)
        return figure[0] if figure else None
    return _plain(value)


def to_bytes(value: object) -> int | None:
    """Bytes: a number of bytes, or a text with a unit. A bare number under 1,000 is taken as megabytes."""
    if isinstance(value, str):
        figure = first_figure(value)
        if figure is None:
            return None
        amount, unit = figure
        amount *= _SCALE.get(unit, 1.0)
        if unit in ("", "mb") and amount < 1000:
            amount *= 1e6
        return round(amount)
    amount_or_none = _plain(value)
    if amount_or_none is None:
        return None
    return round(amount_or_none * 1e6) if 0 < amount_or_none < 1000 else round(amount_or_none)


def to_seconds(value: object, key: str = "") -> float | None:
    """Seconds; the unit is the text's own, else the key's (`_ms`, `_min`), else seconds."""
    lower = key.lower()
    if isinstance(value, str):
        figure = first_figure(value)
        if figure is None:
            return None
        amount, unit = figure
        if unit:
            return amount * _TIME.get(unit, 1.0)
    else:
        amount_or_none = _plain(value)
        if amount_or_none is None:
            return None
        amount = amount_or_none
    if lower.endswith("ms") or "_ms_" in lower or "(ms)" in lower or " ms" in lower:
        return amount / 1000
    if lower.endswith(("_min", "minutes", "_m")) or "(min" in lower:
        return amount * 60
    # No phase of the challenge lasts a day: such a number is milliseconds.
    return amount / 1000 if amount > 100_000 else amount


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
