"""From a folder on disk to a verdict, through every reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_samples import BUDGETS, rule

from auditor.findings import passed
from auditor.judgement import gather as pipeline
from auditor.judgement.judge import judge
from auditor.judgement.model import Verdict
from auditor.submission import load_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record = tmp_path / "2026-04-05_Sample"
    record.mkdir()
    (record / "train_gpt.py").write_text("import os\nSTEPS = int(os.environ.get('STEPS', 3))\nprint(STEPS)\n")
    (record / "submission.json").write_text('{"val_bpb": 1.1, "author": "someone"}')
    (record / "README.md").write_text("# Sample\n")
    return record


def test_facts_hold_what_the_folder_says(folder: Path) -> None:
    facts = pipeline.gather(load_path(folder), {"STEPS": "9"})
    assert facts.claims.val_bpb is not None
    assert facts.claims.val_bpb.value == 1.1
    assert facts.sources.entry is not None
    assert facts.sources.entry.path == "train_gpt.py"
    assert facts.configuration.settings["STEPS"].value in (9, "9")
    assert facts.configuration.settings["STEPS"].source == "set"


def test_an_analysis_that_raises_is_not_taken_for_innocence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(pipeline, "analyse", explode)
    facts = pipeline.gather(load_path(folder), {})
    assert not facts.program.followed
    report = judge(facts, [rule("a", passed("fine"))], BUDGETS)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "too deep" in report.verdict_because
    with pytest.raises(RecursionError):
        pipeline.gather(load_path(folder), {}, strict=True)


def test_a_reader_that_raises_is_not_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise ValueError("no logs")

    monkeypatch.setattr(pipeline, "read_runs", explode)
    with pytest.raises(ValueError, match="no logs"):
        pipeline.gather(load_path(folder), {})
