"""The lines of a submission that a location points to."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from auditor.findings import Location
from auditor.source import Sources
from auditor.submission import Submission

LONGEST = 8  # lines of one finding that are quoted
_MILE = 256  # lines from one remembered place in a text to the next
# What Python and every editor take for a line end; str.splitlines would also break at form feeds.
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Line:
    """One quoted line. `marked`: the finding is about it, as opposed to context."""

    number: int
    text: str
    marked: bool


def text_at(sources: Sources, submission: Submission, location: Location) -> str | None:
    """The text that the location's lines are counted in: a decoded unit, else the file as shipped."""
    for unit in sources.units:
        if unit.path == location.path and unit.layer == location.layer:
            return unit.text
    if location.layer == 0:
        shipped = submission.by_path.get(location.path)
        if shipped is not None and shipped.data is not None:
            return shipped.text
    return None


def quote(sources: Sources, submission: Submission, location: Location, context: int = 0) -> tuple[Line, ...]:
    """The located lines and `context` lines around them, blank ones at the ends left out; empty where unknown."""
    if location.line is None or location.line < 1:
        return ()
    text = text_at(sources, submission, location)
    if text is None:
        return ()
    last = min(max(location.end_line or location.line, location.line), location.line + LONGEST - 1)
    first_quoted = max(1, location.line - context)
    lines = _lines(text, first_quoted, last + context)
    quoted = [
        Line(number, line, location.line <= number <= last) for number, line in enumerate(lines, start=first_quoted)
    ]
    wanted = [index for index, line in enumerate(quoted) if line.marked or line.text.strip()]
    return tuple(quoted[wanted[0] : wanted[-1] + 1]) if wanted else ()


def line_at(text: str, number: int, longest: int) -> str:
    """One line of a text, from 1, without the space around it and shortened; "" where there is none."""
    found = _lines(text, number, number) if number > 0 else []
    return shortened(found[0], longest) if found else ""


def shortened(text: str, longest: int) -> str:
    """The text without the space around it, or its start and an ellipsis."""
    text = text.strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _lines(text: str, first: int, last: int) -> list[str]:
    """Lines `first` to `last` (from 1) without splitting a long text as a whole, or reading it from its start."""
    known = _milestones(text)
    at = min((first - 1) // _MILE, len(known) - 1)
    number, start = at * _MILE + 1, known[at]
    found: list[str] = []
    for match in _NEWLINE.finditer(text, start):
        if number >= first:
            found.append(text[start : match.start()])
        if number >= last:
            return found
        number, start = number + 1, match.end()
    if number >= first and start < len(text):
        found.append(text[start:])
    return found


@lru_cache(maxsize=4)  # many places of few texts are quoted
def _milestones(text: str) -> tuple[int, ...]:
    """Where every so many-th line begins."""
    ends = itertools.islice(_NEWLINE.finditer(text), _MILE - 1, None, _MILE)
    return (0, *(match.end() for match in ends))
