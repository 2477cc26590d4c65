"""What a command does with a submission, in a worker that is ended at its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from auditor.commands.process import UsageError
from auditor.limits.model import Limits
from auditor.limits.scratch import sweep
from auditor.limits.worker import run

T = TypeVar("T")


def limited(work: Callable[[], T], limits: Limits) -> T:
    """`work()` within the limits. Raises what it raises for the user (UsageError, SubmissionError), LimitReached,
    and WorkerDied or WorkerFailed where the auditor itself failed."""
    from auditor.submission import SubmissionError

    sweep()
    return run(work, limits, passing=(UsageError, SubmissionError))
