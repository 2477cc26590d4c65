"""Conditions that ask nothing but a tensor's shape: they tell one batch from another, no switch decides them."""

from __future__ import annotations

import ast

from auditor.source.index import own_nodes

_READS = frozenset({"size", "dim", "numel", "ndimension"})
_FIELDS = frozenset({"shape", "ndim"})
_DEPTH = 8


def of_shape_only(node: ast.expr, scope: ast.AST, depth: int = 0) -> bool:
    """Whether an expression is made of reads of a tensor's shape and constants; names are followed in `scope`."""
    if depth > _DEPTH:
        return False
    if isinstance(node, ast.Attribute):
        return node.attr in _FIELDS
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _READS
    if isinstance(node, ast.Subscript):
        return of_shape_only(node.value, scope, depth + 1)
    if isinstance(node, ast.Name):
        values = _values(node.id, scope)
        return bool(values) and all(of_shape_only(value, scope, depth + 1) for value in values)
    parts = _parts(node)
    read = [part for part in parts if not isinstance(part, ast.Constant)]
    return bool(read) and all(of_shape_only(part, scope, depth + 1) for part in read)


def _parts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.operand] if isinstance(node, ast.UnaryOp) else []


def _values(name: str, scope: ast.AST) -> list[ast.expr]:
    """What a name is set to in a scope; of a shape that is unpacked, the shape. A parameter has no value here."""
    found: list[ast.expr] = []
    for node in own_nodes(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                if any(isinstance(e, ast.Name) and e.id == name for e in elements):
                    found.append(node.value)
    return found
