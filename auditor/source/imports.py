"""Which files of the folder a unit brings in: imported modules, native sources, scripts that it starts."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.source.walking import nodes, spawns, statements

NATIVE_SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".metal", ".mm")
_NATIVE_MARKS = ("#include", "__global__", 'extern "C"')
_SCRIPT_LITERAL = re.compile(r"[\"'][^\"'\n]*?([\w-]+\.py)[\"'\s]")


@dataclass(frozen=True, slots=True)
class Imported:
    """A module of the folder: the name it is imported under, and its file."""

    name: str
    path: str


class Tree:
    """The Python files of the folder (or those that a wrapper wrote), for resolving import names."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(p for p in paths if p.endswith(".py"))
        self.directories = sorted({posixpath.dirname(p) for p in self.paths}, key=lambda d: (d.count("/"), d))
        self.stems = frozenset(_stem(p) for p in self.paths)

    def resolve(self, name: str, directory: str) -> str | None:
        """The file that `import name` in a file of `directory` finds; any other directory may be on `sys.path` too."""
        if not name:
            return None
        relative = name.replace(".", "/")
        elsewhere = [] if name.partition(".")[0] in sys.stdlib_module_names else self.directories
        for start in dict.fromkeys((directory, "", *elsewhere)):
            for candidate in (f"{relative}.py", f"{relative}/__init__.py", f"{relative}/setup.py"):
                path = posixpath.normpath(posixpath.join(start, candidate))
                if path in self.paths:
                    return path
        return None

    def imports(self, tree: ast.Module, text: str, path: str, module: str) -> Iterator[Imported]:
        """The modules of the folder that one file imports."""
        own = _stem(path)
        if not any(stem in text for stem in self.stems if stem != own):
            return  # spares the walk over every node
        directory = posixpath.dirname(path)
        package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
        for node in statements(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._one(alias.name, directory)
            elif isinstance(node, ast.ImportFrom):
                yield from self._from(node, directory, package)

    def _one(self, name: str, directory: str) -> Iterator[Imported]:
        # Importing a.b.c runs a/__init__ and a/b/__init__ too.
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            path = self.resolve(".".join(parts[:end]), directory)
            if path is not None:
                yield Imported(".".join(parts[:end]), path)

    def _from(self, node: ast.ImportFrom, directory: str, package: str) -> Iterator[Imported]:
        if not node.level:
            yield from self._one(node.module or "", directory)
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                path = self.resolve(submodule, directory)
                if path is not None:
                    yield Imported(submodule, path)
            return
        for _ in range(node.level - 1):
            directory = posixpath.dirname(directory)
            package = package.rpartition(".")[0]
        names = [node.module] if node.module else []
        names += [f"{node.module}.{a.name}" if node.module else a.name for a in node.names]
        for name in names:
            path = self.resolve(name, directory)
            if path is not None and posixpath.dirname(path).startswith(directory):
                yield Imported(f"{package}.{name}" if package else name, path)


def _stem(path: str) -> str:
    """The last part of the name that a file is imported by."""
    stem = posixpath.basename(path).removesuffix(".py")
    return posixpath.basename(posixpath.dirname(path)) if stem in ("__init__", "setup") else stem


def native_literals(tree: ast.Module, text: str) -> list[tuple[str, int]]:
    """Native sources held in string literals, with the line on which each starts."""
    if not _looks_native(text):
        return []
    found = [
        (node.lineno, node.value)
        for node in nodes(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value) > 100
        and _looks_native(node.value)
    ]
    return [(value, line) for line, value in sorted(found)]


def _looks_native(text: str) -> bool:
    return any(mark in text for mark in _NATIVE_MARKS)


def started_scripts(text: str) -> set[str]:
    """Base names of Python scripts that a program which starts processes mentions in its literals."""
    return set(_SCRIPT_LITERAL.findall(text)) if spawns(text) else set()
