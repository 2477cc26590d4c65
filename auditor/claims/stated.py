"""Times that submission.json states anywhere in its object, under whatever names.

The claims know the usual keys; rows of ablations and nested tables hold more, and the caps speak of the largest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from auditor.claims import Claim

Phase = Literal["train", "eval"]

_UNITS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0,
    "min": 60.0, "mins": 60.0, "minutes": 60.0, "h": 3600.0, "hours": 3600.0,
}  # fmt: skip
_TIME = re.compile(r"time|wall_?clock|seconds|minutes|hours|elapsed|duration")
_PHASES: Mapping[Phase, re.Pattern[str]] = {"train": re.compile(r"train"), "eval": re.compile(r"eval|scoring")}
# Budgets, averages and sums over runs are not the time of one run.
_OTHER = re.compile(r"cap|limit|budget|reserv|max_|per_|avg|average|mean|step|total_(?:gpu|compute)|all_|sum|std")
_DEPTH = 6
_ENTRIES = 5_000


def times(raw: Mapping[str, object], phase: Phase) -> list[Claim[float]]:
    """Every stated time of that phase in seconds, with the path of its key."""
    other: Phase = "eval" if phase == "train" else "train"
    found = []
    for path, value in _numbers(raw):
        key = path.lower()
        last = key.rsplit(".", 1)[-1]
        unit = _UNITS.get(last.rsplit("_", 1)[-1])
        near = last if _PHASES[phase].search(last) or _PHASES[other].search(last) else key
        named = _PHASES[phase].search(near) and not _PHASES[other].search(near)
        if unit is not None and named and _TIME.search(last) and not _OTHER.search(last):
            found.append(Claim(value * unit, f"submission.json:{path}"))
    return found


def _numbers(raw: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    """Numbers below named keys, with dotted paths; bounded in depth and count, since the file may hold anything."""
    pending: list[tuple[str, object, int]] = [(key, value, 1) for key, value in raw.items()]
    for _ in range(_ENTRIES):
        if not pending:
            return
        path, value, depth = pending.pop()
        if isinstance(value, Mapping) and depth < _DEPTH:
            pending += [(f"{path}.{key}", inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list) and depth < _DEPTH:
            pending += [(path, inner, depth + 1) for inner in value]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path, float(value)
