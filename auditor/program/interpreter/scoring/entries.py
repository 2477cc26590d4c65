"""The elements of a small tensor, each with a recipe of its own: `totals[0] += losses`, `totals[1] += tokens`.

Totals that go through one reduction together are kept in one tensor. As long as it is read and stored into at constant
indices, its recipe tells its elements apart; whatever else is done to it sees one of them, and does not know which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditor.program.recipe.model import Node, Op, either, number
from auditor.program.values import Sequence as Items
from auditor.program.values import Value

_MARK = "entries "
_MOST = 16


def key_of(index: Value) -> str | None:
    """What an element is kept under: `totals[0]`, `totals[1, 2]`; None for an index that is not known."""
    parts = index.obj.items if isinstance(index.obj, Items) and index.obj.exact else [index]
    numbers = [part.const for part in parts]
    if not numbers or any(type(n) is not int or not 0 <= n < _MOST for n in numbers):
        return None
    return ",".join(map(str, numbers))


def of(node: Node | None) -> dict[str, Node] | None:
    """The elements by their keys; None where they are not told apart."""
    if node is None or node.op is not Op.EITHER or not node.text.startswith(_MARK):
        return None
    return dict(zip(node.text.removeprefix(_MARK).split(), node.inputs, strict=True))


def at(node: Node | None, place: int) -> Node | None:
    """One element of a tensor that is unpacked; the node itself where its elements are not told apart."""
    known = of(node)
    return node if known is None else known.get(str(place))


def together(nodes: Sequence[Node | None]) -> Node | None:
    """`torch.tensor([losses, tokens, bytes])`; None where they all measure the same, or are too many."""
    if not 1 < len(nodes) <= _MOST:
        return None
    factors = all(node is not None and node.op is Op.NUMBER for node in nodes)
    if not factors and len({node.what for node in nodes if node is not None}) < 2:
        return None
    return made({str(i): node for i, node in enumerate(nodes) if node is not None})


def each(left: Node, right: Node, combined: Callable[[Node, Node], Node]) -> Node | None:
    """An operation on tensors, element by element; None where neither side's elements are told apart."""
    a, b = of(left), of(right)
    if a is None and b is None:
        return None
    keys = dict.fromkeys([*(a or {}), *(b or {})])
    zero = number(0)
    return made(
        {k: combined(left if a is None else a.get(k, zero), right if b is None else b.get(k, zero)) for k in keys}
    )


def made(elements: dict[str, Node]) -> Node | None:
    whole = either(tuple(elements.values()))
    if whole is None or len(elements) > _MOST:
        return whole
    text = _MARK + " ".join(elements)
    return Node(
        Op.EITHER, tuple(elements.values()), whole.what, whole.over, whole.normalized, whole.sees, text, whole.place
    )


def begun(container: Value, index: Value) -> Value | None:
    """The element of an array that `totals[0] += losses` goes on from; None where it is not told from the others."""
    known, key = held(container), key_of(index)
    if known is None or key is None:
        return None
    recipe = known.get(key) or (container.recipe if not known else None)
    return Value(recipe=recipe)


def held(container: Value) -> dict[str, Node] | None:
    """The elements of an array, those of a fresh one included; None where it holds what is not told apart."""
    node = container.recipe
    if container.base is not None or (node is not None and node.op is not Op.NUMBER and of(node) is None):
        return None
    return of(node) or {}
