"""Workflow commands of GitHub Actions: a finding becomes an annotation on its line.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome
from auditor.judgement.model import Report
from auditor.report import view
from auditor.report.text import one_line

_COMMAND = {Outcome.VIOLATION: "error", Outcome.DISPUTED: "warning", Outcome.WARNING: "notice"}
_MOST = 50  # GitHub shows 10 of a kind for a step and 50 for a run


def render(report: Report) -> str:
    """One command for each place of a finding, the gravest first, and one for the verdict."""
    lines = []
    for finding in (*view.deciding(report), *view.warnings(report)):
        lines.append(_command(report, finding, finding.location, finding.message))
        lines += [_command(report, finding, other.location, other.message) for other in finding.also]
    level = {"violation": "error", "clean": "notice"}.get(view.worst(report), "warning")
    title = view.hypothetical(report) or "golf-audit"
    said = ". ".join(
        part.rstrip(".") for part in (f"{view.short(report)}: {view.because(report)}", view.besides(report)) if part
    )
    verdict = f"::{level} title={_property(title)}::{_data(said)}"
    return "\n".join([verdict, *lines[:_MOST]]) + "\n"


def _command(report: Report, finding: Finding, at: Location | None, message: str) -> str:
    waiver, class_ = view.waiver(report, finding.rule), report.classes.get(finding.rule, "?")
    level = "notice" if waiver else _COMMAND.get(finding.outcome, "notice")
    properties = [f"title={_property(f'{finding.rule} ({class_})')}"]
    if at is not None:
        folder = report.submission.folder.strip("/")
        path = f"{folder}/{at.path}" if folder.startswith("records/") else at.path
        properties.insert(0, f"file={_property(path)}")
        if at.line and at.layer == 0:
            properties.insert(1, f"line={at.line}" + (f",endLine={at.end_line}" if at.end_line else ""))
    return f"::{level} {','.join(properties)}::{_data(f'{message} ({waiver})' if waiver else message)}"


def _data(text: str) -> str:
    """Text after `::`. It is one line already, so that it cannot start a command of its own."""
    return one_line(text, 1000).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
