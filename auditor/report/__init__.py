"""Renderers: each turns a Report into text and decides nothing.

Modules are imported on demand, so that a machine-readable format never pays for the terminal's libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from auditor.judgement.model import Report

Format = Literal["terminal", "concise", "markdown", "json", "jsonl", "sarif", "html", "github"]
FORMATS: tuple[str, ...] = get_args(Format)


def render(report: Report, form: Format, *, width: int = 80, colour: bool = False) -> str:
    """The report in one format, ending in a newline. `width` and `colour` concern the terminal alone."""
    if form == "terminal":
        from auditor.report.terminal import render as render_terminal

        return render_terminal(report, width=width, colour=colour)
    if form == "markdown":
        from auditor.report.markdown import render as render_markdown

        return render_markdown(report)
    if form == "sarif":
        from auditor.report.sarif import render as render_sarif

        return render_sarif(report)
    if form == "html":
        from auditor.report.html import render as render_html

        return render_html(report)
    if form == "concise":
        from auditor.report.concise import render as render_concise

        return render_concise(report)
    if form == "github":
        from auditor.report.github import render as render_github

        return render_github(report)
    from auditor.report.json_ import render as render_json

    return render_json(report, lines=form == "jsonl")
