"""A function that is called again with the same things does the same again, and is not stepped through once more.

Loops run twice, loops in loops four times, and an optimizer's step or a loader of training data comes up in most of
them. The result of an earlier call is reused if that was *quiet*: it came across nothing of the validation stream, left
no event, printed nothing, and left everything that it was given as it had found it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any, Final

from auditor.program.interpreter.machine import MAX_DEPTH, Machine
from auditor.program.interpreter.memory import Repeat
from auditor.program.tags import NONE, VAL, InRound, Tags, has
from auditor.program.values import Class, External, Frame, Function, Instance, Mapping, Sequence, Value, dependence

_DEEP: Final = 4  # containers and instances in each other that are compared by what they hold
_WIDE: Final = 48  # elements or attributes that are compared; more, and nothing is reused
_KEPT: Final = 4  # quiet calls of one function that are kept
_SHORT: Final = 4  # lines of a function that is stepped through faster than compared
_SPARE: Final = 16  # calls below the bound of depth: nearer to it a repetition may be cut where the first was not


@dataclass(frozen=True, slots=True)
class Found:
    """What a call depends on, as far as it is looked into."""

    everything: tuple[object, ...]
    too_deep: bool


@dataclass(frozen=True, slots=True)
class Before:
    """What a call that may be reused later found."""

    key: tuple[object, ...]
    found: Found
    noise: tuple[object, ...]
    shared: int
    files_asked: int
    given: Seq[Value]
    named: Mapping_[str, Value]


def again(m: Machine, function: Function, args: Seq[Value], kwargs: Mapping_[str, Value]) -> Value | Before | None:
    """The result, where it is known already; else what the call found, or None where it is never reused."""
    node = function.node
    if isinstance(node, ast.Lambda) or (node.end_lineno or 0) - node.lineno < _SHORT:
        return None
    if node.name == "__init__":  # of another object each time
        return None
    if not _plain_scope(function.frame) or len(m.calls) > MAX_DEPTH - _SPARE:
        return None
    found = _found(m, args, kwargs)
    if found is None:
        return None
    key: tuple[object, ...] = (node, bool(m.off), m.unsure > 0, m.stepping > 0, m.calls.count(node))
    for repeat in m.repeated.get(key, ()):
        if repeat.found != found.everything or repeat.changes not in (None, m.changes):
            continue
        if repeat.files is None or repeat.files == m.written_so_far():
            m.leaves = None
            return _copy(repeat.result, NONE.union(*map(dependence, (*args, *kwargs.values()))))
    return Before(key, found, _noise(m), m.shared, m.files_asked, args, kwargs)


def note(m: Machine, before: Before, result: Value) -> None:
    """Keep what a call gave, if it was quiet and the same call would find the same."""
    if _noise(m) != before.noise or not _reusable(result):
        return
    found = _found(m, before.given, before.named)
    if found is None or found.everything != before.found.everything:
        return
    changes = m.changes if m.shared != before.shared or found.too_deep else None
    files = m.written_so_far() if m.files_asked != before.files_asked else None
    repeat = Repeat(found.everything, changes, files, result)
    m.repeated[before.key] = [*m.repeated.get(before.key, [])[1 - _KEPT :], repeat]


def _plain_scope(frame: Frame) -> bool:
    """Whether a function stands at the top of a module or in a class there: it reads no locals of another function."""
    while frame.owner is not None and frame.parent is not None:
        frame = frame.parent
    return frame.globals is frame


def _noise(m: Machine) -> tuple[object, ...]:
    """What changes when a call has to do with the score, or leaves something behind that is no object's state."""
    return (
        m.last, m.noise, m.touched, m.disk, m.tainted, m.stepped, m.trace.switched,
        len(m.pending), m.written_so_far(), len(m.patched), len(m.hooks), len(m.at_exit), len(m.problems),
        len(m.modules),
    )  # fmt: skip


def _found(m: Machine, args: Seq[Value], kwargs: Mapping_[str, Value]) -> Found | None:
    """What a call depends on; None where that is too much to be compared."""
    sight = _Sight()
    given = tuple(sight.of(value, _DEEP) for value in args)
    named = tuple((name, sight.of(value, _DEEP)) for name, value in kwargs.items())
    if sight.too_wide:
        return None
    around = (
        m.rebound, m.disk, m.tainted, any(VAL in p.tags for p in m.pending),
        len(m.selections), len(m.patched), len(m.hooks), len(m.modules), m.texts,
    )  # fmt: skip
    return Found((given, named, around), sight.too_deep)


class _Sight:
    """Looks at what a value holds, so that two values that hold the same are the same."""

    def __init__(self) -> None:
        self.too_wide = False
        self.too_deep = False  # it holds objects that are not looked into

    def of(self, value: Value, deep: int) -> tuple[object, ...]:
        obj = value.obj
        if obj is None:  # as most
            return (_plain(value.tags), type(value.const), value.const, None, ())
        what: object = obj  # told by what it is
        held: tuple[object, ...] = ()
        if isinstance(obj, External):
            what = obj.dotted
        elif isinstance(obj, Instance):
            held = (frozenset(obj.adapted), obj.read_back, self._named(obj.attributes, deep))
        elif isinstance(obj, Sequence):
            what = (Sequence, obj.exact)  # lists and dicts that are made for the call: by what they hold
            held = self._all(obj.items, deep)
        elif isinstance(obj, Mapping):
            what = (Mapping, None if obj.other is None else self.of(obj.other, deep - 1) if deep else obj)
            held = self._named(obj.items, deep)
        return (_plain(value.tags), type(value.const), value.const, what, held)

    def _named(self, held: Mapping_[Any, Value], deep: int) -> tuple[object, ...]:
        return tuple(held), self._all(list(held.values()), deep)

    def _all(self, held: Seq[Value], deep: int) -> tuple[object, ...]:
        self.too_wide = self.too_wide or len(held) > _WIDE
        if self.too_wide or not held:
            return ()
        if not deep:
            self.too_deep = True
            return tuple(map(id, held))
        return tuple(self.of(value, deep - 1) for value in held)


def _plain(tags: Tags) -> Tags:
    """The tags without the loops that a value was made in: what is not of the stream is the same in all of them."""
    if not tags or VAL in tags or not has(tags, InRound):
        return tags
    return frozenset([t for t in tags if type(t) is not InRound])


def _reusable(result: Value) -> bool:
    """Whether a result may stand for another one: nothing in it can be changed in place by what is done to it."""
    obj = result.obj
    if isinstance(obj, Sequence):
        return obj.exact and len(obj.items) <= _WIDE and all(item.obj is None for item in obj.items)
    return obj is None or isinstance(obj, (Function, Class))


def _copy(result: Value, loops: Tags) -> Value:
    """The same result in other loops: those that the call was made in the first time are none of its business."""
    obj = result.obj
    if isinstance(obj, Sequence):
        obj = Sequence([_copy(item, loops) for item in obj.items])
    return Value(
        _plain(result.tags) | loops, result.const, obj, result.base, result.mutable, result.recipe, result.position
    )
