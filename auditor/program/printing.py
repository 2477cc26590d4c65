"""What the texts of the program can print: whether a line of a log may be theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from auditor.program.model import Program
from auditor.program.module import Module
from auditor.program.syntax import Function, function_of
from auditor.source import Sources
from auditor.source.index import of_type

_MIN_HEAD = 4  # characters of a constant beginning that are enough to know a line again
_LONGEST = 400  # characters of a constant that can be the template of a line
_HOLES = re.compile(r"%[-+ #0-9.]{0,8}[a-zA-Z]|\{[^{}]{0,40}\}")


class Printing:
    """Lines that some code of the folder may print: code that anything in the folder mentions."""

    def __init__(self, modules: Sequence[Module], sources: Sources, program: Program) -> None:
        self._modules = modules
        self._sources = sources
        traces = [trace for trace in (program.trace, program.dormant) if trace is not None]
        self._heads = tuple(head for trace in traces for head in trace.heads if len(head) >= _MIN_HEAD)
        self._templates: dict[str, list[tuple[str, ...]]] = {}

    def may_print(self, line: str, word: str) -> bool:
        """Whether a line can come from the code; `word` is one that its constant parts must hold."""
        line = line.strip()
        if line.startswith(self._heads):
            return True
        if word not in self._templates:
            self._templates[word] = list(self._with(word))
        if any(_makes(parts, line) for parts in self._templates[word]):
            return True
        others = (unit for unit in self._sources.units if unit.language != "python")
        return any(word in unit.text for unit in others)

    def _with(self, word: str) -> Iterator[tuple[str, ...]]:
        """The constant parts of every string with that word that stands in code which something mentions."""
        for module in self._modules:
            if word not in module.unit.text.lower():
                continue
            for node in of_type(module.tree, ast.JoinedStr, ast.Constant):
                parts = _constant_parts(node)
                if any(word in part.lower() for part in parts):
                    holder = function_of(node)
                    if holder is None or self._is_mentioned(holder):
                        yield parts

    def _is_mentioned(self, function: Function, above: frozenset[Function] = frozenset()) -> bool:
        """Whether anything speaks of a function by name that is neither in it nor in one that nothing speaks of."""
        above |= {function}
        for node in self._mentions.get(function.name, ()):
            holder = function_of(node)
            if not _inside(node, above) and (holder is None or self._is_mentioned(holder, above)):
                return True
        return False

    @cached_property
    def _mentions(self) -> dict[str, list[ast.AST]]:
        found: dict[str, list[ast.AST]] = {}
        for module in self._modules:
            for node in of_type(module.tree, ast.Name, ast.Attribute):
                found.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(node)
        return found


def _inside(node: ast.AST, functions: frozenset[Function]) -> bool:
    holder = function_of(node)
    while holder is not None and holder not in functions:
        holder = function_of(holder)
    return holder is not None


def _constant_parts(node: ast.JoinedStr | ast.Constant) -> tuple[str, ...]:
    """What a string always holds, in order; values that are filled in are left out."""
    if isinstance(node, ast.JoinedStr):
        return tuple(p.value for p in node.values if isinstance(p, ast.Constant) and isinstance(p.value, str))
    if isinstance(node.value, str) and len(node.value) < _LONGEST:
        return tuple(_HOLES.split(node.value))
    return ()


def _makes(parts: Sequence[str], line: str) -> bool:
    at = 0
    for part in (p.strip() for p in parts):
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
