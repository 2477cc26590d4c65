"""A file that an earlier run of the script would have made: the way through it that trains is taken first.

Some submissions are a script that was run twice: once to train and to write what it made, once, by a switch, to read
that and to evaluate it. The second run alone finds nothing to read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from auditor.probe.job import Failure
from auditor.rule import Facts
from auditor.source.index import of_type

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_EXITS = frozenset({"exit", "_exit", "quit"})
Way = tuple[str, bool]
"""`path:line` of an `if`, and whether its test is to be taken for true."""


def training_ways(facts: Facts, failure: Failure) -> dict[Way, str]:
    """Of what the failing lines came by, every `if` of which one way alone trains: that way, with the test's text."""
    if failure.error != "FileNotFoundError":
        return {}
    trees = {unit.path: unit.tree for unit in facts.sources.units if unit.tree is not None}
    trainers = _trainers(trees.values())
    found: dict[Way, str] = {}
    for path, line, _ in failure.frames:
        tree = trees.get(path)
        if tree is None:
            continue
        for statements, node in _before(_around(tree, line), line):
            rest = statements[statements.index(node) + 1 :] if _leaves(node.body) else []
            ways = [_trains(node.body, trainers), _trains([*node.orelse, *rest], trainers)]
            if ways[0] != ways[1]:
                found[(f"{path}:{node.lineno}", ways[0])] = ast.unparse(node.test)[:80]
    return found


def _around(tree: ast.Module, line: int) -> ast.Module | ast.FunctionDef:
    """The innermost function around a line, or the module."""
    inside = [f for f in of_type(tree, ast.FunctionDef) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return max(inside, key=lambda f: f.lineno, default=tree)


def _before(body: ast.AST, line: int) -> Iterator[tuple[Sequence[ast.stmt], ast.If]]:
    """Every `if` that begins before the line, in no loop, with the statements that it stands among."""
    for name in ("body", "orelse", "finalbody"):
        statements: Sequence[ast.stmt] = getattr(body, name, ())
        for statement in statements:
            if statement.lineno >= line or isinstance(statement, ast.For | ast.While | ast.FunctionDef | ast.ClassDef):
                continue
            if isinstance(statement, ast.If):
                yield statements, statement
            yield from _before(statement, line)


def _trainers(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Functions that take gradients, themselves or through another one, by name."""
    functions = [f for tree in trees for f in of_type(tree, ast.FunctionDef)]
    found = {"backward"}
    while True:
        more = {f.name for f in functions if f.name not in found and _trains(f.body, frozenset(found))}
        if not more:
            return frozenset(found)
        found |= more


def _trains(statements: Sequence[ast.stmt], trainers: frozenset[str]) -> bool:
    return any(
        getattr(node.func, "attr", getattr(node.func, "id", "")) in trainers
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    )


def _leaves(body: Sequence[ast.stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return getattr(last.value.func, "attr", getattr(last.value.func, "id", "")) in _EXITS
    return isinstance(last, _LEAVES)
