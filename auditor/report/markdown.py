"""The report as a comment on a pull request: GitHub Markdown in which a submission's text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from auditor import __version__
from auditor.findings import Finding, Location, Outcome
from auditor.judgement.model import Report
from auditor.report import recipe, seeds, view
from auditor.report.places import place
from auditor.report.text import clip, escape_markdown, markdown_block, markdown_code
from auditor.source.excerpt import quote

MARKER = "<!-- golf-audit:report -->"
LONGEST = 65_000  # characters; GitHub takes 65,536
_LEFT_OUT = "The rest did not fit into a comment: golf-audit --format html has it all.\n\n"
_LISTED = 25
_STEPS = 12
_CODE_WIDTH = 160
_SHOWN_SEEDS = ("seed", "val_bpb", "train s", "eval s", "artifact", "divided by")


def render(report: Report) -> str:
    """One comment: what decides in the open, the rest folded; what does not fit is left out, and that is said.

    It ends with `MARKER`, by which a later comment finds this one to take its place.
    """
    significance: list[str] = []
    if report.significance is not None:
        from auditor.report.significance.markdown import part

        significance = part(report.significance)
    parts = [
        _head(report),
        *(_finding(report, finding) for finding in view.deciding(report)),
        _plain_outcomes(report),
        _warnings(report),
        _evaluation(report),
        _folded("Figures", _figures(report)),
        _folded("Is it a record?", significance),
        _probe(report),
        _unchecked(report),
        _list(report, "Looked at, and in order", view.in_order(report)),
        _list(report, "In the code, not active under this configuration", view.inactive(report)),
    ]
    foot = "\n".join([*_foot(report), "", MARKER]) + "\n"
    left = LONGEST - len(foot) - len(_LEFT_OUT)
    body = ""
    for part_ in parts:
        text = "\n".join(part_).rstrip("\n") + "\n\n" if part_ else ""
        if len(text) > left:
            return body + _LEFT_OUT + foot
        body += text
        left -= len(text)
    return body + foot


def _head(report: Report) -> list[str]:
    lines = []
    if view.hypothetical(report):
        lines += [f"**{escape_markdown(view.hypothetical(report))}**", ""]
    lines += [f"## {report.verdict.upper()} {escape_markdown(view.meaning(report))}", ""]
    lines += [escape_markdown(view.because(report)), ""]
    for text in filter(None, (view.besides(report), view.record(report))):
        lines += [escape_markdown(text, 1000), ""]
    for label, text, url in view.beside(report):
        lines.append(f"- **{label}**: {_web(escape_markdown(text), url)}")
    for label, value in view.identity(report):
        lines.append(f"- {label}: {markdown_code(value, 300)}")
    return [*lines, ""]


def _finding(report: Report, finding: Finding) -> list[str]:
    class_ = report.classes.get(finding.rule, "")
    lines = [f"### {finding.outcome} ({class_}): {_rule(report, finding.rule)}", ""]
    lines += [escape_markdown(finding.message, 1000), ""]
    if view.waiver(report, finding.rule):
        lines += [f"**{escape_markdown(view.waiver(report, finding.rule))}**", ""]
    where = _place(report, finding.location)
    if where:
        lines += [f"At {where}:", ""]
    lines += [
        f"- {_place(report, other.location)}: {escape_markdown(other.message)}" for other in finding.also[:_STEPS]
    ]
    lines += _excerpt(report, finding)
    if finding.trace:
        steps = []
        for number, step in enumerate(finding.trace[:_STEPS], start=1):
            said = escape_markdown(step.text) + (f": {markdown_code(step.code)}" if step.code else "")
            event = escape_markdown(step.event, 40)
            steps.append(f"{number}. **{event}** {said}, {_place(report, step.location)}")
        if len(finding.trace) > _STEPS:
            steps.append(f"{_STEPS + 1}. and {len(finding.trace) - _STEPS} more events")
        lines += ["How it comes about:", "", *steps, ""]
    if view.certainty(finding):
        lines += [f"Note: {view.certainty(finding)}.", ""]
    if finding.remedy:
        lines += [f"What to do: {escape_markdown(finding.remedy, 1000)}", ""]
    return lines


def _place(report: Report, location: Location | None) -> str:
    """The place as code, linked to the line at its commit where that is known; "" without one."""
    where = place(location, report.sources)
    return _web(markdown_code(where), view.permalink(report, location)) if where else ""


def _web(text: str, url: str) -> str:
    """`[text](url)` where the URL is a plain web address, which cannot end the link early."""
    safe = url.startswith("https://") and not set(url) & set(" <>()[]\"'`\n\\")
    return f"[{text}]({url})" if safe else text


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
    """The rule's id, linked to its source."""
    return _web(escape_markdown(rule), report.references.get(rule, ""))


def _plain_outcomes(report: Report) -> list[str]:
    rows = [row for row in view.bare_outcomes(report) if row.outcome is not Outcome.WARNING]
    lines = [f"- **{row.outcome}**, {_rule(report, row.rule)}: {escape_markdown(row.reason)}" for row in rows[:_LISTED]]
    return [*lines, ""] if lines else []


def _warnings(report: Report) -> list[str]:
    lines = [_line(report, finding) for finding in view.warnings(report)]
    for row in view.bare_outcomes(report):
        if row.outcome is Outcome.WARNING:
            lines.append(f"- {_rule(report, row.rule)}: {escape_markdown(row.reason)}")
    return _folded(f"Warnings ({len(lines)})", _cut(lines))


def _line(report: Report, finding: Finding) -> str:
    where = _place(report, finding.location)
    others = f" and {len(finding.also)} more" if finding.also else ""
    at = f" ({where}{others})" if where else ""
    return f"- {_rule(report, finding.rule)}: {escape_markdown(finding.message)}{at}"


def _list(report: Report, title: str, findings: Sequence[Finding]) -> list[str]:
    return _folded(f"{title} ({len(findings)})", _cut([_line(report, finding) for finding in findings]))


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
    rows = seeds.table(seeds.shown_runs(report))
    if rows:
        kept = [i for i, heading in enumerate(astuple(seeds.HEADINGS)) if heading in _SHOWN_SEEDS]
        lines += [f"| {' | '.join(_SHOWN_SEEDS)} | log |", "|" + "---:|" * len(_SHOWN_SEEDS) + "---|"]
        for row in rows[:_LISTED]:
            cells = astuple(row)
            figures = " | ".join(escape_markdown(cells[i], 60) for i in kept)
            lines.append(f"| {figures} | {markdown_code(row.log, cell=True)} |")
        lines += ["", escape_markdown(seeds.summary(report)), "", escape_markdown(seeds.ledger(report)), ""]
    return lines


def _unchecked(report: Report) -> list[str]:
    lines = [
        f"- {', '.join(_rule(report, rule) for rule in rules)}: {escape_markdown(reason)}"
        for reason, rules in view.unchecked(report)
    ]
    lines += [f"- could not be read: {escape_markdown(problem)}" for problem in view.reading_problems(report)]
    if not lines:
        return ["Every rule that applies was checked.", ""]
    return _folded(f"What was not checked ({len(lines)})", _cut(lines))


def _foot(report: Report) -> list[str]:
    ruleset = f", rules of {escape_markdown(report.ruleset)}" if report.ruleset else ""
    return [f"{view.tally(report)}. Made by golf-audit {__version__}{ruleset}; {view.how(report)}."]


def _cut(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _LISTED:
        return list(lines)
    return [*lines[:_LISTED], f"- and {len(lines) - _LISTED} more"]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""] if lines else []
