"""SARIF: valid against the official schema, and faithful."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import report_samples as samples

from auditor.judgement.model import Report
from auditor.report import render
from auditor.report.sarif import as_dict

SCHEMA = json.loads(Path(__file__).parents[2].joinpath("data").joinpath("sarif-2.1.0-rtm.5.json").read_text("utf-8"))
BUILDERS = [samples.violating, samples.clean, samples.unreadable, samples.hostile]


@pytest.mark.parametrize("build", BUILDERS)
def test_valid_against_the_official_schema(build) -> None:  # type: ignore[no-untyped-def]
    jsonschema.Draft4Validator(SCHEMA).validate(json.loads(render(build(), "sarif")))


def test_the_schema_check_can_fail() -> None:
    log = as_dict(samples.violating())
    log["runs"][0]["results"][0]["kind"] = "wrong"
    assert list(jsonschema.Draft4Validator(SCHEMA).iter_errors(log))


def _results(report: Report) -> list[dict]:
    return as_dict(report)["runs"][0]["results"]


def test_findings_become_results_with_code_flows_and_fingerprints() -> None:
    report = samples.violating()
    first = _results(report)[0]
    assert (first["ruleId"], first["kind"], first["level"]) == ("pre-quant-ttt", "fail", "error")
    region = first["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 8
    flow = first["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in flow] == [5, 8, 14]
    assert list(first["partialFingerprints"].values()) == [report.findings[0].fingerprint]
    rules = as_dict(report)["runs"][0]["tool"]["driver"]["rules"]
    assert rules[first["ruleIndex"]]["id"] == "pre-quant-ttt"
    assert rules[first["ruleIndex"]]["helpUri"] == "https://example.org/ruling"


def test_inactive_findings_inform_and_do_not_fail() -> None:
    hit = next(r for r in _results(samples.violating()) if r["ruleId"] == "two-pass-rescore")
    assert (hit["kind"], hit["level"]) == ("informational", "none")
    assert "suppressions" not in hit


def test_disputes_warn() -> None:
    hit = next(r for r in _results(samples.violating()) if r["ruleId"] == "slot-context-only")
    assert (hit["kind"], hit["level"]) == ("fail", "warning")


def test_a_failed_rule_makes_the_execution_unsuccessful() -> None:
    invocation = as_dict(samples.violating())["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    levels = {n["associatedRule"]["id"]: n["level"] for n in invocation["toolExecutionNotifications"]}
    assert levels == {"broken-rule": "error", "future-dependence": "note"}
    assert as_dict(samples.clean())["runs"][0]["invocations"][0]["executionSuccessful"] is True


def test_what_could_not_be_judged_is_not_successful() -> None:
    invocation = as_dict(samples.unreadable())["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert "does not unpack" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_lines_of_a_decoded_layer_are_not_passed_off_as_lines_of_the_file() -> None:
    rules = [samples.rule("pre-quant-ttt", samples.found([samples.finding(layer=1)], ""))]
    (hit,) = _results(samples.judge(samples.facts(layer=1), rules, samples.BUDGETS))
    location = hit["locations"][0]
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert location["properties"]["line"] == 8
    assert "layer 1" in hit["message"]["text"]


def test_paths_are_uris_below_the_repository() -> None:
    uri = _results(samples.violating())[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "records/track_10min_16mb/2026-04-05_Sample/train_gpt.py"
