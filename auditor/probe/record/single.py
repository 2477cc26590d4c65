"""Arithmetic of Python numbers that are each made of one row, before a sum takes them.

`p = (1 - a) * math.exp(-nll) + a * q` is as much of the token's row as the loss that it began with. What is added,
multiplied or divided by plain numbers stays a line of the score (`factor`, `added`); any other function of it is a
score of its own, which is written down as it is when a sum takes it. No torch: the parent reads the functions' names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Scalar:
    node: int
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Single:
    """A number, of which `added` is no part of the score and the rest is `factor` times it.

    `own`: the score was computed further, so it is written down as it is. A factor of 0 leaves nothing of it, but for a
    logarithm that may be taken of what was added.
    """

    row: int
    factor: float = 1.0
    added: float = 0.0
    own: bool = True


identity = object.__hash__
"""As `id`, of which no audit hook is told: the probe's own would be called each time."""
LOGARITHMS = {"log": 1.0, "log2": 1.0 / math.log(2.0), "log10": 1.0 / math.log(10.0), "log1p": 1.0}
"""What a loss in nats is multiplied by, and taken the negative of, to be one of these."""
CURVES = frozenset([*LOGARITHMS, "exp", "expm1", "exp2", "sqrt", "pow", "tanh", "logaddexp", "logaddexp2"])
_ALIKE = frozenset(["maximum", "minimum", "fmax", "fmin", "clip", "abs", "absolute", "fabs", "round"])


def curved(name: str, held: Sequence[Single]) -> Single | None:
    """A function of numbers of one row; None where they are of several, or of none."""
    rows = {one.row for one in held}
    if len(rows) != 1:
        return None
    if name in _ALIKE:
        return replace(held[0], added=0.0, own=True)
    return Single(held[0].row, -LOGARITHMS.get(name, -1.0))


def combined(
    sign: str, left: Any, a: Scalar | Single | None, right: Any, b: Scalar | Single | None
) -> Single | None:  # fmt: skip
    """None where it is no number of one row."""
    if isinstance(a, Single) and isinstance(b, Single):
        return _of_two(sign, a, b) if a.row == b.row else None
    if isinstance(a, Scalar) or isinstance(b, Scalar):
        return None
    single, other = (a, float(right)) if isinstance(a, Single) else (b, float(left))
    assert isinstance(single, Single)
    if sign == "*":
        return _scaled(single, other)
    if sign == "/" and a is not None:
        return _scaled(single, 1.0 / other)
    if sign == "+":
        return replace(single, added=single.added + other)
    if sign == "-":
        return replace(single, added=single.added - other) if a is not None else _less(other, single)
    return Single(single.row)


def _of_two(sign: str, a: Single, b: Single) -> Single:
    turn = {"+": 1.0, "-": -1.0}.get(sign)
    factor = a.factor + turn * b.factor if turn is not None else 0.0
    return Single(a.row, factor, a.added + turn * b.added) if turn is not None and factor else Single(a.row)


def _scaled(single: Single, factor: float) -> Single:
    return replace(single, factor=single.factor * factor, added=single.added * factor)


def _less(other: float, single: Single) -> Single:
    return replace(single, factor=-single.factor, added=other - single.added)
