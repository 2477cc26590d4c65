"""What a block leaves behind that may not have run: no flag and no length of a list is told by it afterwards.

`if late: marks.append(1)` and then `if not marks: adapt()`: where it is not known whether it was late, neither is
what `marks` holds. What a name, an attribute or an entry is besides (a model, a tensor) stays as it was last given.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from auditor.program.interpreter.kept import Holder, Kept
from auditor.program.interpreter.recorder import Recorder
from auditor.program.values import UNKNOWN, Frame, Instance, Mapping, Obj, Sequence, Value


class Perhaps:
    """While a block runs that may not run. What it writes that was something else before is not known behind it.

    `names`: of the function that it stands in, as they are before. `attributes`: of objects, where nobody else joins
    what two ways have left in them.
    """

    __slots__ = ("_attributes", "_before", "_m", "certain")

    def __init__(self, m: Recorder, names: dict[str, Value] | None = None, *, attributes: bool = True) -> None:
        self._m = m
        self._before = dict(names or {})
        self._attributes = attributes
        self.certain = False  # the block is known to have run after all

    def __enter__(self) -> Perhaps:
        self._m.kept.append(Kept())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kept = self._m.kept.pop()
        if self._m.kept:
            self._m.kept[-1].add(kept)
        if self.certain or error is not None:
            return
        for (_, name), (holder, before) in kept.names.items():
            if self._attributes or not isinstance(holder, Instance):
                reconsidered(self._m, holder, name, before)
        for obj, items in kept.containers.values():
            _held(self._m, obj, items)

    def leave(self, names: dict[str, Value]) -> None:
        """The function goes on with these names."""
        for name, before in self._before.items() if not self.certain else ():
            now = names.get(name)
            # Most are as they were, or unknown before and after: they are not asked one by one.
            if now is not None and now.const is not before.const and _told_apart(before, now):
                names[name] = _either(before, now)


def about(m: Recorder, holder: Holder, name: str) -> None:
    """An attribute, or a name outside of the function that runs, is about to be given another value."""
    key = (id(holder), name)
    if m.journals:
        m.journals[-1].setdefault(key, (holder, names_of(holder).get(name)))
    if not m.kept:
        m.unsure_of.pop(key, None)
    else:
        m.kept[-1].names.setdefault(key, (holder, names_of(holder).get(name)))


def names_of(holder: Holder) -> dict[str, Value]:
    """What a frame's names, or an object's attributes, hold."""
    return holder.names if isinstance(holder, Frame) else holder.attributes


def about_to_change(m: Recorder, obj: Obj | None) -> None:
    """A list or dict is about to be given, or to lose, elements."""
    if m.kept and isinstance(obj, (Mapping, Sequence)) and id(obj) not in m.kept[-1].containers:
        items = dict(obj.items) if isinstance(obj, Mapping) else list(obj.items)
        m.kept[-1].containers[id(obj)] = (obj, items)


def put_back(m: Recorder) -> list[tuple[Mapping | Sequence, Any, Value]]:
    """The other arm of a branch finds the flags in dicts and lists as this one did.

    Gives container, place and what this one has left there.
    """
    left: list[tuple[Mapping | Sequence, Any, Value]] = []
    for obj, before in m.kept[-1].containers.values():
        held: Any = obj.items
        for place, value in _flags(obj, before, unknown=True):
            left.append((obj, place, held[place]))
            held[place] = value
    return left


def left_by_both(left: list[tuple[Mapping | Sequence, Any, Value]]) -> None:
    """What one arm has left in dicts and lists, beside what the other one did."""
    for obj, place, value in left:
        held: Any = obj.items
        if (place in held if isinstance(obj, Mapping) else place < len(held)) and _told_apart(value, held[place]):
            held[place] = _either(value, held[place])


def _flags(obj: Mapping | Sequence, before: Any, *, unknown: bool = False) -> list[tuple[Any, Value]]:
    """The places of constants that are others by now, with what they were: constants, or `unknown`."""
    held: Any = obj.items
    places = before.items() if isinstance(obj, Mapping) else enumerate(before[: len(held)])
    found = []
    for place, was in places:
        if isinstance(obj, Mapping) and place not in held:
            continue
        now = held[place]
        if _told_apart(was, now) or (unknown and now.known and not was.known and was.obj is None):
            found.append((place, was))
    return found


def is_sure(m: Recorder, obj: Obj, name: object = None) -> bool:
    """Whether an object is known to have that attribute or key, or a list its elements."""
    return (id(obj), name) not in m.unsure_of


def _told_apart(before: Value, now: Value) -> bool:
    same = type(before.const) is type(now.const) and before.const == now.const
    return before is not now and before.known and now.known and not same


def _either(before: Value, now: Value) -> Value:
    return Value(before.tags | now.tags, UNKNOWN, now.obj)


def reconsidered(m: Recorder, holder: Holder, name: str, before: Value | None) -> None:
    """What a name or attribute holds may be what it was before."""
    now = names_of(holder).get(name)
    if now is None:
        return
    if before is None and isinstance(holder, Instance):
        before = holder.cls.lookup(name) if holder.cls is not None else None
        if before is None:
            m.unsure_of[id(holder), name] = holder
    if before is not None and _told_apart(before, now):
        names_of(holder)[name] = _either(before, now)
        m.changes += 1
        m.rebound += 1


def _held(m: Recorder, obj: Mapping | Sequence, before: Any) -> None:
    """`before`: what it held, a dict or a list as its own."""
    if isinstance(obj, Mapping):
        unsure = [key for key in before if key not in obj.items] + [key for key in obj.items if key not in before]
        obj.items |= {key: value for key, value in before.items() if key not in obj.items}
    else:
        unsure = [None] if len(obj.items) != len(before) else []
        obj.items += [] if obj.items else before
    held: Any = obj.items
    others = _flags(obj, before)
    for place, value in others:
        held[place] = _either(value, held[place])
    m.unsure_of |= {(id(obj), key): obj for key in unsure}
    m.changes += bool(unsure or others)
