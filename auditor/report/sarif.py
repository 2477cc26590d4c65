"""SARIF 2.1.0: one run, one result per finding, a code flow per trace.

Inactive findings are results of kind `informational`: the tool itself saw that the code does not run. They are no
`suppressions`, which record that a person waived a problem, and a submitter must not seem to have been waived.
What was not checked, or failed, is a notification of the invocation: SARIF has no other place that viewers show.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote as url_quote

from auditor import __version__
from auditor.findings import Finding, Location, Outcome, Step
from auditor.judgement.model import Report, Verdict
from auditor.report import view
from auditor.report.places import place
from auditor.report.probe import unchecked
from auditor.report.text import one_line, plain

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "golfAudit/v1"

_LEVEL = {
    Outcome.VIOLATION: "error",
    Outcome.DISPUTED: "warning",
    Outcome.ERROR: "error",
    Outcome.WARNING: "note",
}


def render(report: Report) -> str:
    """The log file, indented, ASCII only."""
    return json.dumps(as_dict(report), indent=2, allow_nan=False) + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    return {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [_run(report)]}


def _run(report: Report) -> dict[str, Any]:
    submission = report.submission
    rules = [row.rule for row in report.outcomes]
    index = {rule: number for number, rule in enumerate(rules)}
    return {
        "tool": {"driver": _driver(report, rules)},
        "automationDetails": {"id": f"golf-audit/{plain(submission.folder)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, index)],
        "artifacts": [_artifact(report, path, size, digest) for path, size, digest in _files(report)],
        "results": [_result(report, finding, index) for finding in report.findings],
        "properties": {
            "verdict": str(report.verdict),
            "verdictBecause": plain(report.verdict_because),
            "pullRequest": submission.pr,
            "commit": submission.commit and plain(submission.commit),
            "outcomes": {row.rule: str(row.outcome) for row in report.outcomes},
            "probe": _probe(report),
        },
    }


def _probe(report: Report) -> dict[str, Any] | None:
    """What it came to; the witnesses are steps of the results that they stand behind."""
    probe = report.probe
    if probe is None:
        return None
    return {
        "status": probe.status,
        "outcome": str(probe.outcome),
        "measurements": {str(m.kind): str(m.holds) for m in probe.measurements},
        "agreement": {row.subject: str(row.stand) for row in report.agreement},
    }


def _driver(report: Report, rules: list[str]) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": "golf-audit", "version": __version__, "semanticVersion": __version__}
    if report.ruleset:
        driver["properties"] = {"ruleset": report.ruleset}
    driver["rules"] = [_rule(report, rule) for rule in rules]
    return driver


def _rule(report: Report, rule: str) -> dict[str, Any]:
    title = plain(report.titles.get(rule) or rule)
    entry: dict[str, Any] = {"id": rule, "shortDescription": {"text": title}}
    criterion = plain(report.criteria.get(rule, ""))
    entry["fullDescription"] = {"text": criterion or title}
    if report.references.get(rule, "").startswith("https://"):
        entry["helpUri"] = report.references[rule]
    entry["help"] = {"text": f"{criterion or title}\n\nMore: golf-audit --explain {rule}"}
    return entry


def _files(report: Report) -> list[tuple[str, int | None, str | None]]:
    return [(f.path, f.size, f.sha256) for f in report.submission.files]


def _artifact(report: Report, path: str, size: int | None, digest: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"location": {"uri": _uri(report, path)}}
    if size is not None:
        entry["length"] = size
    if digest is not None:
        entry["hashes"] = {"sha-256": digest}
    return entry


def _uri(report: Report, path: str) -> str:
    """The file relative to the repository root where the record folder's place is known, else to that folder."""
    folder = report.submission.folder.strip("/")
    whole = f"{folder}/{path}" if folder.startswith("records/") else path
    return url_quote(whole.encode("utf-8", "replace"), safe="/")


def _invocation(report: Report, index: dict[str, int]) -> dict[str, Any]:
    failed = any(row.outcome is Outcome.ERROR for row in report.outcomes)
    notes = []
    if report.verdict is Verdict.INCONCLUSIVE:
        notes.append({"level": "error", "message": {"text": f"Not judged: {plain(report.verdict_because)}"}})
    for row in report.outcomes:
        if row.outcome in (Outcome.ERROR, Outcome.NOT_CHECKED):
            notes.append(
                {
                    "level": "error" if row.outcome is Outcome.ERROR else "note",
                    "message": {"text": plain(f"{row.rule}: {row.outcome}: {row.reason}")},
                    "associatedRule": {"id": row.rule, "index": index[row.rule]},
                }
            )
    if report.probe is not None:
        for reason, what in unchecked(report.probe):
            notes.append({"level": "warning", "message": {"text": plain(f"{what}: not-checked: {reason}")}})
    notes += [{"level": "warning", "message": {"text": plain(text)}} for text in view.reading_problems(report)]
    return {
        "executionSuccessful": not failed and report.verdict is not Verdict.INCONCLUSIVE,
        "toolExecutionNotifications": notes,
    }


def _result(report: Report, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule}
    if finding.rule in index:
        result["ruleIndex"] = index[finding.rule]
    inactive = finding.active is False
    result["kind"] = "informational" if inactive else "fail"
    result["level"] = "none" if inactive else _LEVEL.get(finding.outcome, "note")
    result["message"] = {"text": _message(report, finding)}
    if finding.location is not None:
        result["locations"] = [_location(report, finding.location, finding.excerpt)]
    if finding.trace:
        flow = {"locations": [_flow_step(report, step, n) for n, step in enumerate(finding.trace, start=1)]}
        result["codeFlows"] = [{"threadFlows": [flow]}]
    result["partialFingerprints"] = {FINGERPRINT: finding.fingerprint}
    result["properties"] = {
        "outcome": str(finding.outcome),
        "active": finding.active,
        "remedy": plain(finding.remedy, newlines=True),
    }
    return result


def _message(report: Report, finding: Finding) -> str:
    said = one_line(finding.message, 1000)
    notes = [view.certainty(finding)] if finding.active is None else []
    if finding.active is False:
        notes.append("not active under this configuration")
    if finding.location is not None and finding.location.layer:
        notes.append(f"at {one_line(place(finding.location, report.sources))}")
    return said + (f" ({'; '.join(notes)})" if notes else "")


def _location(report: Report, location: Location, excerpt: str = "") -> dict[str, Any]:
    """A line of a decoded layer is no line of the shipped file, so it becomes a logical location there."""
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(report, location.path)}}
    if location.layer:
        physical["region"] = {"startLine": 1}
        where = one_line(place(location, report.sources))
        decoded = {"name": where, "fullyQualifiedName": where, "kind": "decodedSource"}
        properties = {"layer": location.layer, "line": location.line, "endLine": location.end_line}
        return {"physicalLocation": physical, "logicalLocations": [decoded], "properties": properties}
    if location.line:
        region: dict[str, Any] = {"startLine": location.line}
        if location.end_line and location.end_line > location.line:
            region["endLine"] = location.end_line
        if excerpt:
            region["snippet"] = {"text": plain(excerpt, newlines=True)}
        physical["region"] = region
    return {"physicalLocation": physical}


def _flow_step(report: Report, step: Step, number: int) -> dict[str, Any]:
    location = _location(report, step.location)
    location["message"] = {"text": one_line(f"{step.event}: {step.text}{': ' if step.code else ''}{step.code}", 500)}
    return {"location": location, "executionOrder": number, "importance": "essential", "kinds": [one_line(step.event)]}
