"""Renderers of a comparison and of the chain, in the formats of golf-stats; they decide nothing."""

from __future__ import annotations

from auditor.significance.model import Chain, Comparison


def render(answer: Comparison | Chain, form: str, *, width: int = 80, colour: bool = False) -> str:
    """The answer in one format (terminal, markdown, json, html), ending in a newline."""
    if form == "json":
        from auditor.report.significance.json_ import render as render_json

        return render_json(answer)
    if form == "html":
        from auditor.report.significance.html import render as render_html

        return render_html(answer)
    if form == "markdown":
        from auditor.report.significance.markdown import render as render_markdown

        return render_markdown(answer)
    from auditor.report.significance.terminal import render as render_terminal

    return render_terminal(answer, width=width, colour=colour)
