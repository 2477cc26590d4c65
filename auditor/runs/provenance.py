"""Whether a log can be of a program: its result labels, and the source that it echoes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from auditor.runs.echo import echoed_ranges
from auditor.runs.text import log_lines

_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{3,40}(?![A-Za-z0-9])")
_LEAST_LINES = 40  # of an echo: fewer are an excerpt
_LEAST_SHARE = 0.5  # of an echo's lines that must be a text's for the two to be one program's


@dataclass(frozen=True, slots=True)
class Difference:
    """An echoed source beside the text of the folder that is closest to it: lines that only the echo has."""

    first_line: int  # of the log
    path: str
    only_echoed: tuple[tuple[int, str], ...]  # number in the log, text
    echoed: int  # lines of the echo that hold something


def foreign_words(label: str, texts: Iterable[str], values: Iterable[str]) -> tuple[str, ...]:
    """The words of a result's label that occur in none of the texts and values a program could print them from."""
    known = "\n".join((*texts, *values)).lower()
    words = dict.fromkeys(word.lower() for word in _WORD.findall(label))
    return tuple(word for word in words if word not in known)


def echo_difference(log: str, first: int, texts: Sequence[tuple[str, str]]) -> Difference | None:
    """How the source that a log echoes from line `first` on differs from the folder's (path, text); None: not at all.

    Only lines that the echo has and the text lacks count, up to the last that both have: an echo may be cut.
    """
    echo = next((e for e in _echoes(log) if e[-1][0] >= first), None)
    if echo is None:
        return None
    best: Difference | None = None
    for path, text in texts:
        shipped = Counter(line.strip() for line in text.splitlines())
        only: list[tuple[int, str]] = []
        common = last = 0
        for number, line in echo:
            if shipped[line] > 0:
                shipped[line] -= 1
                common, last = common + 1, len(only)
            else:
                only.append((number, line))
        if common < _LEAST_SHARE * len(echo):
            continue
        if not last:
            return None
        if best is None or last < len(best.only_echoed):
            best = Difference(echo[0][0], path, tuple(only[:last]), len(echo))
    return best


@lru_cache(maxsize=8)
def _echoes(log: str) -> tuple[tuple[tuple[int, str], ...], ...]:
    """The echoed sources of a log: numbers and texts of the lines that hold something, without indentation."""
    numbered = list(log_lines(log).numbered())
    ranges = echoed_ranges([line for _, line in numbered])
    found = (tuple((n, line.strip()) for n, line in numbered[begin:end] if line.strip()) for begin, end in ranges)
    return tuple(echo for echo in found if len(echo) >= _LEAST_LINES)
