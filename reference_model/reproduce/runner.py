"""Runs the single file for each seed, and survives crashes, kills and interrupts.

A working folder holds what a run needs to be taken up again: `state.json` says what is run (the script's hash, the
settings, the seeds) and which seeds are finished; each seed's log is written as it comes and counts once its process
has ended well and the log holds all its figures. A seed is never half done: it is finished, or it is run anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from reference_model.reproduce.attempt import WEIGHTS, Attempt, Attempts, Job, RunError, SeedFailed
from reference_model.reproduce.results import SeedResult, Unfinished, read_result

_PATIENCE_SECONDS = 120.0  # for a process that a killed run left behind: it ends at its next line


class Display(Protocol):
    """Who is told how far a seed is."""

    def started(self, seed: int) -> None: ...

    def line(self, seed: int, text: str) -> None: ...

    def finished(self, result: SeedResult, resumed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class State:
    """What is run, and what of it is done. `finished`: seed -> SHA-256 of its log."""

    script: str  # SHA-256
    scale: str
    folder: str  # of the submission, relative to the output folder
    date: str  # ISO day on which it was begun
    nproc: int
    settings: dict[str, str]
    seeds: list[int]
    finished: dict[str, str] = field(default_factory=dict)

    def save(self, work: Path) -> None:
        write_whole(work / "state.json", json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(work: Path) -> State | None:
        """None where no run was begun. Raises RunError for a file that is none of ours."""
        try:
            return State(**json.loads((work / "state.json").read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise RunError(f"{work / 'state.json'} cannot be read ({error}); remove it to start anew") from None


def run_seeds(job: Job, state: State, display: Display) -> tuple[list[SeedResult], State]:
    """Runs what is not finished, `job.at_once` seeds at the same time. Raises SeedFailed where one fails.

    After a failure no other seed is begun; those under way are run to their end, and kept.
    """
    results: dict[int, SeedResult] = {}
    for seed in state.seeds:
        before = finished(job, state, seed)
        if before is not None:
            results[seed] = before
            display.finished(before, True)
    waiting = [seed for seed in state.seeds if seed not in results]
    failure: SeedFailed | None = None
    with Attempts() as under_way:
        while under_way.count or (waiting and failure is None):
            while waiting and failure is None and under_way.count < job.at_once:
                display.started(waiting[0])
                under_way.add(Attempt(job, waiting.pop(0), display.line))
            for attempt in under_way.ended():
                try:
                    results[attempt.seed] = attempt.result()
                except SeedFailed as error:
                    failure = failure or error
                    continue
                log = digest(job.log(attempt.seed).read_bytes())
                state = replace(state, finished={**state.finished, str(attempt.seed): log})
                state.save(job.work)
                display.finished(results[attempt.seed], False)
    if failure is not None:
        raise failure
    return [results[seed] for seed in state.seeds], state


def finished(job: Job, state: State, seed: int) -> SeedResult | None:
    """The seed's figures, if it was finished and its log is still the one that was written then."""
    try:
        log = job.log(seed).read_bytes()
        return read_result(seed, log.decode()) if digest(log) == state.finished.get(str(seed)) else None
    except (OSError, UnicodeDecodeError, Unfinished):
        return None


# --- one run at a time ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(work: Path, waiting: Callable[[str], None], patience: float = _PATIENCE_SECONDS) -> Iterator[int]:
    """Holds the working folder; yields the file descriptor of its lock, for `Job`.

    The script's process holds the lock too, so that one that a killed run left behind is waited for: its output has no
    reader any more, and it ends at its next line. Raises RunError where it does not.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("a+", encoding="utf-8") as file:
        until, told = time.monotonic() + patience, False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    file.seek(0)
                    raise RunError(f"another run is at work in {work} (process {file.read().strip()})") from None
                if not told:
                    waiting(f"waiting for what still runs in {work} to end ...")
                    told = True
                time.sleep(0.2)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


# --- files ---------------------------------------------------------------------------------------------------------


def forget_weights(work: Path) -> None:
    """Removes what an earlier run with another script or other settings has trained in this folder."""
    for path in work.glob(f"seed*/{WEIGHTS}"):
        path.unlink()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
