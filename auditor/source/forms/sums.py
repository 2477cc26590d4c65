"""`total = total + x` as `total += x`, of a name that began as a number, or as zeros.

To change such a name in place is to give it a new value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.source.forms.blocks import is_name
from auditor.source.walking import nodes, statements

_ZEROS = frozenset({"zeros", "tensor", "float", "int"})


def read_as_sums(scope: ast.AST, blocks: list[list[ast.stmt]]) -> None:
    """`total = total + x` as `total += x`."""
    added = [(block, at, s) for block in blocks for at, s in enumerate(block) if isinstance(s, ast.Assign)]
    added = [(block, at, s) for block, at, s in added if _adds_to_itself(s)]
    began = _began_as_numbers(scope, {name.id for _, _, s in added for name in s.targets if isinstance(name, ast.Name)})
    for block, at, statement in added:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name) and isinstance(value, ast.BinOp) and target.id in began:
            term = value.right if is_name(value.left, target.id) else value.left
            block[at] = ast.copy_location(ast.AugAssign(target, value.op, term), statement)


def _adds_to_itself(statement: ast.Assign) -> bool:
    target, value = statement.targets[0], statement.value
    if len(statement.targets) != 1 or not isinstance(target, ast.Name) or not isinstance(value, ast.BinOp):
        return False
    if is_name(value.left, target.id):
        return isinstance(value.op, (ast.Add, ast.Sub))
    return isinstance(value.op, ast.Add) and is_name(value.right, target.id)


def _began_as_numbers(scope: ast.AST, asked: set[str]) -> set[str]:
    """Those of the names that are given numbers or zeros, and else are added to themselves alone."""
    if not asked:
        return asked
    given = [(name, value) for s in statements(scope) if isinstance(s, ast.Assign) for name, value in _given(s)]
    numbers = {name for name, value in given if name in asked and _is_zero(value)}
    if not numbers:  # as of most sums, of tensors: what else gives names a value is not looked for
        return numbers
    others = {name for name, value in given if not _is_zero(value)}
    for node in nodes(scope):
        if isinstance(node, ast.arg):
            others.add(node.arg)
        elif isinstance(node, (ast.For, ast.comprehension, ast.withitem, ast.NamedExpr)):
            target = node.optional_vars if isinstance(node, ast.withitem) else node.target
            others |= {n.id for n in nodes(target) if isinstance(n, ast.Name)} if target is not None else set()
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            others |= set(node.names)
    return numbers - others


def _given(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    if _adds_to_itself(node):
        return
    for target in node.targets:
        if isinstance(target, ast.Name):
            yield target.id, node.value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = node.value.elts if isinstance(node.value, (ast.Tuple, ast.List)) else None
            each = node.value.elt if isinstance(node.value, (ast.GeneratorExp, ast.ListComp)) else node.value
            for at, element in enumerate(target.elts):
                if isinstance(element, ast.Name):
                    whole = values is not None and len(values) == len(target.elts)
                    yield element.id, values[at] if values is not None and whole else each


def _is_zero(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", "")) in _ZEROS
