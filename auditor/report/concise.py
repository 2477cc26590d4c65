"""One line for a finding, as compilers print them: what editors and `grep` read."""

from __future__ import annotations

from auditor.findings import Finding
from auditor.judgement.model import Report
from auditor.report import view
from auditor.report.text import one_line


def render(report: Report) -> str:
    """`train_gpt.py:120: violation[pre-quant-ttt] (score): message`, then the verdict on a line of its own."""
    name = f"#{report.submission.pr}" if report.submission.pr is not None else report.submission.folder
    lines = [view.hypothetical(report)] if report.what_if else []
    for finding in (*view.deciding(report), *view.warnings(report)):
        lines += [_line(report, finding, _where(finding))]
        lines += [_line(report, finding, f"{o.location.path}:{o.location.line or 1}", o.message) for o in finding.also]
    for row in view.bare_outcomes(report):
        lines.append(f"{name}: {row.outcome}[{row.rule}] ({row.class_}): {row.reason}{_waived(report, row.rule)}")
    lines += [f"{name}: {label}: {text}" for label, text, _ in view.beside(report)]
    lines += [f"{name}: {view.besides(report)}"] if view.besides(report) else []
    lines.append(f"{name or 'submission'}: {view.short(report)}: {view.because(report)}")
    return "".join(one_line(line, 1000) + "\n" for line in lines)


def _where(finding: Finding) -> str:
    at = finding.location
    return "" if at is None else f"{at.path}:{at.line or 1}" + (f"@layer{at.layer}" if at.layer else "")


def _line(report: Report, finding: Finding, where: str, message: str = "") -> str:
    said = f"{finding.outcome}[{finding.rule}] ({report.classes.get(finding.rule, '?')}): {message or finding.message}"
    said += _waived(report, finding.rule)
    return f"{where}: {said}" if where else said


def _waived(report: Report, rule: str) -> str:
    waiver = view.waiver(report, rule)
    return f" ({waiver})" if waiver else ""
