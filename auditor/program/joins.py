"""Where two ways of the program meet: the value that may be either of two."""

from __future__ import annotations

from auditor.program.recipe.model import Node, Op, either
from auditor.program.tags import FILED, NONE, ONE_OF_SEVERAL, VAL, Tags
from auditor.program.values import (
    UNKNOWN,
    Bound,
    Class,
    Either,
    External,
    Function,
    Instance,
    Native,
    Partial,
    Sequence,
    Value,
)

_JOINED_DEPTH = 8
_Pairs = dict[tuple[int, int], Value]


def join(a: Value, b: Value) -> Value:
    """The value that may be either."""
    return a if a is b else _element(a, b, {}, _JOINED_DEPTH)


def _element(a: Value, b: Value, pairs: _Pairs, depth: int) -> Value:
    """What is in two sequences at one place; once for each pair, as `(q, q)` in `(q, q)` is met 2^n times."""
    if a is b:
        return a
    key = (id(a), id(b))
    if key not in pairs:
        pairs[key] = made = _joined(a, b, pairs, depth)
        if a.recipe is not None or b.recipe is not None:
            nodes = (_of_a_file(a) if a.recipe is None else a.recipe, _of_a_file(b) if b.recipe is None else b.recipe)
            made.recipe = either(tuple(node for node in nodes if node is not None))
    return pairs[key]


def _of_a_file(value: Value) -> Node | None:
    """A number that a file holds may be any: beside what is measured on the other way, nobody knows of what."""
    read = FILED in value.tags and VAL not in value.tags and value.obj is None and not value.known
    return Node(Op.UNKNOWN, text="what a file holds") if read else None


def _joined(a: Value, b: Value, pairs: _Pairs, depth: int) -> Value:
    if a.known and b.known and type(a.const) is type(b.const) and a.const == b.const:
        return Value(a.tags | b.tags, a.const, a.obj or b.obj)
    if isinstance(a.obj, Sequence) and isinstance(b.obj, Sequence):
        if depth and a.obj.exact and b.obj.exact and len(a.obj.items) == len(b.obj.items):
            items = [_element(x, y, pairs, depth - 1) for x, y in zip(a.obj.items, b.obj.items, strict=True)]
            return Value(a.tags | b.tags, obj=Sequence(items))
        return Value(a.tags | b.tags, obj=Sequence(bounded([*a.obj.items, *b.obj.items]), exact=False))
    if (either := _either(a, b)) is not None:
        return either
    # The object decides more than None or an unknown does: keep whichever side has one.
    obj = a.obj if a.obj is not None else b.obj
    base = a.base or b.base
    made = Value(a.tags | b.tags | _mixed_up(a, b), UNKNOWN, obj, base, a.mutable or b.mutable)
    made.axes = a.axes if a.axes == b.axes else None
    return made


def _mixed_up(a: Value, b: Value) -> Tags:
    """Two models are not told apart: the value goes on as the first of them, and says so."""
    models = [v.obj for v in (a, b) if isinstance(v.obj, Instance) and v.obj.kind == "module"]
    return frozenset({ONE_OF_SEVERAL}) if len(models) > 1 and models[0] is not models[1] else NONE


MAX_ELEMENTS = 64
"""Elements of a list that are told apart; the last of them stands for all that are beyond."""


def bounded(items: list[Value]) -> list[Value]:
    """The elements of a list, as many as are told apart. None is lost: lists may be long to hide what comes last."""
    if len(items) <= MAX_ELEMENTS:
        return items
    rest = items[MAX_ELEMENTS - 1]
    seen = {id(rest.obj)}
    for item in items[MAX_ELEMENTS:]:
        new = id(item.obj) not in seen if item.obj is not None else rest.known or not item.tags <= rest.tags
        if new:
            seen.add(id(item.obj))
            rest = join(rest, item)
    return [*items[: MAX_ELEMENTS - 1], rest]


MAX_OPTIONS = 24
"""Objects that are told apart where one of them is meant; of more, the last ones are not followed."""


def _either(a: Value, b: Value) -> Value | None:
    """Both sides, where they are different functions or objects of the program."""
    if a.obj is None or b.obj is None:
        return None
    sides = [*options(a), *options(b)]
    if not all(_told_apart(side) or isinstance(side.obj, External) for side in sides):
        return None
    if not any(_told_apart(side) for side in sides):
        return None  # of two functions of libraries, one
    distinct: list[Value] = []
    for side in sides:
        if not any(_same(side, other) for other in distinct):
            distinct.append(side)
    if len(distinct) == 1:
        return None
    distinct.sort(key=lambda side: isinstance(side.obj, External))  # of too many, those of libraries go
    return Value(a.tags | b.tags, obj=Either(distinct[:MAX_OPTIONS]))


def options(value: Value) -> list[Value]:
    return value.obj.options if isinstance(value.obj, Either) else [value]


def _told_apart(value: Value) -> bool:
    obj = value.obj
    if isinstance(obj, Instance):
        return obj.kind == "optimizer" or (obj.kind == "object" and obj.cls is not None)
    return isinstance(obj, (Function, Partial, Class, Native)) or (isinstance(obj, Bound) and obj.name != "super")


def _same(a: Value, b: Value) -> bool:
    if isinstance(a.obj, Function) and isinstance(b.obj, Function):
        return a.obj.node is b.obj.node and a.obj.frame is b.obj.frame
    if isinstance(a.obj, External) and isinstance(b.obj, External):
        return a.obj.dotted == b.obj.dotted
    if isinstance(a.obj, Bound) and isinstance(b.obj, Bound):
        return a.obj.name == b.obj.name and (
            a.obj.receiver is b.obj.receiver
            or (a.obj.receiver.obj is not None and a.obj.receiver.obj is b.obj.receiver.obj)
            or (a.obj.receiver.obj is None and b.obj.receiver.obj is None)  # methods of two tensors are the same
        )
    return a.obj is b.obj
