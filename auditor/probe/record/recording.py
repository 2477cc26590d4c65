"""A recording as it is read: numpy arrays, no torch, nothing trusted but its shape.

Whoever sends it runs the submission. Every count, offset and number of a row or node is checked against what there is
before anything is allocated by it; sums of counts cannot wrap, since each count is bounded first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.probe.record.frames import Frame, unpack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_SITES, _LINES, _EXCHANGED, _WHOLE = 100_000, 20_000, 200_000, 200  # of each at most
_FRAMES = {
    "site": _SITES,
    "line": _LINES,
    "exchange": _EXCHANGED,
    "told": _LINES,
    "whole": _WHOLE,
    "blocks": 12,
    "holders": 1,
    "idle": 1,
    "end": 1,
}
_BLOCKS, _NAMES, _NUMBERS = 5_000, 400, 12
_TEXT = 4_000  # characters of a line, path or name
_LARGEST_VOCABULARY = 1 << 18


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A token tried at a position: the target that was scored, the model's own loss, the score as it was summed."""

    position: int
    token: int
    target: int
    loss: float
    score: float


Exact = tuple[tuple[str, float], ...]
"""Numbers of a printed line: their digits, and the number itself."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a fork printed that ends with the script: the token that it tried, the target that was scored then and the
    model's own loss, a line, the numbers of the line."""

    position: int
    token: int
    target: int
    loss: float
    line: str
    exact: Exact


@dataclass(frozen=True)
class Recording:
    """One run. Rows (scored tokens) and nodes (numbers made of them) are numbered from 0; see `tape`."""

    target: Ints
    loss: Floats
    digest: Floats
    norm: Floats
    batches: dict[str, Ints]  # first, count, site, sequence, grad, width, kind
    leaves: dict[str, NDArray[Any]]  # node, count, site, sequence, weight, own, start (of its entries)
    entry_row: Ints
    entry_weight: Floats
    entry_value: Floats  # NaN: the row's loss
    sums: dict[str, NDArray[Any]]  # node, count, constant, start (of its terms)
    term_node: Ints
    term_factor: Floats
    exits: dict[str, NDArray[Any]]  # sequence, node, factor, value, weight
    marks: dict[str, Ints]  # sequence, kind (1 backward, 2 optimizer step)
    compared: dict[str, Ints]  # sequence, node: numbers that something was chosen by
    lines: tuple[tuple[int, str], ...]
    sites: dict[int, tuple[tuple[str, int, str], ...]]
    closed: bool
    truncated: bool
    faults: tuple[tuple[str, int], ...] = ()
    exchanged: tuple[Exchanged, ...] = ()
    told: tuple[Told, ...] = ()
    exact: tuple[tuple[int, Exact], ...] = ()  # of lines by their place in the sequence
    whole: tuple[tuple[int, Floats], ...] = ()  # a row and ln p of every token there
    blocks: tuple[tuple[str, int, int], ...] = ()  # that were entered: path, line, column
    holders: tuple[tuple[str, int, tuple[str, ...]], ...] = ()  # path, line of a function, names that held the stream
    idle: tuple[tuple[str, int, str], ...] = ()  # path, line, what did nothing to the scores of this run

    @property
    def losses_recorded(self) -> int:
        return int(self.batches["count"][self.batches["grad"] == 0].sum())

    def of_rows(self, column: str) -> Ints:
        """A column of the batches for every row."""
        return np.repeat(self.batches[column], self.batches["count"])


_TABLES: dict[str, tuple[tuple[str, type], ...]] = {
    "rows": (("target", np.int64), ("loss", np.float64), ("digest", np.float64), ("norm", np.float64)),
    "batches": tuple((n, np.int64) for n in ("first", "count", "site", "sequence", "grad", "width", "kind")),
    "leaves": (
        ("node", np.int64),
        ("count", np.int64),
        ("site", np.int64),
        ("sequence", np.int64),
        ("weight", np.float64),
        ("own", np.int64),
    ),
    "entries": (("row", np.int64),),
    "weights": (("weight", np.float64),),
    "values": (("value", np.float64),),
    "sums": (("node", np.int64), ("count", np.int64), ("constant", np.float64)),
    "terms": (("node", np.int64), ("factor", np.float64)),
    "exits": (
        ("sequence", np.int64),
        ("node", np.int64),
        ("factor", np.float64),
        ("value", np.float64),
        ("weight", np.float64),
    ),
    "marks": (("sequence", np.int64), ("kind", np.int64)),
    "compared": (("sequence", np.int64), ("node", np.int64)),
}


def read(frames: Iterable[bytes]) -> Recording:
    """Raises ValueError for what the recorder would not have sent."""
    parts: dict[str, list[Frame]] = {}
    for raw in frames:
        frame = unpack(raw)
        parts.setdefault(frame.kind, []).append(frame)
    tables = {kind: _table(parts.get(kind, []), columns) for kind, columns in _TABLES.items()}
    for kind, most in _FRAMES.items():
        if len(parts.get(kind, ())) > most:
            raise ValueError(f"a recording has more than {most:,} frames of the kind {kind}")
    try:
        end: dict[str, Any] = dict(parts["end"][0].data) if "end" in parts else {}
        sites = {_whole(f.data[0]): _site(f.data[1]) for f in parts.get("site", ())}
        lines = tuple((_whole(f.data[0]), str(f.data[1])[:_TEXT]) for f in parts.get("line", ()))
        faults = tuple((str(what)[:_TEXT], _whole(count)) for what, count in end.get("faults", ())[:100])
        exchanged = tuple(_exchanged(f.data) for f in parts.get("exchange", ()))
        told = tuple(_told(f.data) for f in parts.get("told", ()))
        exact = tuple((_whole(f.data[0]), _exact(f.data[2])) for f in parts.get("line", ()) if len(f.data) > 2)
        whole = tuple(_distribution(f) for f in parts.get("whole", ()))
        blocks = tuple(
            (str(p)[:_TEXT], _whole(line), _whole(column))
            for f in parts.get("blocks", ())
            for p, line, column in f.data[:_BLOCKS]
        )
        holders = tuple(
            (str(p)[:_TEXT], _whole(line), tuple(str(n)[:200] for n in names[:_NAMES]))
            for f in parts.get("holders", ())
            for p, line, names in f.data[:_BLOCKS]
        )
        idle = tuple(
            (str(p)[:_TEXT], _whole(line), str(what)[:200])
            for f in parts.get("idle", ())
            for p, line, what in f.data[:_BLOCKS]
        )
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise ValueError("a frame of the recording cannot be read") from error
    said = _Said(
        lines, sites, "end" in parts, bool(end.get("truncated")), faults, exchanged, told, exact, whole, blocks,
        holders, idle,
    )  # fmt: skip
    return _assemble(tables, said)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a recording holds besides its tables."""

    lines: tuple[tuple[int, str], ...]
    sites: dict[int, tuple[tuple[str, int, str], ...]]
    closed: bool
    truncated: bool
    faults: tuple[tuple[str, int], ...]
    exchanged: tuple[Exchanged, ...]
    told: tuple[Told, ...]
    exact: tuple[tuple[int, Exact], ...]
    whole: tuple[tuple[int, Floats], ...]
    blocks: tuple[tuple[str, int, int], ...]
    holders: tuple[tuple[str, int, tuple[str, ...]], ...]
    idle: tuple[tuple[str, int, str], ...]


def _whole(value: object) -> int:
    """A whole number that fits where it is going. Raises ValueError otherwise."""
    if type(value) is not int or not -(1 << 62) < value < 1 << 62:
        raise ValueError("a number of the recording is none")
    return value


def _site(frames: Any) -> tuple[tuple[str, int, str], ...]:
    return tuple((str(p)[:_TEXT], _whole(n), str(f)[:_TEXT]) for p, n, f in frames[:16])


def _exchanged(data: Any) -> Exchanged:
    position, token, target, loss, score = data
    found = Exchanged(_whole(position), _whole(token), _whole(target), float(loss), float(score))
    if not (math.isfinite(found.loss) and math.isfinite(found.score)):
        raise ValueError("an exchanged token has no score")
    return found


def _told(data: Any) -> Told:
    position, token, target, loss, line, exact = data
    if not math.isfinite(float(loss)):
        raise ValueError("an exchanged token has no score")
    return Told(
        _whole(position), _whole(token), _whole(target), float(loss), str(line)[:_TEXT], _exact(exact)
    )  # fmt: skip


def _exact(data: Any) -> Exact:
    found = tuple((str(text)[:40], float(value)) for text, value in data[:_NUMBERS])
    if not all(math.isfinite(value) for _, value in found):
        raise ValueError("a printed number is none")
    return found


def _distribution(frame: Frame) -> tuple[int, Floats]:
    values = frame.arrays["values"].astype(np.float64)
    if len(values) > _LARGEST_VOCABULARY or abs(float(np.exp(values).sum()) - 1.0) > 1e-3:
        raise ValueError("a distribution of the recording is none")
    return _whole(frame.data), values


def _table(frames: list[Frame], columns: tuple[tuple[str, type], ...]) -> dict[str, NDArray[Any]]:
    table: dict[str, NDArray[Any]] = {}
    for name, dtype in columns:
        held = [f.arrays[name] for f in frames if name in f.arrays]
        if len(held) != len(frames):
            raise ValueError("a frame of the recording lacks a column")
        with np.errstate(invalid="ignore"):
            table[name] = np.concatenate(held).astype(dtype) if held else np.zeros(0, dtype=dtype)
    if len({len(column) for column in table.values()}) > 1:
        raise ValueError("the columns of a recording differ in length")
    return table


def _assemble(tables: dict[str, dict[str, NDArray[Any]]], said: _Said) -> Recording:
    rows, batches, leaves, sums = (tables[k] for k in ("rows", "batches", "leaves", "sums"))
    count, entries = len(rows["target"]), tables["entries"]["row"]
    if _total(batches["count"], count) != count:
        raise ValueError("a recording's batches do not add up to its rows")
    if (batches["first"] != _starts(batches["count"])).any() or (batches["width"] < 0).any():
        raise ValueError("a recording's batches do not follow each other")
    if len(entries) and (entries.min() < 0 or entries.max() >= max(count, 1)):
        raise ValueError("a recording refers to a row that it does not hold")
    if _total(leaves["count"], len(entries)) != len(entries):
        raise ValueError("a recording's leaves do not add up to its entries")
    if _total(sums["count"], len(tables["terms"]["node"])) != len(tables["terms"]["node"]):
        raise ValueError("a recording's sums do not add up to their terms")
    _check_nodes(tables)
    leaves["start"], sums["start"] = _starts(leaves["count"]), _starts(sums["count"])
    many = np.repeat(np.isnan(leaves["weight"]), leaves["count"])
    own = np.repeat(leaves["own"] != 0, leaves["count"])
    if many.sum() != len(tables["weights"]["weight"]) or own.sum() != len(tables["values"]["value"]):
        raise ValueError("a recording's leaves do not add up to their values")
    weight = np.repeat(leaves["weight"], leaves["count"])
    weight[many] = tables["weights"]["weight"]
    value = np.full(len(entries), np.nan)
    value[own] = tables["values"]["value"]
    return Recording(
        target=rows["target"],
        loss=rows["loss"],
        digest=rows["digest"],
        norm=rows["norm"],
        batches=batches,
        leaves=leaves,
        entry_row=entries,
        entry_weight=weight,
        entry_value=value,
        sums=sums,
        term_node=tables["terms"]["node"],
        term_factor=tables["terms"]["factor"],
        exits=tables["exits"],
        marks=tables["marks"],
        compared=tables["compared"],
        lines=said.lines,
        sites=said.sites,
        closed=said.closed,
        truncated=said.truncated,
        faults=said.faults,
        exchanged=said.exchanged,
        told=said.told,
        exact=said.exact,
        whole=said.whole,
        blocks=said.blocks,
        holders=said.holders,
        idle=said.idle,
    )


def _total(counts: Ints, most: int) -> int:
    """Their sum, -1 where one of them is no count of at most `most` things: then the sum cannot wrap."""
    if not len(counts):
        return 0
    return int(counts.sum()) if counts.min() >= 0 and counts.max() <= most else -1


def _check_nodes(tables: dict[str, dict[str, NDArray[Any]]]) -> None:
    """Nodes are numbered from 0 as they are made, each once; what refers to one refers to one that there is."""
    made = np.concatenate([tables["leaves"]["node"], tables["sums"]["node"]])
    if not np.array_equal(np.sort(made), np.arange(len(made))):
        raise ValueError("a recording's nodes are not numbered as they were made")
    for used in (tables["terms"]["node"], tables["exits"]["node"], tables["compared"]["node"]):
        if len(used) and (used.min() < 0 or used.max() >= len(made)):
            raise ValueError("a recording refers to a node that it does not hold")


def _starts(counts: NDArray[Any]) -> Ints:
    return (
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)[:-1]])
        if len(counts)
        else counts.astype(np.int64)
    )
