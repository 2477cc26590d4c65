"""What code gives values to, and what figures are made of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from auditor.probe.blocks import same_frame
from auditor.probe.speaking import name_of
from auditor.source.walking import nodes as walked


def stored(node: ast.AST, evaluations: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that are given values, or whose parts are; what one of these functions returns, as it stands, is none."""
    given = [part for part in walked(node) if isinstance(part, ast.Assign)]
    results = [p for p in given if isinstance(p.value, ast.Call) and name_of(p.value) in evaluations]
    names = {n.id for p in results for target in p.targets for n in walked(target) if isinstance(n, ast.Name)}
    results += [p for p in given if isinstance(p.value, ast.Name) and p.value.id in names]  # `last = now`
    passed = {id(inner) for p in results for target in p.targets for inner in walked(target)}
    for part in walked(node):
        if id(part) in passed:
            continue
        if isinstance(part, ast.Name | ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
            inner: ast.expr = part
            while isinstance(inner, ast.Attribute | ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield inner.id


def made_of(function: ast.AST, scores: set[str]) -> frozenset[str]:
    """`scores`, and what such a function returns beside them: what it has counted up, and what is made of scores."""
    if not scores:
        return frozenset()
    own = [node for statement in getattr(function, "body", ()) for node in same_frame(statement)]
    counted = {name for node in own if isinstance(node, ast.AugAssign) for name in stored(node)}
    given = [node for node in own if isinstance(node, ast.Assign)]
    made = set(scores)
    for _ in range(3):
        made |= {name for node in given if not made.isdisjoint(read(node.value)) for name in stored(node)}
    returned = {
        part.id
        for node in own if isinstance(node, ast.Return) and node.value is not None
        for part in walked(node.value) if isinstance(part, ast.Name)
    }  # fmt: skip
    return frozenset(scores | ((counted | made) & returned))


def read(node: ast.AST) -> Iterator[str]:
    return (part.id for part in walked(node) if isinstance(part, ast.Name))


def given_again(nodes: Iterable[ast.AST], seen: frozenset[str]) -> frozenset[str]:
    """Names that these statements give values to before they read them, by assignments that are among those `seen`."""
    statements = [part for node in nodes for part in same_frame(node)]
    reads: dict[str, int] = {}
    for part in statements:
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            reads[part.id] = min(part.lineno, reads.get(part.id, part.lineno))
    found: dict[str, list[bool]] = {}
    for part in statements:
        if isinstance(part, ast.Assign):
            for name in stored(part):
                again = ast.dump(part) in seen and part.lineno < reads.get(name, part.lineno + 1)
                found.setdefault(name, []).append(again)
    return frozenset(name for name, every in found.items() if all(every))
