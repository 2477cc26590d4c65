"""How far a number reaches into the stream: bounds that the code sets, worked out for a stream of any length.

A number that is not known may be bounded all the same: the length of the stream, the last element of a range, what a
loop was left at. From these, the end of a slice is worked out twice, for a stream and for one twice as long: an end
that grows with it is a share of the stream, one that does not is a number of tokens.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from auditor.program import vocabulary
from auditor.program.numbers import position_of
from auditor.program.positions import FunctionOf, Position
from auditor.program.tags import RANK, WORLD, OfSwitch
from auditor.program.values import Obj, Sequence, Value

_LENGTH: Final = 1 << 26  # of the stream that is worked with: that it is much longer than any window is all that counts
_ALL = 0.999999  # a share stays below 1, which is one token
_DEPTH = 24  # numbers made of numbers
_BOUNDS = 16  # of one number
_STREAM = "the stream"
STREAM: Final = Position(0, frozenset({(_STREAM, 1)}))
"""The number of tokens in the stream."""

Fixed = Mapping[Value, float]
"""Numbers that are taken to be known."""


@dataclass(slots=True)
class _Asked:
    """One question, and what has been worked out for it: numbers that are made of each other are met many times."""

    length: float
    fixed: Fixed
    alone: bool = False
    known: dict[Position, float | None] = field(default_factory=dict)


class Extents:
    """What bounds the numbers of one abstract run."""

    def __init__(self) -> None:
        self._bounds: dict[Value, list[Position]] = {}
        self.steps: dict[Value, Position] = {}  # of elements of a range that begins at 0
        # Of elements of a range that begins anywhere: where that is, where it ends, and the step.
        self.within: dict[Value, tuple[Position, Position, Position]] = {}
        self.begun: dict[Value, tuple[int, Position]] = {}  # by the counter of a `while`: its loop, and where it begins
        self.goes_on: dict[Value, Position] = {}  # by such a counter: its step
        self.aranges: dict[Value, list[Value]] = {}  # arrays of numbers, and what they go from, to and by
        self.elements: dict[int, Value] = {}  # by loop: what it has in hand
        self.earlier: dict[int, list[Position]] = {}  # by loop: what it had in hand in the rounds before
        self.lengths: set[Value] = set()  # sizes of parts of the stream
        self.counts: set[Value] = set()  # of rounds, beside the elements of a loop
        self.shapes: dict[Value, Position] = {}  # a shape, and how many rows there are
        self.ascending: set[Obj] = set()  # lists whose elements are, or begin with, numbers that go upwards

    def bound(self, number: Value, most: Position) -> None:
        """The number is at most that."""
        bounds = self._bounds.setdefault(number, [])
        if len(bounds) < _BOUNDS and most not in bounds:
            bounds.append(most)

    def bounds(self, number: Value) -> list[Position]:
        return self._bounds.get(number, [])

    def in_hand(self, instance: int) -> Iterator[Value]:
        """The numbers that a loop has in hand: what its element, or those of a pair, are made of."""
        element = self.elements.get(instance)
        held = element.obj.items if element is not None and isinstance(element.obj, Sequence) else [element]
        for value in held:
            if value is not None:
                yield from (term for term, _ in position_of(value).terms if isinstance(term, Value))

    def known(self, number: Value) -> bool:
        return number in self._bounds

    def end(self, position: Position, row: float = 1) -> float | int | None:
        """Tokens of the stream that lie ahead of a position: a share of it (below 1), a number, None: not bounded.

        `row`: tokens in each of what the position counts.
        """
        one = self.at(position, _LENGTH)
        two = self.at(position, 2 * _LENGTH) if one is not None else None
        if one is None or two is None:
            return None
        tokens = finite(one * row)
        return None if tokens is None else min(tokens / _LENGTH, _ALL) if two > 1.5 * one else int(tokens)

    def at(
        self, position: Position, length: float = _LENGTH, fixed: Fixed | None = None, *, alone: bool = False
    ) -> float | None:
        """What a number comes to at most, for a stream of that length; None where nothing bounds it.

        `alone`: for a run on one process.
        """
        return self._at(position, _Asked(length, fixed or {}, alone), 0)

    def _at(self, position: Position, asked: _Asked, depth: int) -> float | None:
        if position in asked.known:
            return asked.known[position]
        asked.known[position] = None  # a number that is bounded by itself is not bounded by that
        total = finite(position.constant)
        for term, factor in position.terms:
            value, times = self._of_term(term, asked, depth), finite(factor)
            if value is None or times is None or total is None:
                return None
            total = finite(total + times * value)
        asked.known[position] = total
        return total

    def exact(self, position: Position, known: Set[Value]) -> bool:
        """Whether a number is told by these, by constants and settings alone, and is no bound of it."""
        waiting = [position]
        while waiting:
            for term, _ in waiting.pop().terms:
                if isinstance(term, FunctionOf):
                    waiting += term.operands
                elif term == _STREAM or (isinstance(term, Value) and self._bounds.get(term) == [STREAM]):
                    continue
                elif not isinstance(term, Value) or (term not in known and not self._is_setting(term)):
                    return False
        return True

    def _is_setting(self, value: Value) -> bool:
        of_processes = any(isinstance(t, OfSwitch) and t.name in vocabulary.NAMES_OF_PROCESSES for t in value.tags)
        plain = isinstance(value.const, (int, float)) or of_processes or RANK in value.tags or WORLD in value.tags
        return plain and (value not in self._bounds or WORLD in value.tags)

    def depends(self, position: Position) -> set[Value]:
        """The elements of ranges that a position is made of."""
        found: set[Value] = set()
        seen, waiting = {position}, [position]
        while waiting:
            for term, _ in waiting.pop().terms:
                if isinstance(term, Value):
                    found |= {term} & (self.steps.keys() | self.within.keys())
                elif isinstance(term, FunctionOf):
                    new = [part for part in term.operands if part not in seen]
                    seen.update(new)
                    waiting += new
        return found

    def _of_term(self, term: Hashable, asked: _Asked, depth: int) -> float | None:
        if depth > _DEPTH:
            return None
        if term == _STREAM:
            return asked.length
        if isinstance(term, Value):
            return self._of_value(term, asked, depth)
        if not isinstance(term, FunctionOf):
            return None
        function, operands = term.function, term.operands
        parts = [self._at(operand, asked, depth + 1) for operand in operands]
        return _FUNCTIONS[function](parts) if function in _FUNCTIONS else None

    def _of_value(self, value: Value, asked: _Asked, depth: int) -> float | None:
        if value in asked.fixed:
            return asked.fixed[value]
        if value in self._bounds:
            bounds = [self._at(most, asked, depth + 1) for most in self._bounds[value]]
            return _least(bounds)
        of_processes = [
            t.name for t in value.tags if isinstance(t, OfSwitch) and t.name in vocabulary.NAMES_OF_PROCESSES
        ]
        if of_processes and asked.alone and len(value.tags) == len(of_processes) == 1:
            return float("SIZE" in of_processes[0])
        if of_processes:
            return None  # what one process reads says nothing of the others
        plain = isinstance(value.const, (int, float)) and not isinstance(value.const, bool)
        return finite(value.const) if plain else None


def finite(number: float) -> float | None:
    """None where it is more than a float can hold, or no number: then it bounds nothing."""
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


Parts = list[float | None]


def _least(parts: Parts) -> float | None:
    return min((part for part in parts if part is not None), default=None)


def _most(parts: Parts) -> float | None:
    known = [part for part in parts if part is not None]
    return max(known) if known and len(known) == len(parts) else None


def _product(parts: Parts) -> float | None:
    a, b = parts
    return None if a is None or b is None else a * b


def _quotient(parts: Parts) -> float | None:
    a, b = parts
    return None if a is None or not b else a / b


_FUNCTIONS = {
    "min": _least,
    "max": _most,
    "either": _most,
    "Mult": _product,
    "Div": _quotient,
    "FloorDiv": _quotient,
}
