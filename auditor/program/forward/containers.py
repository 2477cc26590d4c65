"""What lists, dicts, tuples and own objects hold, by the dimensions of what was put in: one of these comes out."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from auditor.program.forward.dimensions import Layout, Shape

_PUTS_IN = ("append", "appendleft", "extend", "insert", "setdefault", "update", "add")
_TAKES_OUT = ("pop", "popleft", "get", "popitem", "item", "setdefault")
_GIVES_ONE = ("next", "sum", "max", "min", "reduce")
_OF_A_TENSOR = frozenset(
    {
        "device", "dtype", "grad", "grad_fn", "is_cuda", "is_leaf", "is_sparse", "itemsize", "layout", "names",
        "nbytes", "ndim", "requires_grad", "shape",
    }
)  # fmt: skip


def one_of(shape: Shape) -> Layout | None:
    """The dimensions of the first thing held for which they are known."""
    if isinstance(shape, list):
        return next((found for part in shape if (found := one_of(part)) is not None), None)
    return shape


def path(node: ast.expr) -> str:
    """`x`, `self.state`, `self.state` of `self.state["h"]`: what something is held under; "" for what has no name."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        around = path(node.value)
        return f"{around}.{node.attr}" if around else ""
    return node.id if isinstance(node, ast.Name) else ""


def attribute(held: Shape, name: str) -> Shape:
    """An attribute that no tensor has, of an object that was made of values: one of these."""
    return None if name in _OF_A_TENSOR else one_of(held)


def put_in(name: str, held: Shape, shapes: Sequence[Shape]) -> list[Shape] | None:
    """What a container holds after a call of one of its methods; None where that puts nothing in."""
    if name not in _PUTS_IN or isinstance(held, tuple):
        return None
    return [*(held or []), *shapes]


def method(name: str, held: list[Shape]) -> Shape:
    """What a method of a container gives."""
    if name in _TAKES_OUT:
        return one_of(held)
    if name == "items":
        return [[None, one_of(held)]]
    return held if name in ("values", "copy", "elements") else None


def built_in(name: str, shapes: Sequence[Shape], named: Mapping[str, Shape]) -> Shape:
    """What a function that is called by its name gives of what it is given: the first that has positions."""
    if name == "zip":
        return [[one_of(shape) for shape in shapes]]
    if name == "enumerate":
        return [[None, one_of(shape)] for shape in shapes[:1]]
    if name == "map":
        return list(shapes[1:])
    given = [*shapes, *named.values()]
    if name in _GIVES_ONE:
        return one_of(given)
    lists = [shape for shape in given if isinstance(shape, list)]
    return one_of(given) if not lists or isinstance(given[0], tuple) else lists[0]
