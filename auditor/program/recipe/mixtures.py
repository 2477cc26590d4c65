"""Mixtures in a recipe: what is mixed, with which weights, and whether it is the bytes of a token that are mixed.

A mixture is a sum of two weighted probabilities, or the same in logarithms, however that is made stable:
`max(a, c) + log1p(exp(-|a - c|))` with `a = log w + x`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.recipe.model import Node, Op, What

_TOTALS = frozenset({Op.ACCUMULATE, Op.SUM, Op.MEAN, Op.LINE})
_ALTERNATIVES = frozenset({Op.EITHER, Op.CHOOSE, Op.MOST, Op.LEAST})
_SAME = _ALTERNATIVES | {Op.EXP, Op.LOG, Op.NEGATE, Op.CLAMP}
_LOGARITHMIC = frozenset({What.LOG_PROBABILITY, What.NATS})
_MEASURED = _LOGARITHMIC | {What.PROBABILITY}


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a mixture: `weight` times `part`; in logarithms both are logarithms."""

    weight: Node | None
    part: Node


@dataclass(frozen=True, slots=True)
class Mixture:
    """The terms of a sum that has the form of a mixture. `logarithms`: they are logarithms."""

    terms: tuple[Term, ...]
    logarithms: bool


def mixture(node: Node) -> Mixture | None:
    """The mixture that a sum makes; None where it makes none."""
    summed = _exponentials(node)
    if summed:
        return Mixture(tuple(_term(part, Op.ADD) for part in summed), logarithms=True)
    if node.op is not Op.ADD:
        return None
    terms = tuple(_term(part, Op.MULTIPLY) for part in node.inputs)
    return None if any(term.part.op is Op.NUMBER for term in terms) else Mixture(terms, logarithms=False)


def _exponentials(node: Node) -> tuple[Node, ...]:
    """What is exponentiated, summed, and brought back to a logarithm, be it around the largest of it."""
    if node.op is Op.LOG_SUM_EXP:
        return node.inputs if len(node.inputs) > 1 else _alternatives(node.inputs[0])
    for largest, rest in (node.inputs, node.inputs[::-1]) if node.op is Op.ADD else ():
        stable = rest.op in (Op.FUNCTION, Op.LOG) and any(below.op is Op.EXP for below in rest.walk())
        if stable and largest.op in _ALTERNATIVES:
            return _alternatives(largest)
        around = (below.inputs[0] for below in rest.walk() if stable and below.op is Op.EXP)
        other = next((b.inputs[0] for b in around if b.op is Op.SUBTRACT and b.inputs[1] == largest), None)
        if other is not None:
            return largest, other
    return ()


def _alternatives(node: Node) -> tuple[Node, ...]:
    return node.inputs[1:] if node.op is Op.CHOOSE else node.inputs


def _term(node: Node, by: Op) -> Term:
    if node.op is not by:
        return Term(None, node)
    one, other = node.inputs
    return Term(other, one) if one.what in _MEASURED and other.what not in _MEASURED else Term(one, other)


# --- of bytes ------------------------------------------------------------------------------------------------------


def spread(mixed: Mixture) -> Node | None:
    """Where a token's log-probability is divided by its number of bytes: `log p / n`, or the n-th root of p."""
    for at in (at for term in mixed.terms for at in _within(term.part)):
        root = at.inputs[1] if at.op is Op.POWER else None
        if root is not None and root.op is Op.DIVIDE and _is_width(root.inputs[1]):
            return at
        for below in _within(at) if mixed.logarithms or at.op is Op.EXP else ():
            if below.op is Op.DIVIDE and _is_logarithm(below.inputs[0]) and _is_width(below.inputs[1]):
                return below
    return None


def multiplied(mixed: Mixture) -> Node | None:
    """Where logarithms are summed up over the bytes of a token, and mixed with the token's own: a product of bytes."""
    sums = [next((v for v in _values(term.part) if _sums_bytes(v)), None) for term in mixed.terms]
    own = [any(v.what in _LOGARITHMIC for v in _values(term.part)) for term in mixed.terms]
    tokens = any(is_own and total is None for is_own, total in zip(own, sums, strict=True))
    return next((total for total in sums if total is not None), None) if tokens else None


def _is_logarithm(node: Node) -> bool:
    return any(below.what in _LOGARITHMIC for below in _within(node))


def _is_width(node: Node) -> bool:
    """A number of bytes, or of something's elements, of one token; not a total."""
    return any(below.what is What.BYTES or below.op is Op.LENGTH for below in _within(node) if below.op not in _TOTALS)


def _sums_bytes(node: Node) -> bool:
    """A sum of logarithms of what a table holds for a byte of a piece."""
    if node.op is not Op.ACCUMULATE:
        return False
    logs = (below for below in node.walk() if below.op is Op.LOG)
    reads = (below for log in logs for below in log.walk() if below.op is Op.TABLE)
    return any(read.inputs[-1].what is What.PIECE for read in reads)


# --- weights -------------------------------------------------------------------------------------------------------


def gate(mixed: Mixture) -> tuple[Node, Node] | None:
    """(comparison, what it reads) where a weight hangs on what a part of the mixture gave the very token or byte."""
    given = {value for term in mixed.terms for value in _values(term.part) if value.inputs}
    for weight in (term.weight for term in mixed.terms if term.weight is not None):
        for test in (below for below in weight.walk() if below.op is Op.COMPARE):
            read = next((below for below in test.walk() if below in given), None)
            if read is not None:
                return test, read
    return None


def _values(node: Node) -> Iterator[Node]:
    """A part of a mixture as a probability and as a logarithm, and each of what it may be."""
    waiting, seen = [node], {node}
    while waiting:
        at = waiting.pop()
        yield at
        below = [inner for inner in _alternatives(at) if inner not in seen] if at.op in _SAME else []
        seen.update(below)
        waiting += below


def _within(node: Node) -> Iterator[Node]:
    """The nodes below that no sum over positions hides, the node itself first."""
    return node.walk(_TOTALS)
