"""What a block leaves behind that may not have run: no flag and no length of a list is told by it afterwards.

`if late: marks.append(1)` and then `if not marks: adapt()`: where it is not known whether it was late, neither is
what `marks` holds. What a name, an attribute or an entry is besides (a model, a tensor) stays as it was last given.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from auditor.program.interpreter.recorder import Holder, Kept, Recorder
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
    if not m.kept:
        m.unsure_of.pop((id(holder), name), None)
    else:
        m.kept[-1].names.setdefault((id(holder), name), (holder, _names(holder).get(name)))


def _names(holder: Holder) -> dict[str, Value]:
    return holder.names if isinstance(holder, Frame) else holder.attributes


def about_to_change(m: Recorder, obj: Obj | None) -> None:
    """A list or dict is about to be given, or to lose, elements."""
    if m.kept and isinstance(obj, (Mapping, Sequence)) and id(obj) not in m.kept[-1].containers:
        items = dict(obj.items) if isinstance(obj, Mapping) else list(obj.items)
        m.kept[-1].containers[id(obj)] = (obj, items)


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
    now = _names(holder).get(name)
    if now is None:
        return
    if before is None and isinstance(holder, Instance):
        before = holder.cls.lookup(name) if holder.cls is not None else None
        if before is None:
            m.unsure_of[id(holder), name] = holder
    if before is not None and _told_apart(before, now):
        _names(holder)[name] = _either(before, now)
        m.changes += 1
        m.rebound += 1


def _held(m: Recorder, obj: Mapping | Sequence, before: Any) -> None:
    """`before`: what it held, a dict or a list as its own."""
    if isinstance(obj, Mapping):
        unsure = [key for key in before if key not in obj.items] + [key for key in obj.items if key not in before]
        obj.items |= {key: value for key, value in before.items() if key not in obj.items}
        places = list(before.items())
    else:
        unsure = [None] if len(obj.items) != len(before) else []
        obj.items += [] if obj.items else before
        places = list(enumerate(before[: len(obj.items)]))
    held: Any = obj.items
    others = [(place, value) for place, value in places if _told_apart(value, held[place])]
    for place, value in others:
        held[place] = _either(value, held[place])
    m.unsure_of |= {(id(obj), key): obj for key in unsure}
    m.changes += bool(unsure or others)
