"""What code does about being looked at: it asks for this program, or takes off what watches torch's operations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from auditor.findings import Location
from auditor.program import vocabulary
from auditor.program.syntax import is_self
from auditor.source import Sources
from auditor.source.index import of_type

_OURS = re.compile(r"golf_?(audit|probe)|auditor\.(probe|commands|judgement)")


_ASKS = "it asks for this program by name"
_TAKES_OFF = "it takes off what watches torch's operations"


_PRIED = "it goes through objects, frames or builtins that are none of its own"


def pryings(sources: Sources) -> tuple[tuple[str, Location], ...]:
    """What could reach whoever looks at a run: no finding, but what such a run shows is no hold."""
    found = []
    for unit in sources.units:
        if unit.tree is None or unit.language != "python":
            continue
        lines = sorted({node.lineno for node in of_type(unit.tree, ast.Attribute, ast.Call) if _pries(node)})
        found += [(_PRIED, Location(unit.path, line, line, unit.layer)) for line in lines]
    return tuple(found[:20])


def _pries(node: ast.Attribute | ast.Call) -> bool:
    if isinstance(node, ast.Attribute):
        # An attribute of a class of the script's own may have such a name: those of its objects are its own.
        return (node.attr in vocabulary.PRIES and not is_self(node.value)) or (
            node.attr == "__dict__" and _is_builtins(node.value)
        )
    named = isinstance(node.func, ast.Name) and node.func.id in ("vars", "dir", "getattr", "list", "setattr")
    return named and any(_is_builtins(argument) for argument in node.args[:1])


def _is_builtins(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        given = node.args[0] if node.args else None
        return isinstance(given, ast.Constant) and given.value == "builtins"
    return isinstance(node, ast.Name) and node.id in ("builtins", "__builtins__")


def evasions(sources: Sources) -> tuple[tuple[str, Location], ...]:
    """What and where, in the order of the text, whatever the configuration: no code has a reason for it."""
    found = []
    for unit in sources.units:
        if unit.tree is None or unit.language != "python":
            continue
        for line, what in sorted(_of_tree(unit.tree)):
            found.append((what, Location(unit.path, line, line, unit.layer)))
    return tuple(dict.fromkeys(found))[:20]


def _of_tree(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for text in of_type(tree, ast.Constant):
        if isinstance(text.value, str) and _is_ours(text.value) and not _is_sentence(text.value):
            yield text.lineno, _ASKS
    for attribute in of_type(tree, ast.Attribute):
        if attribute.attr in vocabulary.TAKES_MODES_OFF or _is_ours(attribute.attr):
            yield attribute.lineno, _TAKES_OFF
    for name in of_type(tree, ast.Name):
        if name.id in vocabulary.TAKES_MODES_OFF or _is_ours(name.id):
            yield name.lineno, _TAKES_OFF
    for taken in of_type(tree, ast.ImportFrom, ast.Import):
        module = (taken.module or "") if isinstance(taken, ast.ImportFrom) else ""
        names = [module, *(alias.name for alias in taken.names)]
        if any(part in vocabulary.TAKES_MODES_OFF for part in names):
            yield taken.lineno, _TAKES_OFF
        if any(_is_ours(part) or part.split(".")[0] in ("auditor", "golf_audit") for part in names):
            yield taken.lineno, _ASKS


@lru_cache(maxsize=4096)  # the same few hundred names come up all over a script
def _is_ours(name: str) -> bool:
    return _OURS.search(name) is not None


def _is_sentence(text: str) -> bool:
    """What a comment of a script says of its audit is no question."""
    return len(text.split()) > 6
