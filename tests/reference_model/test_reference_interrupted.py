"""A run of several processes that loses one of them: nothing is left running, and --resume finishes it.

A run that is asked to end is tested with the runner, by a script that does without torch.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("sentencepiece", reason="training needs sentencepiece")

from trainer_samples import TINY, environment

ON_LINUX = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are told by /proc")


def command(out: Path, *more: str, steps: int = 100_000) -> list[str]:
    """A run on two ranks that tells of every step."""
    settings = TINY | {"TRAIN_LOG_EVERY": "1", "ITERATIONS": str(steps)}
    return [sys.executable, "-m", "reference_model.reproduce.cli", "--scale", "small", "--seeds", "42", "--nproc", "2",
            "--out", str(out), *(f"--set={name}={value}" for name, value in settings.items()), *more]  # fmt: skip


@contextlib.contextmanager
def under_way(out: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has taken two steps and would take many more."""
    process = subprocess.Popen(command(out, *more), env=environment(out), text=True, start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("step 2/" in line for line in process.stdout), process.communicate()[1]
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def running(out: Path, variable: bytes = b"") -> list[int]:
    """The script's processes of a run in that folder, torchrun among them; of those the ones with that variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            values = (folder / "environ").read_bytes().split(b"\0")
            if b"DATA_DIR=" + str(out / "data").encode() in values and (not variable or variable in values):
                found.append(int(folder.name))
    return found


def gone(out: Path, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while running(out) and time.monotonic() < until:
        time.sleep(0.1)
    return not running(out)


def robbed_of_a_rank(out: Path, process: subprocess.Popen[str]) -> None:
    assert len(running(out)) >= 3, "torchrun and two ranks"
    (rank,) = running(out, b"RANK=1")
    os.kill(rank, signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(r"exitcode *: -9|SIGKILL|Signal 9", errors), errors
    assert gone(out, seconds=30)


def killed(out: Path, process: subprocess.Popen[str]) -> None:
    """Its ranks are left, and have nobody to tell of their steps."""
    process.kill()
    process.wait()


@ON_LINUX
def test_a_run_that_loses_a_process_is_taken_up_each_time(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data")
    with under_way(tmp_path) as process:
        robbed_of_a_rank(tmp_path, process)
    with under_way(tmp_path, "--resume") as process:
        killed(tmp_path, process)
    done = subprocess.run(command(tmp_path, "--resume", steps=4), env=environment(tmp_path), capture_output=True,
                          text=True, timeout=600, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seed 42  done: [\d.]+ bits per byte", done.stdout)
    assert gone(tmp_path)
