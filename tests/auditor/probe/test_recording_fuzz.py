"""Recordings as a hostile submission would send them: the reader refuses, in bounds, or reads what is whole."""

from __future__ import annotations

import json
import random
import resource
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import probe_samples as samples
import pytest

pytest.importorskip("torch", reason="the recorder runs beside torch")

from auditor.probe.job import MARK, split
from auditor.probe.measure import Claim, Runs, Stream, confined, measure
from auditor.probe.record.frames import pack, unpack
from auditor.probe.record.recording import read

ROUNDS = 1500
LARGE = (-1, -(1 << 62), 1 << 62, 1 << 63, (1 << 63) - 1, 1 << 31, 10**400, 0, 7)


@pytest.fixture(scope="module")
def genuine() -> list[bytes]:
    base = samples.streams()[0]
    return samples.frames("score_first", base, Path(tempfile.mkdtemp()))


def stream() -> Stream:
    base, future, target = samples.streams()
    return Stream(base, future, target, samples.FLIP, samples.TARGET, None, samples.VOCABULARY)


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """Bytes, lengths, counts or a column changed; or a frame that says something else of itself."""
    how = rng.randrange(5)
    data = bytearray(frame)
    if how == 0:
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    if how == 1:
        return bytes(data[: rng.randrange(len(data))])
    try:
        length = struct.unpack_from("<I", frame)[0]
        header = json.loads(frame[4 : 4 + length])
        header["arrays"] = [list(described) for described in header["arrays"]]
    except (struct.error, ValueError, TypeError, KeyError):
        return bytes(data)  # mutated before
    body = bytearray(frame[4 + length :])
    if how == 2 and header["arrays"] and all(len(described) == 3 for described in header["arrays"]):
        header["arrays"][rng.randrange(len(header["arrays"]))][rng.randrange(1, 3)] = rng.choice((*LARGE, "<i8", "|O"))
    elif how == 3 and len(body) >= 8:
        at = rng.randrange(len(body) // 8) * 8
        body[at : at + 8] = struct.pack("<q", rng.choice([v for v in LARGE if abs(v) < 1 << 63]))
    else:
        header[rng.choice(("kind", "data", "arrays"))] = rng.choice((None, [], {}, "rows", "end", LARGE[6], [[1, 2]]))
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + bytes(body)


def test_mutated_recordings_are_refused_or_whole(genuine: list[bytes]) -> None:
    """Never another exception, never much memory, and what is read can be measured."""
    rng = random.Random(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = read_whole = 0
    for _ in range(ROUNDS):
        frames = list(genuine)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(frames))
            action = rng.randrange(6)
            if action == 0:
                del frames[at]
            elif action == 1:
                frames.insert(at, frames[rng.randrange(len(frames))])
            else:
                frames[at] = mutated(frames[at], rng)
        try:
            recording = read(frames)
        except ValueError:
            refused += 1
            continue
        read_whole += 1
        if read_whole % 10 == 0:
            measure(Runs(recording), stream(), Claim())
    assert refused > ROUNDS // 3
    assert read_whole > ROUNDS // 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kilobytes


@pytest.mark.parametrize("count", [1 << 62, (1 << 63) - 1, -1, 5])
@pytest.mark.parametrize("table", ["batches", "leaves", "sums"])
def test_counts_that_wrap_are_refused(table: str, count: int) -> None:
    """Four counts of 2^62 add up to 0 in 64 bits."""
    columns = {
        "batches": ("first", "count", "site", "sequence", "grad", "width", "kind"),
        "leaves": ("node", "count", "site", "sequence", "own"),
        "sums": ("node", "count"),
    }[table]
    arrays: dict[str, Any] = {name: np.zeros(4, dtype="<i8") for name in columns}
    arrays["count"][:] = count
    if table == "leaves":
        arrays |= {"weight": np.zeros(4), "own": np.zeros(4, dtype="<i4"), "node": np.arange(4)}
    if table == "sums":
        arrays |= {"constant": np.zeros(4), "node": np.arange(4)}
    with pytest.raises(ValueError, match="recording"):
        read([pack(table, None, arrays), pack("end", {})])


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xff\xff\xff\xff", struct.pack("<I", 2) + b"{}", struct.pack("<I", 1 << 31) + b"x" * 40,
     struct.pack("<I", 4000) + b"[" * 4000, pack("rows"), pack("line", [10**30, "x"]), pack("site", [1, 5]),
     pack("exchange", [1, 2, 3, float("nan"), 1.0]), pack("whole", 1, {"values": np.zeros(9, dtype="<f4")}),
     pack("end", {"faults": [[1]]}), pack("blocks", [[1, 2]]), pack("holders", [["x", 1, 4]])],
)  # fmt: skip
def test_odd_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="recording"):
        read([frame])


def test_an_array_of_nothing_is_nothing() -> None:
    assert unpack(pack("rows", None, {"target": np.zeros(0, dtype="<i4")})).arrays["target"].size == 0


def test_odd_frames_of_the_stage_are_passed_over() -> None:
    rng = random.Random(2)
    said = [b"", b"{", b"[]", b'"x"', b"1e999", b'{"kind": []}', b'{"kind": "failure", "frames": 3}',
            b'{"kind": "failure", "line": 1e999}', b'{"kind": "smoke", "figures": {"a": "b"}}',
            b'{"kind": "smoke", "figures": {"width": 1e999}}', b'{"kind": "compile"}', b'{"kind": "absent"}',
            b'{"kind": "imported", "seconds": "x"}', b"[" * 100_000, b'{"kind": "absent", "name": "ok"}']  # fmt: skip
    said += [bytes(rng.randrange(256) for _ in range(40)) for _ in range(300)]
    account, recorded = split([MARK + one for one in said])
    assert recorded == []
    assert account.absent == ("ok",)
    assert account.smoke == {}
    assert not account.ended
    flooded, _ = split([MARK + b'{"kind": "absent", "name": "%d"}' % i for i in range(10_000)])
    assert len(flooded.absent) <= 2_000


def test_what_the_measuring_process_says_is_checked(genuine: list[bytes]) -> None:
    def answer(values: Any) -> confined.Call:
        return lambda argument: (json.dumps(values).encode(),)

    at = {"base": tuple(genuine)}
    for values in ([], 3, {"measurements": 1}, {"measurements": [{}], "labels": [], "losses_recorded": 0},
                   {"measurements": [], "labels": [3], "losses_recorded": 0},
                   {"measurements": [], "labels": [], "losses_recorded": -1}):  # fmt: skip
        with pytest.raises(ValueError, match=r"measur|no "):
            confined.measured(answer(values), at, {}, stream(), Claim(), [])
    with pytest.raises(ValueError, match="no answer"):
        confined.measured(lambda argument: (), at, {}, stream(), Claim(), [])


def test_many_forged_rows_are_read_in_the_time_of_their_bytes() -> None:
    """Two million rows in batches of one, each of a site of its own, in a stream that they match."""
    count = 200_000
    targets = np.resize(samples.streams()[0], count)
    rows = pack("rows", None, {"target": targets.astype("<i4"), "loss": np.ones(count), "digest": np.ones(count),
                               "norm": np.zeros(count, dtype="<f4")})  # fmt: skip
    table = {n: np.zeros(count, dtype="<i8") for n in ("first", "count", "site", "sequence", "grad", "width", "kind")}
    table["first"], table["count"] = np.arange(count), np.ones(count, dtype="<i8")
    batches = [pack("batches", None, {n: v[i : i + 50_000] for n, v in table.items()}) for i in range(0, count, 50_000)]
    start = time.process_time()
    recording = read([rows, *batches, pack("end", {})])
    assert len(recording.target) == count
    assert time.process_time() - start < 10
