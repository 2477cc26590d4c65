"""SARIF 2.1.0: one run, one result per finding, a code flow per trace.

GitHub makes an alert of every result, whatever its kind, and refuses the whole file where one has no location. So code
that does not run, and what is in order, are no results: they stand in the run's properties. A result without a place
of its own points to submission.json. What a maintainer waived is a `suppression`.
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
from auditor.report.text import escape_markdown, message, one_line, plain

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "golfAudit/v1"

_CLASS_LEVEL: dict[str, str] = {"score": "error", "evidence": "warning", "budget": "error", "paperwork": "warning"}
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
        "results": [_result(report, finding, index) for finding in _alerts(report)],
        "properties": {
            "verdict": str(report.verdict),
            "verdictClass": report.verdict_class,
            "whatIf": {plain(name): plain(value) for name, value in report.what_if.items()},
            "inactive": [_aside(report, finding) for finding in view.inactive(report)],
            "inOrder": [_aside(report, finding) for finding in view.in_order(report)],
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
    class_ = report.classes.get(rule, "score")
    name = "".join(word.capitalize() for word in rule.split("-"))
    entry: dict[str, Any] = {"id": rule, "name": name, "shortDescription": {"text": title}}
    criterion = plain(report.criteria.get(rule, ""))
    entry["fullDescription"] = {"text": criterion or title}
    if report.references.get(rule, "").startswith("https://"):
        entry["helpUri"] = report.references[rule]
    more = f"golf-audit --explain {rule}"
    source = f" [Source]({entry['helpUri']})." if "helpUri" in entry else ""
    entry["help"] = {
        "text": f"{criterion or title}\n\nMore: {more}",
        "markdown": f"**{escape_markdown(title)}**\n\n{escape_markdown(criterion or title, 2000)}{source}\n\n`{more}`",
    }
    entry["defaultConfiguration"] = {"level": _CLASS_LEVEL[class_]}
    entry["properties"] = {
        "tags": ["parameter-golf", class_],
        "precision": "medium" if class_ == "evidence" else "high",
        "problem.severity": _CLASS_LEVEL[class_],
    }
    return entry


def _alerts(report: Report) -> list[Finding]:
    """What is a result: it runs or may run, and is not in order."""
    return [f for f in report.findings if f.active is not False and f.outcome in _LEVEL]


def _aside(report: Report, finding: Finding) -> dict[str, Any]:
    where = plain(place(finding.location, report.sources))
    return {"rule": finding.rule, "outcome": str(finding.outcome), "message": plain(finding.message), "where": where}


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
    submission = report.submission
    known = folder.startswith("records/") or submission.origin != "folder" or submission.in_repository
    whole = f"{folder}/{path}" if known and folder else path
    return url_quote(whole.encode("utf-8", "replace"), safe="/")


def _invocation(report: Report, index: dict[str, int]) -> dict[str, Any]:
    failed = any(row.outcome is Outcome.ERROR for row in report.outcomes)
    notes = []
    if report.verdict is Verdict.INCONCLUSIVE:
        notes.append({"level": "error", "message": {"text": message(f"Not judged: {report.verdict_because}")}})
    if view.worse(report):
        notes.append({"level": "warning", "message": {"text": message(view.worse(report))}})
    for row in report.outcomes:
        if row.outcome in (Outcome.ERROR, Outcome.NOT_CHECKED):
            notes.append(
                {
                    "level": "error" if row.outcome is Outcome.ERROR else "note",
                    "message": {"text": message(f"{row.rule}: {row.outcome}: {row.reason}")},
                    "associatedRule": {"id": row.rule, "index": index[row.rule]},
                }
            )
    if report.probe is not None:
        for reason, what in unchecked(report.probe):
            notes.append({"level": "warning", "message": {"text": message(f"{what}: not-checked: {reason}")}})
    notes += [{"level": "warning", "message": {"text": message(text)}} for text in view.reading_problems(report)]
    return {
        "executionSuccessful": not failed and report.verdict is not Verdict.INCONCLUSIVE,
        "toolExecutionNotifications": notes,
    }


def _result(report: Report, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": finding.rule}
    if finding.rule in index:
        result["ruleIndex"] = index[finding.rule]
    result["kind"] = "fail"
    result["level"] = _LEVEL[finding.outcome]
    result["message"] = {"text": _message(report, finding)}
    result["locations"] = [_location(report, finding.location or _somewhere(report), finding.excerpt)]
    related = [
        {**_location(report, other.location), "id": number, "message": {"text": message(other.message, 500)}}
        for number, other in enumerate(finding.also, start=1)
    ]
    if related:
        result["relatedLocations"] = related
    waiver = view.waiver(report, finding.rule)
    if waiver:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": plain(waiver)}]
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


def _somewhere(report: Report) -> Location:
    """Where a finding without a place is shown: submission.json, else the program, else any file, else the README."""
    shipped = report.submission.named("submission.json")
    if shipped is not None:
        return Location(shipped.path, 1)
    if report.sources.entry is not None:
        return Location(report.sources.entry.path, 1)
    files = report.submission.files
    return Location(files[0].path if files else "README.md", 1)


def _message(report: Report, finding: Finding) -> str:
    said = message(finding.message)
    notes = [view.certainty(finding)] if finding.active is None else []
    if finding.location is not None and finding.location.layer:
        notes.append(f"at {message(place(finding.location, report.sources))}")
    return said + (f" ({'; '.join(notes)})" if notes else "")


def _location(report: Report, location: Location, excerpt: str = "") -> dict[str, Any]:
    """A line of a decoded layer is no line of the shipped file, so it becomes a logical location there."""
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(report, location.path)}, "region": {"startLine": 1}}
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
    location["message"] = {"text": message(f"{step.event}: {step.text}{': ' if step.code else ''}{step.code}", 500)}
    return {"location": location, "executionOrder": number, "importance": "essential", "kinds": [one_line(step.event)]}
