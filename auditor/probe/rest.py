"""Whether a test asks if anything is left: how large sizes are does not decide that."""

from __future__ import annotations

import ast

from auditor.probe.asking import is_large
from auditor.probe.given import Given
from auditor.source.index import of_type


def asks_for_a_rest(given: Given, test: ast.AST) -> bool:
    """`left <= 0`, where that is what is left of something, and `start >= end` of a part `scores[start:end]`."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    return _of_a_difference(given, test) or _of_a_part(given, test)


def _of_a_difference(given: Given, test: ast.Compare) -> bool:
    bound, key = test.comparators[0], given.key(test.left)
    values = [test.left] if isinstance(test.left, ast.BinOp) else given.values.get(key, ())
    return (
        isinstance(bound, ast.Constant) and bound.value in (0, 1) and key not in given.counted
        and bool(values) and all(isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub) for value in values)
        and not any(isinstance(p, ast.Constant) and is_large(p.value) for value in values for p in ast.walk(value))
    )  # fmt: skip


def _of_a_part(given: Given, test: ast.Compare) -> bool:
    ends = [side for side in (test.left, test.comparators[0]) if isinstance(side, ast.Name)]
    if len(ends) != 2 or not isinstance(test.ops[0], ast.GtE | ast.LtE | ast.Gt | ast.Lt):
        return False
    if any(given.key(end) in given.counted for end in ends):
        return False
    keys = {given.key(end) for end in ends}
    return any(
        part.lower is not None and part.upper is not None and {given.key(part.lower), given.key(part.upper)} == keys
        for part in of_type(given.tree, ast.Slice)
    )
