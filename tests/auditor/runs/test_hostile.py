"""Logs made to break the reader: it must neither raise nor take more than linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.claims import Claims
from auditor.runs import headline, read_log, read_runs
from auditor.submission import Submission, SubmissionFile

WORDS = st.sampled_from(
    [
        "step:",
        "1/10",
        "val_bpb:",
        "1.25",
        "val_loss:2.5",
        "nan",
        "inf",
        "1e999",
        "eval_time:9ms",
        "seed:4",
        "Hyperparameters:",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "=",
        ":",
        ",",
        "train_time:5ms",
        "bytes",
        "Total",
        "submission",
        "size",
        "int8+zlib:",
        "15,000,000",
        "Hessians",
        "in",
        "9.8s",
        "import",
        "os",
        '"',
        "'",
        "\\",
        "\r",
        "\x00",
        "\x1b[0m",
        "ttt_chunk",
        "[1/2]",
        "within_gate=0",
        "sidecar",
        "tokens:7",
        "ttt",
        "ngram",
        "ppm",
        "code",
        "size",
        "model_params:3",
        "_exact",
        "====================",
        "if",
        "__name__",
        "==",
        "stopping_early:",
        "effective=5ms",
        "reserving",
        "999999999999999999999999",
        "١٢",
        "²",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=30).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(st.one_of(LINES, st.text(max_size=300)))
def test_any_text(text: str) -> None:
    runs = read_log("train_seed1.log", text)
    headline(runs, Claims())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_runs(Submission("folder", "x", (SubmissionFile("a.log", len(data), data),)))


HOSTILE = {
    "one long line": "a" * 400_000,
    "bpb": "bpb" * 130_000,
    "figures": "val_bpb:" + "1" * 400_000,
    "keys": ("step " + "seed=1 total size bytes gpu tokens params " * 40 + "\n") * 200,
    "spaces": ("step" + " " * 1_900 + "\n") * 200,
    "pairs": ("a:1 " * 400 + "\n") * 250,
    "nested dump": ('{"' + "[" * 1_900 + "\n") * 200,
    "minus": "Hyperparameters( {" + "-" * 19_000 + "1}",
    "imports": "import os\n" * 40_000,
    "docstrings": '"""\nimport os\n' * 30_000,
    "guards": "import os\nif __name__ == 1\n" * 15_000,
    "totals": ("total size " * 170 + "\n") * 200,
    "times": ("hessian calib in 1" + " in 9" * 300 + "\n") * 200,
    "overprinted": "step:1/2 val_bpb:1.2\r" * 20_000,
    "gpus": ("H1" * 900 + " gpu\n") * 200,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str) -> None:
    """About 400 kB of each; quadratic behaviour over that length takes minutes."""
    start = time.process_time()
    read_log("train.log", HOSTILE[name])
    assert time.process_time() - start < 3.0


def test_figures_are_finite() -> None:
    text = (
        "step:5/10 train_loss:nan train_time:5ms\nstep:6/10 train_loss:1 train_time:inf\nfinal val_loss:nan val_bpb:nan"
    )
    for run in read_log("a.log", text + " eval_time:3ms"):
        assert run.val_bpb is None or run.val_bpb == run.val_bpb
        assert run.train_seconds is None  # the last time is none: it may be longer than all that came before
        assert run.unread == ("training time",)
