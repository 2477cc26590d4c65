"""Statements of a tree by the scope and the list that they stand in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody")


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    waiting: list[ast.AST] = [tree]
    while waiting:
        for block in blocks(waiting.pop()):
            found = [s for s in block if isinstance(s, SCOPES)]
            yield from found
            waiting += found


def blocks(scope: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements of a scope, without those of the scopes in it; what is within comes first."""
    for held in (*(getattr(scope, name, None) for name in _BLOCKS),):
        if not isinstance(held, list) or not held or not isinstance(held[0], ast.stmt):
            continue
        for statement in held:
            if not isinstance(statement, SCOPES):
                yield from blocks(statement)
        yield held
    for part in (*getattr(scope, "handlers", ()), *getattr(scope, "cases", ())):
        yield from blocks(part)


def is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
