"""Many tasks: answers in order, a crash or a hang costs one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pool_tasks
import pytest
from patience import PATIENCE, runs, until

from auditor.limits.model import Limits
from auditor.limits.scratch import sweep
from auditor.queue.pool import in_order, run_many

ROOT = Path(__file__).resolve().parents[3]
MEMORY = 512 << 20
AMPLE = Limits(PATIENCE, MEMORY)


@pytest.mark.parametrize("jobs", [1, 3])
def test_answers_come_in_order_and_failures_stay_alone(jobs: int) -> None:
    tasks = [9, 3, 8, 4, 5, 6, 7, 2]
    limits = Limits(1.0, MEMORY)
    for seconds in (1, 10, 60):  # on a busy machine what is done at once may take that long
        limits = Limits(1.0, MEMORY, seconds)
        answers = list(in_order(tasks, run_many(tasks, pool_tasks.work, pool_tasks.failed, jobs=jobs, limits=limits)))
        done = [a for a in answers if a.startswith("done")]
        if len(done) == 4:
            break
    assert done == ["done 9", "done 8", "done 7", "done 2"]
    assert answers[1].startswith("failed 3: the auditor failed: ValueError: three")
    assert answers[3].startswith("failed 4: the audit's process died")
    assert answers[4] == f"failed 5: {limits.too_long}"
    assert answers[5].startswith("failed 6: the audit's process died")


def test_a_task_that_is_ended_takes_away_what_it_has_on_disk(tmp_path: Path) -> None:
    place = str(tmp_path)
    limits = Limits(0.2, MEMORY)
    answers = list(run_many([place], pool_tasks.keeps_a_folder, pool_tasks.failed, jobs=1, limits=limits))
    assert answers == [(place, f"failed {place}: the audit took more than 1.2 s by the clock and was ended")]
    assert not list(tmp_path.iterdir())


def test_time_of_the_processor_is_what_counts_and_a_task_that_took_it_leaves_nothing(tmp_path: Path) -> None:
    limits = Limits(1.0, MEMORY, PATIENCE)
    tasks = [str(tmp_path), "sleeps"]
    answers = run_many(tasks, pool_tasks.takes_the_processor, pool_tasks.failed, jobs=2, limits=limits)
    found = dict(answers)
    assert found == {
        str(tmp_path): f"failed {tmp_path}: the audit took more than 1 s of processor time and was ended",
        "sleeps": "slept",
    }
    assert not list(tmp_path.iterdir())


def test_a_process_takes_the_next_task_with_a_time_of_its_own() -> None:
    """Of twice as much work as one task may take, none is too slow."""
    limits = Limits(2.0, MEMORY, PATIENCE)
    answers = run_many([0.9] * 4, pool_tasks.works, pool_tasks.failed, jobs=1, limits=limits)
    assert [answer for _, answer in answers] == ["worked 0.9"] * 4


def test_a_task_that_does_not_leave_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pebble.common.CONSTS.term_timeout", 0.2)
    ((_, answer),) = run_many([1], pool_tasks.holds_on, pool_tasks.failed, jobs=1, limits=Limits(0.05, MEMORY))
    assert answer.startswith("failed 1")  # long before the task would have ended


def test_a_worker_holds_nothing_of_its_earlier_tasks() -> None:
    held = dict(run_many([1, 2, 3], pool_tasks.leaves_a_ring, pool_tasks.failed, jobs=1, limits=AMPLE))
    assert held == {1: 0, 2: 0, 3: 0}


def test_no_task_is_no_answer() -> None:
    assert list(run_many([], pool_tasks.work, pool_tasks.failed, jobs=2, limits=AMPLE)) == []


def test_an_abandoned_iterator_leaves_no_process_behind() -> None:
    import multiprocessing

    answers = run_many([1, 2, 7, 8], pool_tasks.work, pool_tasks.failed, jobs=2, limits=AMPLE)
    assert next(answers)[1].startswith("done")
    answers.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 leaves the parent no time to say goodbye."""
    code = "import sys, pool_tasks\nfrom auditor.limits.model import Limits\nfrom auditor.queue.pool import run_many\n"
    code += "limits = Limits(60, 1 << 30)\n"
    code += "list(run_many([sys.argv[1]], pool_tasks.writes_its_process, pool_tasks.failed, jobs=1, limits=limits))\n"
    scratch = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # a socket's path may not be long
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(pool_tasks.__file__).parent), str(ROOT)])}
    environment["TMPDIR"] = str(scratch)
    note = tmp_path / "process"
    parent = subprocess.Popen([sys.executable, "-c", code, str(note)], env=environment)
    try:
        until(note.exists)
        worker = int(note.read_text())
        assert runs(worker)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not runs(worker))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    sweep()
    scratch.rmdir()  # nothing is left in it
