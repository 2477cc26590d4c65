"""A recording as the parent reads it: numpy arrays, no torch, nothing trusted but its shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.probe.record.frames import Frame, unpack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    lines: tuple[tuple[int, str], ...]
    sites: dict[int, tuple[tuple[str, int, str], ...]]
    closed: bool
    truncated: bool
    faults: tuple[tuple[str, int], ...] = ()

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
}


def read(frames: Iterable[bytes]) -> Recording:
    """Raises ValueError for what the recorder would not have sent."""
    parts: dict[str, list[Frame]] = {}
    for raw in frames:
        frame = unpack(raw)
        parts.setdefault(frame.kind, []).append(frame)
    tables = {kind: _table(parts.get(kind, []), columns) for kind, columns in _TABLES.items()}
    end: dict[str, Any] = {}
    sites: dict[int, tuple[tuple[str, int, str], ...]] = {}
    try:
        for frame in parts.get("end", []):
            end = dict(frame.data)
        for frame in parts.get("site", []):
            sites[int(frame.data[0])] = tuple((str(p), int(n), str(f)) for p, n, f in frame.data[1])
        lines = tuple((int(frame.data[0]), str(frame.data[1])) for frame in parts.get("line", []))
        faults = tuple((str(what), int(count)) for what, count in end.get("faults", ()))
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError("a frame of the recording cannot be read") from error
    return _assemble(tables, lines, sites, "end" in parts, bool(end.get("truncated")), faults)


def _table(frames: list[Frame], columns: tuple[tuple[str, type], ...]) -> dict[str, NDArray[Any]]:
    table: dict[str, NDArray[Any]] = {}
    for name, dtype in columns:
        held = [f.arrays[name] for f in frames if name in f.arrays]
        if len(held) != len(frames):
            raise ValueError("a frame of the recording lacks a column")
        table[name] = np.concatenate(held).astype(dtype) if held else np.zeros(0, dtype=dtype)
    if len({len(column) for column in table.values()}) > 1:
        raise ValueError("the columns of a recording differ in length")
    return table


def _assemble(
    tables: dict[str, dict[str, NDArray[Any]]],
    lines: tuple[tuple[int, str], ...],
    sites: dict[int, tuple[tuple[str, int, str], ...]],
    closed: bool,
    truncated: bool,
    faults: tuple[tuple[str, int], ...],
) -> Recording:
    rows, batches, leaves, sums = (tables[k] for k in ("rows", "batches", "leaves", "sums"))
    count, entries = len(rows["target"]), tables["entries"]["row"]
    known = int(batches["count"].sum())
    if known != count:
        raise ValueError("a recording's batches do not add up to its rows")
    if len(entries) and (entries.min() < 0 or entries.max() >= max(count, 1)):
        raise ValueError("a recording refers to a row that it does not hold")
    leaves["start"], sums["start"] = _starts(leaves["count"]), _starts(sums["count"])
    if int(leaves["count"].sum()) != len(entries) or any((t["count"] < 0).any() for t in (batches, leaves, sums)):
        raise ValueError("a recording's leaves do not add up to its entries")
    many = np.repeat(np.isnan(leaves["weight"]), leaves["count"])
    own = np.repeat(leaves["own"] != 0, leaves["count"])
    if many.sum() != len(tables["weights"]["weight"]):
        raise ValueError("a recording's leaves do not add up to its entries")
    if own.sum() != len(tables["values"]["value"]) or int(sums["count"].sum()) != len(tables["terms"]["node"]):
        raise ValueError("a recording's sums do not add up to their terms")
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
        lines=lines,
        sites=sites,
        closed=closed,
        truncated=truncated,
        faults=faults,
    )


def _starts(counts: NDArray[Any]) -> Ints:
    return (
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)[:-1]])
        if len(counts)
        else counts.astype(np.int64)
    )
