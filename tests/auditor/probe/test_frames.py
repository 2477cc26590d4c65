"""Frames between a run and its reader, and those that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from auditor.probe import record
from auditor.probe.record.frames import pack, unpack

pytest.importorskip("torch", reason="the recorder runs beside torch")


def test_frames_come_back_as_they_were_sent() -> None:
    frame = unpack(pack("rows", {"a": 1}, {"x": np.arange(5, dtype="<i4"), "y": np.zeros(0)}))
    assert (frame.kind, frame.data) == ("rows", {"a": 1})
    assert frame.arrays["x"].tolist() == [0, 1, 2, 3, 4]


BATCH = ("first", "count", "site", "sequence", "grad", "width", "kind")


GOOD = pack("rows", None, {"target": np.arange(5, dtype="<i4")})


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xff\xff\xff",
        GOOD[:-1],
        GOOD + b"x",
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 4) + b"null",
        struct.pack("<I", 40000) + b"[" * 40000,
        pack("rows", None, {"target": np.arange(5, dtype="<i4")}).replace(b"<i4", b"|O8"),
        GOOD,  # lacks the other columns
        pack("leaves", None, {n: np.array([5]) for n in ("node", "count", "site", "sequence", "weight", "own")}),
        pack("leaves", None, {n: np.array([1 << 50]) for n in ("node", "count", "site", "sequence", "weight", "own")}),
        pack("batches", None, {n: np.array([1 << 50]) for n in BATCH}),
        pack("entries", None, {"row": np.array([7], dtype="<i4")}),
        pack("site", [1]),
        pack("line", "x"),
    ],
)
def test_a_frame_that_lies_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="recording"):
        record.read([frame])


def test_an_empty_recording_can_be_read() -> None:
    recording = record.read([])
    assert recording.losses_recorded == 0
    assert not recording.closed


def test_a_node_made_of_later_ones_is_no_answer(tmp_path: Path) -> None:
    from auditor.probe.measure.figures import Graph

    sums = pack("sums", None, {"node": np.array([0]), "count": np.array([1]), "constant": np.zeros(1)})
    terms = pack("terms", None, {"node": np.array([0]), "factor": np.ones(1)})
    assert Graph(record.read([sums, terms])).expand(0, 1.0) is None
