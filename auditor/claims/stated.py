"""Times that submission.json states anywhere in its object, under whatever names.

The claims know the usual keys; rows of ablations and nested tables hold more, and the caps speak of the largest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from auditor.claims.model import Claim
from auditor.claims.values import to_float, to_seconds
from auditor.quantities import find_durations, unit_of_name

Phase = Literal["train", "eval"]

_TIME = re.compile(r"time|wall_?clock|seconds|minutes|hours|elapsed|duration")
_PHASES: Mapping[Phase, re.Pattern[str]] = {"train": re.compile(r"train"), "eval": re.compile(r"eval|scoring")}
# Budgets, averages and sums over runs are not the time of one run.
_OTHER = re.compile(r"cap|limit|budget|reserv|max_|per_|avg|average|mean|step|total_(?:gpu|compute)|all_|sum|std")
_DEPTH = 6
_ENTRIES = 5_000
_TEXT = 60  # characters of a text that is a time, not a sentence that holds one


def times(raw: Mapping[str, object], phase: Phase) -> list[Claim[float]]:
    """Every stated time of that phase in seconds, with the path of its key."""
    other: Phase = "eval" if phase == "train" else "train"
    found = []
    for path, value in _values(raw):
        key = path.lower()
        last = key.rsplit(".", 1)[-1]
        has_unit = _is_time(value) if isinstance(value, str) else bool(unit_of_name(last))
        near = last if _PHASES[phase].search(last) or _PHASES[other].search(last) else key
        named = _PHASES[phase].search(near) and not _PHASES[other].search(near)
        if has_unit and named and _TIME.search(last) and not _OTHER.search(last):
            seconds = to_seconds(value, last)
            if seconds is not None:
                found.append(Claim(seconds, f"submission.json:{path}"))
    return found


def _is_time(text: str) -> bool:
    return len(text) < _TEXT and bool(find_durations(text))


def _values(raw: Mapping[str, object]) -> Iterator[tuple[str, float | str]]:
    """Numbers and texts below named keys, with dotted paths; bounded, since the file may hold anything."""
    pending: list[tuple[str, object, int]] = [(key, value, 1) for key, value in raw.items()]
    for _ in range(_ENTRIES):
        if not pending:
            return
        path, value, depth = pending.pop()
        if isinstance(value, Mapping) and depth < _DEPTH:
            pending += [(f"{path}.{key}", inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list) and depth < _DEPTH:
            pending += [(path, inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            yield path, value
        elif (figure := to_float(value)) is not None:
            yield path, figure
