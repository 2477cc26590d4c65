"""Which numbers of a frame label writers: ranks and jobs that write into one log, taking turns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from auditor.runs.openers import Sighting

MOST_STREAMS = 64
_RANK = re.compile(r"(?:rank|default|worker|proc|process|node|gpu|pid|task)[ _:=#-]?$|\[\d{1,4},$", re.IGNORECASE)
# `train_gpt.py:120`, `__main__:main:41`: the place in the code, where nothing calls it a rank.
_CODE_LINE = re.compile(
    r"(?<![A-Za-z])(?!(?:rank|default|worker|proc|process|node|gpu|pid|task):)[A-Za-z_][\w.]{0,80}:$", re.IGNORECASE
)
_STEP_NUMBER = re.compile(r"\d{1,9}")


def labels_of(
    pattern: re.Pattern[str], shapes: int, groups: Sequence[str], sample: Sequence[str], sightings: Sequence[Sighting]
) -> tuple[str, ...]:
    """The groups by which writers take turns; `f0`, `f1` where whole frames do.

    A number that stands for a rank or a process does so on all lines; of others only lines of one kind tell, and those
    only where their steps do not rise as those of one writer. The line of the code that printed one labels nobody.
    """
    everywhere = [match for line in sample if (match := pattern.match(line)) is not None]
    kinds = Counter(sighting.kind for sighting in sightings)
    kind = "step" if kinds["step"] > 2 else max(kinds, key=lambda kind: kinds[kind], default="")
    same = [s for s in sightings if s.kind == kind]
    one_writer = kind == "step" and _rises([_number(sample[s.index], len(s.prefix)) for s in same])
    ours = [match for s in same if (match := pattern.match(sample[s.index])) is not None]
    labels = []
    for name in groups:
        first = next((match for match in everywhere if match[name]), None)
        if first is None or _CODE_LINE.search(first.string[: first.start(name)]):
            continue
        if _is_rank(first, name):
            turns = _take_turns([match[name] for match in everywhere if match[name]])
        else:
            turns = not one_writer and _take_turns([match[name] for match in ours if match[name]])
        labels += [name] if turns else []
    for name in () if one_writer else (f"f{index}" for index in range(shapes)):
        labels += [name] if _take_turns(["here" if match[name] is not None else "" for match in ours]) else []
    return tuple(labels)


def _is_rank(match: re.Match[str], name: str) -> bool:
    """Whether what stands before the number of a group calls it a rank, or nothing does and a colon follows."""
    before = match.string[: match.start(name)]
    return _RANK.search(before) is not None or (not before.strip() and match.string.startswith(": ", match.end(name)))


def _number(line: str, at: int) -> int:
    match = _STEP_NUMBER.search(line, at)
    return int(match[0]) if match else 0


def _rises(numbers: Sequence[int]) -> bool:
    """Whether the steps are those of one writer: they rise, but for the beginning of another run now and then."""
    return sum(a >= b for a, b in pairwise(numbers)) <= len(numbers) // 10


def _take_turns(values: Sequence[str]) -> bool:
    """Whether a few values come again after others: a counter or a clock never does."""
    different = len(set(values))
    if not 2 <= different <= min(MOST_STREAMS, len(values) // 2):
        return False
    changes = sum(a != b for a, b in pairwise(values))
    return changes >= different
