"""What the parent asks of one run, and what the run says of itself; both cross the pipe as JSON.

Frames of the stage begin with `MARK`, all others are the recorder's.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

MARK = b"stage "
LIBRARIES = ".libraries"
"""Where compiled helpers lie below the working directory, named by what was wanted."""
_LONGEST, _MOST_FRAMES = 2_000, 1_000  # characters of a text, lines of a traceback
_MOST_WANTED = 50  # compiled helpers that a run may ask for
_STAGE_FRAMES, _STAGE_BYTES = 2_000, 4 << 20  # of one run: frames of the stage that are looked at, bytes of one
ENOUGH = 12
STEP = 64  # tokens that a stream is run without: loaders cut it to whole sequences, and sequences are that long here
Mode = Literal["run", "smoke"]
Scalar = str | int | float | bool | None
Frames = tuple[tuple[str, int, str], ...]
"""Path, line and function of the submission's innermost frames, the innermost first."""


@dataclass(frozen=True)
class Exchange:
    """Tokens to be tried at a position of the stream, in forks of one run.

    The run forks after the place `after` of its recording's sequence. `row` is the recorded row that scores the
    position, `taken` the lines at work where sums take such scores, for each place of them, `earlier` how many take it
    there before the one that is meant; without lines a fork goes on until it prints the figure of that `label`. (Sums
    have no numbers of their own: how many come before this one may rest on the tokens.)
    `stretch` are tokens of the stream, of which the one at `offset` stands at the position; a score is `factor` nats of
    what is summed. Once `ENOUGH` tokens were tried, no fork is begun after so many `seconds` of processor time, nor
    when they have `over` of probability together; none is after `most` seconds.
    """

    position: int
    after: int
    row: int
    taken: tuple[Frames, ...]
    stretch: tuple[int, ...]
    offset: int
    tokens: tuple[int, ...]
    factor: float = 1.0
    seconds: float = 60.0
    over: float = 2.0
    label: str = ""
    earlier: int = 0
    most: float = 0.0  # `seconds`, if that is more

    @property
    def limit(self) -> float:
        """Seconds of processor time for all forks."""
        return max(self.seconds, self.most)


@dataclass(frozen=True)
class Job:
    """One run of the entry script. Paths are absolute; `entry` and the keys of `modules` are relative to `root`.

    `text` and `modules` (import name to text) are decoded source. `constants` are values to put in the place of the
    literals that module and class level names are given. `clock` is how far one look at the clock moves it (seconds).
    """

    root: str
    entry: str
    text: str
    scene: str  # a folder whose content is put into the working directory
    argv: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Scalar] = field(default_factory=dict)
    arguments: dict[str, int] = field(default_factory=dict)  # `name=value` in the code -> its value in the run
    branches: dict[str, bool] = field(default_factory=dict)  # `path:line` of an `if` -> the way that the log shows
    several: bool = False  # the submission was made by several ranks: what their number switches on stays on
    modules: dict[str, tuple[str, str]] = field(default_factory=dict)  # import name -> (path, text)
    paths: dict[str, str] = field(default_factory=dict)  # absolute paths that stand in the script -> where they are
    writable: bool = False  # the script runs from a copy of its folder that it may write to
    mode: Mode = "run"
    clock: float = 0.001
    record: bool = True
    triton: bool = False  # kernels are interpreted; otherwise Triton is not there
    validation_tokens: int = 0
    contexts: tuple[tuple[int, ...], ...] = ()  # tokens; the whole distribution that predicts the last is wanted
    exchanges: tuple[Exchange, ...] = ()
    until_tried: bool = False  # the run ends with the last of these: nothing else is asked of it
    hook: str = ""  # name of the builtin that instrumented code calls; another one each time

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Job:
        fields = json.loads(data)
        fields["argv"] = tuple(fields["argv"])
        fields["modules"] = {name: (path, text) for name, (path, text) in fields["modules"].items()}
        fields["contexts"], fields["exchanges"] = _contexts(fields["contexts"]), _exchanges(fields["exchanges"])
        return cls(**fields)


@dataclass(frozen=True)
class Turn:
    """What is one run's own where several are forked from one: the rest of its `Job` is the same in all."""

    contexts: tuple[tuple[int, ...], ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    until_tried: bool = False

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Turn:
        fields = json.loads(data)
        return cls(_contexts(fields["contexts"]), _exchanges(fields["exchanges"]), bool(fields["until_tried"]))


def _contexts(values: Iterable[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(context) for context in values)


def _exchanges(values: Iterable[dict[str, Any]]) -> tuple[Exchange, ...]:
    return tuple(
        Exchange(**{
            **e, "stretch": tuple(e["stretch"]), "tokens": tuple(e["tokens"]),
            "taken": tuple(tuple((path, line, name) for path, line, name in place) for place in e["taken"]),
        })
        for e in values
    )  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A shared library that the script wanted compiled: the source ("c" or "c++") and the compiler's options."""

    language: str
    source: str
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return hashlib.sha256("\0".join((self.language, self.source, *self.options)).encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """How a script ended early: the exception, and the innermost line of the submission (relative path, line).

    `frames` are all lines of the submission in the traceback, outermost first.
    """

    error: str
    message: str
    path: str = ""
    line: int = 0
    frames: tuple[tuple[str, int, str], ...] = ()
    source: str = ""  # the innermost line's text

    @property
    def sentence(self) -> str:
        return f"{self.error}: {self.message}" if self.message else self.error


@dataclass(frozen=True)
class Account:
    """What one run said of itself. `failure` is None where the script ran to its end; `smoke` has its figures.

    `imported`: seconds that the libraries of the script took to import, where the run began in a cold interpreter.
    """

    ended: bool = False
    failure: Failure | None = None
    absent: tuple[str, ...] = ()
    smoke: dict[str, float] = field(default_factory=dict)
    wanted: tuple[Wanted, ...] = ()
    imported: float = 0.0


def encode(kind: str, **values: object) -> bytes:
    """A frame of the stage."""
    return MARK + json.dumps({"kind": kind, **values}, default=str).encode()


def split(frames: Iterable[bytes]) -> tuple[Account, list[bytes]]:
    """The stage's own account and the recorder's frames. Whatever else a frame of the stage holds is passed over.

    The sender runs the submission: a frame that can't be read, or is one too many, is passed over as well.
    """
    account, recorded, looked_at = Account(), list[bytes](), 0
    for frame in frames:
        if not frame.startswith(MARK):
            recorded.append(frame)
            continue
        looked_at += 1
        if looked_at > _STAGE_FRAMES or len(frame) > _STAGE_BYTES:
            continue
        try:
            account = _heard(account, json.loads(frame[len(MARK) :]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            continue
    return account, recorded


def _heard(account: Account, values: dict[str, Any]) -> Account:
    """The account with what one frame adds to it."""
    kind = values.get("kind", "")
    if kind == "failure":
        return replace(account, failure=_failure(values))
    if kind == "absent":
        name = str(values["name"])[:_LONGEST]
        return account if name in account.absent else replace(account, absent=(*account.absent, name))
    if kind == "smoke":
        figures = {str(k)[:_LONGEST]: float(v) for k, v in list(values["figures"].items())[:20]}
        return replace(account, smoke={name: value for name, value in figures.items() if math.isfinite(value)})
    if kind == "compile":
        options = tuple(str(option)[:_LONGEST] for option in values["options"][:100])
        wanted = Wanted(str(values["language"]), str(values["source"]), options)
        return replace(account, wanted=(*account.wanted, wanted)) if len(account.wanted) < _MOST_WANTED else account
    if kind == "imported":
        seconds = float(values["seconds"])
        return replace(account, imported=seconds) if math.isfinite(seconds) else account
    return replace(account, ended=True) if kind == "ended" else account


def _failure(values: dict[str, Any]) -> Failure:
    """In bounds: the sender runs the submission."""
    frames = tuple(
        (str(path)[:_LONGEST], _line(line), str(name)[:_LONGEST])
        for path, line, name in values.get("frames", ())[:_MOST_FRAMES]
    )
    error, message, path, source = (str(values.get(k, ""))[:_LONGEST] for k in ("error", "message", "path", "source"))
    return Failure(error, message, path, _line(values.get("line", 0)), frames, source)


def _line(value: Any) -> int:
    return min(max(0, int(value)), 1 << 31)
