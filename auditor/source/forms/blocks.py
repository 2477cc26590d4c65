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


def blocks(scope: ast.AST) -> list[list[ast.stmt]]:
    """The lists of statements of a scope, without those of the scopes in it; what is within comes first."""
    found: list[list[ast.stmt]] = []
    waiting = [scope]
    while waiting:
        node = waiting.pop()
        for name in _BLOCKS:
            held = getattr(node, name, None)
            if isinstance(held, list) and held and isinstance(held[0], ast.stmt):
                found.append(held)
                waiting += [statement for statement in held if not isinstance(statement, SCOPES)]
        waiting += [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]
    return found[::-1]


def is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
