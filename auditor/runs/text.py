"""A log's text as lines that patterns can be matched against in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from auditor.runs.framing import Framed, unframe

# Longer lines are cut before anything is matched: no figure that a trainer prints stands behind this column.
MAX_LINE = 2_000
# Dumps of hyperparameters on one line are longer than that.
MAX_DUMP = 20_000
# Colours, cursor movements, titles and links of terminals.
_ANSI = re.compile(
    r"\x1b(?:\[[0-9;:?<=>]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[@-Z\\^_]|[()][0-9A-B])"
)
# A progress bar at the start of a line: `val:  93%|####  | 1680/1893 [00:52<00:08, 6.05it/s]`.
_BAR = re.compile(r"[^|\r]{0,80}?\d{1,3}%\s?\|[^|]{0,400}\|[^\[\r]{0,60}\[[^\]\r]{0,120}\]?")
_OTHER_BAR = re.compile(
    r"\s{0,8}(?:[^\[\r]{0,40}\[[#=>.\s-]{4,200}\]|.{0,40}[\u2588\u2501\u2592\u2591]{2,200})[\s\d/%.:,<>a-z-]{0,80}$"
)

Line = tuple[int, str]  # 1-based number in the file, text


@lru_cache(maxsize=4)
def log_lines(text: str) -> Framed:
    """The lines of a log without what wraps them, as many as it has; line N of the file is `lines[N - 1]`."""
    return unframe([clean(line) for line in split_lines(text)])


def split_lines(text: str) -> list[str]:
    """Lines as editors number them (LF, CRLF; CR where there is nothing else); a lone CR stays inside its line."""
    return text.split("\n") if "\n" in text else text.split("\r")


def clean(line: str) -> str:
    """The line as a terminal leaves it: without colours, and without what a progress bar printed over."""
    if "\x08" in line:
        line = re.sub("\x08{1,400}", "\r", line)
    if "\r" in line:
        line = _last_written(line)
    if "\x1b" in line:
        line = _ANSI.sub("", line[: 2 * MAX_DUMP])
    line = line[:MAX_DUMP]
    if "%" in line:
        bar = _BAR.match(line[:MAX_LINE])
        if bar is not None and line[bar.end() :].strip():
            line = line[bar.end() :].lstrip()
    return line


def _last_written(line: str) -> str:
    """Of the parts between carriage returns, the last that is written and no bar; else the last that is written."""
    last = ""
    for part in reversed(line.split("\r")):
        if not part.strip():
            continue
        if not _is_bar(part):
            return part
        last = last or part
    return last


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
