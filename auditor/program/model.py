"""The program as a value: the evaluation trace and what was reached under the configuration."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.program.trace import Trace
from auditor.source import Unit

Lines = Mapping[tuple[str, int], Mapping[int, bool | None]]


@dataclass(frozen=True, slots=True)
class Proof:
    """A branch that a log decides, by a line that it holds (`log_line`, from 1) or by one that it lacks (0)."""

    path: str
    layer: int
    line: int
    log: str
    log_line: int
    text: str
    switches: frozenset[str] = frozenset()  # whose default the log contradicts
    way: bool = True  # whether its condition held


@dataclass(frozen=True, eq=False)
class Program:
    """What the program does under one configuration.

    `lines` maps (path, layer) to {line: True (runs), None (may run)}; absent lines do not run. `dormant` is the
    trace when the branches that the configuration leaves out are entered too.
    """

    lines: Lines = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    followed: bool = True  # False: the scored code could not be followed
    trace: Trace = field(default_factory=Trace)
    dormant: Trace | None = None
    dormant_lines: Lines = field(default_factory=dict)
    steps: int = 0
    called: Mapping[ast.Call, str] = field(default_factory=dict)  # what is called where another name stands
    proofs: tuple[Proof, ...] = ()  # branches that a log decides against the configuration

    def reached(self, unit: Unit, line: int) -> bool | None:
        """Whether that line of that unit runs: True, False, or None where it cannot be told."""
        if unit.language != "python":
            return None
        unmet = False if self.followed else None  # where the way to the score was lost, any line may run
        return self.lines.get((unit.path, unit.layer), {}).get(line, unmet)
