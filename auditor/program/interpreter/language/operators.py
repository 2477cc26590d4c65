"""Operators and conditional expressions: constants are folded, tags are joined."""

from __future__ import annotations

import ast
import operator
from typing import Any

from auditor.program.interpreter.around import NOTHING
from auditor.program.interpreter.language import comparisons, special
from auditor.program.interpreter.libraries import files, paths
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.perhaps import Perhaps
from auditor.program.interpreter.scoring import (
    adapting,
    count_tables,
    doubts,
    effects,
    factors,
    measured,
    recalled,
    recipes,
    steering,
    told,
)
from auditor.program.interpreter.stream import parts, ranks, sliced, tokens
from auditor.program.joins import MAX_ELEMENTS, bounded, join
from auditor.program.numbers import made_of, position_of
from auditor.program.positions import Position
from auditor.program.tags import (
    LOSS,
    MASK,
    NONE,
    RANK,
    SHIFTED,
    VAL,
    AdaptedBy,
    OfSwitch,
    Tags,
    has,
    hashed,
    joined_key,
)
from auditor.program.values import (
    UNKNOWN,
    Comparison,
    Conditions,
    Frame,
    Instance,
    Sequence,
    Value,
    with_tags,
)

_BINARY: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
}


BIG = 10**18  # of numbers that are worked out
_COPIES = 32  # of numbers in a list that are kept apart: `[0.0] * 3`
_BITS = 4096  # of numbers that they are worked out from: literals may be huge


def binary_expression(m: Machine, frame: Frame, node: ast.BinOp) -> Value:
    left, right = m.evaluate(frame, node.left), m.evaluate(frame, node.right)
    return binary(m, frame, node, node.op, left, right)


def binary(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    own = special.binary(m, frame, node, op, left, right)
    if own is not None:
        return own
    result = _binary(m, frame, node, op, left, right)
    measured.binary(m, frame, node, op, left, right, result)
    return result


def _binary(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    tags = joined_key(left.tags, right.tags) | ranks.folded(op, left, right)
    position = _position(op, left, right)
    if left.known and right.known:
        folded = _fold(op, left.const, right.const)
        if folded is not UNKNOWN:
            value = tokens.constant(folded)
            return Value(value.tags | tags, folded, position=position)
    if isinstance(op, ast.Mod) and _is_path(left):
        for shown in right.obj.items if isinstance(right.obj, Sequence) else [right]:
            special.text(m, frame, node, shown)
    if isinstance(op, ast.Mod) and _is_path(left) and (made := paths.percent(left, right)) is not None:
        return made
    if isinstance(op, ast.Add):
        joined = _concatenate(left, right, tags)
        if joined is not None:
            return joined
    if isinstance(op, ast.Mult) and isinstance(left.obj, Sequence) and left.obj.items:
        if left.obj.exact and isinstance(right.const, int) and right.const * len(left.obj.items) <= _COPIES:
            numbers = [item for _ in range(right.const) for item in left.obj.items]
            if all(isinstance(item.const, (int, float)) for item in numbers):
                return Value(tags, obj=Sequence([Value(item.tags, item.const) for item in numbers]))
        return Value(tags, obj=Sequence(list(left.obj.items), exact=False))
    if isinstance(op, ast.Div) and (_is_path(left) or isinstance(right.const, str)):  # of a directory not known, too
        text, _ = tokens.cut([tokens.text_of(left), "/", tokens.text_of(right)])
        return files.path_value(tags, text, known=False)
    if isinstance(op, (ast.BitXor, ast.Mod, ast.BitAnd)) and VAL in tags and MASK not in tags:
        tags = hashed(left.tags, right.tags)
    if isinstance(op, ast.Sub):
        tags -= {SHIFTED}
    if left.recipe is not None or right.recipe is not None:
        tags |= doubts.shifted(m, frame, node, op, left, right) | factors.masked(m, frame, node, op, left, right)
    if isinstance(op, (ast.Mult, ast.Div)) and LOSS in tags:
        tags = effects.arithmetic(m, frame, node, op, left, right, tags) - recalled.totals(m, left, right)
    if m.reread and isinstance(op, (ast.Add, ast.Sub)):
        count_tables.mixes(m, left.tags, right.tags)
    if isinstance(op, (ast.Add, ast.Sub)) and not isinstance(left.obj, Instance):
        for side in (left, right):  # the state of a tensor that is optimized goes into the sum
            r = root(side)
            if r is not side:
                tags |= frozenset([t for t in r.tags if isinstance(t, AdaptedBy)])
    tags = parts.made(op, left, right, tags)
    tags |= factors.widened(m, frame, node, left, op, right) | factors.widened(m, frame, node, right, op, left)
    return Value(tags, mutable=left.mutable or right.mutable, position=position)


def _position(op: ast.operator, left: Value, right: Value) -> Position | None:
    """Where in the stream: sums of numbers, and what else is made of them in the same way each time."""
    if left.obj is not None or right.obj is not None or comparisons.of_tokens(left) or comparisons.of_tokens(right):
        return None
    if isinstance(op, (ast.Add, ast.Sub)):
        return position_of(left).plus(position_of(right), 1 if isinstance(op, ast.Add) else -1)
    if isinstance(op, (ast.RShift, ast.LShift)) and type(right.const) is int and 0 <= right.const < 64:
        op, right = ast.FloorDiv() if isinstance(op, ast.RShift) else ast.Mult(), Value(right.tags, 1 << right.const)
    if left.mutable or right.mutable or (left.known and right.known and not (left.tags or right.tags)):
        return None
    return made_of(type(op).__name__, (left, right))


def _is_path(value: Value) -> bool:
    return isinstance(value.const, str) or isinstance(value.obj, tokens.Text)


def _fold(op: ast.operator, a: Any, b: Any) -> Any:
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    if isinstance(op, ast.Pow):
        return a**b if numbers and abs(a) < 1e6 and 0 <= b <= 16 else UNKNOWN
    if isinstance(op, ast.LShift) and not (isinstance(b, int) and 0 <= b < 64):
        return UNKNOWN
    if any(isinstance(side, int) and side.bit_length() > _BITS for side in (a, b)):
        return UNKNOWN
    text = isinstance(a, str) and isinstance(b, str) and isinstance(op, (ast.Add, ast.Div))
    if not numbers and not text:
        return UNKNOWN
    if text and len(a) + len(b) > tokens.MAX_TEXT:
        return UNKNOWN
    if text and isinstance(op, ast.Div):
        return f"{a.rstrip('/')}/{b}"
    function = _BINARY.get(type(op))
    if function is None:
        return UNKNOWN
    try:
        result = function(a, b)
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN
    if isinstance(result, int) and abs(result) > BIG:
        return UNKNOWN
    return result


def _concatenate(left: Value, right: Value, tags: Tags) -> Value | None:
    if isinstance(left.obj, Sequence) and isinstance(right.obj, Sequence):
        items = [*left.obj.items, *right.obj.items]
        exact = left.obj.exact and right.obj.exact and len(items) <= MAX_ELEMENTS
        return Value(tags, obj=Sequence(bounded(items), exact))
    if _is_path(left) and _is_path(right):
        text, _ = tokens.cut([tokens.text_of(left), tokens.text_of(right)])
        return files.path_value(tags, text, known=False)
    return None


def unary(m: Machine, frame: Frame, node: ast.UnaryOp) -> Value:
    value = m.evaluate(frame, node.operand)
    own = special.special(m, frame, node, value, special.UNARY.get(type(node.op), ""), [])
    if own is not None:
        return own
    result = _unary(m, frame, node, value)
    if result is not value:
        measured.unary(m, frame, node, value, result)
    return result


def _unary(m: Machine, frame: Frame, node: ast.UnaryOp, value: Value) -> Value:
    if isinstance(node.op, ast.Not):
        known = comparisons.truth(m, frame, node.operand, value)
        compared = value.obj if isinstance(value.obj, Comparison | Conditions) else None
        if isinstance(compared, Conditions):
            compared = Conditions(compared.parts, every=not compared.every)
        return Value(ranks.turned(value.tags), UNKNOWN if known is None else not known, compared)
    if isinstance(value.const, (int, float)):
        if isinstance(node.op, ast.USub):
            setting = value.position is not None or has(value.tags, OfSwitch)
            position = Position().plus(position_of(value), -1) if setting else None
            return Value(value.tags, -value.const, position=position)
        if isinstance(node.op, ast.Invert) and isinstance(value.const, int):
            return Value(value.tags, ~value.const)
        return value
    negated = isinstance(node.op, ast.USub) and value.obj is None and not value.mutable and VAL not in value.tags
    return Value(value.tags, position=Position().plus(position_of(value), -1) if negated else None)


def boolean(m: Machine, frame: Frame, node: ast.BoolOp) -> Value:
    stop = isinstance(node.op, ast.Or)
    tags = NONE
    last: Value | None = None
    unknown = False
    asked: list[tuple[ast.expr, Value]] = []
    for operand in node.values:
        around = Perhaps(m, frame.names) if unknown else None
        with ranks.alone(m, tags, not stop), around or NOTHING:  # `world_size > 8 and load(...)`
            value = m.evaluate(frame, operand)
        if around is not None:
            around.leave(frame.names)
        known = comparisons.truth(m, frame, operand, value)
        if known is stop:
            if unknown and last is not None and last.obj is None and value.const is stop:
                return Value(tags | value.tags, stop)  # `found and False`: it does not matter what was found
            if unknown and last is not None:
                return Value(tags | value.tags, UNKNOWN, join(last, value).obj)
            # Only what decides counts: a switch that is off makes the rest irrelevant.
            return with_tags(value, tags if not unknown else NONE)
        if known is None:
            unknown = True
            asked.append((operand, value))
            last = value if last is None else join(last, value)
        elif last is None or not unknown:
            last = value
        tags |= value.tags
    assert last is not None
    if not unknown:
        return with_tags(last, tags)
    if len(asked) > 1 and all(MASK in v.tags and isinstance(v.obj, Comparison | Conditions | None) for _, v in asked):
        return Value(tags, UNKNOWN, Conditions(tuple(asked), every=not stop))
    return Value(tags, UNKNOWN, last.obj, last.base, last.mutable)


def _of_ranks(taken: Value, other: Value) -> Value:
    """What this rank has where other ranks have something else."""
    result = with_tags(join(taken, other), frozenset({RANK}))
    if taken.obj is None and other.obj is None:
        result.position = made_of("either", (taken, other), ordered=False)
    return result


def if_expression(m: Machine, frame: Frame, node: ast.IfExp) -> Value:
    test = m.evaluate(frame, node.test)
    known = comparisons.truth(m, frame, node.test, test)
    names = frozenset([t for t in test.tags if isinstance(t, OfSwitch)])
    if known is not None:
        # Whether there are several processes at all, `"RANK" in os.environ`, is the same for each of them.
        with ranks.apart(m, test.tags if RANK in test.tags or isinstance(node.test, ast.Compare) else NONE):
            taken = m.evaluate(frame, node.body if known else node.orelse)
        if ranks.of_rank(test.tags):
            other = m.evaluate(frame, node.orelse if known else node.body)
            if sliced.differ(m, taken, other):
                return sliced.marked(m, frame, node, taken)
            return _of_ranks(taken, other) if ranks.differs(taken, other) else taken
        if not (m.explore and names):
            return with_tags(taken, names)
        with m.branch(frozenset(), unsure=False, dormant=True):
            other = m.evaluate(frame, node.orelse if known else node.body)
        return join(taken, other) if taken.known and taken.const is None else with_tags(taken, names)
    with Perhaps(m, frame.names) as arms:
        with ranks.alone(m, test.tags, True):
            body = m.evaluate(frame, node.body)
        with ranks.alone(m, test.tags, False):
            orelse = m.evaluate(frame, node.orelse)
    arms.leave(frame.names)
    with m.selecting(test, node.test, frame):
        if m.selections:
            body, orelse = adapting.kept(m, body), adapting.kept(m, orelse)
    result = with_tags(join(body, orelse), names)
    if m.is_of_loss(test):
        result = steering.decided(m, result)
    result = told.chosen(m, frame, node, test, result)
    if body is not orelse and body.obj is None and orelse.obj is None:
        result.position = made_of("either", (body, orelse), ordered=False)
    measured.chosen(m, frame, node, test, body, orelse, result)
    if m.inside:
        result = told.of(m, result, told.asked(m, test))
    chosen = recipes.is_loss(body) or recipes.is_loss(orelse)
    if chosen and body is not orelse and m.is_of_loss(test):
        what, why = "a choice among losses", "which losses count depends on the losses"
        result = with_tags(result, m.doubt(node, frame, what, why))
    return result
