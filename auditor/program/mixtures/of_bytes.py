"""Mixtures of a token model with a byte model that are no distribution, as the recipes of the program show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.model import Program
from auditor.program.module import Seen
from auditor.program.place import Place
from auditor.program.recipe.formula import written
from auditor.program.recipe.mixtures import gate, mixture, multiplied, spread
from auditor.program.recipe.model import Node
from auditor.program.trace import Added


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteMixture(Seen):
    """A mixture of a token model's log-probability with a byte model's.

    `spread`: where the log-probability is spread over bytes; with `product`, where the byte model's are multiplied up
    to the token's instead. `gate`: where the weight is chosen by a probability of the realised byte, and `reads` what
    that reads.
    """

    spread: Place
    gate: Place | None
    reads: str
    product: bool = False


def byte_mixtures(program: Program) -> tuple[ByteMixture, ...]:
    """One for every place that mixes; those that run come before those that are switched off."""
    found: dict[tuple[str, int, int], ByteMixture] = {}
    for trace in (program.trace, program.dormant):
        for event in trace.added.values() if trace is not None else ():
            for mixed in _of_bytes(event):
                known = found.setdefault(event.place.key, mixed)
                if known.gate is None and mixed.gate is not None:
                    found[event.place.key] = mixed
    return tuple(found.values())


def _of_bytes(event: Added) -> Iterator[ByteMixture]:
    mixed = mixture(event.node)
    spreads = spread(mixed) if mixed is not None else None
    products = multiplied(mixed) if mixed is not None and spreads is None else None
    at = spreads or products
    if mixed is None or at is None:
        return
    test, read = gate(mixed) or (None, None)
    yield ByteMixture(
        place=event.place,
        active=event.active,
        spread=_place(at, event),
        gate=_place(test, event) if test is not None else None,
        reads=written(read) if read is not None else "",
        product=spreads is None,
    )


def _place(node: Node, event: Added) -> Place:
    """Where a step stands; where that is not known, where what it went into stands."""
    return next((below.place for below in node.walk() if below.place is not None), event.place)
