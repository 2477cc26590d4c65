"""What the recorder writes down, buffered and sent in frames.

Rows are scored tokens (one target and its loss), numbered from 0 in the order of their scoring. A node is a number
that the script computed from them: a leaf is a weighted sum of rows, a sum is a linear combination of other nodes. So
the parent knows exactly which rows entered a figure. Everything carries a place in one sequence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auditor.probe.job import Frames
from auditor.probe.record.frames import pack

ROWS_AT_MOST = 5_000_000
"""Rows and entries of leaves, each, of one run (32 bytes a row)."""
_PIECE = 200_000  # rows in one frame, of 24 bytes each
_LINES = 50_000  # of a table in one frame, of at most 56 bytes each
_COMPARISONS = 10_000  # of one run that are written down
_MARK_BACKWARD, _MARK_STEP = 1, 2


class Channel(Protocol):
    def send(self, frame: bytes) -> None: ...


class Watcher(Protocol):
    """Told of what is recorded, as it is."""

    def batch(self, tape: Tape, first: int, targets: NDArray[Any], losses: NDArray[Any], sequence: int) -> None: ...

    def leaf(self, taken: Frames, rows: NDArray[Any], values: NDArray[Any] | None) -> None: ...

    def line(self, text: str, exact: Sequence[tuple[str, float]]) -> None: ...

    def closed(self) -> None: ...


class _Columns:
    """Columns of numbers that grow by rows and are sent together."""

    def __init__(self, kind: str, columns: Sequence[tuple[str, str]]) -> None:
        self.kind, self.columns = kind, columns
        self.lists: list[list[float]] = [[] for _ in columns]

    def add(self, *values: float) -> None:
        for column, value in zip(self.lists, values, strict=True):
            column.append(value)

    def frame(self) -> bytes | None:
        if not self.lists[0]:
            return None
        arrays = {n: np.array(v, dtype=d) for (n, d), v in zip(self.columns, self.lists, strict=True)}
        for column in self.lists:
            column.clear()
        return pack(self.kind, None, arrays)


class _Stream:
    """Arrays of one column, joined before they are sent."""

    def __init__(self, kind: str, columns: Sequence[tuple[str, str]]) -> None:
        self.kind, self.columns = kind, columns
        self.parts: list[tuple[NDArray[Any], ...]] = []
        self.length = 0

    def add(self, *values: NDArray[Any]) -> None:
        self.parts.append(tuple(v.astype(d) for (_, d), v in zip(self.columns, values, strict=True)))
        self.length += len(values[0])

    def frames(self, at_least: int = 1) -> Iterator[bytes]:
        if self.length < at_least:
            return
        joined = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        for i in range(0, self.length, _PIECE):
            yield pack(
                self.kind,
                None,
                {n: c[i : i + _PIECE] for (n, _), c in zip(self.columns, joined, strict=True)},
            )
        self.parts, self.length = [], 0


class Tape:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.sequence = self.rows = self.entries = 0
        self.truncated = False
        self.faults: dict[str, int] = {}
        self._sites: dict[Frames, int] = {}
        self._frames: list[Frames] = []  # by the number of their site
        self._weights: list[float] = []  # of each node: the sum of its rows' weights
        self._trains: list[bool] = []  # of each node: whether it was made for a gradient
        self._sizes: list[int] = []  # of each node: how many rows it was made of
        self._firsts: list[int] = []  # of each batch: its first row, and whether it was made for a gradient
        self._grads: list[bool] = []
        self._batches = _Columns(
            "batches", [(n, "<i8") for n in ("first", "count", "site", "sequence", "grad", "width", "kind")]
        )
        self._leaves = _Columns(
            "leaves",
            [
                ("node", "<i8"),
                ("count", "<i8"),
                ("site", "<i8"),
                ("sequence", "<i8"),
                ("weight", "<f8"),
                ("own", "<i4"),
            ],
        )
        self._sums = _Columns("sums", [("node", "<i8"), ("count", "<i8"), ("constant", "<f8")])
        self._terms = _Columns("terms", [("node", "<i8"), ("factor", "<f8")])
        self._exits = _Columns(
            "exits", [("sequence", "<i8"), ("node", "<i8"), ("factor", "<f8"), ("value", "<f8"), ("weight", "<f8")]
        )
        self._rows = _Stream("rows", [("target", "<i4"), ("loss", "<f8"), ("digest", "<f8"), ("norm", "<f4")])
        self._entries = _Stream("entries", [("row", "<i4")])
        self._entry_weights = _Stream("weights", [("weight", "<f8")])
        self._entry_values = _Stream("values", [("value", "<f8")])
        self._marks = _Columns("marks", [("sequence", "<i8"), ("kind", "<i8")])
        self._compared = _Columns("compared", [("sequence", "<i8"), ("node", "<i8")])
        self._comparisons = 0
        self._closed = False
        self.watcher: Watcher | None = None

    def next(self) -> int:
        self.sequence += 1
        return self.sequence

    @property
    def closed(self) -> bool:
        return self._closed

    def known(self, frames: Frames) -> bool:
        return frames in self._sites

    def site(self, frames: Frames) -> int:
        known = self._sites.get(frames)
        if known is None:
            known = self._sites[frames] = len(self._frames)
            self._frames.append(frames)
            self.channel.send(pack("site", [known, [list(f) for f in frames]]))
        return known

    def batch(
        self, targets: NDArray[Any], losses: NDArray[Any], digests: NDArray[Any], norms: NDArray[Any],
        *, site: int, grad: bool, width: int, kind: int,
    ) -> int:  # fmt: skip
        """Number of the first row, or -1 once the tape is full."""
        count = len(targets)
        if self.rows + count > ROWS_AT_MOST:
            self.truncated = True
            return -1
        first = self.rows
        self.rows += count
        sequence = self.next()
        self._firsts.append(first)
        self._grads.append(grad)
        self._batches.add(first, count, site, sequence, grad, width, kind)
        self._rows.add(targets, losses, digests, norms)
        self._flush_when_long()
        if self.watcher is not None:
            self.watcher.batch(self, first, targets, losses, sequence)
        return first

    def whole(self, row: int, values: NDArray[Any]) -> None:
        """The distribution that a row was scored with: ln p of every token of the vocabulary."""
        self.channel.send(pack("whole", row, {"values": values.astype("<f4")}))

    def leaf(self, rows: NDArray[Any], weight: float | NDArray[Any], values: NDArray[Any] | None, site: int) -> int:
        """A weighted sum of rows; `values`: what was summed in their place, None for the losses as recorded."""
        if self.entries + len(rows) > ROWS_AT_MOST:
            self.truncated = True
            return -1
        total = float(np.sum(weight)) if isinstance(weight, np.ndarray) else weight * len(rows)
        node = self._node(total, len(rows) > 0 and self.trains_by(int(rows[0])), len(rows))
        self.entries += len(rows)
        single = float("nan") if isinstance(weight, np.ndarray) else float(weight)
        self._leaves.add(node, len(rows), site, self.next(), single, values is not None)
        self._entries.add(rows)
        if isinstance(weight, np.ndarray):
            self._entry_weights.add(weight)
        if values is not None:
            self._entry_values.add(values)
        self._flush_when_long()
        if self.watcher is not None:
            self.watcher.leaf(self._frames[site], rows, values)
        return node

    def sum(self, terms: Iterable[tuple[int, float]], constant: float = 0.0) -> int:
        terms = [t for t in terms if t[0] >= 0]
        weight = sum(self._weights[n] * factor for n, factor in terms)
        node = self._node(weight, any(self._trains[n] for n, _ in terms), sum(self._sizes[n] for n, _ in terms))
        self._sums.add(node, len(terms), constant)
        for n, factor in terms:
            self._terms.add(n, factor)
        self._flush_when_long()
        return node

    def exit(self, node: int, factor: float, value: float) -> None:
        if node >= 0:
            self._exits.add(self.next(), node, factor, value, self._weights[node] * factor)

    def backward(self) -> None:
        self._marks.add(self.next(), _MARK_BACKWARD)

    def step(self) -> None:
        self._marks.add(self.next(), _MARK_STEP)

    def compared(self, node: int) -> None:
        """What the script does next may rest on this number."""
        if node >= 0 and self._comparisons < _COMPARISONS:
            self._comparisons += 1
            self._compared.add(self.next(), node)

    def line(self, text: str, exact: Sequence[tuple[str, float]] = ()) -> None:
        """`exact`: numbers of the line as the script has them, by their digits."""
        self.channel.send(pack("line", [self.next(), text, [list(pair) for pair in exact]]))
        if self.watcher is not None:
            self.watcher.line(text, exact)

    def fault(self, what: str) -> None:
        self.faults[what] = self.faults.get(what, 0) + 1

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.watcher is not None:
            self.watcher.closed()
        self._flush()
        faults = sorted(self.faults.items())[:50]
        self.channel.send(pack("end", {"rows": self.rows, "truncated": self.truncated, "faults": faults}))

    def trains_by(self, row: int) -> bool:
        """Whether a row was scored for a gradient."""
        return self._grads[bisect_right(self._firsts, row) - 1]

    def trains(self, node: int) -> bool:
        """Whether a number was made of such rows."""
        return self._trains[node]

    def size(self, node: int) -> int:
        """Of how many rows a number was made."""
        return self._sizes[node]

    def frames(self, site: int) -> Frames:
        return self._frames[site]

    def _node(self, weight: float, trains: bool, size: int) -> int:
        self._weights.append(weight)
        self._sizes.append(size)
        self._trains.append(trains)
        return len(self._weights) - 1

    def _flush_when_long(self) -> None:
        for stream in self._streams():
            self._send(stream.frames(at_least=_PIECE))
        if any(len(columns.lists[0]) > _LINES for columns in self._tables()):
            self._flush()

    def _flush(self) -> None:
        for stream in self._streams():
            self._send(stream.frames())
        self._send(frame for columns in self._tables() if (frame := columns.frame()) is not None)

    def _send(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self.channel.send(frame)

    def _streams(self) -> tuple[_Stream, ...]:
        return (self._rows, self._entries, self._entry_weights, self._entry_values)

    def _tables(self) -> tuple[_Columns, ...]:
        return (self._batches, self._leaves, self._sums, self._terms, self._exits, self._marks, self._compared)
