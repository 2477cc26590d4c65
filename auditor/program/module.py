"""One Python text of the program, with what every question about its code needs; and the shape of the answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from auditor.config import Configuration
from auditor.program import vocabulary
from auditor.program.guards import Guards
from auditor.program.model import Program
from auditor.program.normal import normal
from auditor.program.origin import Origins
from auditor.program.phases import Phases
from auditor.program.place import Place
from auditor.program.settled import Settled
from auditor.program.syntax import both, function_name, line_of
from auditor.source import Sources, Unit
from auditor.source.index import of_type, root


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Something that stands in the code. `active`: it runs, it does not, or that cannot be told."""

    place: Place
    active: bool | None


class Module:
    """A unit that parsed. What is asked of it is worked out at the first question, and once.

    `beside`: the units that import it, that it imports, and so on: it does not matter in which of them a function
    stands.
    """

    def __init__(
        self,
        unit: Unit,
        tree: ast.Module,
        sources: Sources,
        configuration: Configuration,
        program: Program,
        beside: Mapping[ast.Module, Unit] | None = None,
    ) -> None:
        self.unit = unit
        self.tree = tree
        self.sources = sources
        self.configuration = configuration
        self.program = program
        self._units = {tree: unit, **(beside or {})}

    @property
    def trees(self) -> tuple[ast.Module, ...]:
        """Its own tree first, then those of the units beside it."""
        return (self.tree, *self._beside)

    @cached_property
    def _beside(self) -> tuple[ast.Module, ...]:
        return tuple(tree for tree in self._units if tree is not self.tree)

    @cached_property
    def origins(self) -> Origins:
        return Origins(self.tree, self._beside)

    @cached_property
    def phases(self) -> Phases:
        switches = (s for s in self.configuration.switches if vocabulary.is_budget(s.name))
        return Phases(self.origins, frozenset(switch.attribute for switch in switches))

    @cached_property
    def guards(self) -> Guards:
        settled = Settled(self.unit, self.origins, self.configuration)
        return Guards(self.unit, self.origins, settled, self.sources, self.program)

    def place(self, node: ast.AST) -> Place:
        """Where a node stands; `function` is the innermost one around it."""
        line = line_of(node)
        end = getattr(node, "end_lineno", None) or line
        return Place(self._unit(node), line, end, function_name(node))

    def reached(self, *nodes: ast.AST) -> bool | None:
        """Whether the interpreter gets to all of these nodes."""
        state: bool | None = True
        for node in nodes:
            state = both(state, self.program.reached(self._unit(node), line_of(node)))
        return state

    def _unit(self, node: ast.AST) -> Unit:
        tree = root(node)
        return self._units.get(tree, self.unit) if isinstance(tree, ast.Module) else self.unit


def modules(sources: Sources, configuration: Configuration, program: Program) -> Iterator[Module]:
    """Every decoded Python unit that parsed."""
    fixed = frozenset(configuration.constants)
    read = (unit for unit in sources.units if unit.language == "python")
    trees = {unit: normal(unit.tree, fixed, program.called) for unit in read if unit.tree is not None}
    imported = {unit: _imported(tree) for unit, tree in trees.items()} if len(trees) > 1 else {}
    together = _together(imported)
    for unit, tree in trees.items():
        beside = {trees[other]: other for other in together.get(unit, ()) if other is not unit}
        yield Module(unit, tree, sources, configuration, program, beside)


def _imported(tree: ast.Module) -> frozenset[str]:
    """The names of the modules that a module imports."""
    found: set[str] = set()
    for statement in of_type(tree, ast.Import, ast.ImportFrom):
        if isinstance(statement, ast.ImportFrom):
            found.add((statement.module or "").rsplit(".", 1)[-1])
            found |= {alias.name for alias in statement.names} if statement.level else set()
        else:
            found |= {alias.name.rsplit(".", 1)[-1] for alias in statement.names}
    return frozenset(found) - {""}


def _last(unit: Unit) -> str:
    return unit.module.rsplit(".", 1)[-1]


def _together(imported: Mapping[Unit, frozenset[str]]) -> dict[Unit, list[Unit]]:
    """For each unit those that hang together with it by imports, itself among them, in the order of the program."""
    called: dict[str, list[Unit]] = {}
    for unit in imported:
        called.setdefault(_last(unit), []).append(unit)
    linked: dict[Unit, set[Unit]] = {unit: set() for unit in imported}
    for unit, names in imported.items():
        for other in (other for name in names for other in called.get(name, ())):
            linked[unit].add(other)
            linked[other].add(unit)
    groups: dict[Unit, list[Unit]] = {}
    for unit in imported:
        if unit in groups:
            continue
        found, frontier = {unit}, [unit]
        while frontier:
            new = linked[frontier.pop()] - found
            found |= new
            frontier += new
        group = [other for other in imported if other in found] if len(found) > 1 else [unit]
        groups.update(dict.fromkeys(group, group))
    return groups
