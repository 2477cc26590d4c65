"""A comparison or the chain as GitHub Markdown, for the pull request."""

from __future__ import annotations

from dataclasses import replace

from auditor import __version__
from auditor.report.significance import chain_view, view
from auditor.report.significance.blocks import Block, Drawing, Items, Paragraph, Section, Table
from auditor.report.text import escape_markdown, markdown_block
from auditor.significance.model import Chain, Comparison

_CELL = 160


def render(answer: Comparison | Chain) -> str:
    if isinstance(answer, Chain):
        title, sentence, sections = chain_view.title(answer), chain_view.sentence(answer), chain_view.sections(answer)
    else:
        title, sentence, sections = view.title(answer), view.sentence(answer), view.sections(answer)
    lines = [f"## golf-stats: {escape_markdown(title)}", "", escape_markdown(sentence, 1500), ""]
    for section in sections:
        lines += section_lines(section, "###")
    lines.append(f"Made by golf-stats {__version__}.")
    return "\n".join(lines) + "\n"


def part(c: Comparison) -> list[str]:
    """The lines of the section in golf-audit's review comment."""
    lines = [
        "### Significance",
        "",
        f"**{escape_markdown(view.title(c))}.** {escape_markdown(view.sentence(c), 1500)}",
        "",
    ]
    for section in view.part(c):
        lines += section_lines(replace(section, folded=section.title == "Figures"), "####")
    return lines


def section_lines(section: Section, mark: str) -> list[str]:
    """One section under a heading of that depth; also used by golf-audit's report."""
    if section.folded:
        return ["<details>", f"<summary>{section.title}</summary>", "", *_blocks(section), "</details>", ""]
    return [f"{mark} {section.title}", "", *_blocks(section)]


def _blocks(section: Section) -> list[str]:
    return [line for block in section.blocks for line in _block(block)]


def _block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        return [escape_markdown(block.text, 1500), ""]
    if isinstance(block, Items):
        said = [f"- {escape_markdown(label, 60)}: {escape_markdown(text, 800)}" for label, text in block.rows]
        return [*said, ""] if said else []
    if isinstance(block, Drawing):
        return [*markdown_block([block.title, "", *block.lines]), ""]
    return [*_table(block), ""]


def _table(block: Table) -> list[str]:
    links = dict(block.links)
    rule = "|".join("---" if i in block.left else "---:" for i in range(len(block.headings)))
    lines = [f"| {' | '.join(escape_markdown(h, _CELL) for h in block.headings)} |", f"|{rule}|"]
    return lines + [f"| {' | '.join(_cell(cell, links) for cell in row)} |" for row in block.rows]


def _cell(text: str, links: dict[str, str]) -> str:
    url = links.get(text, "")
    said = escape_markdown(text, _CELL)
    if url.startswith("https://") and not set(url) & set(" <>()[]\"'`\n\\"):
        return f"[{said}]({url})"
    return said
