"""The report as a review comment on a pull request: GitHub Markdown in which a submission's text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from auditor import __version__
from auditor.findings import Finding, Outcome
from auditor.judgement.model import Report
from auditor.report import recipe, view
from auditor.report.places import place
from auditor.report.text import clip, escape_markdown, markdown_block, markdown_code
from auditor.source.excerpt import quote

_LISTED = 25
_STEPS = 12
_CODE_WIDTH = 160
_SHOWN_SEEDS = ("seed", "val_bpb", "train s", "eval s", "artifact", "divided by")


def render(report: Report) -> str:
    """One comment. Evidence stands in the open, tables that only support it are folded."""
    lines = _head(report)
    for finding in view.deciding(report):
        lines += _finding(report, finding)
    lines += _plain_outcomes(report)
    lines += _warnings(report)
    lines += _evaluation(report)
    lines += _probe(report)
    lines += _figures(report)
    if report.significance is not None:
        from auditor.report.significance.markdown import part

        lines += part(report.significance)
    lines += _inactive(report)
    lines += _unchecked(report)
    lines += _foot(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(report: Report) -> list[str]:
    verdict = report.verdict
    lines = [f"## golf-audit: {verdict}", "", f"**{verdict.capitalize()}**: {view.MEANING[verdict]}."]
    lines += ["", escape_markdown(view.because(report)), ""]
    for label, value in view.identity(report):
        lines.append(f"- {label}: {markdown_code(value, 300)}")
    return [*lines, ""]


def _finding(report: Report, finding: Finding) -> list[str]:
    lines = [f"### {finding.outcome}: {_rule(report, finding.rule)}", "", escape_markdown(finding.message, 1000), ""]
    where = place(finding.location, report.sources)
    if where:
        lines += [f"At {markdown_code(where)}:", ""]
    lines += _excerpt(report, finding)
    if finding.trace:
        lines += ["How it comes about:", ""]
        for number, step in enumerate(finding.trace[:_STEPS], start=1):
            at = markdown_code(place(step.location, report.sources))
            words, code = step.text, step.code
            said = escape_markdown(words) + (f": {markdown_code(code)}" if code else "")
            lines.append(f"{number}. **{escape_markdown(step.event, 40)}** {said}, {at}")
        if len(finding.trace) > _STEPS:
            lines.append(f"{_STEPS + 1}. and {len(finding.trace) - _STEPS} more events")
        lines.append("")
    if view.certainty(finding):
        lines += [f"Note: {view.certainty(finding)}.", ""]
    if finding.remedy:
        lines += [f"What to do: {escape_markdown(finding.remedy, 1000)}", ""]
    return lines


def _excerpt(report: Report, finding: Finding) -> list[str]:
    if finding.location is not None:
        quoted = quote(report.sources, report.submission, finding.location, context=2)
        if quoted:
            gutter = len(str(quoted[-1].number))
            code = [
                f"{line.number:>{gutter}} {'>' if line.marked else ' '} {clip(line.text, _CODE_WIDTH)}"
                for line in quoted
            ]
            return [*markdown_block(code, "text"), ""]
    if finding.excerpt:
        return [*markdown_block([clip(text, _CODE_WIDTH) for text in finding.excerpt.splitlines()[:8]], "text"), ""]
    return []


def _rule(report: Report, rule: str) -> str:
    """The rule's id, linked to its source where that is a plain web address."""
    url = report.references.get(rule, "")
    if url.startswith("https://") and not set(url) & set(" <>()[]\"'`\n\\"):
        return f"[{escape_markdown(rule)}]({url})"
    return escape_markdown(rule)


def _plain_outcomes(report: Report) -> list[str]:
    rows = [row for row in view.bare_outcomes(report) if row.outcome is not Outcome.WARNING]
    lines = [f"- **{row.outcome}**, {_rule(report, row.rule)}: {escape_markdown(row.reason)}" for row in rows[:_LISTED]]
    return [*lines, ""] if lines else []


def _warnings(report: Report) -> list[str]:
    lines = []
    for finding in view.warnings(report):
        where = place(finding.location, report.sources)
        at = f" ({markdown_code(where)})" if where else ""
        lines.append(f"- {_rule(report, finding.rule)}: {escape_markdown(finding.message)}{at}")
    for row in view.bare_outcomes(report):
        if row.outcome is Outcome.WARNING:
            lines.append(f"- {_rule(report, row.rule)}: {escape_markdown(row.reason)}")
    return ["### Warnings", "", *_cut(lines), ""] if lines else []


def _evaluation(report: Report) -> list[str]:
    if not report.evaluation:
        return []
    lines = ["### How the score is made", "", escape_markdown(report.evaluation, 2000), ""]
    for row in recipe.rows(report):
        broken = f" **{', '.join(escape_markdown(rule) for rule in row.rules)}**" if row.rules else ""
        lines.append(f"- {markdown_code(f'{row.name} = {row.text}')} {escape_markdown(row.where)}{broken}")
    return [*lines, "", *(f"_{escape_markdown(note)}_" for note in recipe.notes(report)), ""]


def _probe(report: Report) -> list[str]:
    if report.probe is None:
        return []
    from auditor.report.probe import sections
    from auditor.report.significance.markdown import section_lines

    first, *others = sections(report)
    lines = section_lines(first, "###")
    for other in others:
        lines += section_lines(other, "####")
    return lines


def _figures(report: Report) -> list[str]:
    lines: list[str] = []
    caps = [cap for cap in report.caps if cap.used is not None]
    if caps:
        lines += ["| budget | used (largest) | headroom | where |", "|---|---:|---:|---|"]
        for cap in caps:
            source = cap.where + (f"; {cap.note}" if cap.note else "")
            lines.append(
                f"| {cap.name} | {view.amount(cap)} | {view.headroom(cap)} | {markdown_code(source, cell=True)} |"
            )
        lines.append("")
    rows = view.seeds(view.shown_runs(report))
    if rows:
        kept = [i for i, heading in enumerate(astuple(view.SEED_HEADINGS)) if heading in _SHOWN_SEEDS]
        lines += [f"| {' | '.join(_SHOWN_SEEDS)} | log |", "|" + "---:|" * len(_SHOWN_SEEDS) + "---|"]
        for row in rows[:_LISTED]:
            cells = astuple(row)
            figures = " | ".join(escape_markdown(cells[i], 60) for i in kept)
            lines.append(f"| {figures} | {markdown_code(row.log, cell=True)} |")
        lines += ["", escape_markdown(view.seeds_summary(report)), "", escape_markdown(view.ledger(report)), ""]
    return ["### Figures", "", *lines] if lines else []


def _inactive(report: Report) -> list[str]:
    findings = view.inactive(report)
    if not findings:
        return []
    lines = []
    for finding in findings:
        where = place(finding.location, report.sources)
        at = f" ({markdown_code(where)})" if where else ""
        lines.append(f"- {_rule(report, finding.rule)}: {escape_markdown(finding.message)}{at}")
    return _folded(f"In the code, not active under this configuration ({len(findings)})", _cut(lines))


def _unchecked(report: Report) -> list[str]:
    lines = [
        f"- {', '.join(_rule(report, rule) for rule in rules)}: {escape_markdown(reason)}"
        for reason, rules in view.unchecked(report)
    ]
    lines += [f"- could not be read: {escape_markdown(problem)}" for problem in view.reading_problems(report)]
    if not lines:
        return ["Every rule that applies was checked.", ""]
    return ["### What was not checked", "", *_cut(lines), ""]


def _foot(report: Report) -> list[str]:
    ruleset = f", rules of {escape_markdown(report.ruleset)}" if report.ruleset else ""
    return [f"{view.tally(report)}. Made by golf-audit {__version__}{ruleset}; {view.how(report)}."]


def _cut(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _LISTED:
        return list(lines)
    return [*lines[:_LISTED], f"- and {len(lines) - _LISTED} more"]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""]
