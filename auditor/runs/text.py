"""A log's text as lines that patterns can be matched against in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Longer lines are cut before anything is matched: no figure that a trainer prints stands behind this column.
MAX_LINE = 2_000
# What torchrun, logging and shell wrappers put before a line.
_PREFIX = re.compile(
    r"\s{0,8}(?:"
    r"\[(?:rank|default)\d{1,4}\]:?"
    r"|\[\d{4}-\d\d-\d\d[^\]\[]{0,24}\]"
    r"|\[\d\d:\d\d:\d\d[^\]\[]{0,8}\]"
    r"|\[\w{3} \w{3} [ \d]\d [^\]\[]{0,24}\]"
    r"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,\dZ]{0,10}"
    r")\s{0,4}(?:(?:INFO|DEBUG|WARNING)\b:?\s{0,4})?[-|]?\s{0,4}"
)
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")

Line = tuple[int, str]  # 1-based number in the file, text


def split_lines(text: str) -> list[str]:
    """Lines as editors number them (LF, CRLF); a lone CR stays inside its line."""
    return text.split("\n")


def clean(line: str) -> str:
    """The line without what wraps it: colours, rank and time prefixes, overprinted parts of a progress bar."""
    if len(line) > MAX_LINE:
        line = line[:MAX_LINE]
    if "\r" in line:
        line = line.rstrip("\r").rsplit("\r", 1)[-1]
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    if line[:1] in "[12" or line[:3].strip()[:1] == "[":  # a bracket, or the year
        match = _PREFIX.match(line)
        if match:
            line = line[match.end() :]
    return line


def cleaned(lines: list[str], skip: list[tuple[int, int]], start: int, stop: int) -> Iterator[Line]:
    """Numbered clean lines of `lines[start:stop]`, without the index ranges in `skip` (sorted, half-open)."""
    ranges = [r for r in skip if r[1] > start and r[0] < stop]
    position = start
    for begin, end in [*ranges, (stop, stop)]:
        for index in range(position, min(begin, stop)):
            yield index + 1, clean(lines[index])
        position = max(position, end)
