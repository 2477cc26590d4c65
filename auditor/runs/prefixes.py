"""The pieces that frames of log lines are made of: times, levels, numbers; and the shape that frames have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEVELS = (
    "TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARNING|WARN|ERROR|CRITICAL|FATAL|debug|info|notice|warning|warn|error|critical"
)
_DAY = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}(?:[-/.]\d{2,4})?"
    r"|(?:[A-Z][a-z]{2},? )?(?:[A-Z][a-z]{2} {1,2}\d{1,2}|\d{1,2}[ -][A-Z][a-z]{2})(?:[ -]\d{4})?"
)
_ZONE = rf"Z|UTC|GMT|(?!(?:{LEVELS})\b)[A-Z]{{3,4}}(?= )|[+-]\d\d:?\d\d"
_CLOCK = rf"\d{{1,2}}:\d\d(?::\d\d)?(?:[.,]\d{{1,9}})?(?: ?[AP]M)?(?: ?(?:{_ZONE}))?(?: \d{{4}})?"
STAMP = re.compile(
    rf"(?<![\w.:])(?:(?:{_DAY})[T _,]{{1,2}}(?:{_CLOCK})|(?:{_CLOCK})|\d{{10}}\.\d{{1,9}})(?:(?<=Z)|(?![\w:]))"
)
_LEVEL = re.compile(rf"(?<!\w)(?:{LEVELS})(?!\w)")
# glog and logcat print a letter: `I0405 12:00:01`, `[W 2026-04-05`.
_LETTER = r"(?<!\w)[DIWEFCN](?=\d{4,8}[ T]|[ ]\d|[ ][\w./]{1,80}\.(?:py|cc):\d)"
_SIGN = re.compile(r"[:\])|]?$")
_DECIMAL = r"(?<![\w.])\d{1,12}\.\d{1,9}(?!\w*[.]?\d)"  # seconds since the start: never the number of a writer
PIECE = re.compile(
    rf"(?P<stamp>{STAMP.pattern})|(?P<level>{_LEVEL.pattern})|(?P<letter>{_LETTER})|(?P<decimal>{_DECIMAL})"
    r"|(?P<first>^\s{0,40}\d{1,20})|(?P<number>\d{1,20})|(?P<blank>\s{1,40})"
)
PIECES = {
    "stamp": f"(?:{STAMP.pattern})", "level": f"(?:{LEVELS})", "letter": "[A-Z]", "decimal": r"\d{1,12}\.\d{1,9}",
    "first": r"[ \t]*\d+", "number": r"\d+", "blank": r"[ \t]+",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A frame's pattern without its last blanks, and how many those are; with a padded level, how wide that is.

    `sign` stands between a padded level and its blanks: `INFO:     `. Where nothing follows the frame, editors take the
    blanks off.
    """

    stem: str
    padded: bool
    blanks: int
    sign: str = ""

    @property
    def pattern(self) -> str:
        if self.padded:
            return self.stem + _padded_level(self.sign, self.blanks)
        return self.stem + (rf"(?:[ \t]{{{self.blanks}}}|$)" if self.blanks else "")


def _padded_level(sign: str, width: int) -> str:
    """Any level with the blanks that fill it up to `width`, one at least."""
    levels = (rf"{level}{sign}(?:[ \t]{{{max(1, width - len(level))}}}|$)" for level in LEVELS.split("|"))
    return "(?:" + "|".join(levels) + ")"


def shape_of(prefix: str) -> Shape:
    """What prefixes have in common that differ in nothing but times, levels and numbers."""
    body = prefix.rstrip()
    blanks = len(prefix) - len(body)
    parts: list[str] = []
    at = 0
    for match in PIECE.finditer(body):
        parts.append(re.escape(body[at : match.start()]))
        at = match.end()
        if match.lastgroup == "level" and blanks and _SIGN.match(body, at):
            return Shape("".join(parts), True, len(match[0]) + blanks, re.escape(body[at:]))
        parts.append(PIECES[match.lastgroup or ""])
    parts.append(re.escape(body[at:]))
    return Shape("".join(parts), False, blanks)
