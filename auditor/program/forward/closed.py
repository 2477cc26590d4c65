"""Masks that leave no later position, told by a part of them or by the function that FlexAttention makes them with; and
matrices that weigh later ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.program import vocabulary
from auditor.program.forward.masks import FAILURES, POSITIONS, Mask, Values, assigned, before, name_of
from auditor.program.syntax import called
from auditor.source.index import of_type, own_of_type

_DEPTH = 6
_BLOCKS = frozenset({"create_block_mask", "from_kv_blocks", "compile"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def closed_by_a_part(function: ast.AST, holder: ast.AST | None, mask: ast.expr) -> bool:
    """`same_document & earlier`: whatever else a position must be, it must be an earlier one."""
    return _closed(mask, before(assigned(function), mask.lineno + 1), holder, {}, _DEPTH)


def _closed(node: ast.expr, values: Values, holder: ast.AST | None, given: Mapping[str, Any], depth: int) -> bool:
    if not depth:
        return False
    if _leaves_nothing(node, values, holder, given):
        return True
    if isinstance(node, ast.Name) and len(held := values.get(node.id, [])) == 1:
        return _closed(held[0], values, holder, given, depth - 1)
    if isinstance(node, ast.Subscript) and _adds_axes(node):
        return _closed(node.value, values, holder, given, depth - 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in vocabulary.SAME_MASK:
        return _closed(node.func.value, values, holder, given, depth - 1)
    sides: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        sides = [node.left, node.right]
    elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        sides = node.values
    elif isinstance(node, ast.Call) and called(node) in ("logical_and", "bitwise_and"):
        own = isinstance(node.func, ast.Attribute) and len(node.args) == 1
        sides = [*([node.func.value] if own and isinstance(node.func, ast.Attribute) else []), *node.args]
    return any(_closed(side, values, holder, given, depth - 1) for side in sides)


def _adds_axes(node: ast.Subscript) -> bool:
    """`mask[:, None]`, `mask[None, None]`."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    whole = (isinstance(p, ast.Slice) and p.lower is p.upper is p.step is None for p in parts)
    return all(
        w or (isinstance(p, ast.Constant) and p.value in (None, Ellipsis)) for w, p in zip(whole, parts, strict=True)
    )


def _leaves_nothing(node: ast.expr, values: Values, holder: ast.AST | None, given: Mapping[str, Any]) -> bool:
    import numpy as np

    for within in (False, True):  # where large numbers are none that a few positions come to
        try:
            found = np.asarray(Mask(values, holder, given, within=within).value(node))
            if found.dtype != bool or found.ndim < 2:
                return False
            found = np.broadcast_to(found, (POSITIONS, POSITIONS))
        except FAILURES:
            return False
        if np.any(found & np.triu(np.ones((POSITIONS, POSITIONS), dtype=bool), 1)):
            return False
    return True


def closed_blocks(function: ast.AST, tree: ast.AST, mask: ast.expr, depth: int = _DEPTH) -> bool:
    """Whether a block mask is made, wherever that is, with functions that leave no later position."""
    if not depth:
        return False
    if isinstance(mask, ast.Call) and called(mask) in _BLOCKS:
        options = [k.value for k in mask.keywords if k.arg == "mask_mod"]
        made = options or (mask.args[:1] if called(mask) == "create_block_mask" else [])
        return bool(made) and all(_closed_function(one, tree, depth - 1) for one in made)
    if isinstance(mask, ast.Call):
        named = [f for f in _functions(tree) if f.name == name_of(mask.func)]
        given = [(f, value) for f in named for value in _returned(f)]
        return bool(given) and all(closed_blocks(f, tree, value, depth - 1) for f, value in given)
    if isinstance(mask, ast.Name):
        held = assigned(function).get(mask.id) or assigned(tree).get(mask.id, [])
    elif isinstance(mask, ast.Attribute):
        held = [
            node.value
            for node in of_type(tree, ast.Assign)
            if any(isinstance(t, ast.Attribute) and t.attr == mask.attr for t in node.targets)
        ]
        held = [value for value in held if not (isinstance(value, ast.Constant) and value.value is None)]
    else:
        return False
    return bool(held) and all(closed_blocks(function, tree, value, depth - 1) for value in held)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from of_type(tree, ast.FunctionDef)


def _closed_function(made: ast.expr, tree: ast.AST, depth: int) -> bool:
    """Of a function of (batch, head, query, key): whether it holds for no key behind the query."""
    if not depth:
        return False
    if isinstance(made, ast.Call):
        several = {"and_masks": any, "or_masks": all}.get(called(made))
        if several is not None:
            return bool(made.args) and several(_closed_function(one, tree, depth - 1) for one in made.args)
        makers = [f for f in _functions(tree) if f.name == name_of(made.func)]
        functions = [value for f in makers for value in _returned(f)]
        return bool(functions) and all(_closed_function(one, tree, depth - 1) for one in functions)
    if isinstance(made, ast.Lambda):
        return _holds_for_no_later(made, [made.body])
    if not isinstance(made, ast.Name):
        return False
    named = [f for f in _functions(tree) if f.name == made.id]
    return bool(named) and all(_holds_for_no_later(f, _returned(f)) for f in named)


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    return [r.value for r in own_of_type(function, ast.Return) if r.value is not None]


def _holds_for_no_later(function: _Function, returns: list[ast.expr]) -> bool:
    import numpy as np

    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if len(names) < 2 or not returns:
        return False
    place = np.arange(POSITIONS)
    given = {**dict.fromkeys(names[:-2], 0), names[-2]: place[:, None], names[-1]: place[None, :]}
    return all(_closed(value, before(assigned(function), value.lineno + 1), None, given, _DEPTH) for value in returns)


def weighs_later(function: ast.AST, matrix: ast.expr) -> bool:
    """Whether a matrix made of the numbers of the positions weighs later ones."""
    import numpy as np

    try:
        found = np.asarray(Mask(before(assigned(function), matrix.lineno + 1), None).value(matrix), dtype=float)
    except FAILURES:
        return False
    square = found.shape == (POSITIONS, POSITIONS)
    return square and bool(np.any(np.triu(found, 1)))
