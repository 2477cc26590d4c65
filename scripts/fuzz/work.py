"""One odd input in a worker, within limits."""

from __future__ import annotations

from auditor.limits.model import MEBIBYTE, LimitReached, Limits
from fuzz import check
from fuzz.check import Failure
from fuzz.mutants import mutant

LIMITS = Limits(seconds=120, memory_bytes=1024 * MEBIBYTE)
Task = tuple[str, int]
"""Its kind, `mutant` or `repository`, and its seed."""


def one(task: Task) -> list[Failure]:
    kind, seed = task
    return check.repository(seed) if kind == "repository" else check.folder(mutant(seed)[1])


def ended(task: Task, error: Exception) -> list[Failure]:
    """What to say of a worker that did not come back."""
    kind = "a limit" if isinstance(error, LimitReached) else "ended"
    return [Failure(kind, f"{task[0]} {task[1]}: {error}")]
