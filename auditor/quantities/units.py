"""Units: the word after a number, and the unit that a key or a heading names."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORD = re.compile(r"([*`\"']{0,3}\s{0,3})([A-Za-z\u00b5\u03bc%]{1,20}\.?)")
# Words that go on with the sentence, not with the figure.
_NO_UNIT = frozenset(
    (
        "of",
        "for",
        "at",
        "and",
        "in",
        "on",
        "to",
        "with",
        "total",
        "from",
        "by",
        "as",
        "is",
        "was",
        "or",
        "over",
        "per",
        "vs",
        "the",
        "a",
        "than",
        "after",
        "before",
        "while",
        "when",
        "used",
        "available",
        "left",
        "elapsed",
        "wallclock",
        "wall",
        "limit",
        "cap",
        "max",
        "step",
        "steps",
        "both",
        "all",
        "each",
        "across",
        "seed",
        "seeds",
    )
)
_IN_BRACKETS = re.compile(r"\s{0,2}[\[(]([A-Za-z\u00b5\u03bc]{1,12})[\])]")  # 640.1 [s]
_PERCENT = re.compile(r"\s?%")
_RATE = re.compile(r"\s{0,2}(?:/\s?[A-Za-z]|per\b(?! (?:run|seed|phase|rank|job)))")

SECONDS_OF = {
    "ns": 1e-9, "nanoseconds": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "microsecond": 1e-6,
    "microseconds": 1e-6, "ms": 1e-3, "MS": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millis": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3,
    "s": 1.0, "S": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "mn": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "H": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
BYTES_OF: Mapping[str, float] = {
    "b": 1, "byte": 1, "bytes": 1, "octet": 1, "octets": 1,
    "kb": 10**3, "kbytes": 10**3, "kilobyte": 10**3, "kilobytes": 10**3,
    "mb": 10**6, "mbytes": 10**6, "megabyte": 10**6, "megabytes": 10**6,
    "gb": 10**9, "gigabyte": 10**9, "gigabytes": 10**9,
    "kib": 1024, "kibibyte": 1024, "kibibytes": 1024, "mib": 1024**2, "mebibyte": 1024**2, "mebibytes": 1024**2,
    "gib": 1024**3, "gibibyte": 1024**3, "gibibytes": 1024**3,
    "bit": 0.125, "bits": 0.125, "kbit": 125, "kbits": 125, "kilobit": 125, "kilobits": 125,
    "mbit": 125e3, "mbits": 125e3, "megabit": 125e3, "megabits": 125e3, "gbit": 125e6, "gbits": 125e6,
}  # fmt: skip


def unit_at(text: str, at: int) -> tuple[str, int, str]:
    """The unit after a number: word ("" for none), its end, and why what stands there is no unit of a quantity."""
    percent = _PERCENT.match(text, at)
    if percent:
        return "%", percent.end(), "a percentage"
    word = _WORD.match(text, at)
    if word is None:
        bracketed = _IN_BRACKETS.match(text, at)
        if bracketed and (scale_of_time(bracketed[1]) is not None or bracketed[1].lower() in BYTES_OF):
            return bracketed[1], bracketed.end(), ""
        return "", at, ""
    unit = word[2].rstrip(".")
    following = text[word.end() : word.end() + 1]
    attached = not word[1]
    if not attached and (unit.lower() in _NO_UNIT or (following and following in ":=_([")):
        return "", at, ""
    end = word.start(2) + len(unit)
    if following.isdigit() or following == "_":
        return unit, end, f"the unit {text[word.start(2) : word.end() + 8].split()[0]!r} is not known"
    if _RATE.match(text, end):
        return unit, end, "a rate"
    return unit, end, ""


def scale_of_size(unit: str) -> float | None:
    """Bytes in one unit. `Mb` is a million bits, and many mean bytes: it is not known."""
    return None if unit in _BITS_OR_BYTES else BYTES_OF.get(unit.lower())


def scale_of_time(unit: str) -> float | None:
    """Seconds in one unit. `M` and `Ms` are no spellings of anything that is meant here."""
    found = SECONDS_OF.get(unit)
    return found if found is not None or len(unit) < 3 else SECONDS_OF.get(unit.lower())


_BITS_OR_BYTES = frozenset(["Kb", "Mb", "Gb", "Kib", "Mib", "Gib"])
_BRACKETED = re.compile(r"[\[(]\s{0,2}([A-Za-z\u00b5]{1,12})\s{0,2}[\])]")
_CAMEL = re.compile(r"(?<=[a-z])(Ms|Secs?|Seconds|Mins?|Minutes|Hours|Bytes|MB|MiB|KB|KiB)(?=[A-Z_]|$)")
# In the middle of a name `s`, `m`, `min` and the like mean something else.
_ANYWHERE = frozenset(["ms", "msec", "millis", "milliseconds", "sec", "secs", "seconds", "minutes", "mins", "hours"])
_SIZE_ANYWHERE = frozenset(["bytes", "byte", "kb", "mb", "gb", "kib", "mib", "gib"])


def unit_of_name(name: str, *, size: bool = False) -> str:
    """The unit that a key or a heading names: `train_time_ms`, `Train (s)`, `artifact_mb`; "" where it names none."""
    name = _CAMEL.sub(lambda match: "_" + match[1], name[:200])
    bracketed: list[str] = _BRACKETED.findall(name)
    words = [word for word in re.split(r"[^A-Za-z\u00b5]+", name) if word]
    known = BYTES_OF if size else SECONDS_OF
    for word in reversed(bracketed):
        if word.lower() in known:
            return word.lower()
    anywhere = _SIZE_ANYWHERE if size else _ANYWHERE
    for word in reversed(words):
        if word.lower() in anywhere:
            return word.lower()
    last = words[-1].lower() if len(words) > 1 else ""
    return last if last in known else ""
