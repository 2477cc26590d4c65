"""Syntax helpers that several rules share; they move into the program with the rules that use them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from auditor.findings import Finding, Location, Outcome
from auditor.program.guards import Guards
from auditor.program.module import Module
from auditor.program.origin import Origins
from auditor.program.phases import Phases
from auditor.program.syntax import (
    Function,
    assignments,
    both,
    calls,
    dotted,
    environment_default,
    functions,
    last_name,
    names,
    number,
    scopes,
    strings,
)
from auditor.program.syntax import function_of as _function_of
from auditor.program.syntax import line_of as _line
from auditor.rule import Facts
from auditor.source import Unit

__all__ = [
    "Function",
    "assignments",
    "both",
    "calls",
    "code_finding",
    "conditions",
    "dotted",
    "environment_default",
    "function_of",
    "functions",
    "last_name",
    "line_of",
    "names",
    "number",
    "origins_of",
    "phases_of",
    "python_units",
    "scopes",
    "source_line",
    "strings",
]


def function_of(node: ast.AST, above: object = None) -> Function | None:
    return _function_of(node)


def line_of(node: ast.AST | int) -> int:
    return node if isinstance(node, int) else _line(node)


def python_units(facts: Facts) -> Iterator[tuple[Unit, ast.Module]]:
    for unit in facts.sources.units:
        if unit.language == "python" and unit.tree is not None:
            yield unit, unit.tree


@lru_cache(maxsize=32)
def origins_of(tree: ast.Module) -> Origins:
    return Origins(tree)


@lru_cache(maxsize=32)
def phases_of(tree: ast.Module) -> Phases:
    return Phases(tree, origins_of(tree).functions)


def conditions(facts: Facts, unit: Unit) -> Guards:
    assert unit.tree is not None
    return Module(unit, unit.tree, facts.sources, facts.configuration, facts.program).guards


def source_line(unit: Unit, line: int) -> str:
    lines = unit.text.split("\n", line)
    return lines[line - 1].strip()[:160] if 0 < line <= len(lines) else ""


def code_finding(
    facts: Facts,
    rule: str,
    outcome: Outcome,
    unit: Unit,
    node: ast.AST | int,
    message: str,
    *,
    also: bool | None = True,
    remedy: str = "",
) -> Finding:
    line = line_of(node)
    return Finding(
        rule=rule,
        outcome=outcome,
        message=message,
        location=Location(unit.path, line, getattr(node, "end_lineno", None), unit.layer),
        active=both(facts.program.reached(unit, line), also),
        excerpt=source_line(unit, line),
        remedy=remedy,
    )
