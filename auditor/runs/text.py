"""A log's text as lines that patterns can be matched against in linear time."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from auditor.runs.framing import unframe

# Longer lines are cut before anything is matched: no figure that a trainer prints stands behind this column.
MAX_LINE = 2_000
# Dumps of hyperparameters on one line are longer than that.
MAX_DUMP = 20_000
_USUAL, _USUAL_LINES = 1_000_000, 20_000  # characters and lines of a log
# Colours, cursor movements, titles and links of terminals.
_ANSI = re.compile(
    r"\x1b(?:\[[0-9;:?<=>]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[@-Z\\^_]|[()][0-9A-B])"
)
# A progress bar at the start of a line: `val:  93%|####  | 1680/1893 [00:52<00:08, 6.05it/s]`.
_BAR = re.compile(
    r"[^|\r]{0,80}?\d{1,3}%\s?\|[^|]{0,400}\|[^\[\r]{0,60}\[[^\]\r]{0,120}\]?"
    r"|\s{0,8}\d{1,9}/\d{1,9} \[[=>.#-]{4,200}\](?: - ETA: [\w:]{1,12})?"
)
_OTHER_BAR = re.compile(
    r"\s{0,8}(?:[^\[\r]{0,40}\[[#=>.\s-]{4,200}\]|.{0,40}[\u2588\u2501\u2592\u2591]{2,200})[\s\d/%.:,<>a-z-]{0,80}$"
)

# Where carriage returns were lost, bars stand one behind the other: what is between them is their title.
_ANY_BAR = re.compile(
    r"\d{1,3}%\s?\|[^|\r]{0,400}\|[^\[\r|]{0,60}\[[^\]\r]{0,160}\]|\d{1,9}it \[\d[\d:]{3,11}, [^\]\r]{0,160}\]"
    r"|\d{1,9}/\d{1,9} \[[=>.#-]{4,200}\](?: - ETA: [\w:]{1,12})?(?: - \w{1,20}: [\d.e+-]{1,20}){0,6}"
)
# The cursor goes to another line or column: what is written next is another text.
_CURSOR = re.compile(r"\x1b\[[0-9;]{0,12}[ABEFGH]")

# A bar behind what was printed, and a share of the work in front of it, without a blank between.
_BAR_BEHIND = re.compile(
    r"(?:[A-Za-z]\w{0,20}:)?\s{0,4}\d{1,3}%\|[^|]{0,400}\|[^\[\r]{0,60}\[[^\]\r]{0,120}\]?\s{0,9}$"
)
_TOLD = re.compile(r"[A-Za-z .:]{1,30}\d{1,3}(?:\.\d{1,2})?%(?=[a-z]{3})")
_NO_BREAK = re.compile(r"(?<!\d)[\u00a0\u202f]|[\u00a0\u202f](?!\d)")  # between digits it parts thousands
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_BARS = ("%|", "% |", "it [", " [=")
_REWRITTEN = ("\r", "\x08", *_BARS)  # marks of lines that were written more than once
_MARKS = ("\x1b", "%", "[==", "\r", "\x08", " \n", "\t\n")  # of what `clean` takes off

Line = tuple[int, str]  # 1-based number in the file, text


@dataclass(frozen=True, slots=True)
class LogLines:
    """What a log says, line by line, without what wraps it.

    `lines` has one entry for each line of the file; more where carriage returns made several, and `numbers` then tells
    which line each is from. `streams` tells the writer of each, where there are several.
    """

    lines: list[str]
    numbers: list[int] | None = None
    streams: list[int] | None = None

    def numbered(self) -> Iterator[Line]:
        return zip(self.numbers, self.lines, strict=True) if self.numbers is not None else enumerate(self.lines, 1)

    def between(self, first: int, last: int) -> list[str]:
        """The texts of the file's lines `first` to `last`, counted from 1; what lies outside is left out."""
        if self.numbers is None:
            return self.lines[max(0, first - 1) : max(0, last)]
        return self.lines[bisect_left(self.numbers, first) : bisect_right(self.numbers, last)]


def log_lines(text: str) -> LogLines:
    """The lines of a log. Logs of the usual size are kept for the whole audit, since most rules come back to them.

    What is kept has some 100 bytes a line beside the text: lines are bounded, too.
    """
    usual = len(text) <= _USUAL and text.count("\n") <= _USUAL_LINES
    return _usual(text) if usual else _long(text)


@lru_cache(maxsize=32)
def _usual(text: str) -> LogLines:
    return _read(text)


@lru_cache(maxsize=4)
def _long(text: str) -> LogLines:
    return _read(text)


def _read(text: str) -> LogLines:
    if "\x1b[" in text:
        text = _CURSOR.sub("\r", text)
    physical = split_lines(text)
    numbers: list[int] | None = None
    if any(mark in text for mark in _REWRITTEN):
        numbers, parts = [], []
        for number, line in enumerate(physical, 1):
            for part in _parts(line) if "[" in line or "\r" in line or "\x08" in line else (line,):
                numbers.append(number)
                parts.append(part)
        numbers, physical = numbers if len(parts) > len(physical) else None, parts
    # One look at the whole text spares most logs the look at each line.
    plain = (
        text.isascii() and not any(mark in text for mark in _MARKS) and max(map(len, physical), default=0) <= MAX_DUMP
    )
    framed = unframe(physical if plain else [clean(line) for line in physical])
    return LogLines(framed.lines, numbers, framed.streams)


def split_lines(text: str) -> list[str]:
    """Lines as editors number them (LF, CRLF; others where there is no LF); a lone CR stays inside its line."""
    if "\n" in text:
        return text.split("\n")
    return text.split("\r") if "\r" in text else text.splitlines()


def clean(line: str) -> str:
    """The line without colours, and without a progress bar that stands on it."""
    if "\r" in line or "\x08" in line:
        line = _parts(line)[-1]
    if "\x1b" in line:
        line = _ANSI.sub("", line[: 2 * MAX_DUMP])
    line = line[:MAX_DUMP].rstrip(" \t")  # tables and rich consoles fill their lines
    if "%" in line or "[==" in line:
        line = _without_bar(line)
    return line if line.isascii() else _NO_BREAK.sub(" ", line.translate(_FULL_WIDTH))


def _without_bar(line: str) -> str:
    bar = _BAR.match(line[:MAX_LINE]) or _TOLD.match(line)
    if bar is not None and line[bar.end() :].strip():
        line = line[bar.end() :]
        line = line[1:] if line[:1] == " " and line[1:2] != " " else line  # two blanks are an indentation
    behind = _BAR_BEHIND.search(line) if "%|" in line[1:MAX_LINE] else None
    return line[: behind.start()] if behind and behind.start() else line


def _parts(line: str) -> list[str]:
    """What was written on one line, one after the other, without the bars; at least one text.

    A terminal shows the last alone, but a figure that a bar overwrote was printed all the same.
    """
    if "\x08" in line:
        line = re.sub("\x08{1,400}", "\r", line)
    if "\r" not in line:
        line = _parted(line)
    if "\r" not in line.rstrip("\r"):
        return [line.rstrip("\r")]
    written = [part for part in line.split("\r") if part.strip()]
    kept = [part for part, after in pairwise([*written, ""]) if part != after and not _is_bar(part)]
    return kept or written[-1:] or [""]


def _parted(line: str) -> str:
    """The line with a carriage return for each of several bars, and without the title that stands before them."""
    if sum(map(line.count, _BARS)) < 2:
        return line
    bars = list(_ANY_BAR.finditer(line))
    if len(bars) < 2:
        return line
    ends = [0, *(bar.end() for bar in bars)]
    between = [line[end : bar.start()] for end, bar in zip(ends, bars, strict=False)]
    title = max(between[1:], key=between.count).strip("\r")
    kept = [part.removesuffix(title) if title.strip() else part for part in between]
    return "\r".join([*kept, line[ends[-1] :]])


def _is_bar(part: str) -> bool:
    bar = _BAR.match(part[:MAX_LINE])
    if bar is not None:
        return not part[bar.end() :].strip()
    return _OTHER_BAR.match(part[:MAX_LINE]) is not None


def without(lines: Sequence[Line], skip: list[tuple[int, int]]) -> Iterator[Line]:
    """The lines outside of the index ranges in `skip` (sorted, half-open)."""
    position = 0
    for begin, end in [*skip, (len(lines), len(lines))]:
        yield from lines[position:begin]
        position = max(position, end)
