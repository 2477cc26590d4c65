"""What a loop runs over: the abstract elements of an iterable, one for each abstract iteration."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import recalled
from auditor.program.interpreter.scoring.unfollowed import EVERYTHING
from auditor.program.interpreter.stream import reach
from auditor.program.joins import join
from auditor.program.tags import InRound
from auditor.program.values import Either, Frame, Instance, Mapping, Sequence, Value, dependence, union, with_tags

MAX_LOOPS = 10
UNROLL = 4
"""Lists of constants up to this length are run through one by one; longer ones in two iterations."""


SETTINGS = 64
"""Pairs of a name and a constant up to this many are run through one by one: each is a setting of its own."""


def apart(items: Seq[Value]) -> bool:
    """Whether the elements of a list are told apart."""
    return len(items) <= UNROLL or (len(items) <= SETTINGS and all(map(_is_setting, items)))


def _is_setting(item: Value) -> bool:
    parts = item.obj.items if isinstance(item.obj, Sequence) and item.obj.exact else []
    return len(parts) > 1 and isinstance(parts[0].const, str) and all(part.known and not part.tags for part in parts)


def elements(value: Value, *, between: bool = True) -> list[Value]:
    """The elements of an iterable: all of them if they are known, else a few that stand for the rest.

    `between`: with one for those between the first and the last of a range or a text, of which nothing is known. An
    empty list means that the iterable is known to be empty.
    """
    obj = value.obj
    if isinstance(obj, Sequence):
        if not obj.exact and obj.items:
            return [with_tags(item, dependence(value)) for item in _two(obj.items)]
        if not obj.items:
            return [] if obj.exact else [Value(value.tags), Value(value.tags)]
        return list(obj.items) if apart(obj.items) else _two(obj.items)
    if isinstance(obj, Mapping):
        keys = [Value(value.tags, key) for key in obj.items]
        if obj.other is not None or not keys:
            others = [with_tags(obj.key, value.tags) if obj.key is not None else Value(value.tags) for _ in range(2)]
            keys = [*keys[:2], *others] if obj.other is not None else keys
        return keys if len(keys) <= UNROLL else [keys[0], Value(value.tags)]
    if value.known and isinstance(value.const, (str, bytes, tuple, list, range)):
        n = len(value.const)
        if n == 0:
            return []
        if n <= UNROLL and not isinstance(value.const, range):
            return [Value(value.tags, item) for item in value.const]
        first, last = Value(value.tags, value.const[0]), Value(value.tags, value.const[-1])
        return [first] if n == 1 else [first, last, *([Value(value.tags)] if between and n > 2 else [])]
    if isinstance(obj, Instance):
        tags = deep_tags(value)
        return [Value(tags, base=value), Value(tags, base=value)]
    tags = value.tags
    return [Value(tags, base=value.base, mutable=value.mutable, recipe=value.recipe) for _ in range(2)]


def _two(items: list[Value]) -> list[Value]:
    """The first element, and one that stands for all the others."""
    rest = items[-1]
    for item in varied(items[1:-1]):
        rest = join(item, rest)
    if isinstance(rest.obj, Either):
        rest.obj.every = True
    return [items[0], rest]


def rounds(m: Machine, frame: Frame, node: ast.AST) -> int:
    """In how many rounds a loop is followed; deep in other loops in one alone, and that is written down.

    Each loop around a loop doubles the work, and a program that anybody has written stays far below.
    """
    if len(m.loops) < MAX_LOOPS:
        return UNROLL
    m.unfollowed(node, frame, "the rounds of a loop", f"loops are nested more than {MAX_LOOPS} deep", EVERYTHING)
    return 1


def varied(items: Seq[Value], plain: int = 16) -> list[Value]:
    """The first elements, and of the others those that may be, or hold, something else than the first ones."""
    seen = {id(_held(item)) for item in items[:plain]}
    tags = union(*items[:plain])
    others = []
    for item in items[plain:]:
        held = _held(item)
        if (held is not None and id(held) not in seen) or not item.tags <= tags:
            seen.add(id(held))
            tags |= item.tags
            others.append(item)
    return [*items[:plain], *others]


def _held(item: Value) -> object:
    """The object that an element is, or that a pair begins with."""
    if isinstance(item.obj, Sequence) and item.obj.items:
        return item.obj.items[0].obj
    return item.obj


def iterations(
    m: Machine, frame: Frame, node: ast.AST, iterable: Value, between: Callable[[Value], list[Value]] | None = None
) -> Iterator[Value]:
    """Run through the elements inside the loop's context; each carries which iteration it belongs to.

    `between` tells, when the first round has been followed and the last element is to come, which come in between.
    """
    instance = m.fresh_loop()
    ascends = iterable.obj in m.extents.ascending or (isinstance(iterable.const, range) and iterable.const.step > 0)
    most = rounds(m, frame, node)
    settings = most == UNROLL and isinstance(iterable.obj, Sequence) and apart(iterable.obj.items)
    found = elements(iterable, between=between is None or not isinstance(iterable.const, range))
    reach.numbered(m, iterable, found)
    for k, element in enumerate(found[: SETTINGS if settings else most], start=1):
        others = between(element) if between is not None and k == len(found) == 2 else []
        # Where each round is followed, none is the second, which stands for all between the first and the last.
        for number, one in enumerate([*others, element], start=3 if others else k):
            with m.iteration(instance, number, node, ascends=ascends):
                m.walked(one.tags, frozenset({InRound(instance, number)}))
                tags = frozenset({InRound(instance, number)}) | recalled.walked(m, frame, node, one)
                yield with_tags(one, tags)
