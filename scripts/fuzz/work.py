"""One odd input in a worker, within limits."""

from __future__ import annotations

from auditor.limits.confine import confine
from auditor.limits.model import MEBIBYTE, Limits
from fuzz import check
from fuzz.check import Failure
from fuzz.mutants import mutant

LIMITS = Limits(seconds=120, memory_bytes=1024 * MEBIBYTE)
Task = tuple[str, int]
"""Its kind, `mutant` or `repository`, and its seed."""


def one(task: Task) -> list[Failure]:
    confine(LIMITS)
    kind, seed = task
    try:
        return check.repository(seed) if kind == "repository" else check.folder(mutant(seed)[1])
    except MemoryError:
        return [Failure("memory", LIMITS.too_large)]


def ended(task: Task, error: Exception) -> list[Failure]:
    """What to say of a worker that did not come back."""
    return [Failure("ended", f"{task[0]} {task[1]}: {error}")]
