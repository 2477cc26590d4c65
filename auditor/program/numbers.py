"""What is known of a number of the program: its position, or what it was made of."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program.positions import FunctionOf, Position
from auditor.program.tags import OfSwitch, has
from auditor.program.values import Value


def position_of(value: Value) -> Position:
    """What is known of a number; a setting's value is a number of its own, whatever it is set to."""
    held = value.position
    while isinstance(held, Value):
        value, held = held, held.position
    if held is not None:
        return held
    plain = isinstance(value.const, int) and not isinstance(value.const, bool)
    if plain and not has(value.tags, OfSwitch):
        return Position(value.const)
    return Position(0, frozenset({(value, 1)}))


def made_of(function: str, operands: Sequence[Value], *, ordered: bool = True) -> Position:
    """A function of numbers, such as their minimum: the same function of the same numbers is the same number."""
    positions = [position_of(operand) for operand in operands]
    made = FunctionOf(function, tuple(positions) if ordered else frozenset(positions))
    return Position(0, frozenset({(made, 1)}))


def either_of(value: Value) -> list[Value]:
    """The constants that `a if c else b` chooses from, where it is not known which; the value alone otherwise."""
    terms = value.position.terms if isinstance(value.position, Position) else ()
    if len(terms) != 1:
        return [value]
    made = next(iter(terms))[0]
    if not isinstance(made, FunctionOf) or made.function != "either":
        return [value]
    sides = [term for side in made.operands for term, _ in side.terms if isinstance(term, Value)]
    return [one for side in sides for one in either_of(side)] if len(sides) == len(made.operands) else [value]
