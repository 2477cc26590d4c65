"""Where in the stream something is: a sum of a constant and of numbers that are not known, whatever they are called.

`start`, `start + 1` and `start + stride - seq_len` are positions. Two are equal if they were made of the same values in
the same way; the names of the variables that hold them do not matter.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

EQUAL: Final = "Eq"
"""Names the position of a truth value: whether two positions are, or are not, the same."""

MAX_TERMS: Final = 12
"""Terms of a sum that are kept apart; a longer sum is a number of its own."""


_AHEAD = 64  # tokens; what is further on is another part of the stream


class Position:
    """`constant + sum(factor * term)`. A term is a value that is not known, or a function of positions.

    `before` are positions that something was subtracted from on the way: this one is ahead of them. Equality goes by a
    key that is worked out once: functions of functions are compared without walking them. A plain class and no frozen
    dataclass: thousands are made in an audit, for every sum.
    """

    __slots__ = ("before", "constant", "key", "terms")

    def __init__(
        self,
        constant: int = 0,
        terms: frozenset[tuple[Hashable, int]] = frozenset(),
        before: frozenset[Position] = frozenset(),
    ) -> None:
        self.constant: Final = constant
        self.terms: Final = terms
        self.before: Final = before
        self.key: Final[int] = hash((constant, terms))

    def __repr__(self) -> str:
        return f"Position(constant={self.constant!r}, terms={self.terms!r}, before={self.before!r})"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Position) and self.key == other.key)

    def __hash__(self) -> int:
        return self.key

    @property
    def literal(self) -> bool:
        """Whether it is a constant of the code, and no setting."""
        return not self.terms

    @property
    def from_the_end(self) -> bool:
        """`-1`, `-n`: counted from the end of what is sliced."""
        return all(factor < 0 for _, factor in self.terms) and (bool(self.terms) or self.constant < 0)

    @property
    def next_to_another(self) -> bool:
        """`p + 1` for a position p."""
        return self.constant == 1 and bool(self.terms) and not self.from_the_end

    @property
    def further_on(self) -> bool:
        """`p + 1`, `p + 2` for a position p."""
        return 0 < self.constant <= _AHEAD and bool(self.terms) and not self.from_the_end

    def plus(self, other: Position, sign: int = 1) -> Position | None:
        """The sum, or the difference for sign -1; None where it has too many terms."""
        terms = dict(self.terms)
        for term, factor in other.terms:
            terms[term] = terms.get(term, 0) + sign * factor
        kept = frozenset((term, factor) for term, factor in terms.items() if factor)
        if len(kept) > MAX_TERMS:
            return None
        before = self.before if sign < 0 else self.before | other.before
        if sign < 0 and not self.literal:
            before |= {self}
        return Position(self.constant + sign * other.constant, kept, before)

    def times(self, factor: int) -> Position:
        return Position(self.constant * factor, frozenset((term, own * factor) for term, own in self.terms))


class FunctionOf(NamedTuple):
    """A function of positions, a term like any other: `min(a, b)`, `a // b`. A set of operands has no order."""

    function: str
    operands: tuple[Position, ...] | frozenset[Position]
