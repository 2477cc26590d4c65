"""What a submission does about being looked at: words of the probe in its text, and what a run was told of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.findings import Location
from auditor.probe.model import Evasion
from auditor.rule import Facts
from auditor.source.index import of_type

_OURS = re.compile(r"golf_?(audit|probe)|auditor\.(probe|commands|judgement)")
_MODES = frozenset(
    {
        "_disable_current_modes", "_pop_mode", "_pop_mode_temporarily", "_pop_torch_function_stack",
        "_push_on_torch_function_stack", "_get_function_stack_at", "_len_torch_function_stack",
        "_set_torch_function_mode", "_disable_torch_function", "_temporarily_pop_modes_from_mode_stack",
    }
)  # fmt: skip
"""Names of torch that take modes off: nothing of a submission has use for them but to compute unseen."""


def evasions(facts: Facts) -> tuple[Evasion, ...]:
    """In the order of the text, whatever the configuration: no code has a reason for it."""
    found = []
    for unit in facts.sources.units:
        if unit.tree is None or unit.language != "python":
            continue
        for line, what in sorted(_of_tree(unit.tree)):
            found.append(Evasion(what, Location(unit.path, line, line, unit.layer)))
    return tuple(dict.fromkeys(found))[:20]


def _of_tree(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in of_type(tree, ast.Constant):
        if isinstance(node.value, str) and _OURS.search(node.value) and len(node.value) < 500 and not _is_text(node):
            yield node.lineno, "it asks for this program by name"
    for node in of_type(tree, ast.Attribute):
        if node.attr in _MODES or _OURS.search(node.attr):
            yield node.lineno, "it takes off what watches its operations"
    for node in of_type(tree, ast.Name):
        if node.id in _MODES or _OURS.search(node.id):
            yield node.lineno, "it takes off what watches its operations"
    for node in of_type(tree, ast.ImportFrom, ast.Import):
        module = getattr(node, "module", None) or ""
        names = [module, *(alias.name for alias in node.names)]
        if any(name in _MODES for name in names):
            yield node.lineno, "it takes off what watches its operations"
        if any(_OURS.search(name) or name.split(".")[0] in ("auditor", "golf_audit") for name in names):
            yield node.lineno, "it asks for this program by name"


def _is_text(node: ast.Constant) -> bool:
    """A sentence: what a README or a comment of a script says is no question."""
    return isinstance(node.value, str) and len(node.value.split()) > 6
