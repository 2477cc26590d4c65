"""Mixtures of a token model with a byte model in C texts, and what their gates read."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.program.c.text import CText
from auditor.program.mixtures.of_bytes import ByteMixture
from auditor.program.place import Place
from auditor.program.recipe.formula import written
from auditor.program.recipe.mixtures import Mixture, gate, mixture
from auditor.program.recipe.model import Node, Op, What

_WRITTEN = 40  # operations on top of each other that are still written out
_THROUGH = frozenset({Op.CHOOSE, Op.EITHER, Op.MOST, Op.LEAST, Op.ADD, Op.SUBTRACT, Op.NEGATE, Op.MULTIPLY, Op.CLAMP})


def c_mixtures(source: CText) -> Iterator[ByteMixture]:
    """The mixtures of a C text, one for each line, by its gate where it has one."""
    found: dict[int, ByteMixture] = {}
    for node, place in source.run.added.items():
        mixed = mixture(node)
        at = _spread(mixed) if mixed is not None and _is_mixture(mixed) else None
        known = found.get(place.line)
        if mixed is None or at is None or (known is not None and known.gate is not None):
            continue
        test, read = gate(mixed) or (None, None)
        if known is None or test is not None:
            found[place.line] = ByteMixture(
                place=place,
                active=source.active,
                spread=at.place or place,
                gate=None if test is None else _place(test, place),
                reads="" if read is None else written(read) if read.depth < _WRITTEN else "what a component gave",
            )
    yield from found.values()


def _is_mixture(mixed: Mixture) -> bool:
    """Logarithms that are summed as what they are of, probabilities with weights, or exponentials alone."""
    exponentials = all(term.part.op is Op.EXP for term in mixed.terms)
    return mixed.logarithms or exponentials or any(term.weight is not None for term in mixed.terms)


def _spread(mixed: Mixture) -> Node | None:
    """Where a logarithm is divided by a number that is read for the token: among logarithms, or what is exponentiated.

    A count that is divided by another one and then brought to a logarithm is none.
    """
    for part in (term.part for term in mixed.terms):
        logarithms = [part] if mixed.logarithms else [n.inputs[0] for n in _terms(part) if n.op is Op.EXP]
        for node in (n for logarithm in logarithms for n in _terms(logarithm)):
            if node.op is Op.DIVIDE and _is_loss(node.inputs[0]) and _is_read(node.inputs[1]):
                return node
        for node in _terms(part):
            root = node.inputs[1] if node.op is Op.POWER and len(node.inputs) > 1 else None
            if root is not None and root.op is Op.DIVIDE and _is_read(root.inputs[1]):
                return node
    return None


def _terms(node: Node) -> Iterator[Node]:
    """A sum of logarithms, what it is made of, and what each of that may be."""
    waiting, seen = [node], {node}
    while waiting:
        at = waiting.pop()
        yield at
        below = at.inputs[at.op is Op.CHOOSE :] if at.op in _THROUGH else ()
        waiting += [n for n in below if n not in seen]
        seen.update(below)


def _is_loss(node: Node) -> bool:
    """What the caller gave as real numbers: the losses of tokens; no counts of the text's own."""
    return any(n.what in (What.NATS, What.LOG_PROBABILITY) or _is_given(n) for n in _terms(node))


def _is_given(node: Node) -> bool:
    return node.op is Op.NAME and node.what is What.WEIGHT


def _is_read(node: Node) -> bool:
    """A number that is read for each token: no constant, no setting, no sum over them."""
    return any(n.op is Op.LENGTH or (n.op is Op.TABLE and n.what in (What.BYTES, What.NATS)) for n in _terms(node))


def _place(node: Node, other: Place) -> Place:
    return next((below.place for below in node.walk() if below.place is not None), other)
