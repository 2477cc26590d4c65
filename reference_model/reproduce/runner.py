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
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Protocol

from reference_model.reproduce.results import SeedResult, Unfinished, read_result

_PATIENCE_SECONDS = 120.0  # for a process that a killed run left behind: it ends at its next line
_GRACE_SECONDS = 10.0  # between the request to end and the end
_SHOWN = 12  # lines of a failed seed's errors
WEIGHTS = "final_model.pt"  # which the script writes into its folder once it has trained


class RunError(Exception):
    """The run cannot go on; the message says why and what to do."""


class SeedFailed(RunError):
    """A seed ended without its figures."""


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


@dataclass(frozen=True, slots=True)
class Job:
    """The script in its place, and how it is started. `lock`: the file descriptor that holds the working folder."""

    script: Path
    work: Path
    environment: Mapping[str, str]
    nproc: int = 1
    lock: int | None = None
    of_seed: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # more of the environment, by seed

    def command(self) -> list[str]:
        script = str(self.script.absolute())  # it runs in a folder of its own, where a relative path leads elsewhere
        if self.nproc == 1:
            return [sys.executable, "-u", script]
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={self.nproc}"]
        return [sys.executable, "-u", *torchrun, script]

    def log(self, seed: int) -> Path:
        """Where the log of a finished seed is."""
        return self.work / f"train_seed{seed}.log"


def run_seeds(job: Job, state: State, display: Display) -> tuple[list[SeedResult], State]:
    """Runs what is not finished, in the order of the seeds. Raises SeedFailed at the first that fails."""
    results = []
    for seed in state.seeds:
        result = finished(job, state, seed)
        resumed = result is not None
        if result is None:
            result = _run(job, seed, display)
            state = replace(state, finished={**state.finished, str(seed): digest(job.log(seed).read_bytes())})
            state.save(job.work)
        results.append(result)
        display.finished(result, resumed)
    return results, state


def finished(job: Job, state: State, seed: int) -> SeedResult | None:
    """The seed's figures, if it was finished and its log is still the one that was written then."""
    try:
        log = job.log(seed).read_bytes()
        return read_result(seed, log.decode()) if digest(log) == state.finished.get(str(seed)) else None
    except (OSError, UnicodeDecodeError, Unfinished):
        return None


def _run(job: Job, seed: int, display: Display) -> SeedResult:
    folder = job.work / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    partial, errors = folder / "log.txt", folder / "errors.txt"
    display.started(seed)
    environment = {**job.environment, **job.of_seed.get(seed, {}), "SEED": str(seed), "PYTHONUNBUFFERED": "1"}
    if (folder / WEIGHTS).is_file():  # an earlier attempt got as far as this: only what comes after is done again
        environment["FROM_CHECKPOINT"] = str((folder / WEIGHTS).absolute())
    with partial.open("w", encoding="utf-8", newline="\n") as log, errors.open("wb") as standard_error:
        status = _follow(job, folder, environment, standard_error, _into(log, seed, display))
    if status != 0:
        raise SeedFailed(f"seed {seed} {_ended(status)}{_last_words(partial, errors)}")
    try:
        result = read_result(seed, partial.read_text("utf-8"))
    except Unfinished as error:
        raise SeedFailed(f"{error}, although the script ended well; see {partial}") from None
    os.replace(partial, job.log(seed))
    return result


def _into(log: IO[str], seed: int, display: Display) -> Callable[[str], None]:
    """What is done with each line: into the log at once, then shown."""

    def write(line: str) -> None:
        log.write(line)
        log.flush()
        display.line(seed, line.rstrip("\n"))

    return write


def _follow(
    job: Job, folder: Path, environment: Mapping[str, str], errors: IO[bytes], take: Callable[[str], None]
) -> int:
    """Runs the script in a session of its own and hands on its lines; it does not outlive an exception here."""
    process = subprocess.Popen(
        job.command(),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # an interrupt from the terminal is ours to pass on
        pass_fds=() if job.lock is None else (job.lock,),
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            take(line)
        return process.wait()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process and all that it started."""
    for sent, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _last_words(log: Path, errors: Path) -> str:
    """The end of what a failed seed said, and where the rest is. Of several ranks, what the first of them to fail said.

    torchrun has the last word then, and a long one; and ranks that lose their neighbour complain of that.
    """
    said = [line for line in errors.read_text("utf-8", "replace").splitlines() if line.strip()]
    source = errors
    first = next((index for index, line in enumerate(said) if re.match(r"rank \d+: \w+", line)), None)
    if first is not None:
        said = said[: first + 1]
    elif any("torch.distributed" in line for line in said):
        said = [line for line in said if re.search(r"exitcode|traceback *: Signal|local_rank", line)] or said
    if not said:
        said, source = log.read_text("utf-8", "replace").splitlines(), log
    shown = "".join(f"\n  | {line[:200]}" for line in said[-_SHOWN:])
    return f"; the end of {source}:{shown}" if shown else f"; it said nothing ({source.parent})"


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
