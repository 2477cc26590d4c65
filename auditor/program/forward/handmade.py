"""Attention that is written out: a product of two activations that weighs a third one, by a softmax or as it is.

Its mask is worked out for a sequence of a few positions: scores of zero, with what the code adds, fills in or chooses.
A position that keeps a score for a later one sees what follows it. A row that a finite fill leaves without any score is
a mean over all positions, later ones included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.forward.masks import Mask, Values, assigned, before
from auditor.program.syntax import called, is_library, is_self, number
from auditor.source.index import of_type, walk


@dataclass(frozen=True, slots=True)
class Written:
    """One product, or softmax. `sees`: "nothing ahead", "what follows", "all in an empty row", or "": not told."""

    node: ast.expr
    sees: str


def written_out(function: ast.AST, holder: ast.AST | None) -> Iterator[Written]:
    """The attention in a function; `holder` is the class that it is a method of, where its buffers are."""
    calls = [c for c in of_type(function, ast.Call) if called(c) in ("softmax", "softmax_")]
    products = list(_weighing(function))
    if not calls and len(products) < _AT_LEAST:
        return
    values = assigned(function)
    if products:
        from auditor.program.forward.weighing import Weights  # numpy, which few of the modules that are read need
    for node, weights in products:
        if _is_product(weights, values) and not any(part in calls for part in _below(weights, values)):
            yield Written(node, Weights(before(values, node.lineno), holder).sees(weights))
    for call in calls:
        subject = _subject(call)
        if subject is None or not _is_product(subject, values) or not _weighs(function, call, values):
            continue
        sees = Mask(before(values, call.lineno), holder).sees(subject)
        yield Written(call, "" if _over_queries(call) else sees)


def _weighing(function: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Products, with what stands on the left of each: weights of what stands on the right, where they are weights."""
    for part in of_type(function, ast.BinOp, ast.Call):
        if isinstance(part, ast.BinOp):
            if isinstance(part.op, ast.MatMult):
                yield part, part.left
        elif isinstance(part, ast.Call) and called(part) in vocabulary.PRODUCTS:
            own = isinstance(part.func, ast.Attribute) and not is_library(part.func.value)
            sides = [*([part.func.value] if own and isinstance(part.func, ast.Attribute) else []), *part.args]
            yield from ((part, side) for side in sides[:-1] if not isinstance(side, ast.Constant))


def _over_queries(call: ast.Call) -> bool:
    """`softmax(scores, dim=-2)`: what each key gets hangs on the queries behind it."""
    own = isinstance(call.func, ast.Attribute) and not is_library(call.func.value)
    dims = [k.value for k in call.keywords if k.arg in ("dim", "axis")] or call.args[0 if own else 1 :][:1]
    return any(number(dim) == -2 for dim in dims)


def _subject(call: ast.Call) -> ast.expr | None:
    """What a softmax is taken of."""
    if isinstance(call.func, ast.Attribute) and not is_library(call.func.value):
        return call.func.value
    return call.args[0] if call.args else None


def _below(node: ast.expr, values: Values) -> Iterator[ast.AST]:
    """The nodes that an expression is made of, names followed to what they are assigned."""
    seen: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        for inner in walk(part):
            yield inner
            if isinstance(inner, ast.Name) and inner.id not in seen:
                seen.add(inner.id)
                waiting.extend(values.get(inner.id, ()))


_AT_LEAST = 2  # products: of queries with keys, and of what they make with values


def _is_product(node: ast.expr, values: Values) -> bool:
    """Whether two activations are multiplied on the way, one of them turned."""
    for part in _below(node, values):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult):
            sides = [part.left, part.right]
        elif isinstance(part, ast.Call) and called(part) in vocabulary.PRODUCTS:
            sides = [a for a in part.args if not isinstance(a, ast.Constant)]
            if isinstance(part.func, ast.Attribute) and not is_library(part.func.value):
                sides.insert(0, part.func.value)
        else:
            continue
        plain = len(sides) >= 2 and not any(_is_weight(side, values) for side in sides)
        einsum = isinstance(part, ast.Call) and called(part) == "einsum"
        if plain and (einsum or any(_turned(side, values) for side in sides)):
            return True
    return False


def _is_weight(node: ast.expr, values: Values, depth: int = 4) -> bool:
    """`self.w`, `lora.a`, `self.w.T`, `w.T` of a `w` that is `self.w.to(x.dtype)`: a parameter."""
    base = node
    while isinstance(base, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(base, ast.Attribute) and base.attr not in vocabulary.TURNS_AXES:
            return not is_library(base.value)
        if isinstance(base, ast.Call):  # what a method gives of its object, or a layer of what it is given
            base = base.func.value if isinstance(base.func, ast.Attribute) else base.func
        else:
            base = base.value
    if isinstance(base, ast.Name) and depth and (held := values.get(base.id)):
        return all(_is_weight(value, values, depth - 1) for value in held) and not _is_called(held)
    return is_self(base)


def _is_called(held: Sequence[ast.expr]) -> bool:
    """`self.c_q(x)`: no parameter, but what a layer makes of something."""
    return any(isinstance(value, ast.Call) and value.args and _is_layer(value.func) for value in held)


def _is_layer(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and is_self(function.value)


def _turned(node: ast.expr, values: Values) -> bool:
    names = (n.attr for n in _below(node, values) if isinstance(n, ast.Attribute))
    return any(name in vocabulary.TURNS_AXES for name in names)


def _weighs(function: ast.AST, softmax: ast.Call, values: Values) -> bool:
    """Whether the softmax is multiplied with something, by itself or through a name."""
    for part in of_type(function, ast.BinOp, ast.Call):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult):
            sides = [part.left, part.right]
        elif isinstance(part, ast.Call) and called(part) in vocabulary.PRODUCTS:
            sides = [*part.args, *([part.func.value] if isinstance(part.func, ast.Attribute) else [])]
        else:
            continue
        if any(inner is softmax for side in sides for inner in _below(side, values)):
            return True
    return False
