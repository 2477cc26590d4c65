"""Rows followed through numpy, where scores are blended with count tables after they have left torch."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auditor.probe.record.bounds import BOUNDS, Bounds
from auditor.probe.record.mirror import Mirror, Mirrors
from auditor.probe.record.single import Scalar, Single, identity

_SUMS = frozenset(["sum", "nansum", "mean", "nanmean"])
_JOINS = frozenset(["concatenate", "hstack", "stack", "vstack"])
_MOST_NUMBERS = 4096  # of a list
_LONGEST = 100_000  # of a list whose numbers are of one row each
_MADE = frozenset(["array", "asarray", "fromiter"])
_SHAPES = frozenset(["reshape", "ravel", "flatten", "squeeze", "transpose"])


class Arrays:
    """Row numbers by identity of the array. The values are the array's own, written down when they are summed."""

    def __init__(self, mirrors: Mirrors, site: Callable[[], int], bounds: Bounds) -> None:
        self.mirrors, self.site, self.bounds = mirrors, site, bounds
        self.of: dict[int, tuple[weakref.ref[Any], NDArray[Any]]] = {}

    def get(self, array: object) -> NDArray[Any] | None:
        found = self.of.get(identity(array))
        return found[1] if found is not None and found[0]() is array else None

    def put(self, array: Any, ids: NDArray[Any]) -> None:
        if type(array) is not np.ndarray or array.shape != ids.shape or not (ids >= 0).any():
            return
        key, of = identity(array), self.of

        def gone(reference: weakref.ref[Any]) -> None:
            if (held := of.get(key)) is not None and held[0] is reference:
                del of[key]

        of[key] = (weakref.ref(array, gone), ids)

    def left_torch(self, mirror: Mirror, out: Any) -> None:
        """`tensor.numpy()`."""
        if isinstance(out, np.ndarray):
            self.put(out, mirror.ids.numpy().reshape(out.shape))

    def entered_torch(self, value: Any, out: Any) -> None:
        """`torch.from_numpy(array)`, `torch.tensor(array)`."""
        ids = self.get(value)
        if ids is not None and tuple(out.shape) == ids.shape:
            self.mirrors.put(out, Mirror(torch.from_numpy(ids.copy()), 1.0, own=True))

    def called(self, name: str, args: tuple[Any, ...], out: Any) -> None:
        """A function of numpy, a method of an array (`args[0]`), or arithmetic."""
        first = args[0] if args else None
        ids = self.get(first)
        if name in BOUNDS and ids is not None and hasattr(np, name):
            bounds = args[: 3 if name == "clip" else 2]  # what may follow is an array to write to
            self.bounds.look(getattr(np, name), bounds, {}, first, ids.reshape(-1), out)
        if name == "from_numpy":
            self.entered_torch(first, out)
        elif name in _SUMS and ids is not None and isinstance(out, float | np.floating):
            share = 1.0 / max(ids.size, 1) if "mean" in name else 1.0
            self._sum(first, ids, share, out)
        elif name in _SUMS and isinstance(first, list | tuple) and isinstance(out, float | np.floating):
            self._of_numbers(first, 1.0 / max(len(first), 1) if "mean" in name else 1.0, out)
        elif name in _JOINS and type(first) in (list, tuple):
            self._join(first, out)
        elif name in _MADE and type(first) in (list, tuple):
            self._made_of(first, out)
        elif name == "tolist" and ids is not None and type(out) is list:
            self.listed(ids.reshape(-1).tolist(), out)
        elif type(out) is not np.ndarray or out.dtype.kind != "f":
            return
        elif name in _SHAPES and ids is not None:
            self.put(out, ids.reshape(out.shape) if name != "transpose" else ids.T)
        else:
            self._elementwise(args, out)

    def taken(self, array: Any, index: Any, out: Any) -> None:
        ids = self.get(array)
        if ids is None:
            return
        chosen = ids[index]
        if isinstance(out, np.ndarray):
            self.put(out, chosen)
        elif isinstance(out, float | np.floating) and int(chosen) >= 0:
            self.mirrors.note_number(out, Single(int(chosen)))

    def elements(self, array: Any) -> Iterator[Any]:
        """What a loop over a tracked array finds."""
        for i in range(len(array)):
            out = array[i]
            if (ids := self.get(array)) is not None and ids.ndim == 1 and ids[i] >= 0:
                self.mirrors.note_number(out, Single(int(ids[i])))
            yield out

    def listed(self, rows: list[int], out: list[Any], weight: float = 1.0, *, own: bool = True) -> None:
        """The numbers of a list, and of lists in it, are of these rows, one after the other."""
        numbers = out
        while numbers and type(numbers[0]) is list:
            numbers = [number for part in numbers for number in part]
        if len(numbers) == len(rows) <= _LONGEST:
            for row, number in zip(rows, numbers, strict=True):
                if row >= 0:
                    self.mirrors.note_number(number, Single(row, weight, own=own))

    def _made_of(self, numbers: Any, out: Any) -> None:
        """`np.array(losses)` of numbers that are each of one row."""
        held = [self.mirrors.held(number) for number in numbers[:_LONGEST]]
        rows = [one.row if isinstance(one, Single) else -1 for one in held]
        if type(out) is np.ndarray and out.dtype.kind == "f" and out.shape == (len(rows),):
            self.put(out, np.array(rows, dtype=np.int64))

    def stored(self, array: Any, index: Any, value: Any) -> None:
        held, new = self.get(array), self.get(value)
        single = self.mirrors.held(value)
        if isinstance(single, Single):
            new = np.array(single.row)
        if new is None or type(array) is not np.ndarray or array.dtype.kind != "f":
            return
        ids = np.full(array.shape, -1, dtype=np.int64) if held is None else held.copy()
        ids[index] = new
        self.put(array, ids)

    def _elementwise(self, args: tuple[Any, ...], out: Any) -> None:
        ids: NDArray[Any] | None = None
        for value in args:
            held = self.get(value)
            if held is not None and held.shape == out.shape:
                ids = held if ids is None else np.where(ids >= 0, ids, held)
        if ids is not None:
            self.put(out, ids)

    def _join(self, parts: Any, out: Any) -> None:
        ids = [self.get(p) for p in parts]
        if any(i is not None for i in ids) and type(out) is np.ndarray and all(np.ndim(p) == 1 for p in parts):
            filled = [np.full(len(p), -1) if i is None else i for i, p in zip(ids, parts, strict=True)]
            self.put(out, np.concatenate(filled).astype(np.int64).reshape(out.shape))

    def _of_numbers(self, parts: Any, share: float, out: Any) -> None:
        """`np.mean(losses)` of numbers that have left torch one by one."""
        numbers = [self.mirrors.number(part) for part in parts[:_MOST_NUMBERS]]
        known = [(n.node, n.factor * share) for n in numbers if n is not None]
        if known and len(known) == len(parts):
            self.mirrors.note_number(out, Scalar(self.mirrors.tape.sum(known)))

    def _sum(self, array: Any, ids: NDArray[Any], share: float, out: Any) -> None:
        rows, values = ids.reshape(-1), np.asarray(array, dtype=np.float64).reshape(-1)
        known = rows >= 0
        self._number(rows[known], values[known], share, out, float(values[~known].sum()) * share)

    def _number(self, rows: Any, values: Any, share: float, out: Any, constant: float = 0.0) -> None:
        tape = self.mirrors.tape
        node = tape.leaf(rows, share, values, self.site())
        if node >= 0:
            self.mirrors.note_number(out, Scalar(tape.sum([(node, 1.0)], constant) if constant else node))
