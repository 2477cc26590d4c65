"""Just enough of C to read helper sources: comments away, braces matched, and the place of a finding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.findings import Location
from auditor.rule import Facts
from auditor.source import Unit

_TOKEN = re.compile(r"//[^\n]*|/\*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
_EMBEDDED = re.compile(r"::line (\d{1,9})$")
_CLOSERS = {"(": ")", "{": "}", "[": "]"}


def c_units(facts: Facts) -> Iterator[Unit]:
    """Every C, C++ or CUDA text of the program, those held in strings included."""
    return (unit for unit in facts.sources.units if unit.language == "c")


def plain(text: str) -> str:
    """The text with comments and strings blanked; lines and columns stay."""
    out: list[str] = []
    at = 0
    while True:
        match = _TOKEN.search(text, at)
        if match is None:
            out.append(text[at:])
            return "".join(out)
        end = match.end()
        if match.group() == "/*":
            close = text.find("*/", end)
            end = len(text) if close < 0 else close + 2
        out.append(text[at : match.start()])
        out.append("".join("\n" if c == "\n" else " " for c in text[match.start() : end]))
        at = end


def matched(text: str, start: int, limit: int | None = None) -> int:
    """The index after the bracket that closes the one at `start`; the end of the text, or limit, where none does."""
    opener = text[start]
    closer = _CLOSERS[opener]
    depth = 0
    end = len(text) if limit is None else min(len(text), start + limit)
    for at in range(start, end):
        if text[at] == opener:
            depth += 1
        elif text[at] == closer:
            depth -= 1
            if depth == 0:
                return at + 1
    return end


def functions(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the outermost blocks that follow a parameter list; classes and namespaces are entered."""
    at = 0
    while (at := text.find("{", at)) >= 0:
        head = text[max(0, at - 200) : at].rstrip()
        if head.endswith((")", "const", "noexcept", "override")):
            end = matched(text, at)
            yield at, end
            at = end
        else:
            at += 1


def line_at(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def place(unit: Unit, line: int) -> Location:
    """Where a line of a C unit stands: in its file, or at the string of the script that holds it."""
    embedded = _EMBEDDED.search(unit.path)
    if embedded is None:
        return Location(unit.path, line, None, unit.layer)
    return Location(unit.path[: embedded.start()], int(embedded[1]) + line - 1, None, max(0, unit.layer - 1))


def reached(facts: Facts, unit: Unit) -> bool | None:
    """Whether the script gets to the string that holds a C text; None for a file of its own."""
    embedded = _EMBEDDED.search(unit.path)
    if embedded is None:
        return None
    path, line = unit.path[: embedded.start()], int(embedded[1])
    for other in facts.sources.units:
        if other.path == path and other.layer == unit.layer - 1 and other.language == "python":
            return facts.program.reached(other, line)
    return None
