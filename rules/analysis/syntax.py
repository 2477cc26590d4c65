"""Syntax helpers that several rules share: names, calls, constants, the place of a finding."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.source import Unit
from auditor.source.index import of_type, own_nodes

Function = ast.FunctionDef | ast.AsyncFunctionDef

_EXCERPT = 160  # characters of a line that a finding quotes


def python_units(facts: Facts) -> Iterator[tuple[Unit, ast.Module]]:
    """Every decoded Python unit that parsed."""
    for unit in facts.sources.units:
        if unit.language == "python" and unit.tree is not None:
            yield unit, unit.tree


def functions(tree: ast.AST) -> Iterator[Function]:
    return of_type(tree, ast.FunctionDef, ast.AsyncFunctionDef)


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and every function in it."""
    yield tree
    yield from functions(tree)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a name or an attribute chain; the part that can be named otherwise ("" for none)."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def last_name(node: ast.AST) -> str:
    """The last component of a name, attribute, subscripted or called expression: `tokens` of `self.val.tokens[a:b]`."""
    while isinstance(node, ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return of_type(tree, ast.Call)


def names(node: ast.AST) -> set[str]:
    """Every identifier in an expression, attributes included."""
    found = {n.id for n in of_type(node, ast.Name)}
    return found | {n.attr for n in of_type(node, ast.Attribute)}


def strings(node: ast.AST) -> Iterator[str]:
    for n in of_type(node, ast.Constant):
        if isinstance(n.value, str):
            yield n.value


def assignments(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """(target, value, statement) of every plain or annotated assignment of a scope, nested functions excluded."""
    for node in own_nodes(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value, node
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.target, node.value, node


def number(node: ast.AST) -> float | None:
    """The value of a numeric literal, with a sign if it has one."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    return None


def environment_default(node: ast.AST) -> tuple[str, ast.expr | None] | None:
    """(NAME, default) of `os.environ.get("NAME", d)`, `os.getenv("NAME", d)` and of conversions around them."""
    for call in calls(node):
        name = dotted(call.func)
        reads = name.endswith(("environ.get", "getenv")) or name.lower().endswith(("env_int", "env_str"))
        if reads and call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
            return call.args[0].value, call.args[1] if len(call.args) > 1 else None
    return None


def statement_of(node: ast.AST, above: dict[ast.AST, ast.AST]) -> ast.stmt | None:
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.stmt):
        current = above.get(current)
    return current


def function_of(node: ast.AST, above: dict[ast.AST, ast.AST]) -> Function | None:
    current: ast.AST | None = above.get(node)
    while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
        current = above.get(current)
    return current


def line_of(node: ast.AST | int) -> int:
    return node if isinstance(node, int) else int(getattr(node, "lineno", 1))


def both(first: bool | None, second: bool | None) -> bool | None:
    """Three-valued and: whether two places both run."""
    if first is False or second is False:
        return False
    return True if first and second else None


def source_line(unit: Unit, line: int) -> str:
    """That line of the decoded source, trimmed to what a finding quotes."""
    lines = unit.text.split("\n", line)
    return lines[line - 1].strip()[:_EXCERPT] if 0 < line <= len(lines) else ""


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
    """A finding in the code, at a node or a line; active where the program reaches that line and `also` holds."""
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
