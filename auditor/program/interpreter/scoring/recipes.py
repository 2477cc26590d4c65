"""What the recipe of an abstract value is, whether it was given one or holds things that were."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.interpreter.scoring import entries
from auditor.program.numbers import either_of
from auditor.program.recipe.model import Node, Op, Sees, What, either, number, unknown
from auditor.program.tags import LOSS, TARGET, TRAIN, VAL, OfOutput, has
from auditor.program.values import Mapping, Value
from auditor.program.values import Sequence as Items
from auditor.program.written import written
from auditor.source.index import size


def node_of(value: Value, depth: int = 2) -> Node | None:
    """What a value measures; None where it is a plain value of which nothing is known."""
    if value.recipe is not None:
        return value.recipe
    obj = value.obj
    if obj is not None and depth:
        if isinstance(obj, Items):
            apart = entries.together([node_of(item, depth - 1) for item in obj.items]) if obj.exact else None
            return apart or _all(obj.items[:8], depth)
        if isinstance(obj, Mapping):
            held = list(obj.items.values())[:8]
            return _all([*held, obj.other] if obj.other is not None else held, depth)
    if isinstance(value.const, (int, float)) and not isinstance(value.const, bool):
        return number(value.const)
    if value.base is not None and value.base.recipe is not None:
        return value.base.recipe
    if value.position is not None and (chosen := _one_of(value)) is not None:
        return chosen
    if isinstance(value.const, (str, bytes)):
        return None
    tags = value.tags
    if VAL in tags:
        if has(tags, OfOutput):
            return unknown((), "a model's output")
        sees = Sees.EARLIER | (Sees.TARGET if TARGET in tags else Sees.NOTHING)
        return Node(Op.TOKENS, (), What.TOKENS, sees=sees, text="y" if TARGET in tags else "x")
    return Node(Op.TOKENS, (), What.TOKENS, sees=Sees.TRAINING, text="training tokens") if TRAIN in tags else None


def _one_of(value: Value) -> Node | None:
    """`0.9 if late else 1.0`: one of several numbers, of which one is no count of anything."""
    numbers = [one.const for one in either_of(value)]
    fractions = any(isinstance(n, float) and not n.is_integer() for n in numbers)
    if len(numbers) < 2 or not fractions or not all(isinstance(n, (int, float)) for n in numbers):
        return None
    return either(tuple(number(n) for n in numbers))


def _all(values: Iterable[Value], depth: int) -> Node | None:
    nodes = [node_of(value, depth - 1) for value in values]
    return either(tuple(node for node in nodes if node is not None))


def measures(value: Value) -> bool:
    """Whether a value is worth a node: it comes from the stream, or has a recipe."""
    if value.recipe is not None or VAL in value.tags:
        return True
    obj = value.obj
    if isinstance(obj, Items) and obj.items:
        return obj.items[0].recipe is not None or obj.items[-1].recipe is not None
    return value.base is not None and value.base.recipe is not None


SHOWN = 40  # characters of an expression that stands for itself
_PARTS = 13  # nodes of such an expression


def _small(expression: ast.AST) -> bool:
    """Whether an expression is short enough to be shown; a long one is not even written out."""
    return size(expression) <= _PARTS


def named(expression: ast.AST | None) -> Node:
    """A plain value, called what it is called in the code."""
    if isinstance(expression, ast.Name):
        text = expression.id
    elif isinstance(expression, ast.Attribute):
        text = expression.attr
    elif isinstance(expression, (ast.Constant, ast.BinOp, ast.Subscript, ast.Call)):
        text = written(expression) if _small(expression) else ""
    else:
        text = ""
    return Node(Op.NAME, (), What.NUMBER, text=text if 0 < len(text) <= SHOWN else "a value")


_LOSSES = frozenset({What.NATS, What.BITS})


def is_loss(value: Value) -> bool:
    """Whether the value is a loss on validation tokens, or a figure made of such losses."""
    if value.recipe is None or value.recipe.what not in _LOSSES:
        return False  # the target's probability is in the same place, and is clamped and shifted in any mixture
    return LOSS in value.tags and VAL in value.tags and has(value.tags, OfOutput)
