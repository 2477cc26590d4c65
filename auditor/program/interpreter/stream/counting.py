"""Whether a number is a count: of tokens, windows, processes; a whole number that no round has of its own.

Losses and bytes are multiplied with counts, and divided by them. What else they are multiplied with weighs some of them
more than others, or changes their unit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from auditor.program.interpreter.machine import Machine
from auditor.program.numbers import position_of
from auditor.program.positions import FunctionOf, Position
from auditor.program.recipe.model import Op, What
from auditor.program.tags import VAL, OfOutput, has
from auditor.program.values import Value

_OF_COUNTS = frozenset({"Mult", "FloorDiv", "Mod", "min", "max", "either"})
_APART = 1000  # rounds into the stream at which two that follow each other are compared
_SAME = 1e-9


def why_no_count(m: Machine, number: Value, *, total: bool) -> str:
    """Why a number that is not known is no count, "" where it is one. `total`: something is divided by it."""
    if VAL in number.tags or has(number.tags, OfOutput) or number.obj is not None:
        return ""  # told by tokens, or by losses: its recipe says how
    if number.mutable and number.recipe is not None and number.recipe.op is Op.NAME:
        return "" if total else "it holds something else for each position"
    if number.mutable:
        held = number.base is not None and number.base.recipe is not None
        return "" if total or held else "it is not known"
    position = position_of(number)
    if not _is_whole(position) and not _is_share(position):
        return "it is no count"
    return "" if total or not _goes_by_the_place(m, position) else "it goes by the place in the stream"


def _is_whole(position: Position) -> bool:
    return all(_is_whole_term(term) for term, _ in position.terms)


def _is_whole_term(term: Hashable) -> bool:
    if isinstance(term, FunctionOf):
        return term.function in _OF_COUNTS and all(_is_whole(operand) for operand in term.operands)
    if not isinstance(term, Value):
        return True  # the stream itself
    if term.known:
        return isinstance(term.const, int) or (isinstance(term.const, float) and term.const.is_integer())
    counted = term.recipe is not None and (term.recipe.op is Op.LENGTH or term.recipe.what is What.COUNT)
    return counted or not term.mutable


def _is_share(position: Position) -> bool:
    """`n / total`: one count over another one, which is no number of the code."""
    if position.constant or len(position.terms) != 1:
        return False
    term, factor = next(iter(position.terms))
    if not isinstance(term, FunctionOf) or term.function != "Div" or factor != 1:
        return False
    part, whole = term.operands
    return not whole.literal and not _is_constant(whole) and _is_whole(part) and _is_whole(whole)


def _is_constant(position: Position) -> bool:
    return all(isinstance(term, Value) and term.known for term, _ in position.terms)


def _goes_by_the_place(m: Machine, position: Position) -> bool:
    """Whether it is another number in each round, far from the ends of the stream."""
    for element in m.extents.depends(position):
        step = m.extents.within[element][2] if element in m.extents.within else m.extents.steps.get(element)
        length = m.extents.at(step, alone=True) if step is not None else None
        if length is None:
            continue
        here, there = (m.extents.at(position, fixed={element: at * length}, alone=True) for at in (_APART, _APART + 1))
        if here is not None and there is not None and not math.isclose(here, there, rel_tol=_SAME):
            return True
    return False
