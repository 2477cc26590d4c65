"""The program as a value: the evaluation trace and what was reached under the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.source import Unit


@dataclass(frozen=True)
class Program:
    """What the program does under one configuration.

    `lines` maps (path, layer) to {line: True (runs), None (may run)}; absent lines do not run.
    """

    lines: Mapping[tuple[str, int], Mapping[int, bool | None]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    followed: bool = True  # False: the scored code could not be followed

    def reached(self, unit: Unit, line: int) -> bool | None:
        """Whether that line of that unit runs: True, False, or None where it cannot be told."""
        if unit.language != "python":
            return None
        return self.lines.get((unit.path, unit.layer), {}).get(line, False)
