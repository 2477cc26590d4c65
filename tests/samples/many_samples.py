"""Pull requests of a clone that there is not, for workers: a module that they can import, so that no process with
threads has to be forked (a lock may be held there for ever)."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import report_samples as samples

import auditor.submission
from auditor.commands import folders, many, options, work
from auditor.findings import Outcome, found, passed
from auditor.judgement.model import Report
from auditor.submission import Submission, SubmissionError

_ONE = many._one
_CLEAN = samples.judge(samples.facts(), [samples.rule("a", passed("fine"))], samples.BUDGETS)
_VIOLATION = samples.judge(
    samples.facts(), [samples.rule("a", found([samples.finding(Outcome.VIOLATION)], ""))], samples.BUDGETS
)


class FakeClone:
    """Pull request N loads, but for 13 (unknown)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> FakeClone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def load(self, pr: int, folder: str | None = None) -> Submission:
        if pr == 13:
            raise SubmissionError("no pull request 13", usage=True)
        return Submission("pull-request", f"records/{pr}", (), pr=pr)


def audit(submission: Submission, given: options.Options, progress: object = None, *, kept: bool = False) -> Report:
    """66 is killed, 77 does not end, 88 raises, 2 is a violation, the others are clean."""
    pr = submission.pr
    if pr == 66:
        os.kill(os.getpid(), signal.SIGKILL)
    while pr == 77:
        time.process_time()
    if pr == 88:
        raise ValueError("odd")
    return replace(_VIOLATION if pr == 2 else _CLEAN, submission=submission)


def one(given: options.Options, task: work.Task) -> many.Answer:
    """`many._one` in a worker, with that clone and that audit."""
    auditor.submission.Clone = FakeClone  # type: ignore[assignment,misc]
    folders.audit = audit  # type: ignore[assignment]
    return _ONE(given, task)
