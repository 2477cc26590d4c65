"""Losses that are cleared where a stored token equals the target."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.syntax import called, line_of, number
from auditor.source.index import of_type

_STEPS = 8  # that a mask is followed


def cleared_by_stored(module: Module) -> Iterator[Seen]:
    """Places that clear values by a comparison of something stored with validation tokens; one for a line."""
    origins = module.origins
    told: set[int] = set()
    for node, mask in _zeroed(module.tree):
        compared = _comparison(origins, mask)
        if compared is None or line_of(node) in told:
            continue
        sides = [origins.of(side) for side in (compared.left, compared.comparators[0])]
        if any("blob" in a and "validation" not in a and "validation" in b for a, b in (sides, sides[::-1])):
            told.add(line_of(node))
            yield Seen(place=module.place(node), active=module.reached(node))


def _zeroed(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """(statement, mask) of every place that multiplies or replaces values by a mask."""
    for node in of_type(tree, ast.AugAssign, ast.BinOp, ast.Call, ast.Assign):
        if isinstance(node, ast.AugAssign):
            if isinstance(node.op, ast.Mult):
                yield node, node.value
        elif isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Mult):
                yield node, node.right
                yield node, node.left
        elif isinstance(node, ast.Call):
            if called(node) in vocabulary.ZEROING and node.args:
                yield node, node.args[0]
        elif isinstance(node.targets[0], ast.Subscript) and number(node.value) == 0:
            yield node, node.targets[0].slice


def _comparison(origins: Origins, node: ast.expr) -> ast.Compare | None:
    """The comparison for equality that a mask is made of, through a name, a negation and conversions."""
    for _ in range(_STEPS):
        if isinstance(node, ast.Compare):
            return node if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq) else None
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            node = node.right
        elif isinstance(node, ast.Name) and (assigned := origins.assigned(node)[-1]) is not node:
            node = assigned
        else:
            return None
    return None
