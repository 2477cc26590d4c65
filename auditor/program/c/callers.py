"""Which functions of compiled texts the Python of a program comes to: by the names that a library exports."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from auditor.program.module import Module
from auditor.program.syntax import line_of
from auditor.source.index import of_type, parent


class Callers:
    """A function is exported under its own name, so `library.name` has to spell it, whatever else is renamed."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self._modules = tuple(modules)

    @cached_property
    def _named(self) -> dict[str, list[tuple[Module, ast.Attribute]]]:
        """By its last name each attribute that is read; `library.name.restype = ...` reads nothing of the function."""
        found: dict[str, list[tuple[Module, ast.Attribute]]] = {}
        for module in self._modules:
            for node in of_type(module.tree, ast.Attribute):
                if not isinstance(parent(node), ast.Attribute):
                    found.setdefault(node.attr, []).append((module, node))
        return found

    def reach(self, function: str) -> bool | None:
        """True where the run comes to a line that reads that name, False where switches keep it from all of them.

        None where nothing reads it, or where no run of the analysis has come to the line that does.
        """
        states = [self._state(module, node) for module, node in self._named.get(function, ())]
        if True in states:
            return True
        return None if not states or None in states else False

    def _state(self, module: Module, node: ast.Attribute) -> bool | None:
        state = module.reached(node)
        unit, line = module.place(node).unit, line_of(node)
        if state is False and line not in module.program.dormant_lines.get((unit.path, unit.layer), {}):
            return None
        return state
