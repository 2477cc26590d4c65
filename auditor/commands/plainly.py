"""What an encoding lacks, said in ASCII: rules and bars by what looks like them, the rest by its number."""

from __future__ import annotations

import codecs
import unicodedata

HANDLER = "golf-plainly"

_LIKE = {
    "\u2026": "...", "\u2264": "<=", "\u2265": ">=", "\u00b1": "+-", "\u00d7": "x", "\u2212": "-", "\u2013": "-",
    "\u2014": "--", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2192": "->", "\u2190": "<-",
    "\u2191": "^", "\u2193": "v", "\u2713": "x", "\u2714": "x", "\u2717": "!", "\u2718": "!", "\u2032": "'",
    "\u03a3": "sum", "\u0394": "delta", "\u00b7": ".", "\u25cf": "*", "\u25cb": "o", "\u25a0": "#", "\u25a1": ".",
    "\u25c6": "*", "\u203a": ">", "\u2039": "<", "\u00a6": "|",
}  # fmt: skip


def register() -> None:
    """Make the handler known to streams, which name it."""
    codecs.register_error(HANDLER, _handler)


def _handler(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


def plain(char: str) -> str:
    """One character in ASCII; a backslash escape where nothing looks like it."""
    like = _LIKE.get(char)
    if like is not None:
        return like
    code = ord(char)
    if 0x2500 <= code < 0x2580:
        name = unicodedata.name(char, "")
        both = "VERTICAL" in name and "HORIZONTAL" in name
        return "+" if both or "AND" in name else "|" if "VERTICAL" in name else "-"
    if 0x2580 <= code < 0x25A0:
        return "." if char in "\u2591\u2592" else "#"
    if 0x2800 <= code < 0x2900:
        return "*" if code > 0x2800 else " "
    return char.encode("ascii", "backslashreplace").decode("ascii")
