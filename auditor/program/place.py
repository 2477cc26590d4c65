"""Where something stands in the program."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.findings import Location
from auditor.source import Unit


@dataclass(frozen=True, slots=True)
class Place:
    unit: Unit
    line: int
    end_line: int
    function: str = ""

    @property
    def location(self) -> Location:
        return Location(self.unit.path, self.line, self.end_line, self.unit.layer)

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.unit.path, self.unit.layer, self.line)
