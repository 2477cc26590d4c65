"""What a report consists of, whatever the format: sections of paragraphs, lists and tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list; each item has a label, "" for none."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`left` holds the columns whose cells are text; the others are figures. `links` maps a cell's text to a URL.

    A narrow terminal leaves the columns in `secondary` out. `dense`: many columns, to be set close.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[int] = frozenset({0})
    links: tuple[tuple[str, str], ...] = ()
    secondary: frozenset[int] = frozenset()
    dense: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture in characters, each line as it stands. Pages leave it out: they have it as SVG."""

    title: str
    lines: tuple[str, ...]


Block = Paragraph | Items | Table | Drawing


@dataclass(frozen=True, slots=True)
class Section:
    """`folded`: supports what stands before it, and may be hidden. `chart` names the drawing that belongs to it."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False
    chart: str = ""
