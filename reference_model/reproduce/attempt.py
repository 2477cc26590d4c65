"""One seed's attempt: the script in a process of its own, followed line by line, and never outlived by it."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from reference_model.reproduce.results import SeedResult, Unfinished, read_result

WEIGHTS = "final_model.pt"  # which the script writes into its folder once it has trained
_GRACE_SECONDS = 10.0  # between the request to end and the end
_SHOWN = 12  # lines of a failed seed's errors
_AT_ONCE = 1 << 16  # bytes of output
# What of torchrun's report says which rank ended how, and what C++ and Python say where one aborts.
_OF_TORCHRUN = r"exitcode|traceback *: Signal|local_rank|^terminate called|^ *what\(\): |^Fatal Python error"


class RunError(Exception):
    """The run cannot go on; the message says why and what to do."""


class SeedFailed(RunError):
    """A seed ended without its figures."""


@dataclass(frozen=True, slots=True)
class Job:
    """The script in its place, and how it is started. `lock`: the file descriptor that holds the working folder."""

    script: Path
    work: Path
    environment: Mapping[str, str]
    nproc: int = 1
    lock: int | None = None
    of_seed: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # more of the environment, by seed
    at_once: int = 1  # seeds that are run at the same time

    def command(self) -> list[str]:
        script = str(self.script.absolute())  # it runs in a folder of its own, where a relative path leads elsewhere
        if self.nproc == 1:
            return [sys.executable, "-u", script]
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={self.nproc}"]
        return [sys.executable, "-u", *torchrun, script]

    def log(self, seed: int) -> Path:
        """Where the log of a finished seed is."""
        return self.work / f"train_seed{seed}.log"


class Attempt:
    """A run of the script for one seed, begun when this is made; its log is written as it comes."""

    def __init__(self, job: Job, seed: int, told: Callable[[int, str], None]) -> None:
        """`told` is given the seed and each line of its output."""
        self.seed, self._job, self._told = seed, job, told
        folder = job.work / f"seed{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        self._log_path, self._errors = folder / "log.txt", folder / "errors.txt"
        environment = {**job.environment, **job.of_seed.get(seed, {}), "SEED": str(seed), "PYTHONUNBUFFERED": "1"}
        if (folder / WEIGHTS).is_file():  # an earlier attempt got as far as this: only what comes after is done again
            environment["FROM_CHECKPOINT"] = str((folder / WEIGHTS).absolute())
        self._log = self._log_path.open("w", encoding="utf-8", newline="\n")
        self._begun = b""  # of a line that is not whole yet
        try:
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    job.command(),
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # an interrupt from the terminal is ours to pass on
                    pass_fds=() if job.lock is None else (job.lock,),
                )
        except BaseException:
            self._log.close()
            raise

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def follow(self) -> bool:
        """Takes what there is of the output; False once there is no more to come."""
        found = os.read(self.fileno(), _AT_ONCE)
        *lines, self._begun = (self._begun + found).split(b"\n")
        if not found and self._begun:
            lines, self._begun = [self._begun], b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            self._log.write(text + "\n")
            self._log.flush()
            self._told(self.seed, text)
        return bool(found)

    def result(self) -> SeedResult:
        """The figures, once the output has ended. The log is in its place then. Raises SeedFailed."""
        status = self._process.wait()
        self.close()
        if status != 0:
            raise SeedFailed(f"seed {self.seed} {_ended(status)}{_last_words(self._log_path, self._errors)}")
        try:
            found = read_result(self.seed, self._log_path.read_text("utf-8"))
        except Unfinished as error:
            raise SeedFailed(f"{error}, although the script ended well; see {self._log_path}") from None
        os.replace(self._log_path, self._job.log(self.seed))
        return found

    def end(self) -> None:
        """Ends the process, if it still runs, and all that it started; one that does not go when asked is killed."""
        if self._process.returncode is not None:
            return
        for sent, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        self.close()

    def close(self) -> None:
        self._log.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Attempts:
    """Those that are under way. A context manager: nothing that was begun in it is there after it."""

    def __init__(self) -> None:
        self._begun: list[Attempt] = []
        self._under_way: list[Attempt] = []

    def __enter__(self) -> Attempts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for attempt in self._begun:
            attempt.end()

    @property
    def count(self) -> int:
        return len(self._under_way)

    def add(self, attempt: Attempt) -> None:
        self._begun.append(attempt)
        self._under_way.append(attempt)

    def ended(self) -> list[Attempt]:
        """Waits for output, follows it, and hands over the attempts whose output has ended."""
        with selectors.DefaultSelector() as selector:
            for attempt in self._under_way:
                selector.register(attempt, selectors.EVENT_READ, attempt)
            ready = [key.data for key, _ in selector.select()]
        ended = [attempt for attempt in ready if not attempt.follow()]
        self._under_way = [attempt for attempt in self._under_way if attempt not in ended]
        return ended


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _last_words(log: Path, errors: Path) -> str:
    """The end of what a failed seed said, and where the rest is. Of several ranks, what the first of them to fail said.

    torchrun has the last word then, and a long one; and ranks that lose their neighbour complain of that. A rank that
    was killed said nothing, so what torchrun saw of it is told after the neighbour's complaint.
    """
    said = [line for line in errors.read_text("utf-8", "replace").splitlines() if line.strip()]
    killed = [line for line in said if re.search(r"Signal \d+ \(SIG(?!TERM)\w+\) received", line)]
    source = errors
    first = next((index for index, line in enumerate(said) if re.match(r"rank \d+: \w+", line)), None)
    if first is not None:
        said = said[: first + 1] + killed
    elif any("torch.distributed" in line for line in said):
        said = [line for line in said if re.search(_OF_TORCHRUN, line)] or said
    if not said:
        said, source = log.read_text("utf-8", "replace").splitlines(), log
    shown = "".join(f"\n  | {line[:200]}" for line in said[-_SHOWN:])
    return f"; the end of {source}:{shown}" if shown else f"; it said nothing ({source.parent})"
