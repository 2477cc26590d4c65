"""Work in a process that is held to its limits and can be ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from patience import PATIENCE, runs, until

from auditor.limits.confine import held_to, loading
from auditor.limits.model import LimitReached, Limits, WorkerDied, WorkerFailed
from auditor.limits.worker import held_back, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
ROOT = Path(__file__).resolve().parents[3]
AMPLE = Limits(PATIENCE, 512 << 20)


def _bytes(count: int) -> int:
    return len(bytearray(count))


def _raises(error: Exception) -> None:
    raise error


def test_an_answer_and_what_is_raised() -> None:
    assert run(partial(_bytes, 7), AMPLE) == 7
    with pytest.raises(WorkerFailed, match=r"^ValueError: odd \(.*test_worker:\d+\)$") as failed:
        run(partial(_raises, ValueError("odd")), AMPLE)
    assert "_raises" in failed.value.trace
    with pytest.raises(KeyError, match="mine"):
        run(partial(_raises, KeyError("mine")), AMPLE, passing=(KeyError,))


def _works(seconds: float, place: str = "") -> str:
    """Takes that much of the processor, and says where it got to in a file that it takes away with it."""
    note = Path(place) / "working" if place else None
    try:
        if note is not None:
            note.touch()
        end = time.process_time() + seconds
        while time.process_time() < end:
            try:
                sum(range(1000))
            except Exception:  # as work does that goes on where a part of it fails
                continue
    finally:
        if note is not None:
            note.unlink()
    return "done"


def test_time_of_the_processor(tmp_path: Path) -> None:
    with pytest.raises(LimitReached, match=r"more than 0\.5 s of processor time and was ended"):
        run(partial(_works, PATIENCE, str(tmp_path)), Limits(0.5, 512 << 20))
    assert list(tmp_path.iterdir()) == []


def test_time_by_the_clock_does_not_count_until_there_is_no_patience_left() -> None:
    assert run(partial(time.sleep, 1.0), Limits(0.5, 512 << 20)) is None
    assert run(partial(time.sleep, 1.0), Limits(0.1, 512 << 20, besides=PATIENCE)) is None
    start = time.monotonic()
    with pytest.raises(LimitReached, match=r"more than 0\.6 s by the clock and was ended"):
        run(partial(time.sleep, 2 * PATIENCE), Limits(0.1, 512 << 20))
    assert time.monotonic() - start < PATIENCE


def test_each_task_of_a_process_has_a_time_of_its_own() -> None:
    def twice() -> str:
        for _ in range(3):
            with held_to(Limits(2.0, 512 << 20)):
                _works(1.0)
        return _works(3.0)  # and none is counted after the last one

    assert run(twice, AMPLE) == "done"


def test_memory() -> None:
    with pytest.raises(LimitReached, match="more than 512 MiB of memory"):
        run(partial(_bytes, 600 << 20), AMPLE)
    assert run(partial(_bytes, 400 << 20), AMPLE) == 400 << 20


def test_what_a_library_takes_while_it_is_loaded_does_not_count() -> None:
    def loads(then: int) -> int:
        with loading():
            held = bytearray(900 << 20)
        return len(held) + _bytes(then)

    assert run(partial(loads, 100 << 20), AMPLE) == 1000 << 20
    with pytest.raises(LimitReached, match="memory"):
        run(partial(loads, 600 << 20), AMPLE)


def test_a_signal_waits_until_what_is_started_is_known() -> None:
    done = []

    def starts() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("started")
        done.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        starts()
    assert done == ["started"]


def test_a_long_call_of_c_code_is_ended_too() -> None:
    start = time.monotonic()
    with pytest.raises(LimitReached, match="more than 1 s of processor time"):
        run(partial(re.match, "(a*)*b", "a" * 40), Limits(1, 512 << 20))
    assert time.monotonic() - start < PATIENCE  # the match would take ages


def test_a_worker_that_dies() -> None:
    with pytest.raises(WorkerDied, match="SIGSEGV"):
        run(_dies, AMPLE)
    with pytest.raises(WorkerDied, match="exit status 9"):
        run(partial(os._exit, 9), AMPLE)


def _dies() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


# --- the parent's end ---------------------------------------------------------------------------------------------

PARENT = """
import os, sys, time
from auditor.limits.model import Limits
from auditor.limits.scratch import Scratch
from auditor.limits.worker import held_back, run

def work():
    with Scratch("test") as scratch:
        print(os.getpid(), scratch.path, flush=True)
        time.sleep(1000)

from auditor.commands.process import guarded
sys.exit(guarded("test", lambda _: run(work, Limits(1000, 1 << 30)), []))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_parent_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    pid, folder = parent.stdout.readline().split()
    assert Path(folder).is_dir()
    parent.send_signal(number)
    status = parent.wait(PATIENCE)
    until(lambda: not runs(int(pid)))
    assert list(tmp_path.iterdir()) == []
    if number is not signal.SIGKILL:
        assert status == 128 + number
        assert parent.stderr.read().count("\n") == 1
