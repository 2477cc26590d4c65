"""Other tokens at one position, tried in forks of the run: what each would have been scored with.

The run forks shortly before that position is scored. The fork finds the stream wherever the script keeps it, puts the
other token there, goes on until the score is taken, says what it was and ends; the run itself goes on as if nothing had
happened. What was computed from the token before the fork is not seen: the parent compares with runs whose stream had
that token from the beginning, and believes none of it where these differ.
"""

from __future__ import annotations

import gc
import math
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditor.limits.model import PATIENCE
from auditor.probe.digits import whole_bpb
from auditor.probe.job import ENOUGH, Exchange, Frames
from auditor.probe.record.frames import pack

# Before a script, or the stage, can replace them:
_leave, _fork, _wait, _timer, _times = os._exit, os.fork, os.waitpid, signal.setitimer, os.times
_SECONDS = 60.0  # of processor time, of one fork
_SUM = struct.Struct("<d")
_LONGEST_LIST = 1_000_000


def _used() -> float:
    """Seconds of processor time of this process and of its forks that have ended."""
    times = _times()
    return times.user + times.system + times.children_user + times.children_system


class Silent:
    """The channel of a fork: it says one thing, at its end."""

    def send(self, frame: bytes) -> None:
        pass


class Forks:
    """What the tape tells of every batch of rows and every sum.

    `fork` does as `os.fork`, which is taken for None; `settle` takes what a fork may do less than the run. `over` is
    called in the run once all were tried: nothing may be wanted of it after that.
    """

    def __init__(
        self, wanted: tuple[Exchange, ...], channel: Any, fork: Callable[[], int] | None, settle: Callable[[], None],
        over: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._channel, self._fork, self._settle, self._over = channel, fork or _fork, settle, over
        self._after: dict[int, list[Exchange]] = {}
        for one in wanted:
            self._after.setdefault(one.after, []).append(one)
        self._trying: Exchange | None = None
        self._token = -1
        self._model: tuple[int, float] | None = None
        self._passed = 0  # sums that took the score where it is taken
        self._sum = mmap.mmap(-1, _SUM.size)  # of probabilities, written by the forks

    def batch(self, tape: Any, first: int, targets: NDArray[Any], losses: NDArray[Any], sequence: int) -> None:
        """Rows were recorded."""
        trying = self._trying
        if trying is not None:
            if first <= trying.row < first + len(targets):
                self._model = int(targets[trying.row - first]), float(losses[trying.row - first])
            return
        due = self._after.pop(sequence, [])
        for one in due:
            copies, start = found(one), _used()
            _SUM.pack_into(self._sum, 0, 0.0)
            for number, token in enumerate(one.tokens):
                enough, left = number >= ENOUGH, start + one.limit - _used()
                if left < 0 or (enough and (_used() > start + one.seconds or self._total > one.over)):
                    break
                if self._forked(one, copies, token, left):
                    tape.channel = Silent()
                    return
        if due and not self._after and self._over is not None:
            self._over()

    @property
    def _total(self) -> float:
        """Of the probabilities that forks have found."""
        return float(_SUM.unpack_from(self._sum)[0])

    def leaf(self, taken: Frames, rows: NDArray[Any], values: NDArray[Any] | None) -> None:
        """A sum was taken. Ends a fork whose score is in it."""
        trying = self._trying
        if trying is None or taken not in trying.taken or self._model is None:
            return
        at = np.flatnonzero(rows == trying.row)
        if not len(at):
            return
        self._passed += 1
        if self._passed <= trying.earlier:
            return
        target, loss = self._model
        score = loss if values is None else float(values[at[0]])
        _SUM.pack_into(self._sum, 0, self._total + math.exp(min(0.0, -score * trying.factor)))
        self._channel.send(pack("exchange", [trying.position, self._token, target, loss, score]))
        _leave(0)

    def line(self, text: str, exact: Sequence[tuple[str, float]]) -> None:
        """A line with figures was printed: a fork whose score is in no sum says that."""
        trying = self._trying
        if trying is not None and not trying.taken and exact and self._model is not None:
            target, loss = self._model
            pairs = [list(pair) for pair in exact]
            self._channel.send(pack("told", [trying.position, self._token, target, loss, text, pairs]))
            if whole_bpb(text, exact, trying.label) is not None:
                _leave(0)

    def closed(self) -> None:
        """The script has ended; a fork that comes so far has not found its score."""
        if self._trying is not None:
            _leave(0)

    def _forked(self, one: Exchange, copies: list[Copy], token: int, left: float) -> bool:
        """Whether this is the fork. `left`: seconds of processor time that it may take."""
        try:
            pid = self._fork()
        except OSError:
            return False  # no forks here
        if pid:
            _wait(pid, 0)
            return False
        try:
            self._settle()
            seconds = max(1.0, min(_SECONDS, left))
            for timer, ends, limit in (
                (signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, PATIENCE * seconds),
            ):  # fmt: skip
                signal.signal(ends, signal.SIG_DFL)
                _timer(timer, limit)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            for held, places in copies:
                for place in places:
                    held[place] = token
        except BaseException:
            _leave(1)
        self._trying, self._token = one, token
        return True


Copy = tuple[Any, list[int]]
"""An array of one dimension or a list, and where the position stands in it."""


def found(one: Exchange) -> list[Copy]:
    """Every copy of the stretch that the script holds, in tensors, arrays and lists."""
    stretch = np.asarray(one.stretch, dtype=np.int64)
    copies = []
    for held in _held():
        places = _in_list(held, one) if isinstance(held, list) else _in_array(held, stretch)
        if len(places):
            flat = held if isinstance(held, list) else held.reshape(-1)
            copies.append((flat, [int(place) + one.offset for place in places]))
    return copies


def _in_array(array: NDArray[Any], stretch: NDArray[np.int64]) -> Any:
    if array.dtype.kind not in "iu" or array.size < len(stretch) or not array.flags.c_contiguous:
        return ()
    flat = array.reshape(-1)
    starts = np.flatnonzero(flat[: flat.size - len(stretch) + 1] == stretch[0])
    for k in range(1, len(stretch)):
        if not len(starts):
            break
        starts = starts[flat[starts + k] == stretch[k]]
    return starts


def _in_list(held: list[Any], one: Exchange) -> list[int]:
    places: list[int] = []
    start = -1
    while True:
        try:
            start = held.index(one.stretch[0], start + 1)
        except ValueError:
            return places
        if tuple(held[start : start + len(one.stretch)]) == one.stretch:
            places.append(start)


def _held() -> Iterator[Any]:
    """Arrays, tensors (as arrays) and lists of whole numbers that anything of the script refers to."""
    seen: set[int] = set()
    for value in (*_of_containers(), *_of_frames()):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            if value.device.type == "cpu" and value.layout == torch.strided and not value.is_floating_point():
                with torch._C.DisableTorchFunction():
                    yield value.detach().numpy()
        elif isinstance(value, np.ndarray) or _is_tokens(value):
            yield value


def _is_tokens(value: Any) -> bool:
    return type(value) is list and 16 < len(value) < _LONGEST_LIST and type(value[0]) is int


def _of_containers() -> Iterator[Any]:
    kinds = (Tensor, np.ndarray, list)
    for container in gc.get_objects():
        if issubclass(type(container), kinds):  # an object may lie about its class, and some warn when asked
            yield container
        yield from (value for value in gc.get_referents(container) if issubclass(type(value), kinds))


def _of_frames() -> Iterator[Any]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield from frame.f_locals.values()
        frame = frame.f_back
