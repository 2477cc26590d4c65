"""JSON: the contract's keys in order, the same bytes for the same input, nothing of this machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import report_samples as samples

from auditor.commands import audit as cli
from auditor.report import render
from auditor.runs import Evaluation

CONTRACT = ["schema", "tool", "submission", "verdict", "claims", "runs", "configuration", "outcomes", "findings"]
CONTRACT += ["significance", "probe"]
RUN_KEYS = {"log", "seed", "val_bpb", "val_loss", "val_tokens", "implied_bytes", "train_seconds"}
RUN_KEYS |= {"calibration_seconds", "eval_seconds", "artifact_bytes", "code_bytes", "steps"}


def parsed(report=None) -> dict:  # type: ignore[no-untyped-def, type-arg]
    return json.loads(render(report or samples.violating(), "json"))


def test_the_keys_of_the_contract_in_its_order() -> None:
    report = parsed()
    assert [key for key in report if key in CONTRACT] == CONTRACT
    assert list(report["tool"]) == ["name", "version", "ruleset"]
    assert list(report["submission"])[:5] == ["pr", "commit", "folder", "track", "files"]
    assert list(report["submission"]["files"][0]) == ["path", "bytes", "sha256"]
    assert set(report["runs"][0]) >= RUN_KEYS
    assert report["configuration"]["TTT_ENABLED"] == {"value": "0", "source": "log", "where": "train_seed42.log:61"}
    assert list(report["outcomes"][0]) == ["rule", "class", "outcome", "reason"]
    finding = report["findings"][0]
    assert {"rule", "outcome", "active", "message", "remedy", "location", "trace", "fingerprint"} <= set(finding)
    assert list(finding["location"]) == ["path", "line", "end_line", "layer"]


ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("build", [samples.violating, samples.clean, samples.unreadable, samples.hostile])
def test_reports_keep_to_the_published_schema(build) -> None:  # type: ignore[no-untyped-def]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(render(build(), "json")))


def test_the_example_keeps_to_the_schema_and_something_else_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([str(ROOT / "examples" / "pre_quant_ttt"), "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(SCHEMA)
    assert list(check.iter_errors(report)) == []
    report["findings"][0]["class"] = "grave"
    del report["verdict_class"]
    assert len(list(check.iter_errors(report))) == 2


def test_figures_keep_full_precision() -> None:
    assert [run["val_bpb"] for run in parsed()["runs"]] == [1.0927, 1.0926, 1.0919]
    assert parsed()["claims"]["val_bpb"] == {"value": 1.0924, "where": "submission.json:val_bpb"}
    assert parsed()["caps"][0]["headroom"] == 12_001


def test_a_headline_run_is_told_by_its_log_and_shown_with_the_pass_that_bears_the_claim() -> None:
    report = samples.violating()
    bearing = Evaluation(70, "sliding", 1.1, 2.8)
    pointed = replace(report.headline[0], score=bearing, headline_because="its figure is the one claimed")
    first, *rest = parsed(replace(report, headline=(pointed,)))["runs"]
    assert (first["log"], first["headline"], first["val_bpb"]) == (pointed.log, True, 1.1)
    assert first["score"]["label"] == "sliding"
    assert [run["headline"] for run in rest] == [False, False]


def test_active_is_three_valued() -> None:
    assert {finding["active"] for finding in parsed()["findings"]} == {True, None, False}


@pytest.mark.parametrize("form", ["json", "jsonl", "sarif", "html", "markdown", "terminal"])
def test_the_same_input_gives_the_same_bytes(form: str) -> None:
    assert render(samples.violating(), form) == render(samples.violating(), form)  # type: ignore[arg-type]


def test_json_lines_are_one_line_each_and_say_the_same() -> None:
    text = render(samples.hostile(), "jsonl")
    assert text.count("\n") == 1
    assert json.loads(text) == parsed(samples.hostile())


def test_hostile_text_is_ascii_and_numbers_that_json_lacks_become_null() -> None:
    text = render(samples.hostile(), "json")
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["claims"]["val_bpb"]["value"] is None


def test_no_figure_is_made_up_for_a_submission_that_was_not_read() -> None:
    report = parsed(replace(samples.unreadable(), runs=(), headline=()))
    assert report["verdict"] == "inconclusive"
    assert report["program"]["entry"] is None
