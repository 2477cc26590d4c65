"""Which recorded rows a tensor of the script holds, followed through the operations between scoring and the sum.

A `Mirror` stands beside a tensor of losses: `ids` has its shape and holds row numbers (-1: no row; -2 - n: node n).
A `Scalar` stands beside one number: `factor` times a node. A `Single` stands beside a Python number that is made of one
row and has been in no sum yet: it becomes a leaf where a sum takes it. Index and shape operations are applied to `ids`
as they are to the tensor; products with masks go into `weight`; any other elementwise operation makes the mirror `own`:
the values themselves are written down when they are summed. What cannot be followed loses its mirror, never gets a
wrong one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from auditor.probe.record.single import Scalar, Single, identity
from auditor.probe.record.tape import Tape


@dataclass(frozen=True, slots=True)
class Mirror:
    ids: Tensor  # int64
    weight: float | Tensor = 1.0
    own: bool = False


class Mirrors:
    """Mirrors by identity of the tensor; an entry goes with its tensor."""

    def __init__(self, tape: Tape, site: Callable[[], int] = lambda: 0) -> None:
        self.tape, self.site = tape, site
        self._settled: dict[tuple[int, int], tuple[Any, Scalar]] = {}  # by the number's id and the line that took it
        self.of: dict[int, tuple[weakref.ref[Tensor], Mirror | Scalar]] = {}
        self.numbers: dict[int, tuple[Any, Scalar | Single]] = {}  # kept so that ids stay theirs

    def get(self, tensor: object) -> Mirror | Scalar | None:
        found = self.of.get(identity(tensor))
        if found is not None:
            return found[1] if found[0]() is tensor else None
        return self.number(tensor) if self.numbers else None

    def put(self, tensor: object, mirror: Mirror | Scalar | None) -> None:
        if not isinstance(tensor, Tensor):
            return
        key = identity(tensor)
        if mirror is None:
            self.of.pop(key, None)
            return
        of = self.of

        def gone(reference: weakref.ref[Tensor]) -> None:
            if (held := of.get(key)) is not None and held[0] is reference:
                del of[key]

        of[key] = (weakref.ref(tensor, gone), mirror)

    def held(self, value: object) -> Scalar | Single | None:
        """Of a Python float that came out of a tracked tensor: the very object, not its value."""
        found = self.numbers.get(identity(value))
        return found[1] if found is not None and found[0] is value else None

    def number(self, value: object) -> Scalar | None:
        """The same as what a sum takes: a number of one row is written down here."""
        found = self.held(value)
        return self._leaf(value, found) if isinstance(found, Single) else found

    def _leaf(self, value: Any, single: Single) -> Scalar | None:
        if single.factor == 0.0:
            return None  # masked out
        key = (identity(value), self.site())
        known = self._settled.get(key)
        if known is not None and known[0] is value:
            return known[1]
        own = np.array([(float(value) - single.added) / single.factor]) if single.own else None
        node = self.tape.leaf(np.array([single.row]), single.factor, own, key[1])
        if node < 0:
            return None
        scalar = Scalar(self.tape.sum([(node, 1.0)], single.added) if single.added else node)
        self._settled[key] = (value, scalar)
        return scalar

    def note_number(self, value: Any, scalar: Scalar | Single) -> None:
        if isinstance(value, float | np.floating) and value == value and len(self.numbers) < 2_000_000:
            self.numbers[identity(value)] = (value, scalar)
            if isinstance(scalar, Scalar):
                self.tape.exit(scalar.node, scalar.factor, float(value))

    def is_score(self, value: object) -> bool:
        """Whether it holds losses that no gradient was asked of, or is made of them."""
        single = self.held(value)
        if isinstance(single, Single):
            return not self.tape.trains_by(single.row)
        found = self.get(value)
        if isinstance(found, Scalar):
            return not self.tape.trains(found.node)
        if found is None:
            return False
        first = int(found.ids.max()) if found.ids.numel() else -1
        return first < 0 or not self.tape.trains_by(first)

    def compared(self, values: Iterable[Any]) -> None:
        """Something is chosen by these, of which some are sums of scores."""
        for value in values:
            held = self.of.get(identity(value)) if isinstance(value, Tensor) else None
            found = held[1] if held is not None else self.number(value)
            if isinstance(found, Scalar):
                self.tape.compared(found.node)

    def scalar(self, tensor: Any, mirror: Mirror | Scalar, site: int) -> Scalar | None:
        """What one number holds: a Mirror of one element becomes a leaf."""
        if isinstance(mirror, Scalar):
            return mirror
        return self.total(tensor, mirror, site) if mirror.ids.numel() == 1 else None

    def total(self, tensor: Any, mirror: Mirror, site: int, scale: float = 1.0) -> Scalar | None:
        """The sum over a tracked tensor, as a node."""
        ids = mirror.ids.reshape(-1).numpy()
        weight: Any = mirror.weight
        if isinstance(weight, Tensor):
            weight = weight.expand(mirror.ids.shape).reshape(-1).numpy() * scale
        else:
            weight = weight * scale
        values = None
        if mirror.own or (ids == -1).any():
            values = tensor.detach().reshape(-1).double().numpy()
        return self._node(ids, weight, values, mirror.own, site, scale)

    def _node(self, ids: Any, weight: Any, values: Any, own: bool, site: int, scale: float) -> Scalar | None:
        many = not isinstance(weight, float)
        rows, nodes, free = ids >= 0, ids <= -2, ids == -1
        if many:
            rows, nodes = rows & (weight != 0), nodes & (weight != 0)
        constant = float(values[free].sum()) * scale if free.any() and values is not None else 0.0
        terms = []
        if rows.any():
            share = weight[rows] if many else weight
            held = values[rows] * scale / share if own and values is not None else None
            terms.append((self.tape.leaf(ids[rows], share, held, site), 1.0))
        if nodes.any():
            factors = weight[nodes] if many else [weight] * int(nodes.sum())
            terms += [(-2 - int(i), float(f)) for i, f in zip(ids[nodes], factors, strict=True)]
        if any(node < 0 for node, _ in terms) or not terms:
            return None
        if len(terms) == 1 and constant == 0.0:
            return Scalar(*terms[0])
        return Scalar(self.tape.sum(terms, constant))

    def reference(self, scalar: Scalar) -> int:
        """A node reference for `ids`."""
        node = scalar.node if scalar.factor == 1.0 else self.tape.sum([(scalar.node, scalar.factor)])
        return -2 - node

    def scaled(self, mirror: Mirror | Scalar, factor: float | Tensor) -> Mirror | Scalar | None:
        if isinstance(mirror, Scalar):
            if isinstance(factor, Tensor):
                if factor.numel() != 1:
                    return None
                factor = float(factor.detach().double().reshape(-1).numpy()[0])
            return Scalar(mirror.node, mirror.factor * factor)
        if isinstance(factor, Tensor):
            factor = factor.detach().double()
            if not _spreads_over(tuple(factor.shape), tuple(mirror.ids.shape)):
                return None
        return replace(mirror, weight=mirror.weight * factor)


def _spreads_over(shape: tuple[int, ...], over: tuple[int, ...]) -> bool:
    """Whether the one, broadcast with the other, is the other. (`torch.broadcast_shapes` imports sympy, for 0.5 s.)"""
    ends = zip(reversed(shape), reversed(over), strict=False)
    return len(shape) <= len(over) and all(size in (1, whole) for size, whole in ends)
