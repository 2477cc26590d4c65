"""Logs that are no plain text: the outputs of notebooks are read, packed and encoded ones are named."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from auditor.runs import read_runs
from auditor.runs.notebooks import printed
from auditor.runs.unread import unread_logs
from auditor.submission import Submission, SubmissionFile

LOG = (
    "seed:42\nworld_size:8\nval_loader:shards tokens:62021632\n"
    "step:7000/20000 train_loss:2.9 train_time:560000ms step_avg:80.00ms\n"
    "stopping_early: wallclock_cap train_time:590038ms step:7303/20000\n"
    "Total submission size int8+zlib: 15818502 bytes\n"
    "final_int8_exact val_loss:1.88946058 val_bpb:1.11870000 eval_time:96214ms\n"
)


def notebook(*texts: object) -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in texts]
    cells = [{"cell_type": "code", "source": ["!torchrun train_gpt.py\n"], "outputs": outputs, "metadata": {}}]
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def folder(**files: bytes) -> Submission:
    kept = tuple(SubmissionFile(path.replace("__", "."), len(data), data) for path, data in files.items())
    return Submission("folder", "x", kept)


@pytest.mark.parametrize("texts", [(LOG.splitlines(keepends=True),), (LOG,), (LOG[:200], LOG[200:])])
def test_the_outputs_of_a_notebook_are_a_log(texts: tuple[object, ...]) -> None:
    (run,) = read_runs(folder(run__ipynb=notebook(*texts).encode()))
    assert (run.seed, run.steps, run.train_seconds, run.artifact_bytes, run.val_bpb) == (
        42, 7303, 590.038, 15_818_502, 1.1187,
    )  # fmt: skip


def test_a_line_is_numbered_as_the_file_has_it() -> None:
    text = notebook(LOG.splitlines(keepends=True))
    (run,) = read_runs(folder(run__ipynb=text.encode()))
    assert run.score is not None
    assert "final_int8_exact" in text.split("\n")[run.score.line - 1]


def test_a_notebook_beside_logs_adds_no_run() -> None:
    runs = read_runs(folder(run__ipynb=notebook(LOG).encode(), train__log=LOG.encode()))
    assert [run.log for run in runs] == ["train.log"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', '{"cells": [1, {"outputs": [2]}]}', "[" * 9_000])
def test_what_is_no_notebook_prints_nothing(text: str) -> None:
    assert printed(text) == ""


ENCODED = {
    "base64, lines": base64.encodebytes(LOG.encode() * 3),
    "base64, one line": base64.b64encode(LOG.encode() * 3),
    "base64 of gzip": base64.encodebytes(gzip.compress(LOG.encode() * 3) * 2),
    "hexadecimal": LOG.encode().hex().encode(),
    "gzip under a log's name": gzip.compress(LOG.encode()),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_log_is_named(name: str) -> None:
    submission = folder(train_seed42__log=LOG.encode(), train_seed7__log=ENCODED[name])
    assert [said.partition(":")[0] for said in unread_logs(submission)] == ["train_seed7.log"]


def test_a_packed_log_is_named_unless_it_is_there_unpacked() -> None:
    packed = gzip.compress(LOG.encode())
    submission = folder(a_train__log=LOG.encode(), a_train__log__gz=packed, b_train__log__xz=packed)
    assert [said.partition(":")[0] for said in unread_logs(submission)] == ["b_train.log.xz"]
