"""A module that is not there and that a switch of the script asks for: the script has a way without it.

Kernels that compute the same faster stand behind such switches (`if FUSED: from my_kernels import fused`). Whether they
do is not known: a run without shows witnesses, and no hold.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from auditor.probe.job import Failure
from auditor.probe.plan import Plan
from auditor.rule import Facts
from auditor.source.index import of_type

_MISSING = re.compile(r"No module named '([\w.]+)'")
_STEPS = 3  # how far a name is followed to the setting that it was read from


def without(plan: Plan, facts: Facts, failure: Failure) -> Plan | None:
    """The plan with the switch off that alone asks for a module which is missing, None where there is none."""
    missing = _MISSING.search(failure.message)
    if failure.error != "ModuleNotFoundError" or missing is None:
        return None
    trees = [u.tree for u in facts.sources.units if u.path == failure.path and u.tree is not None]
    known = {switch.name for switch in facts.configuration.switches}
    had = {name for name, _, _ in plan.overrides}
    for tree in trees:
        tests = [
            node.test
            for node in of_type(tree, ast.If)
            if any(_imports(part, missing[1], failure.line) for statement in node.body for part in ast.walk(statement))
        ]
        wanted = [name for test in tests for name in _settings(tree, test, _STEPS) if name in known - had]
        if len(set(wanted)) == 1:
            done = plan.with_override(wanted[0], "0", failure.sentence)
            return replace(done, without=(*plan.without, (missing[1], failure.path, failure.line)))
    return None


def _imports(node: ast.AST, module: str, line: int) -> bool:
    if isinstance(node, ast.Import):
        return node.lineno == line and any(alias.name == module for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.lineno == line and node.module == module


def _settings(tree: ast.Module, test: ast.AST, left: int) -> list[str]:
    """Texts that stand in a test, or in what the names of it were given at module level."""
    texts = [n.value for n in ast.walk(test) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    for statement in tree.body if left else ():
        if isinstance(statement, ast.Assign) and any(getattr(t, "id", "") in names for t in statement.targets):
            texts += _settings(tree, statement.value, left - 1)
    return texts
