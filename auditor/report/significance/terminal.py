"""A comparison or the chain for a terminal. Untrusted text enters as rich `Text`; nothing is parsed as markup."""

from __future__ import annotations

import io
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from auditor.report.significance import chain_view, view
from auditor.report.significance.blocks import Block, Drawing, Items, Paragraph, Section, Table
from auditor.report.text import one_line
from auditor.significance.model import Chain, Comparison

_NAME = 6  # columns that a name keeps in a dense table
_NARROWEST, _WIDE, _WIDEST, _TEXT_WIDTH = 40, 120, 160, 100
_BADGE = {
    "clean": "bold black on green",
    "violation": "bold white on red",
    "inconclusive": "bold black on magenta",
}
_EFFECT = {"refused": "bold magenta", "changed": "yellow"}


def render(answer: Comparison | Chain, *, width: int = 80, colour: bool = False) -> str:
    """The whole answer. `width` in columns; without `colour` there is no escape sequence in it."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=min(max(width, _NARROWEST), _WIDEST),
        force_terminal=colour,
        color_system="256" if colour else None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    if isinstance(answer, Chain):
        _paragraph(console, Text(chain_view.title(answer).capitalize(), style="bold"), 0)
        _paragraph(console, Text(chain_view.sentence(answer)), 2)
        show(console, chain_view.sections(answer))
    else:
        badge = Text(f" {view.title(answer).upper()} ", style=_BADGE[view.tone(answer)])
        _paragraph(console, badge, 0)
        _paragraph(console, Text(one_line(view.sentence(answer), 1500)), 2)
        show(console, view.sections(answer))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n")).strip("\n") + "\n"


def show_part(console: Console, c: Comparison) -> None:
    """The section in golf-audit's report, without its heading."""
    _paragraph(console, Text(one_line(view.sentence(c), 1500)), 2)
    show(console, view.part(c))


def show(console: Console, sections: tuple[Section, ...]) -> None:
    """Sections, each after an empty line."""
    for section in sections:
        console.print()
        console.print(Text(section.title, style="bold underline"))
        drawn = False
        for block in section.blocks:
            if drawn or isinstance(block, Drawing):
                console.print()
            _block(console, block)
            drawn = isinstance(block, Drawing)


def _block(console: Console, block: Block) -> None:
    if isinstance(block, Paragraph):
        _paragraph(console, Text(one_line(block.text, 1500)), 2)
    elif isinstance(block, Items):
        _items(console, block)
    elif isinstance(block, Drawing):
        for line, style in ((block.title, ""), *((line, "cyan") for line in block.lines)):
            console.print(Padding(Text(line, style=style, no_wrap=True, overflow="crop"), (0, 0, 0, 2)))
    else:
        _table(console, block)


def _items(console: Console, block: Items) -> None:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in block.rows:
        grid.add_row(Text(one_line(label, 40), style=_EFFECT.get(label, "dim")), Text(one_line(text, 800)))
    console.print(Padding(grid, (0, 0, 0, 2)))


def _table(console: Console, block: Table) -> None:
    hidden = block.secondary if console.width < _WIDE else frozenset()
    table = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0) if block.dense else (0, 1), show_edge=False
    )
    for index, heading in enumerate(block.headings):
        if index not in hidden:
            table.add_column(Text(heading), justify="left" if index in block.left else "right", **_set(block, index))
    for row in block.rows:
        table.add_row(*(Text(one_line(cell, 120)) for index, cell in enumerate(row) if index not in hidden))
    console.print(Padding(table, (0, 0, 0, 2)))


def _set(block: Table, index: int) -> dict[str, Any]:
    """How a column gives way where the table is too wide: in a dense one only the second, its name."""
    if block.dense and index == 1:
        return {"overflow": "fold", "min_width": _NAME}
    return {"overflow": "fold", "no_wrap": block.dense}


def _paragraph(console: Console, text: Text, indent: int) -> None:
    for line in text.wrap(console, min(console.width, _TEXT_WIDTH) - indent, overflow="fold"):
        console.print(Padding(line, (0, 0, 0, indent)))
