"""A real submission, read from a clone."""

from __future__ import annotations

import os
import subprocess

import pytest

from auditor.claims import read_claims
from auditor.runs import headline, read_runs
from auditor.submission import Submission, SubmissionFile

CLONE = os.environ.get("GOLF_CLONE", "")
pytestmark = [
    pytest.mark.clone,
    pytest.mark.skipif(not CLONE, reason="GOLF_CLONE names no clone with pull-request heads"),
]


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", CLONE, *arguments], capture_output=True, check=True).stdout


def _load(pr: int) -> Submission:
    """The one folder that the head has and the main branch does not."""
    head = f"refs/pull/{pr}/head"
    tracks = "records/track_10min_16mb/"
    old = set(_git("ls-tree", "-d", "--name-only", "main", tracks).decode().split())
    (folder,) = set(_git("ls-tree", "-d", "--name-only", head, tracks).decode().split()) - old
    names = _git("ls-tree", "-r", "--name-only", head, f"{folder}/").decode().split()
    files = []
    for name in names:
        data = _git("show", f"{head}:{name}")
        files.append(SubmissionFile(name.removeprefix(f"{folder}/"), len(data), data))
    return Submission("pull-request", folder, tuple(files), track="track_10min_16mb")


def test_1395() -> None:
    submission = _load(1395)
    claims = read_claims(submission)
    runs = {r.seed: r for r in headline(read_runs(submission), claims)}
    assert {s: r.val_bpb for s, r in runs.items()} == {42: 1.09269834, 314: 1.09269085, 999: 1.09194120}
    assert {s: r.artifact_bytes for s, r in runs.items()} == {42: 15_987_206, 314: 15_989_311, 999: 15_988_159}
    assert {s: r.train_seconds for s, r in runs.items()} == {42: 590.078, 314: 590.019, 999: 590.048}
    for run in runs.values():
        assert (run.code_bytes, run.val_tokens, run.calibration_seconds) == (90_804, 45_516_800, 9.8)
        assert run.eval_seconds == pytest.approx(75.6, abs=0.3)
        assert run.implied_bytes == pytest.approx(151.08e6, abs=0.01e6)
        assert run.hyperparameters["prequant_ttt_enabled"] == "False"
        assert run.problems == ()
    assert runs[42].eval_seconds == pytest.approx(75.81)
    assert claims.val_bpb is not None
    assert claims.val_bpb.value == 1.09244346
    assert [(s.seed, s.val_bpb, s.artifact_bytes) for s in claims.seeds] == [
        (42, 1.09269834, 15_987_206), (314, 1.09269085, 15_989_311), (999, 1.0919412, 15_988_159),
    ]  # fmt: skip
    assert [r.artifact_bytes for r in claims.readme_seeds] == [15_987_206, 15_989_311, 15_988_159]
    assert claims.commands[0].environment["SEED"] == "42"
    assert claims.problems == ()
