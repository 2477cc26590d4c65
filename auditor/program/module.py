"""One Python text of the program, with what every question about its code needs; and the shape of the answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from auditor.config import Configuration
from auditor.program.guards import Guards
from auditor.program.model import Program
from auditor.program.origin import Measures, Origins
from auditor.program.phases import Phases
from auditor.program.place import Place
from auditor.program.settled import Settled
from auditor.program.syntax import both, function_name, line_of
from auditor.source import Sources, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Something that stands in the code. `active`: it runs, it does not, or that cannot be told."""

    place: Place
    active: bool | None


class Module:
    """A unit that parsed. What is asked of it is worked out at the first question, and once."""

    def __init__(
        self, unit: Unit, tree: ast.Module, sources: Sources, configuration: Configuration, program: Program
    ) -> None:
        self.unit = unit
        self.tree = tree
        self.sources = sources
        self.configuration = configuration
        self.program = program

    @cached_property
    def origins(self) -> Origins:
        return Origins(self.tree)

    @cached_property
    def measures(self) -> Measures:
        return Measures(self.tree)

    @cached_property
    def phases(self) -> Phases:
        return Phases(self.tree, self.origins.functions)

    @cached_property
    def guards(self) -> Guards:
        settled = Settled(self.unit, self.origins, self.configuration)
        return Guards(self.unit, self.origins, settled, self.sources, self.program)

    def place(self, node: ast.AST) -> Place:
        """Where a node stands; `function` is the innermost one around it."""
        line = line_of(node)
        end = getattr(node, "end_lineno", None) or line
        return Place(self.unit, line, end, function_name(node))

    def reached(self, *nodes: ast.AST) -> bool | None:
        """Whether the interpreter gets to all of these nodes."""
        state: bool | None = True
        for node in nodes:
            state = both(state, self.program.reached(self.unit, line_of(node)))
        return state


def modules(sources: Sources, configuration: Configuration, program: Program) -> Iterator[Module]:
    """Every decoded Python unit that parsed."""
    for unit in sources.units:
        if unit.language == "python" and unit.tree is not None:
            yield Module(unit, unit.tree, sources, configuration, program)
