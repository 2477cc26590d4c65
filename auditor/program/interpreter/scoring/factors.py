"""What losses, and the bytes that they are divided by, are multiplied by: a choice, a number, their place."""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring.recipes import is_loss
from auditor.program.interpreter.stream import counting, parts, ranks
from auditor.program.numbers import either_of
from auditor.program.recipe.model import What
from auditor.program.tags import (
    CLOCK,
    LOSS,
    MASK,
    NONE,
    RANDOM,
    VAL,
    Tags,
)
from auditor.program.trace import CHANGES_LOSSES
from auditor.program.values import Frame, Value


def masked(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Tags:
    """`losses * (losses < 9)`: what is multiplied with a comparison of losses is a choice among them."""
    for side, other in ((left, right), (right, left)):
        if isinstance(op, ast.Mult) and is_loss(side) and MASK in other.tags and LOSS in other.tags:
            return m.doubt(
                node, frame, "a choice among losses", "which losses count depends on the losses", against=CHANGES_LOSSES
            )
    return NONE


def weighed(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Tags:
    """Losses, or bytes, times a number that is no count: nothing is known of it, or it goes by where it stands."""
    if not isinstance(op, (ast.Mult, ast.Div, ast.Pow)):
        return NONE
    for one, other in ((left, right), (right, left)):
        if one.recipe is None or one.recipe.what not in _WEIGHED or VAL not in one.tags:
            continue
        why = ""
        if ranks.of_rank(other.tags) and (other.known or len(either_of(other)) > 1):
            why = "it differs from rank to rank"
        elif not _reckoned(other):
            why = "it is not known"
        elif (other.recipe is None or other.recipe.plain) and not other.known:
            why = counting.why_no_count(m, other, total=isinstance(op, ast.Div))
        if why:
            # A run shows what it is at the size of the run.
            return m.doubt(node, frame, "a number", f"{why}, and losses or bytes are multiplied by it", bends=True)
    return NONE


def widened(
    m: Machine, frame: Frame, node: ast.AST, table: Value, op: ast.operator | None = None, other: Value | None = None
) -> Tags:
    """`base_bytes + 1`, `base_bytes[wide] = 2`: a table of bytes is changed as a whole, after it was filled."""
    filled = table.recipe is not None and table.recipe.what is What.BYTES and table.mutable
    same = other is not None and other.const == (0 if isinstance(op, (ast.Add, ast.Sub)) else 1)
    if not filled or VAL in table.tags or same:
        return NONE
    return m.doubt(node, frame, "a table of bytes", "it is changed after it was filled")


def by_place(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Tags:
    """Losses that count, or not, or more than others, by where they stand."""
    for one, other in ((left, right), (right, left)):
        if is_loss(one) and isinstance(op, (ast.Mult, ast.Div)):
            return parts.weighed(m, frame, node, one, other)
    return NONE


_WEIGHED = frozenset({What.NATS, What.BITS, What.BYTES})
_OUTSIDE = frozenset({CLOCK, RANDOM, MASK})


def _reckoned(number: Value) -> bool:
    """Whether it is known, or made of sizes, positions, settings, tokens or losses."""
    if number.known or number.recipe is not None:
        return True
    if number.mutable and not any(t in _OUTSIDE for t in number.tags):
        return True  # a total that is kept in a tensor
    if number.base is not None and number.base.recipe is not None:
        return True
    return any(t not in _OUTSIDE for t in number.tags)
