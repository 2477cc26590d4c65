"""Just enough of C to read helper sources: comments away, braces matched, and where a line stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from auditor.program.model import Program
from auditor.program.place import Place
from auditor.source import Sources, Unit

_TOKEN = re.compile(r"//[^\n]*|/\*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
_EMBEDDED = re.compile(r"::line (\d{1,9})$")
_CLOSERS = {"(": ")", "{": "}", "[": "]"}


@dataclass(frozen=True)
class CText:
    """A C, C++ or CUDA text of the program. `holder`: the script whose string literal holds it, and that string's line.

    `active`: whether the script gets to that string; None for a file of its own.
    """

    unit: Unit
    holder: tuple[Unit, int] | None
    active: bool | None

    @cached_property
    def text(self) -> str:
        """The text with comments and strings blanked; lines and columns stay."""
        return plain(self.unit.text)

    def place(self, index: int) -> Place:
        """Where a character of the text stands: in its file, or in the script that holds it."""
        line = line_at(self.text, index)
        unit, first = self.holder or (self.unit, 1)
        return Place(unit, first + line - 1, first + line - 1)


def c_texts(sources: Sources, program: Program) -> Iterator[CText]:
    for unit in sources.units:
        if unit.language == "c":
            holder = _holder(sources, unit)
            yield CText(unit, holder, None if holder is None else program.reached(*holder))


def _holder(sources: Sources, unit: Unit) -> tuple[Unit, int] | None:
    embedded = _EMBEDDED.search(unit.path)
    if embedded is None:
        return None
    path, line = unit.path[: embedded.start()], int(embedded[1])
    for other in sources.units:
        if other.path == path and other.layer == unit.layer - 1 and other.language == "python":
            return other, line
    return replace(unit, path=path, layer=max(0, unit.layer - 1)), line


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
