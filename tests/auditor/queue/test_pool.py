"""Many tasks: answers in order, a crash or a hang costs one."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from auditor.queue.pool import run_many


def _work(task: int) -> str:
    if task == 3:
        raise ValueError("three")
    if task == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 5:
        time.sleep(60)
    if task == 6:
        raise SystemExit(9)
    time.sleep(0.02 * (task % 2))
    return f"done {task}"


def _failed(task: int, reason: str) -> str:
    return f"failed {task}: {reason}"


@pytest.mark.parametrize("jobs", [1, 3])
def test_answers_come_in_order_and_failures_stay_alone(jobs: int) -> None:
    start = time.monotonic()
    answers = list(run_many([9, 3, 8, 4, 5, 6, 7, 2], _work, _failed, jobs=jobs, timeout=1.0))
    assert time.monotonic() - start < 20
    assert [a for a in answers if a.startswith("done")] == ["done 9", "done 8", "done 7", "done 2"]
    assert answers[1].startswith("failed 3: the auditor failed: ValueError: three")
    assert answers[3].startswith("failed 4: the audit's process died")
    assert answers[4] == "failed 5: the audit took more than 1 s and was ended"
    assert answers[5].startswith("failed 6: the audit's process died")


def _keeps_a_folder(task: int) -> str:
    with tempfile.TemporaryDirectory(prefix=f"golf-batch-{os.getppid()}-"):
        time.sleep(60)
    return "never"


def _holds_on(task: int) -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
    return "never"


def test_a_task_that_is_ended_takes_away_what_it_has_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answers = list(run_many([1], _keeps_a_folder, _failed, jobs=1, timeout=0.5))
    assert answers == ["failed 1: the audit took more than 0.5 s and was ended"]
    assert not list(tmp_path.iterdir())


def test_a_task_that_does_not_leave_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.queue.pool._GRACE", 0.2)
    start = time.monotonic()
    (answer,) = run_many([1], _holds_on, _failed, jobs=1, timeout=0.3)
    assert answer.startswith("failed 1")
    assert time.monotonic() - start < 10


def test_no_task_is_no_answer() -> None:
    assert list(run_many([], _work, _failed, jobs=2, timeout=1.0)) == []


def test_an_abandoned_iterator_leaves_no_process_behind() -> None:
    import multiprocessing

    answers = run_many([1, 2, 7, 8], _work, _failed, jobs=2, timeout=5.0)
    assert next(answers) == "done 1"
    answers.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
