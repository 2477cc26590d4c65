"""Renderers: each turns a Report into text and decides nothing.

Modules are imported on demand, so that a machine-readable format never pays for the terminal's libraries.
"""

from __future__ import annotations

from typing import Literal, get_args

from auditor.findings import Report

Format = Literal["terminal", "markdown", "json", "jsonl", "sarif", "html"]
FORMATS: tuple[str, ...] = get_args(Format)


def render(report: Report, form: Format, *, width: int = 80, colour: bool = False) -> str:
    """The report in one format, ending in a newline. `width` and `colour` concern the terminal alone."""
    if form == "terminal":
        from auditor.report import terminal

        return terminal.render(report, width=width, colour=colour)
    if form == "markdown":
        from auditor.report import markdown

        return markdown.render(report)
    if form == "sarif":
        from auditor.report import sarif

        return sarif.render(report)
    if form == "html":
        from auditor.report import html

        return html.render(report)
    from auditor.report import json_

    return json_.render(report, lines=form == "jsonl")
