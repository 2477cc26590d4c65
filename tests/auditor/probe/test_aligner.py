"""Where in the stream a row of targets stands."""

from __future__ import annotations

from typing import Any

import numpy as np
import probe_samples as samples

from auditor.probe import record
from auditor.probe.measure.align import Aligner


def positions(stream: Any, *calls: Any, width: int = 0) -> list[int]:
    channel = samples.Frames()
    from auditor.probe.record.tape import Tape

    tape = Tape(channel)
    for targets in calls:
        n = len(targets)
        tape.batch(
            np.array(targets), np.zeros(n), np.zeros(n), np.zeros(n), site=0, grad=False, width=width, kind=0
        )  # fmt: skip
    tape.close()
    found: list[int] = Aligner(np.array(stream)).positions(record.read(channel.sent)).position.tolist()
    return found


STREAM = np.random.default_rng(3).integers(1, 50, 400)


def test_windows_in_one_row_are_told_apart() -> None:
    windows = np.concatenate([STREAM[1:41], STREAM[21:61], STREAM[41:81]])
    assert positions(STREAM, windows) == [*range(1, 41), *range(21, 61), *range(41, 81)]


def test_padding_is_nowhere() -> None:
    assert positions(STREAM, [*STREAM[5:35], *[0] * 30]) == [*range(5, 35), *[-1] * 30]


def test_single_tokens_are_joined() -> None:
    assert positions(STREAM, *[[t] for t in STREAM[1:60]]) == list(range(1, 60))


def test_a_repeated_passage_is_taken_where_the_last_one_ended() -> None:
    stream = np.concatenate([STREAM[:100], STREAM[:100], STREAM[:100]])
    assert positions(stream, stream[1:50], stream[50:150], stream[150:300]) == list(range(1, 300))


def test_other_text_is_nowhere() -> None:
    assert set(positions(STREAM, np.random.default_rng(4).integers(1, 50, 300))) == {-1}
