"""How much probability there is over the whole vocabulary, where constants alone say it.

`0.8 p + 0.2 q` comes to 1 where p and q do; `0.9 p + 0.3 q` comes to 1.2, and a guess that is right is paid by nobody.
What depends on the tokens is not worked out here. Condition 2 of issue 1017.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from auditor.program.recipe.model import Node, Op, What

_MOST = 1 + 1e-3
_KEEPS = frozenset({Op.CLAMP, Op.PICK, Op.TABLE, Op.NEGATE})
_ONE = frozenset({Op.SOFTMAX, Op.LOG_SOFTMAX})
_LOGARITHMIC = (What.LOG_PROBABILITY, What.NATS)


def more_than_one(head: Node) -> Iterator[tuple[Node, float | None]]:
    """Logarithms of what sums to more than one, on the way to a figure: (step, what it sums to).

    None, where one part is all of a distribution and it is not known how much another one adds.
    """
    known: Known = {}
    evened = set(_evened(head, known))
    for node in head.walk():
        if node in evened:
            continue
        of_log = node.op is Op.LOG and node.inputs[0].what is What.PROBABILITY
        of_sum = node.op is Op.LOG_SUM_EXP and len(node.inputs) > 1 and node.what is What.LOG_PROBABILITY
        mass = _total(node, known) if of_log or of_sum else None
        if mass is not None and mass > _MOST:
            yield node, mass
        elif of_sum and mass is None and any((_total(part, known) or 0) > 1 / _MOST for part in node.inputs):
            yield node, None


def _evened(head: Node, known: Known) -> Iterator[Node]:
    """`logaddexp(p, q) - log(2)`: what sums to two, and is divided by as much."""
    for node in head.walk():
        by = _number(node.inputs[1]) if node.op is Op.SUBTRACT and len(node.inputs) == 2 else None
        if by is None or by <= 0:
            continue
        inner = node.inputs[0]
        while inner.op in (Op.PICK, Op.NEGATE):
            inner = inner.inputs[0]
        if inner.op is not Op.LOG_SUM_EXP:
            continue
        mass = _total(inner, known)
        if mass is None or mass * math.exp(-by) <= _MOST:
            yield inner


Known = dict[Node, float | None]


def _total(node: Node, known: Known) -> float | None:
    """What the probabilities, or those whose logarithm it is, sum to at most; None where that is not known.

    `known`: of the nodes that were asked for, since parts are shared.
    """
    if node not in known:
        known[node] = _worked_out(node, known)
    return known[node]


def _worked_out(node: Node, known: Known) -> float | None:
    if not node.inputs:
        return None
    if node.op in _ONE or (node.normalized and node.op in (Op.FUNCTION, Op.CROSS_ENTROPY)):
        return 1.0
    logarithmic = node.op is Op.EXP and node.inputs[0].what in _LOGARITHMIC
    if node.op in _KEEPS or node.op is Op.LOG or logarithmic:
        return _total(node.inputs[0], known)
    if node.op in (Op.CHOOSE, Op.EITHER):
        ways = [_total(way, known) for way in node.inputs[node.op is Op.CHOOSE :]]
        return max((way for way in ways if way is not None), default=None) if None not in ways else None
    if node.op is Op.LOG_SUM_EXP and len(node.inputs) > 1:
        return _sum([_total(part, known) for part in node.inputs])
    return _of_two(node, known) if len(node.inputs) == 2 else None


def _of_two(node: Node, known: Known) -> float | None:
    one, other = node.inputs
    if node.op is Op.DIVIDE:
        if (by := _number(other)) is not None:
            return _scaled(_total(one, known), 1 / by) if by else None
        return 1.0 if other.op is Op.SUM and other.inputs[0] == one else None
    if node.op is Op.ADD and not any(map(_is_logarithm, node.inputs)):
        return _sum([_total(part, known) for part in node.inputs])
    for rows, by_ in ((one, other), (other, one)):
        number = _number(by_)
        if number is None:
            continue
        if node.op is Op.MULTIPLY and not _is_logarithm(rows):
            return _scaled(_total(rows, known), number)
        if node.op is Op.ADD and _is_logarithm(rows) and number <= 1:
            return _scaled(_total(rows, known), math.exp(number))
    return None


def _is_logarithm(node: Node) -> bool:
    return node.op is Op.LOG or node.what in _LOGARITHMIC


def _scaled(whole: float | None, factor: float) -> float | None:
    return None if whole is None else whole * factor


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _number(node: Node) -> float | None:
    """A constant, or the logarithm of one."""
    inner = node.inputs[0] if node.op is Op.LOG else node
    try:
        value = float(inner.text) if inner.op is Op.NUMBER else None
        return math.log(value) if value is not None and inner is not node else value
    except ValueError:
        return None
