"""Durations, in seconds."""

from __future__ import annotations

import math
import re

from auditor.quantities.figures import NUMBER, SPACED, Reading, after_decoration, after_spread, figure_at, value_of
from auditor.quantities.units import SECONDS_OF, scale_of_time, unit_at

_CLOCK = re.compile(
    r"(?:(\d{1,3})\s?d(?:ays?)?,?\s{1,2})?(\d{1,4}):([0-5]?\d)(?::([0-5]?\d(?:\.\d{1,9})?)|(\.\d{1,9}))?(?![\d:])"
)
_COMPACT = re.compile(
    r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m(?:ins?)?)?(?:(\d{1,6}(?:\.\d{1,9})?)s(?:ecs?)?)?(?![A-Za-z0-9])"
)
_ISO = re.compile(r"P(?:(\d{1,3})D)?T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?(?![A-Za-z0-9])")
# A number that is no part of a word, a date, a clock or a larger number; `elapsed:12.3s` is one.
_START = re.compile(r"(?<![\w.,/-])(?<!\d:)\d")
_PRIMES = re.compile(r"(?:(\d{1,2})[h\u00b0] ?)?(\d{1,3})['\u2032] ?([0-5]?\d(?:\.\d{1,3})?)(?:[\"\u2033]|'')")
_DELTA = re.compile(r"(?:datetime\.)?timedelta\(((?:[a-z]{4,12}=\d{1,12}(?:\.\d{1,9})?(?:, ?)?){1,5})\)")
_PART_OF_DELTA = re.compile(r"([a-z]{4,12})=([\d.]{1,22})")
_NEXT_PART = re.compile(r"\s{0,2}(?:,|:|and|&)?\s{0,2}")


# How trainers print most of theirs: nothing but the next key, or nothing, stands behind it.
_USUAL = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|s)(?=$|\s[A-Za-z_]{3,20}[:=])")


def duration_at(text: str, at: int = 0, default: str = "") -> Reading | None:
    """The duration that stands at `at`, in seconds; None where no number does.

    `640.1 seconds`, `10.67 min`, `0:10:40`, `10m40s`, `10 min 40 s`, `6.401e+05ms`, `PT10M40S`. A bare number is
    in the unit `default` (see `unit_of_name`); without one its unit is not known.
    """
    usual = _USUAL.match(text, at)
    if usual and not text[at - 1 : at].isdigit():
        return Reading(round(float(usual[1]) * (0.001 if usual[2] == "ms" else 1.0), 9), at, usual.end(), usual[2])
    start = after_decoration(text, at)
    delta = _DELTA.match(text, start)
    if delta:
        parts_of = (float(part) * SECONDS_OF.get(unit, math.nan) for unit, part in _PART_OF_DELTA.findall(delta[1]))
        seconds = sum(parts_of)
        known = math.isfinite(seconds)
        return Reading(round(seconds, 9) if known else None, start, delta.end(), "s", "" if known else "no duration")
    clock = _CLOCK.match(text, start)
    if clock and not text[start - 1 : start].isdigit():
        return _clock(clock)
    primes = _PRIMES.match(text, start)
    if primes:
        hours, minutes, seconds = (float(part or 0) for part in primes.groups())
        return Reading(hours * 3600 + minutes * 60 + seconds, start, primes.end(), "s")
    for pattern, least in ((_ISO, 1), (_COMPACT, 2)):
        parts = pattern.match(text, start)
        if parts and sum(part is not None for part in parts.groups()) >= least:
            days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
            return Reading(days * 86400 + hours * 3600 + minutes * 60 + seconds, start, parts.end(), "s")
    spaced = SPACED.match(text, start)
    if spaced and scale_of_time(unit_at(text, spaced.end())[0]) is not None:
        number: Reading | None = Reading(value_of(spaced[0]), start, spaced.end())
    else:
        number = figure_at(text, start)
    if number is None or number.value is None:
        return number
    if not math.isfinite(number.value) or number.value < 0:
        return Reading(None, start, number.end, problem="no time that passes")
    unit, end, problem = unit_at(text, after_spread(text, number.end))
    if problem:
        return Reading(None, start, end, unit, problem)
    if not unit:
        return _bare(number, default)
    scale = scale_of_time(unit)
    if scale is None:
        return Reading(None, start, end, unit, f"the unit {unit!r} is not known")
    seconds, end = _further_parts(text, number.value * scale, end, scale)
    return Reading(round(seconds, 9), start, end, unit)


def _bare(number: Reading, default: str) -> Reading:
    scale = scale_of_time(default) if default else None
    if scale is None or number.value is None:
        return Reading(None, number.start, number.end, "", "it has no unit")
    return Reading(round(number.value * scale, 9), number.start, number.end)


def _clock(match: re.Match[str]) -> Reading:
    """`H:MM:SS` and `MM:SS`, with days before and a fraction after."""
    days, first, second, third, fraction = match.groups()
    parts = [float(first), float(second)]
    if third is not None:
        seconds = parts[0] * 3600 + parts[1] * 60 + float(third)
    else:
        seconds = parts[0] * 60 + parts[1] + float(fraction or 0)
    return Reading(seconds + 86400 * float(days or 0), match.start(), match.end(), ":")


def _further_parts(text: str, seconds: float, end: int, scale: float) -> tuple[float, int]:
    """`40s` after `10m`: parts in smaller units that stay below one of the larger."""
    while True:
        gap = _NEXT_PART.match(text, end)
        number = NUMBER.match(text, gap.end()) if gap else None
        if number is None:
            return seconds, end
        value = value_of(number[0])
        unit, stop, problem = unit_at(text, number.end())
        part = scale_of_time(unit) if unit and not problem else None
        if part is None or value is None or part >= scale or value < 0 or value * part >= scale:
            return seconds, end
        seconds, end, scale = seconds + value * part, stop, part


def find_durations(text: str, at: int = 0, reach: int = 400) -> list[Reading]:
    """The durations with a unit of their own that begin within `reach` characters of `at`, in order."""
    found: list[Reading] = []
    for match in _START.finditer(text, at, min(len(text), at + reach)):
        if found and match.start() < found[-1].end:
            continue
        reading = duration_at(text, match.start())
        if reading is not None and reading.value is not None:
            found.append(reading)
    return found
