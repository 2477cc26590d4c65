"""SARIF: valid against the official schema, and faithful."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
import report_samples as samples

from auditor.findings import Outcome, Ruling
from auditor.judgement.model import Report
from auditor.report import render
from auditor.report.sarif import as_dict

SCHEMA = json.loads(Path(__file__).parents[2].joinpath("data").joinpath("sarif-2.1.0-rtm.5.json").read_text("utf-8"))
MULTITOOL = Path(__file__).parents[2] / "node" / "node_modules" / ".bin" / "sarif-multitool"
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


def test_code_that_does_not_run_and_what_is_in_order_are_no_alerts() -> None:
    report = samples.violating()
    assert "two-pass-rescore" not in {r["ruleId"] for r in _results(report)}
    assert [one["rule"] for one in as_dict(report)["runs"][0]["properties"]["inactive"]] == ["two-pass-rescore"]
    fine = samples.finding(Outcome.PASS, rule="artifact-cap")
    report = samples.judge(
        samples.facts(), [samples.rule("artifact-cap", Ruling(Outcome.PASS, "r", (fine,)))], samples.BUDGETS
    )
    assert _results(report) == []
    assert [one["rule"] for one in as_dict(report)["runs"][0]["properties"]["inOrder"]] == ["artifact-cap"]


@pytest.mark.parametrize("build", BUILDERS)
def test_every_result_has_a_place_with_a_line(build) -> None:  # type: ignore[no-untyped-def]
    for result in _results(build()):
        physical = result["locations"][0]["physicalLocation"]
        assert physical["region"]["startLine"] >= 1
        assert physical["artifactLocation"]["uri"]


def test_rules_say_what_github_shows() -> None:
    for rule in as_dict(samples.violating())["runs"][0]["tool"]["driver"]["rules"]:
        assert {"name", "help", "defaultConfiguration", "shortDescription", "fullDescription"} <= set(rule)
        assert rule["help"]["markdown"]
        assert rule["properties"]["precision"] in ("high", "medium")
        assert rule["properties"]["tags"][0] == "parameter-golf"


@pytest.mark.skipif(not MULTITOOL.exists(), reason="sarif-multitool is not installed: npm ci --prefix tests/node")
def test_github_would_take_it(tmp_path: Path) -> None:
    """Microsoft's validator with the rules of GitHub's code scanning; of five files it refuses the spoilt one alone."""
    for build in BUILDERS:
        (tmp_path / f"{build.__name__}.sarif").write_text(render(build(), "sarif"), "utf-8")
    spoilt = render(samples.violating(), "sarif").replace('"startLine": 8', '"startLine": -8', 1)
    (tmp_path / "spoilt.sarif").write_text(spoilt, "utf-8")
    found = tmp_path / "found.json"
    command = [MULTITOOL, "validate", *sorted(tmp_path.glob("*.sarif")), "--rule-kind", "Ghas", "--output", found]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    (run,) = json.loads(found.read_text("utf-8-sig"))["runs"]
    refused = [r for r in run.get("results", []) if r.get("level") != "note"]
    files = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in refused]
    assert [Path(file).name for file in files] == ["spoilt.sarif"], refused


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
