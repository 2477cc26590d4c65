"""What a call is told by name, where some of it stands in a dict: `f(x, **options)`."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.syntax import called
from auditor.source.index import of_type

Options = dict[str | None, ast.expr]
"""By name; under None what could not be told."""


def options(call: ast.Call, function: ast.AST) -> Options:
    """The keyword arguments of a call, with those of a dict that the function makes by names alone."""
    found: Options = {k.arg: k.value for k in call.keywords if k.arg is not None}
    for spread in (k.value for k in call.keywords if k.arg is None):
        held = _held(spread, function)
        found |= {None: spread} if held is None else held
    return found


def _held(node: ast.expr, function: ast.AST) -> Options | None:
    """What a dict holds; None where that is not told, or changes."""
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        named: Options = {k: v for k, v in zip(keys, node.values, strict=True) if isinstance(k, str)}
        return named if len(named) == len(keys) else None
    if isinstance(node, ast.Call) and called(node) == "dict" and not node.args:
        return {k.arg: k.value for k in node.keywords} if all(k.arg for k in node.keywords) else None
    if not isinstance(node, ast.Name):
        return None
    bound = [
        statement.value
        for statement in of_type(function, ast.Assign, ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and target.id == node.id
    ]
    if len(bound) != 1 or bound[0] is None or isinstance(bound[0], ast.Name):
        return None
    held = _held(bound[0], function)
    for stored in of_type(function, ast.Subscript, ast.Call):
        if isinstance(stored, ast.Call):
            changes = called(stored) in vocabulary.PUTS_IN | vocabulary.TAKES_OUT
            of = getattr(stored.func, "value", None) if changes else None
        else:
            of = stored.value if not isinstance(stored.ctx, ast.Load) else None
        if getattr(of, "id", "") == node.id and held is not None:
            key = stored.slice if isinstance(stored, ast.Subscript) else None
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or key.value in held:
                return None
            held[key.value] = stored  # something, and it is not told what
    return held
