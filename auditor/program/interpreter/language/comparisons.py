"""Comparisons, and what counts as true: truth has three values."""

from __future__ import annotations

import ast
import operator
from typing import Any

from auditor.program.interpreter import perhaps
from auditor.program.interpreter.language import enums, settling, special
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import count_tables, effects, measured, recalled
from auditor.program.interpreter.stream import parts, ranks, tokens
from auditor.program.numbers import made_of
from auditor.program.positions import EQUAL
from auditor.program.recipe.model import What
from auditor.program.tags import (
    MASK,
    ONE_RATE,
    RANDOM,
    VAL,
    InRound,
    Places,
    has,
)
from auditor.program.values import (
    UNKNOWN,
    Bound,
    Class,
    Comparison,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Obj,
    Sequence,
    Value,
)

_COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def of_tokens(value: Value) -> bool:
    """Whether the numbers are made of tokens, and are not the positions at which some stand."""
    if VAL not in value.tags:
        return False
    return value.recipe is None or not (value.recipe.plain or value.recipe.what is What.POSITIONS)


def compare(m: Machine, frame: Frame, node: ast.Compare) -> Value:
    left = m.evaluate(frame, node.left)
    sides = [left]
    tags = left.tags
    compared = (left, left)
    verdict: bool | None = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = m.evaluate(frame, right_node)
        sides.append(right)
        tags |= right.tags
        tags |= count_tables.gates(left.tags | right.tags) | parts.compared(op, left, right)
        tags |= ranks.of_several(op, left, right)
        own = special.compare(m, frame, node, op, left, right)
        if own is not None:
            tags |= own.tags
            one = truth(m, frame, node, own)
            one = one if one is None or not isinstance(op, ast.NotIn) else not one
        else:
            one = _compare_one(m, op, left, right)
            if one is not None and m.loops:
                settling.asked(m, node)
        if one is False:
            return Value(
                tokens.shape_tags(left.tags | right.tags) if isinstance(op, (ast.Is, ast.IsNot)) else tags, False
            )
        if one is None:
            verdict = None
        compared, left = (left, right), right
    for op, table in zip(node.ops, sides[1:], strict=False):
        if isinstance(op, (ast.In, ast.NotIn)):
            tags |= recalled.read(m, frame, node, table, sides[0])
    if any(RANDOM in side.tags and VAL not in side.tags for side in sides) and any(s.known for s in sides):
        tags |= {ONE_RATE}
    by_size = len(node.ops) == 1 and isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
    made = Comparison(compared) if by_size and verdict is None else None
    by_value = len(node.ops) == 1 and isinstance(node.ops[0], (ast.Eq, ast.NotEq)) and verdict is None
    plain = by_value and not any(side.mutable or side.obj is not None or of_tokens(side) for side in sides)
    if has(tags, Places):
        tags = frozenset([t for t in tags if not isinstance(t, Places)])
    same = made_of(EQUAL, sides) if plain else None
    result = Value(tags | {MASK}, UNKNOWN if verdict is None else True, made, position=same)
    measured.compare(m, frame, node, sides, result)
    return result


def _compare_one(m: Machine, op: ast.cmpop, left: Value, right: Value) -> bool | None:
    if isinstance(op, (ast.In, ast.NotIn)):
        found = effects.contains(m, left, right)
        return found if found is None or isinstance(op, ast.In) else not found
    if isinstance(op, (ast.Is, ast.IsNot)):
        same: bool | None = None
        if left.known and right.known:
            same = left.const is right.const
        elif (member := enums.same(left, right)) is not None:
            same = member
        elif right.known and right.const is None and (left.obj is not None or left.mutable):
            same = None if _may_be_none(m, left.obj) else False
        return same if same is None or isinstance(op, ast.Is) else not same
    if isinstance(op, (ast.Eq, ast.NotEq)) and (member := enums.same(left, right)) is not None:
        return member if isinstance(op, ast.Eq) else not member
    if left.known and right.known:
        if isinstance(op, (ast.Eq, ast.NotEq)) and (_in_between(m, left, right) or _in_between(m, right, left)):
            return None
        try:
            return bool(_COMPARE[type(op)](left.const, right.const))
        except (TypeError, KeyError):
            return None
    return None


def _may_be_none(m: Machine, held: Obj | None) -> bool:
    """A name of a library that is not known to be there, an attribute that the program has not set."""
    if isinstance(held, Bound):
        return held.function is None
    return isinstance(held, External) and not m.is_object(held)


def _in_between(m: Machine, counted: Value, value: Value) -> bool:
    """Whether a round that is not stepped through compares as equal: the last one stands for all after the first."""
    for t in counted.tags if isinstance(value.const, int) else ():
        span = m.ranges.get(t.loop) if isinstance(t, InRound) and t.iteration == 2 else None
        if span is None or len(span) <= 2:
            continue
        reckoned = counted.const != span[-1]  # `i % 9`: what it is in the rounds between is not known
        if counted.const != value.const if reckoned else value.const in span[1:-1]:
            return True
    return False


def truth(m: Machine, frame: Frame, node: ast.expr, value: Value) -> bool | None:
    """Whether the value counts as true; None if that is not known."""
    if value.known:
        settling.asked(m, node)
        return bool(value.const)
    obj = value.obj
    if obj is None:
        return None
    own = special.truth(m, frame, node, value)
    if own is not None:
        return truth(m, frame, node, own)
    if isinstance(obj, Sequence):
        return bool(obj.items) if obj.exact and perhaps.is_sure(m, obj) else None
    if isinstance(obj, Mapping):
        return True if any(perhaps.is_sure(m, obj, key) for key in obj.items) else None
    if isinstance(obj, (Function, Class, Instance, External, Either, Native)):
        return True if not isinstance(obj, External) or m.is_object(obj) else None
    return None
