"""Figures without a unit: as plain text, with separators, in the wrappers that numpy and torch print."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_DIGITS = (
    r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,3}(?:_\d{3}){1,6}|\d{1,3}(?:['\u2019]\d{3}){1,6}"
    r"|\d{1,3}(?:[\u00a0\u202f\u2009]\d{3}){1,6}|\d{1,18})"
)
_PLAIN = rf"(?:{_DIGITS}(?:\.\d{{0,25}})?|\.\d{{1,25}})(?:[eE][-+]?\d{{1,3}})?"
# What follows a whole number: neither more digits nor a version, a decimal comma, a clock or a range.
_WHOLE = r"(?!\d|#|[._:\u2013'-]\d|[xX][0-9a-fA-F])"
NUMBER = re.compile(
    rf"[-+\u2212]?(?:{_PLAIN}{_WHOLE}|(?:nan|inf(?:inity)?)(?![A-Za-z0-9_]))",
    re.IGNORECASE,
)
_BEGINS = re.compile(r"[-+\u2212]?\.?\d")
_TOKEN = re.compile(r"[^\s|;)\]}]{0,200}")
SPACED = re.compile(r"\d{1,3}(?: \d{3}){1,5}(?![\d.,:_]|\s?\d)")  # 15 988 293: only where a unit follows
# numpy 2, torch and decimal print the type around the value; devices and dtypes come after it.
_WRAPPER = re.compile(
    r"(?:[A-Za-z_]\w{0,20}\.){0,3}"
    r"(?:b?float\d{0,3}|u?int\d{0,3}|longdouble|double|half|single|[Tt]ensor|[Aa]rray|DeviceArray|Decimal|scalar)\("
    r"[\[\"']{0,2}\s{0,3}"
)
_WRAPPED_END = re.compile(r"\s{0,3}[\]\"']{0,2}(?:,\s{0,3}[a-z_]{1,20}=[^,()]{0,60}(?:\([^()]{0,60}\))?){0,5}\s{0,3}\)")
_DECORATION = re.compile(r"[\s*`~\u2248\"']{0,12}(?:[(\[][\s*`~\u2248\"']{0,3})?(?:\+(?=\d))?")
_SPREAD = re.compile(r"\s{0,3}(?:\u00b1|\+/-|\+-|\\pm)\s{0,3}")
_UNCERTAINTY = re.compile(r"\(\d{1,3}\)")  # 1.1187(3): the spread of the last digits

_LARGEST = 1e18


@dataclass(frozen=True, slots=True)
class Reading:
    """A number at a place of a text. `value` is None where it is none that can be taken: `problem` says why.

    Durations are in seconds, sizes in bytes; `unit` is as written, "" for a bare number. `exact` is False for what
    was rounded to a larger unit. The number stands at `text[start:end]`, unit included.
    """

    value: float | None
    start: int
    end: int
    unit: str = ""
    problem: str = ""
    exact: bool = True


def after_decoration(text: str, at: int) -> int:
    """Past blanks, quotes, asterisks and tildes, and one bracket."""
    match = _DECORATION.match(text, at)
    return match.end() if match else at


def figure_at(text: str, at: int = 0) -> Reading | None:
    """The figure that stands at `at`, after blanks, quotes and asterisks; None where none does.

    `1.1187`, `9.687e-01`, `16_000_000`, `np.float64(1.1)`, `tensor(1.1, device='cuda:0')`, `1.1187 +- 0.0003` (the
    mean), `nan` and `inf` (as those floats). A version, a date, a range or a decimal comma is no figure.
    """
    at = after_decoration(text, at)
    wrapper = _WRAPPER.match(text, at)
    inside = wrapper.end() if wrapper else at
    match = NUMBER.match(text, inside)
    value = value_of(match[0]) if match and not _goes_on(text, match) else None
    if match is None or value is None:
        return _unreadable(text, inside) if _BEGINS.match(text, inside) else None
    end = match.end()
    if wrapper:
        closing = _WRAPPED_END.match(text, end)
        if closing is None:
            return _unreadable(text, inside)
        end = closing.end()
    uncertainty = _UNCERTAINTY.match(text, end)
    end = uncertainty.end() if uncertainty and "." in match[0] else end
    return Reading(value, at, end)


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether a comma and digits follow a number without a point: a decimal comma, or a list."""
    return "." not in match[0] and text[match.end() : match.end() + 1] == "," and text[match.end() + 1 :][:1].isdigit()


def _unreadable(text: str, at: int) -> Reading:
    token = _TOKEN.match(text, at)
    end = token.end() if token else at
    return Reading(None, at, end, problem=f"{text[at : min(end, at + 40)]!r} is no number that is understood")


def value_of(written: str) -> float | None:
    plain = re.sub(r"[,_'\u2019\u00a0\u202f\u2009 ]", "", written).replace("\u2212", "-")
    value = float(plain)
    # Too large for a float is not what was printed as infinity.
    overflown = math.isinf(value) and plain.lstrip("+-")[:1].isdigit()
    return None if overflown or (math.isfinite(value) and abs(value) >= _LARGEST) else value


def find_figure(text: str, at: int = 0) -> Reading | None:
    """The first figure from `at` on that begins where no word or number goes on; None without one."""
    for match in re.finditer(r"(?<![\w.,])[-+\u2212]?\.?\d|(?<![\w.])(?:nan|inf(?:inity)?)\b", text[:4_000], re.I):
        if match.start() < at:
            continue
        reading = figure_at(text, match.start())
        if reading is not None and reading.value is not None:
            return reading
    return None


def after_spread(text: str, at: int) -> int:
    """Where `+- 0.3` ends, behind a number that ends at `at`; `at` without one. The unit may stand behind it."""
    sign = _SPREAD.match(text, at)
    reading = figure_at(text, sign.end()) if sign else None
    return reading.end if reading is not None and reading.value is not None else at


def spread_after(text: str, at: int) -> float | None:
    """The spread in `1.1187 +- 0.0003`, where `at` is the end of the mean."""
    sign = _SPREAD.match(text, at)
    reading = figure_at(text, sign.end()) if sign else None
    return reading.value if reading else None
