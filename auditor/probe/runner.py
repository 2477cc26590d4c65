"""Runs of one submission in one jail: folders on disk, a job in, an account and a recording out."""

from __future__ import annotations

import math
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from auditor.limits.model import PATIENCE
from auditor.limits.scratch import Scratch
from auditor.probe.job import Account, Exchange, Failure, Job, Turn, split
from auditor.probe.measure.confined import TARGET as _MEASURE
from auditor.probe.model import Isolation
from auditor.probe.plan import Made
from auditor.probe.sandbox import Ended, Jail, Limits, Policy
from auditor.probe.scene import Tokens, Workspace
from auditor.submission import Submission

if TYPE_CHECKING:
    from auditor.probe.sandbox.held import Held

_TARGET, _COLD = "auditor.probe.stage.run:perform", "auditor.probe.cold:perform"
_PRELOAD = ("auditor.probe.stage.preload", "auditor.probe.measure.confined")
_FRAME_BYTES = 192 << 20  # of one run's recording
_MEASURING = Limits(cpu_seconds=60, wall_seconds=300, memory_bytes=3 << 30, frame_bytes=16 << 20)
_SAID = 100_000  # characters of what a run printed, of its beginning and of its end
_LARGEST_FILE = 32 << 20  # bytes of a submission's file that is put before the script
_A_FORK = 0.02  # seconds of processor time that a run itself takes for one of its forks


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


@dataclass(frozen=True)
class _Stem:
    """A call that stands where the script first reads validation tokens. `length`: of the stream, in tokens."""

    held: Held
    made: Made
    length: int


class Runner:
    """A submission in a home. A context manager.

    Runs are forked where the script first reads validation tokens: up to there they are one (`begun`, `run`).

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
        self.spent = 0.0  # seconds of processor time of all runs so far; waiting counts too, but for less
        self.forked = 0  # runs that were
        self.whole = ""  # why another one began from nothing
        self._stem: _Stem | None = None
        lay_out(submission, self.root)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()
        self._home.close() if self._own_home else self._home.clear()

    @property
    def isolation(self) -> Isolation:
        return self._home.jail.isolation

    def begun(self, made: Made, workspace: Workspace, seconds: float, record: bool = True) -> Run:
        """The run of the base stream. Those that `run` makes of the same script are forked where it can be, this too.

        `seconds`: as for `run`.
        """
        self._let_go()
        if not record or self._home.target != _TARGET:
            return self._cold(made, workspace, workspace.streams.base, seconds, record, ())
        base = workspace.streams.base
        other = np.random.default_rng(secrets.randbits(64)).permutation(base)  # nothing of it is there before the fork
        job = self._job(made, workspace, other, record)
        held = self._home.jail.hold(_TARGET, job.to_bytes(), limits=self._limits(seconds, seconds, forks=True))
        if held is None:
            self.whole = "this machine can't fork runs safely"
            return self._cold(made, workspace, base, seconds, record, ())
        if held.over:
            found = self._heard(held.finish())
            self._let_go()
            if found.failure is not None or found.trouble:
                return found
            self.whole = "it is not seen to read the validation tokens"
            return self._cold(made, workspace, base, seconds, record, ())
        files = workspace.validation(base)
        self.whole = held.moving()
        if not self.whole and not all(held.files.untouched(path) for path in files):
            self._let_go()
            self.whole = "it reads the validation tokens unseen"
            return self._cold(made, workspace, base, seconds, record, ())
        if self.whole:
            return self._alone(held, files, made, workspace, seconds)
        self._stem = _Stem(held, made, len(base))
        found = self.run(made, workspace, base, seconds)
        self.spent += held.own_seconds
        return found

    def run(
        self, made: Made, workspace: Workspace, stream: Tokens, seconds: float, record: bool = True,
        exchanges: tuple[Exchange, ...] = (), until_tried: bool = False,
    ) -> Run:  # fmt: skip
        """One run on that stream.

        `seconds`: of processor time, at most, those of its forks included; `PATIENCE` times as many of wall clock.
        `until_tried`: it ends with the last of its exchanges.
        """
        stem = self._stem
        if stem is None or stem.held.over or stem.made is not made or not record:
            return self._cold(made, workspace, stream, seconds, record, exchanges, until_tried)
        if len(stream) != stem.length:  # who asked how long a file is has been told
            self.whole = "its stream has another length"
            self._let_go()  # what begins from nothing finds nothing of what is held
            return self._cold(made, workspace, stream, seconds, record, exchanges, until_tried)
        limits = self._limits(seconds, self._own_seconds(seconds, exchanges), forks=bool(exchanges))
        turn = Turn(workspace.streams.contexts, exchanges, until_tried)
        found = self._heard(stem.held.fork(turn.to_bytes(), workspace.validation(stream), limits), stem.held.early)
        if found.trouble and "memory" in found.trouble:  # which a fork's is counted twice
            self.whole = "forks of it take much memory"
            self._let_go()
            return self._cold(made, workspace, stream, seconds, record, exchanges, until_tried)
        self.forked += 1
        return found

    def _cold(
        self, made: Made, workspace: Workspace, stream: Tokens, seconds: float, record: bool,
        exchanges: tuple[Exchange, ...], until_tried: bool = False,
    ) -> Run:  # fmt: skip
        """A run that begins from nothing."""
        job = self._job(made, workspace, stream, record)
        job = replace(job, exchanges=exchanges, contexts=workspace.streams.contexts, until_tried=until_tried)
        limits = self._limits(seconds, self._own_seconds(seconds, exchanges), forks=bool(exchanges))
        return self._heard(self._home.jail.call(self._home.target, job.to_bytes(), limits=limits))

    def _alone(
        self, held: Held, files: Mapping[str, bytes], made: Made, workspace: Workspace, seconds: float
    ) -> Run:  # fmt: skip
        """What stands at the read goes on as one run, and has the only one."""
        base = workspace.streams.base
        try:
            found = self._heard(held.alone(Turn(workspace.streams.contexts).to_bytes(), files))
        except ValueError:
            self._let_go()
            return self._cold(made, workspace, base, seconds, True, ())
        self._let_go()
        return found

    def _job(self, made: Made, workspace: Workspace, stream: Tokens, record: bool) -> Job:
        scene = self._home.scenes / "scene"  # always the same name: a run is not to know which it is
        shutil.rmtree(scene, ignore_errors=True)
        scene.mkdir()
        workspace.write(scene, stream)
        return replace(
            made.job, root=str(self.root), scene=str(scene), record=record, hook=f"_{secrets.token_hex(6)}"
        )  # fmt: skip

    def _own_seconds(self, seconds: float, exchanges: tuple[Exchange, ...]) -> float:
        """Of processor time, of a run without its forks."""
        forks = _A_FORK * sum(len(e.tokens) for e in exchanges)
        return min(seconds, max(1.0, seconds - sum(e.limit for e in exchanges if math.isfinite(e.limit))) + forks)

    def _limits(self, seconds: float, own: float, *, forks: bool) -> Limits:
        return replace(self._home.limits, wall_seconds=PATIENCE * seconds, cpu_seconds=own, forks=forks)

    def _let_go(self) -> None:
        self._home.jail.let_go()
        self._stem = None

    def _heard(self, ended: Ended, early: tuple[tuple[bytes, ...], str] = ((), "")) -> Run:
        """`early`: what was sent and printed before this was forked."""
        frames, printed = early
        spent = max(ended.cpu_seconds, ended.seconds / PATIENCE)
        self.spent += spent
        trouble = ended.tampered or (_trouble(ended.reason) if ended.status != "ended" else "")
        account, recorded = split(() if ended.tampered else (*frames, *ended.frames))
        if account.failure is not None:
            message, source = self._plain(account.failure.message), self._plain(account.failure.source)
            account = replace(account, failure=replace(account.failure, message=message, source=source))
        said = "\n".join(filter(None, (_ends(printed), _ends(ended.stdout), _ends(ended.stderr))))
        return Run(account, tuple(recorded), self._plain(trouble), said, spent)

    def measuring(self, argument: bytes) -> tuple[bytes, ...]:
        """The answer of a process beside no submission. Raises ValueError where it exceeds its limits."""
        ended = self._home.jail.call(_MEASURE, argument, limits=_MEASURING)
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
