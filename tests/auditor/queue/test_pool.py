"""Many tasks: answers in order, a crash or a hang costs one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pool_tasks
import pytest

from auditor.limits.scratch import sweep
from auditor.queue.pool import in_order, run_many

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("jobs", [1, 3])
def test_answers_come_in_order_and_failures_stay_alone(jobs: int) -> None:
    start = time.monotonic()
    tasks = [9, 3, 8, 4, 5, 6, 7, 2]
    answers = list(in_order(tasks, run_many(tasks, pool_tasks.work, pool_tasks.failed, jobs=jobs, timeout=1.0)))
    assert time.monotonic() - start < 20
    assert [a for a in answers if a.startswith("done")] == ["done 9", "done 8", "done 7", "done 2"]
    assert answers[1].startswith("failed 3: the auditor failed: ValueError: three")
    assert answers[3].startswith("failed 4: the audit's process died")
    assert answers[4] == "failed 5: the audit took more than 1 s and was ended"
    assert answers[5].startswith("failed 6: the audit's process died")


def test_a_task_that_is_ended_takes_away_what_it_has_on_disk(tmp_path: Path) -> None:
    place = str(tmp_path)
    answers = list(run_many([place], pool_tasks.keeps_a_folder, pool_tasks.failed, jobs=1, timeout=0.5))
    assert answers == [(place, f"failed {place}: the audit took more than 0.5 s and was ended")]
    assert not list(tmp_path.iterdir())


def test_a_task_that_does_not_leave_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pebble.common.CONSTS.term_timeout", 0.2)
    start = time.monotonic()
    ((_, answer),) = run_many([1], pool_tasks.holds_on, pool_tasks.failed, jobs=1, timeout=0.3)
    assert answer.startswith("failed 1")
    assert time.monotonic() - start < 10


def test_no_task_is_no_answer() -> None:
    assert list(run_many([], pool_tasks.work, pool_tasks.failed, jobs=2, timeout=1.0)) == []


def test_an_abandoned_iterator_leaves_no_process_behind() -> None:
    import multiprocessing

    answers = run_many([1, 2, 7, 8], pool_tasks.work, pool_tasks.failed, jobs=2, timeout=5.0)
    assert next(answers)[1].startswith("done")
    answers.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 leaves the parent no time to say goodbye."""
    code = "import sys, pool_tasks\nfrom auditor.queue.pool import run_many\n"
    code += "list(run_many([sys.argv[1]], pool_tasks.writes_its_process, pool_tasks.failed, jobs=1, timeout=60))\n"
    scratch = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # a socket's path may not be long
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(pool_tasks.__file__).parent), str(ROOT)])}
    environment["TMPDIR"] = str(scratch)
    note = tmp_path / "process"
    parent = subprocess.Popen([sys.executable, "-c", code, str(note)], env=environment)
    try:
        _until(note.exists)
        worker = int(note.read_text())
        assert _runs(worker)
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not _runs(worker))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    sweep()
    scratch.rmdir()  # nothing is left in it


def _until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
