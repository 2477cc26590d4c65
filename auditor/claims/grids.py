"""Tables as people write them into Markdown: with pipes, as grids, as HTML, as columns or CSV in a code block."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RULE = re.compile(r"[\s|:+=-]{3,2000}$")
_HTML_ROW = re.compile(r"<tr\b[^>]{0,200}>(.{0,4000}?)(?:</tr>|(?=<tr\b)|$)", re.IGNORECASE | re.DOTALL)
_HTML_CELL = re.compile(r"<t[hd]\b[^>]{0,200}>(.{0,1000}?)(?=</?t[hdr]\b|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,200}>")
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\]\([^()]{0,400}\)")
_GAP = re.compile(r"\t+| {2,}")
_MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Table:
    """A table's header and rows, each row with the number of its line, and the line of the header."""

    line: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def plain(cell: str) -> str:
    """A cell without bold type, code marks, links and tags."""
    cell = cell.replace("*", "").replace("`", "")
    if "](" in cell:
        cell = _LINK.sub(r"\1", cell)
    return _TAG.sub("", cell).strip() if "<" in cell else cell.strip()


def cells_of(line: str) -> list[str]:
    """The cells of one line of a table, with their decoration."""
    line = line.replace("\\|", "\u2502")
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(lines: Sequence[str]) -> Iterator[Table]:
    """Every table, in the order of the text."""
    found = [*_with_pipes(lines), *_in_fences(lines), *_underlined(lines), *_as_html(lines)]
    yield from sorted(found, key=lambda table: table.line)


def _with_pipes(lines: Sequence[str]) -> Iterator[Table]:
    """Runs of lines with pipes; a grid's rules and the rule below the header are no rows."""
    index = 0
    while index < len(lines):
        if "|" not in lines[index] or _RULE.match(lines[index]):
            index += 1
            continue
        end = index + 1
        while end < len(lines) and ("|" in lines[end] or lines[end].strip()[:2] in ("+-", "+=")):
            end += 1
        # What stands above the line over the rule is a paragraph with pipes.
        rule = next((n for n in range(index + 1, end) if _is_rule(lines[n])), None)
        head = rule - 1 if rule is not None and not _is_rule(lines[rule - 1]) else index
        rows = [(n + 1, tuple(cells_of(lines[n]))) for n in range(head + 1, end) if not _RULE.match(lines[n])]
        whole = all(line.strip()[:1] == "|" for line in lines[head:end])
        if rows and (rule == head + 1 or (whole and len({len(cells) for _, cells in rows}) == 1)):
            yield Table(head + 1, tuple(cells_of(lines[head])), tuple(rows[:_MOST_ROWS]))
        index = end


def _is_rule(line: str) -> bool:
    return ("-" in line or "=" in line) and _RULE.match(line) is not None


def _in_fences(lines: Sequence[str]) -> Iterator[Table]:
    """Columns that stand below each other in a code block, or CSV: the first line names them."""
    begin: int | None = None
    for number, line in enumerate(lines):
        if line.strip()[:3] in ("```", "~~~"):
            if begin is not None:
                yield from _columns(lines, begin + 1, number)
            begin = number if begin is None else None


def _underlined(lines: Sequence[str]) -> Iterator[Table]:
    """Columns between rules of equal signs, as reStructuredText has them."""
    rules = [
        n for n, line in enumerate(lines) if re.fullmatch(r"\s{0,8}={2,}(?:\s{1,8}={2,}){1,20}\s{0,8}", line[:400])
    ]
    if len(rules) > 2:
        yield from _columns([*lines[: rules[1]], "", *lines[rules[1] + 1 :]], rules[0] + 1, rules[2])


def _columns(lines: Sequence[str], begin: int, end: int) -> Iterator[Table]:
    written = [(n + 1, lines[n].strip()) for n in range(begin, end) if lines[n].strip() and "|" not in lines[n]]
    if len(written) < 2:
        return
    comma = written[0][1].count(",") > 0
    split = [(number, tuple(_csv(line) if comma else _GAP.split(line))) for number, line in written[:_MOST_ROWS]]
    header = split[0][1]
    rows = tuple((number, cells) for number, cells in split[1:] if len(cells) == len(header))
    if len(header) > 1 and rows and not any(cell[:1].isdigit() for cell in header):
        yield Table(split[0][0], header, rows)


def _csv(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error:
        return [cell.strip() for cell in line.split(",")]


def _as_html(lines: Sequence[str]) -> Iterator[Table]:
    text = "\n".join(lines)
    if "<tr" not in text.lower():
        return
    rows = []
    for match in _HTML_ROW.finditer(text):
        cells = tuple(" ".join(_TAG.sub("", cell).split()) for cell in _HTML_CELL.findall(match[1]))
        rows.append((text.count("\n", 0, match.start()) + 1, cells))
        if len(rows) >= _MOST_ROWS:
            break
    if len(rows) > 1:
        yield Table(rows[0][0], rows[0][1], tuple(rows[1:]))
