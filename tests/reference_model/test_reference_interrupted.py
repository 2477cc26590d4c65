"""A run of several processes that is stopped from outside: nothing is left running, and --resume finishes it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("sentencepiece", reason="training needs sentencepiece")

from reference_model.reproduce import cli, options, plan
from reference_model.reproduce.attempt import Job
from reference_model.reproduce.runner import State

ROOT = Path(__file__).parents[2]
TINY = ("WARMUP_STEPS=0", "RECUR_START_STEP=1", "EVAL_STRIDE=128", "GPTQ_CALIBRATION_BATCHES=1",
        "TRAIN_BATCH_TOKENS=1024", "TRAIN_LOG_EVERY=1", "SLIDING_WINDOW_ENABLED=0")  # fmt: skip
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are told by /proc")


def command(out: Path, nproc: int, *more: str, steps: int = 20, settings: tuple[str, ...] = ()) -> list[str]:
    given = [f"--set={setting}" for setting in (*TINY, f"ITERATIONS={steps}", *settings)]
    return [sys.executable, "-m", "reference_model.reproduce.cli", "--scale", "small", "--seeds", "42",
            "--nproc", str(nproc), "--out", str(out), *given, *more]  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def under_way(out: Path, steps: int = 20) -> Iterator[subprocess.Popen[str]]:
    """A run on two ranks that has taken two steps."""
    process = subprocess.Popen(command(out, 2, steps=steps), env=environment(), text=True, start_new_session=True,
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


def resumed(out: Path) -> str:
    done = subprocess.run(command(out, 2, "--resume"), env=environment(), capture_output=True, text=True, timeout=600,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seed 42  done: [\d.]+ bits per byte", done.stdout)
    return done.stdout


@ON_LINUX
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_leaves_no_process(sent: signal.Signals, tmp_path: Path) -> None:
    with under_way(tmp_path, steps=100_000) as process:
        assert len(running(tmp_path)) >= 3, "torchrun and two ranks"
        process.send_signal(sent)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.strip().endswith("--resume goes on with what is not finished")
        assert gone(tmp_path, seconds=5)


@ON_LINUX
def test_a_killed_rank_ends_the_run_and_it_is_taken_up(tmp_path: Path) -> None:
    with under_way(tmp_path) as process:
        (rank,) = running(tmp_path, b"RANK=1")
        os.kill(rank, signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert re.search(r"exitcode *: -9|SIGKILL|Signal 9", errors), errors
        assert gone(tmp_path)
    resumed(tmp_path)


@ON_LINUX
def test_a_killed_parent_leaves_ranks_that_end_and_a_run_that_is_taken_up(tmp_path: Path) -> None:
    with under_way(tmp_path) as process:
        process.kill()
        process.wait()
    resumed(tmp_path)
    assert gone(tmp_path)


class _Asked(Exception):
    """The job is known, and nothing is run."""


def test_strict_takes_the_record_s_steps_of_each_seed_at_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = options.read(["--strict", "--out", str(tmp_path), "--seeds", "42", "7"])
    config = plan.configuration(given)
    assert (config.train.iterations, config.train.budget_seconds) == (5409, None)
    state = State("", "record", "records/x", "2026-01-01", 8, dict(plan._settings(given)), [42, 7])
    jobs: list[Job] = []

    def run_seeds(job: Job, *others: object) -> None:
        jobs.append(job)
        raise _Asked

    monkeypatch.setattr(cli, "run_seeds", run_seeds)
    with pytest.raises(_Asked):
        cli._run(plan.Plan(given, config, state, "", ""), 0)
    assert jobs[0].of_seed == {42: {"ITERATIONS": "5410"}, 7: {"ITERATIONS": "5409"}}
    assert jobs[0].environment["PACED"] == "0.099988,11.226,0.11572"
    assert jobs[0].environment["MAX_WALLCLOCK_SECONDS"] == "0"
    assert jobs[0].at_once == 1
