"""The C texts of a program, each with the script that holds it, parsed and run once."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from auditor.program.c.parser import parse
from auditor.program.c.run import Run
from auditor.program.model import Program
from auditor.program.place import Place
from auditor.source import Sources, Unit

_EMBEDDED = re.compile(r"::line (\d{1,9})$")


@dataclass(frozen=True)
class CText:
    """A C, C++ or CUDA text of the program. `holder`: the script whose string literal holds it, and that string's line.

    `active`: whether the script gets to that string; None for a file of its own.
    """

    unit: Unit
    holder: tuple[Unit, int] | None
    active: bool | None

    @cached_property
    def run(self) -> Run:
        """What the text computes and stores."""
        return Run(parse(self.unit.text), self.place)

    @cached_property
    def _lines(self) -> list[int]:
        return [at for at, character in enumerate(self.unit.text) if character == "\n"]

    def place(self, index: int) -> Place:
        """Where a character of the text stands: in its file, or in the script that holds it."""
        line = bisect_right(self._lines, index - 1) + 1
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
