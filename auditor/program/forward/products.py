"""Products of matrices in a forward pass: which of them weigh the positions, and which weigh later ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.forward.closed import weighs_later
from auditor.program.forward.dimensions import POSITION
from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import given
from auditor.program.syntax import AnyFunction, called, is_self, literal
from auditor.source.index import of_type, walk


@dataclass(frozen=True, slots=True)
class Product:
    node: ast.expr
    left: ast.expr
    right: ast.expr


def products(function: ast.AST, layouts: Layouts) -> Iterator[Product]:
    """`a @ b`, `torch.matmul(a, b)`, `a.bmm(b)`"""
    for node in of_type(function, ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            yield Product(node, node.left, node.right)
    for call in of_type(function, ast.Call):
        if called(call) not in ("matmul", "bmm", "mm") or not isinstance(call.func, ast.Attribute):
            continue
        operands = [] if layouts.of_library(call.func.value) else [call.func.value]
        operands += call.args
        if len(operands) == 2:
            yield Product(call, *operands)


def mixes(product: Product, layouts: Layouts, holder: ast.AST | None) -> bool:
    """Whether all positions come together. `holder`: the class of the module."""
    named = _by_later_rows(product) or _sums_rows(product, layouts) or _by_a_matrix(product, layouts, holder)
    return named or _into_a_matrix(product, layouts, holder)


def brings_forward(product: Product, function: AnyFunction, layouts: Layouts) -> bool:
    """Whether the matrix that weighs the positions gives later ones to earlier ones."""
    right = layouts.of(product.right)
    rows = right is not None and len(right) > 1 and right[-2] == POSITION and layouts.of(product.left) is None
    return rows and weighs_later(function, product.left)


def contracts(call: ast.Call, layouts: Layouts) -> bool:
    """`tensordot(k, v, dims=([1], [1]))`: whether the positions of an operand are summed over."""
    operands = call.args[:2]
    dims = given(call, call.args, 2, "dims")
    if len(operands) < 2 or not isinstance(dims, (ast.Tuple, ast.List)) or len(dims.elts) != 2:
        return False
    for operand, places in zip(operands, dims.elts, strict=True):
        labels = layouts.of(operand) or ()
        numbers = [literal(p) for p in (places.elts if isinstance(places, (ast.Tuple, ast.List)) else [places])]
        if any(n is not None and -len(labels) <= n < len(labels) and labels[n] == POSITION for n in numbers):
            return True
    return False


def _into_a_matrix(product: Product, layouts: Layouts, holder: ast.AST | None) -> bool:
    """`x.mT @ self.mix`: the positions, which stand last, are weighed by a matrix that is no triangle."""
    left = layouts.of(product.left)
    if left is None or left[-1] != POSITION or left.count(POSITION) != 1 or layouts.of(product.right) is not None:
        return False
    return _is_whole(product.right, holder if holder is not None else product.node)


def _is_whole(matrix: ast.expr, around: ast.AST) -> bool:
    """A parameter, or a matrix that is made full, where nothing around makes triangles."""
    while isinstance(matrix, ast.Subscript):
        matrix = matrix.value
    own = isinstance(matrix, ast.Attribute) and is_self(matrix.value)
    made = isinstance(matrix, ast.Call) and getattr(matrix.func, "attr", "") in ("ones", "full", "rand", "randn")
    names = {getattr(n, "attr", getattr(n, "id", "")) for n in walk(around)}
    return (own or made) and not names & {"tril", "tril_"}


def _by_later_rows(product: Product) -> bool:
    """`a @ x`: rows of a hidden state are weighed by a matrix that `triu` has made."""
    names = {getattr(n, "attr", getattr(n, "id", "")) for n in walk(product.left)}
    return isinstance(product.right, ast.Name) and "triu" in names and "tril" not in names


def _sums_rows(product: Product, layouts: Layouts) -> bool:
    """`k.transpose(-2, -1) @ v`: a sum over all positions, in which none of them is left out."""
    left, right = layouts.of(product.left), layouts.of(product.right)
    if left is None or right is None or len(left) < 2 or len(right) < 2:
        return False
    return left[-1] == right[-2] == POSITION and POSITION not in left[:-1] and POSITION not in right[-1:]


def _by_a_matrix(product: Product, layouts: Layouts, holder: ast.AST | None) -> bool:
    """`self.mix @ x`, `ones(t, t) @ x`: a matrix over the positions that nothing says to be a lower triangle."""
    right = layouts.of(product.right)
    if right is None or len(right) < 2 or right[-2] != POSITION or layouts.of(product.left) is not None:
        return False
    return _is_whole(product.left, holder if holder is not None else product.node)
