"""Runs of one submission in one jail: folders on disk, a job in, an account and a recording out."""

from __future__ import annotations

import math
import re
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from auditor.limits.model import PATIENCE
from auditor.limits.scratch import Scratch
from auditor.probe.job import Account, Exchange, Failure, split
from auditor.probe.measure.confined import TARGET as _MEASURE
from auditor.probe.model import Isolation
from auditor.probe.plan import Made
from auditor.probe.sandbox import Jail, Limits, Policy
from auditor.probe.scene import Tokens, Workspace
from auditor.submission import Submission

_TARGET, _COLD = "auditor.probe.stage.run:perform", "auditor.probe.cold:perform"
_PRELOAD = ("auditor.probe.stage.preload", "auditor.probe.measure.confined")
_FRAME_BYTES = 192 << 20  # of one run's recording
_MEASURING = Limits(cpu_seconds=60, wall_seconds=300, memory_bytes=3 << 30, frame_bytes=16 << 20)
_SAID = 100_000  # characters of what a run printed, of its beginning and of its end
_LARGEST_FILE = 32 << 20  # bytes of a submission's file that is put before the script


@dataclass(frozen=True)
class Run:
    """One run: what the stage said and what the recorder sent."""

    account: Account
    recorded: tuple[bytes, ...]
    trouble: str = ""  # why the sandbox ended it, "" where it didn't
    said: str = ""  # what came out of the process, whoever wrote it: the beginning and the end
    spent: float = 0.0  # seconds of processor time, or of waiting, for less

    @property
    def error(self) -> str:
        """One line on why it did not run to its end, "" where it did."""
        if self.account.failure is not None:
            return self.account.failure.sentence
        return "" if self.account.ended and not self.trouble else self.trouble or "it ended without saying how"

    @property
    def failure(self) -> Failure | None:
        return self.account.failure


class Home:
    """A jail and the folders that it sees, for one submission after the other: it starts, and imports torch, once.

    `warm`: what every run needs is imported before the first one.
    Raises sandbox.Refused where this machine can't confine a run.
    """

    def __init__(self, *, unsafe: bool = False, warm: bool = True, memory_bytes: int = 4 << 30) -> None:
        self._folder = Scratch("probe")
        self.base = self._folder.path.resolve()
        self.root, self.scenes, scratch = self.base / "submission", self.base / "scenes", self.base / "scratch"
        for folder in (self.root, self.scenes, scratch):
            folder.mkdir()
        self.target = _TARGET if warm else _COLD
        self.limits = Limits(memory_bytes=memory_bytes, frame_bytes=_FRAME_BYTES)
        policy = Policy(
            scratch=scratch, readable=(self.root, self.scenes), preload=_PRELOAD if warm else (), limits=self.limits
        )
        try:
            self.jail = Jail(policy, unsafe=unsafe)
        except BaseException:
            self._folder.cleanup()
            raise

    def clear(self) -> None:
        """Nothing of a submission is left. The folders stay: the jail holds them, not their names."""
        for folder in (self.root, self.scenes):
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def close(self) -> None:
        self.jail.close()
        self._folder.cleanup()


class Runner:
    """A submission in a home. A context manager.

    `home`: the one to use, which is empty and is left so; without, one is made for this submission alone, as `Home`
    makes it (`unsafe`, `warm`).
    """

    def __init__(
        self, submission: Submission, *, unsafe: bool = False, warm: bool = True, home: Home | None = None
    ) -> None:
        self._own_home = home is None
        self._home = home = Home(unsafe=unsafe, warm=warm) if home is None else home
        self.root = home.root
        self._own = re.compile(re.escape(str(home.base)) + r"(/submission|/scratch)?(?![\w-])")
        self._jail = home.jail
        self.spent = 0.0  # seconds of processor time of all runs so far; waiting counts too, but for less
        lay_out(submission, self.root)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.close() if self._own_home else self._home.clear()

    @property
    def isolation(self) -> Isolation:
        return self._jail.isolation

    def run(
        self, made: Made, workspace: Workspace, stream: Tokens, seconds: float, record: bool = True,
        exchanges: tuple[Exchange, ...] = (),
    ) -> Run:  # fmt: skip
        """One run on that stream.

        `seconds`: of processor time, at most, those of its forks included; `PATIENCE` times as many of wall clock.
        """
        own = max(1.0, seconds - sum(e.seconds for e in exchanges if math.isfinite(e.seconds)))
        scene = self._home.scenes / "scene"  # always the same name: a run is not to know which it is
        shutil.rmtree(scene, ignore_errors=True)
        scene.mkdir()
        workspace.write(scene, stream)
        job = replace(
            made.job, root=str(self.root), scene=str(scene), record=record, exchanges=exchanges,
            contexts=workspace.streams.contexts, hook=f"_{secrets.token_hex(6)}",
        )  # fmt: skip
        limits = replace(
            self._home.limits, wall_seconds=PATIENCE * seconds, cpu_seconds=own, forks=bool(exchanges)
        )  # fmt: skip
        ended = self._jail.call(self._home.target, job.to_bytes(), limits=limits)
        spent = max(ended.cpu_seconds, ended.seconds / PATIENCE)
        self.spent += spent
        trouble = ended.tampered or (_trouble(ended.reason) if ended.status != "ended" else "")
        account, recorded = split(() if ended.tampered else ended.frames)
        if account.failure is not None:
            message, source = self._plain(account.failure.message), self._plain(account.failure.source)
            account = replace(account, failure=replace(account.failure, message=message, source=source))
        said = _ends(ended.stdout) + "\n" + _ends(ended.stderr)
        return Run(account, tuple(recorded), self._plain(trouble), said, spent)

    def measuring(self, argument: bytes) -> tuple[bytes, ...]:
        """The answer of a process beside no submission. Raises ValueError where it exceeds its limits."""
        ended = self._jail.call(_MEASURE, argument, limits=_MEASURING)
        if ended.status != "ended" or ended.tampered:
            raise ValueError(f"what was recorded could not be measured: {ended.tampered or _trouble(ended.reason)}")
        return ended.frames

    def _plain(self, text: str) -> str:
        """Without the names of this jail's folders, which are other ones each time: both the submission's and the
        working directory are `.` in a report."""
        return self._own.sub(".", text)


def _trouble(reason: str) -> str:
    """Why the sandbox ended a run, without figures that differ from one machine to the next."""
    return "it took more than its time" if re.search("wall clock|processor time", reason) else reason


def _ends(text: str) -> str:
    """Whole lines."""
    if len(text) <= 2 * _SAID:
        return text
    return text[:_SAID].rpartition("\n")[0] + "\n" + text[-_SAID:].partition("\n")[2]


def lay_out(submission: Submission, root: Path) -> None:
    """The submission's files as they were shipped. Names that lead out of the folder are left out."""
    for file in submission.files:
        target = (root / file.path).resolve()
        if file.data is None or len(file.data) > _LARGEST_FILE or not target.is_relative_to(root):
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
        except OSError:
            continue  # a name that this file system does not take
