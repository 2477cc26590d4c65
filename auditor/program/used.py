"""What the program uses of libraries as modules, classes and functions: those are never None and never false.

Anything else under a library's name may be data: `torch.version.hip` is None on one machine and a text on another.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program.syntax import dotted, functions
from auditor.source import Sources
from auditor.source.index import of_type


def objects(sources: Sources) -> frozenset[str]:
    """Dotted names of libraries that are imported as modules, called, inherited from or used to decorate."""
    found: set[str] = set()
    for unit in sources.units:
        if unit.tree is not None:
            for name in _of(unit.tree):
                while name:
                    found.add(name)
                    name = name.rpartition(".")[0]
    return frozenset(found)


def _of(tree: ast.Module) -> Iterator[str]:
    known: dict[str, str] = {}
    for node in of_type(tree, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            known[alias.asname or first] = alias.name if alias.asname else first
            yield alias.name
    for source in of_type(tree, ast.ImportFrom):
        known.update({alias.asname or alias.name: f"{source.module or ''}.{alias.name}" for alias in source.names})
    for used in _used(tree):
        first, point, rest = dotted(used).partition(".")
        if first in known:
            yield f"{known[first]}{point}{rest}"


def _used(tree: ast.Module) -> Iterator[ast.expr]:
    for call in of_type(tree, ast.Call):
        yield call.func
    for function in functions(tree):
        yield from function.decorator_list
    for cls in of_type(tree, ast.ClassDef):
        yield from (*cls.decorator_list, *cls.bases)
