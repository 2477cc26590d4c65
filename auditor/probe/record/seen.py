"""What of the script ran, and where it holds the validation stream: for the parent, who has the text."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditor.probe.blocks import NOWHERE
from auditor.probe.record.frames import ATTRIBUTE, EMBEDDED, SCORE, pack

_GRAM = 16  # tokens by which a value is known for a part of the stream
_NAMES, _MOST = 400, 60_000  # names of one frame that are looked at, blocks of one script
_PARTS = 8  # of a container that are looked at
_LOOKS = 400  # at frames of a model that is given the stream
_SHARDS = re.compile(r"val[\w*-]*(\.bin|\*)$")  # a string that names shards to validate on
Place = tuple[str, int, int]  # path, line, column


class Seen:
    """`stream`: the validation tokens of this run. `root`: the folder whose frames are the submission's."""

    def __init__(self, stream: NDArray[Any], root: str) -> None:
        self._root = root
        self.follow(stream)
        self._places: list[Place] = []
        self._entered = bytearray(_MOST)
        self._sign = 1 + secrets.randbelow(255)  # what is written there by this class alone
        self._holders: dict[tuple[str, int], set[str]] = {}
        self._embedding = 0  # looks that were taken at a model
        self.is_score: Callable[[object], bool] = lambda value: False

    def follow(self, stream: NDArray[Any]) -> None:
        """These are the validation tokens."""
        tokens = stream.astype(np.int64)
        self._grams = {tokens[i : i + _GRAM].tobytes() for i in range(len(tokens) - _GRAM + 1)}

    def numbered(self, path: str, places: list[tuple[int, int]]) -> int:
        """Number of the first of these blocks."""
        first = len(self._places)
        self._places += [(path, line, column) for line, column in places]
        return first

    @property
    def count(self) -> int:
        return len(self._places)

    def e(self, number: int) -> None:
        """A block is entered."""
        if number < _MOST:
            self._entered[number] = self._sign

    def t(self, number: int, value: Any, bound: float | None = None) -> Any:
        """A truth that is used as a number: which of both it is, of many at once whichever are among them.

        `bound`: the number that it was held to, and what is true of it is that it is no other.
        """
        if number + 1 < _MOST:
            if isinstance(value, (bool, int, float, np.bool_, np.number)):
                self._entered[number if (value if bound is None else value == bound) else number + 1] = self._sign
            else:
                some, every = _truths(value)
                for at, ran in ((number, some), (number + 1, not every)):
                    if ran:
                        self._entered[at] = self._sign
        return value

    def look(self) -> None:
        """Notes which names of the functions at work hold validation tokens, and which hold scores."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(self._root):
                self._frame(path[len(self._root) :], frame)
            frame = frame.f_back

    def embedded(self) -> None:
        """Notes which names of the functions at work hold what a model looks up, while it does."""
        frame: FrameType | None = sys._getframe(1)
        if self._embedding >= _LOOKS:
            return
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(self._root) and frame.f_code.co_name != "<module>":
                where = (path[len(self._root) :], frame.f_code.co_firstlineno)
                names = [n for n, value in list(frame.f_locals.items())[:_NAMES] if self._holds(value)]
                self._holders.setdefault(where, set()).update(EMBEDDED + name for name in names)
                self._embedding += bool(names)
            frame = frame.f_back

    def _frame(self, path: str, frame: FrameType) -> None:
        is_module = frame.f_code.co_name == "<module>"
        self._note((path, 0 if is_module else frame.f_code.co_firstlineno), frame.f_locals)
        if not is_module and (path, 0) not in self._holders:
            self._note((path, 0), frame.f_globals)

    def _note(self, where: tuple[str, int], names: dict[str, Any]) -> None:
        held = self._holders.setdefault(where, set())
        for name, value in list(names.items())[:_NAMES]:
            if name in held:
                continue
            if self._holds(value) or any(self._holds(part) for part in _parts(value)):
                held.add(name)
                continue
            for inner, attribute in self._within(value):
                self._holders.setdefault((where[0], 0), set()).add(ATTRIBUTE + inner)
                if type(attribute) is not str:  # what knows the shards' names does not have them
                    held.add(name)
            if self.is_score(value):
                held.add(SCORE + name)

    def _within(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Attributes of an object of the submission's own that have the stream."""
        kind = type(value)
        for inner in (getattr(value, "__dict__", None), vars(kind) if kind.__module__ == "__main__" else None):
            if inner is None or len(inner) > 200 or isinstance(value, type):
                continue
            for name, held in list(inner.items()):
                if self._holds(held) or any(self._holds(part) for part in _parts(held)):
                    yield name, held

    def _holds(self, value: Any) -> bool:
        kind = type(value)
        if kind is str:
            return len(value) < 1000 and _SHARDS.search(value) is not None
        if issubclass(kind, Tensor):
            if value.is_floating_point() or value.numel() < _GRAM or value.is_complex():
                return False
            start = value.detach().reshape(-1)[:_GRAM].numpy()
        elif issubclass(kind, np.ndarray):
            if value.dtype.kind not in "iu" or value.size < _GRAM:
                return False
            start = value.reshape(-1)[:_GRAM]
        elif kind is list and len(value) >= _GRAM and type(value[0]) is int:
            try:
                start = np.array(value[:_GRAM], dtype=np.int64)
            except (TypeError, ValueError, OverflowError):
                return False
        else:
            return False
        return np.ascontiguousarray(start, dtype=np.int64).tobytes() in self._grams

    def frames(self) -> list[bytes]:
        """For the parent: blocks that were entered, a place in no text where something else wrote that they were."""
        entered = [list(place) for place, ran in zip(self._places, self._entered, strict=False) if ran]
        written = set(self._entered) - {0, self._sign}
        if written or any(self._entered[len(self._places) :]):
            entered.append(["", *NOWHERE])
        sent = [pack("blocks", entered[i : i + 5000]) for i in range(0, max(1, len(entered)), 5000)]
        holders = [[path, line, sorted(names)[:_NAMES]] for (path, line), names in self._holders.items() if names]
        return [*sent, pack("holders", holders[:5000])]


def _truths(value: Any) -> tuple[bool, bool]:
    """Whether any of many is true, and whether all are; of what is no truth, both are among them."""
    try:
        if isinstance(value, Tensor) and value.dtype == torch.bool:
            with torch._C.DisableTorchFunction():
                held = value.detach().numpy()
                return bool(held.any()), bool(held.all())
        if isinstance(value, np.ndarray) and value.dtype == np.bool_:
            return bool(value.any()), bool(value.all())
    except Exception:
        return True, False
    return True, False


def _parts(value: Any) -> list[Any]:
    """The first parts of a container."""
    if type(value) in (list, tuple):
        return list(value[:_PARTS])
    return list(value.values())[:_PARTS] if type(value) is dict else []
