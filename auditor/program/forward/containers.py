"""What lists, dicts, tuples and own objects hold, by the dimensions of what was put in: one of these comes out."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.forward.dimensions import Layout, Shape


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
    return None if name in vocabulary.FACTS_OF_TENSORS else one_of(held)


def put_in(name: str, held: Shape, shapes: Sequence[Shape]) -> list[Shape] | None:
    """What a container holds after a call of one of its methods; None where that puts nothing in."""
    if name not in vocabulary.PUTS_IN or isinstance(held, tuple):
        return None
    return [*(held or []), *shapes]


def method(name: str, held: list[Shape]) -> Shape:
    """What a method of a container gives."""
    if name in vocabulary.TAKES_OUT:
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
    if name in vocabulary.GIVES_ONE:
        return one_of(given)
    lists = [shape for shape in given if isinstance(shape, list)]
    return one_of(given) if not lists or isinstance(given[0], tuple) else lists[0]
