"""What code does about being looked at: it asks for this program, or takes off what watches torch's operations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.findings import Location
from auditor.source import Sources
from auditor.source.index import of_type

_OURS = re.compile(r"golf_?(audit|probe)|auditor\.(probe|commands|judgement)")
_MODES = frozenset(
    {
        "_disable_current_modes", "_pop_mode", "_pop_mode_temporarily", "_pop_torch_function_stack",
        "_push_on_torch_function_stack", "_get_function_stack_at", "_len_torch_function_stack",
        "_get_current_function_mode_stack", "_set_torch_function_mode", "_temporarily_pop_modes_from_mode_stack",
    }
)  # fmt: skip
"""Names of torch that take modes off: nothing of a submission has use for them but to compute unseen."""


_ASKS = "it asks for this program by name"
_TAKES_OFF = "it takes off what watches torch's operations"


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
        if isinstance(text.value, str) and _OURS.search(text.value) and not _is_sentence(text.value):
            yield text.lineno, _ASKS
    for attribute in of_type(tree, ast.Attribute):
        if attribute.attr in _MODES or _OURS.search(attribute.attr):
            yield attribute.lineno, _TAKES_OFF
    for name in of_type(tree, ast.Name):
        if name.id in _MODES or _OURS.search(name.id):
            yield name.lineno, _TAKES_OFF
    for taken in of_type(tree, ast.ImportFrom, ast.Import):
        module = (taken.module or "") if isinstance(taken, ast.ImportFrom) else ""
        names = [module, *(alias.name for alias in taken.names)]
        if any(part in _MODES for part in names):
            yield taken.lineno, _TAKES_OFF
        if any(_OURS.search(part) or part.split(".")[0] in ("auditor", "golf_audit") for part in names):
            yield taken.lineno, _ASKS


def _is_sentence(text: str) -> bool:
    """What a comment of a script says of its audit is no question."""
    return len(text.split()) > 6
