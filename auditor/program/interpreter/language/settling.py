"""Whether the rounds in which a loop is followed stand for all others: if not, there are more of them.

The first round and a second one stand for a hundred where each does the same. In two kinds of loops they do not. One
walks along a chain (`node = node.next`, `step = step(state)`): each round has another object in hand. The other is a
machine of states (`if state == "a": state = "b"`): what one round sets decides what the next one does.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from typing import Any, Final

from auditor.program.interpreter.kept import Holder, Kept
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.perhaps import names_of
from auditor.program.interpreter.scoring.unfollowed import EVERYTHING
from auditor.program.values import (
    Bound,
    Class,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Obj,
    Partial,
    Sequence,
    Value,
    union,
)
from auditor.source.index import of_type

_HOPS: Final = 48  # links of a chain that are walked along
_Place = tuple[int, Any]
"""A frame, an object, a dict or a list, and the name, key or place in it."""


def asked(m: Machine, node: ast.expr) -> None:
    """A condition or an index is told by constants: where a loop sets the names and keys in it, that matters."""
    if m.loops and node not in m.asked_of:
        m.asked_of.add(node)
        m.asked_names |= {part.id for part in of_type(node, ast.Name)}
        m.asked_names |= {part.attr for part in of_type(node, ast.Attribute)}
        places = [part.slice for part in of_type(node, ast.Subscript)]
        m.asked_names |= {place.value for place in places if isinstance(place, ast.Constant)}


def differ(obj: Obj | None) -> bool:
    """Whether it matters which of its elements is taken: functions, states, tokens among others."""
    if not isinstance(obj, Sequence):
        return isinstance(obj, Mapping)
    if any(isinstance(item.obj, _TOLD_APART) for item in obj.items):
        return True
    ends = union(*obj.items[:1], *obj.items[-1:])
    return not union(*obj.items[1:-1]) <= ends


_TOLD_APART = (Function, Bound, Partial, Native, Class, External, Either)


class Settling:
    """What each round of a loop leaves in names and attributes, beside what the round before it has left."""

    def __init__(self, m: Machine, frame: Frame, loop: ast.AST, counters: Iterable[str]) -> None:
        self._m = m
        self._frame = frame
        self._loop = loop
        self._counters = frozenset(counters)  # names that a round makes of themselves
        self._kept = m.kept[-1] if m.kept else Kept()
        self._before: dict[_Place, Value] = {}
        self._after: dict[_Place, Value] = {}
        self._holders: dict[int, Holder | Mapping | Sequence] = {id(frame): frame}
        self._walked: set[int] = set()
        self._unknown: set[_Place] = set()
        self._hops = 0
        self._sets: list[tuple[set[str], set[str]]] | None = None
        self._asked: set[object] | None = None
        self._shrinks = False  # a list that loses an element in each round
        self._lengths: dict[int, int] = {}

    def over(self) -> None:
        """A round has ended."""
        self._before = self._after
        self._after = {(id(self._frame), name): value for name, value in self._frame.names.items()}
        for (number, name), (holder, _) in self._kept.names.items():
            names = names_of(holder)
            if name in names:
                self._holders[number] = holder
                self._after[number, name] = names[name]
        for number, (container, before) in self._kept.containers.items():
            self._holders[number] = container
            if isinstance(container, Sequence) and container.exact and "len" in self._m.asked_names:
                if self._lengths.get(number, 0) > len(container.items):
                    self._shrinks, container.exact = True, False
                self._lengths[number] = len(container.items)
            held: Any = container.items
            places = (
                before.keys() & held.keys() if isinstance(container, Mapping) else range(min(len(before), len(held)))
            )
            self._after |= {(number, place): held[place] for place in places}

    def goes_on(self, but: Collection[object] = ()) -> bool:
        """Whether one more round has to be followed. A constant that will be another one is no longer known in it.

        `but`: names that the loop gives their values.
        """
        self._asked = None
        changed = [
            (key, value, before)
            for key, value in self._after.items()
            if (before := self._before.get(key)) is not None and before is not value
        ]
        told = [change for change in changed if change[0][1] not in but]
        states = {key for key, value, before in told if self._is_state(key[1], value, before)} - self._unknown
        steps = [value.obj for key, value, before in changed if self._is_further(key[1], value.obj, before.obj)]
        if not states and not steps and not self._shrinks:
            return False
        self._shrinks = False
        if steps:
            self._hops += 1
            self._walked |= {id(step) for step in steps}
            if self._hops > _HOPS:
                why = f"each round has another object in hand, and there are more than {_HOPS} of them"
                self._m.unfollowed(self._loop, self._frame, "the rounds of a loop", why, EVERYTHING)
                return False
        self._unknown |= states
        self._forget()
        return True

    def _is_state(self, name: object, value: Value, before: Value) -> bool:
        if not before.known or value.obj is not None:
            return False
        if isinstance(before.const, (int, float)) and type(before.const) is not bool and name not in self._telling():
            return False  # a number that is counted up, and that nothing asks for
        return not value.known or type(value.const) is not type(before.const) or bool(value.const != before.const)

    def _telling(self) -> set[object]:
        """What a condition asks for, and what the loop makes that of."""
        if self._asked is not None:
            return self._asked
        found = self._m.asked_names
        while new := {name for made, of in self._assigned() if made & found for name in of} - found:
            found = found | new
        self._asked = found
        return found

    def _assigned(self) -> list[tuple[set[str], set[str]]]:
        """The names that each assignment of the loop sets, and those that it reads."""
        if self._sets is None:
            self._sets = [
                (
                    {n.id for target in step.targets for n in of_type(target, ast.Name)},
                    {n.id for n in of_type(step.value, ast.Name)},
                )
                for step in of_type(self._loop, ast.Assign)
            ]
        return self._sets

    def _is_further(self, name: object, step: Obj | None, before: Obj | None) -> bool:
        """Whether a round has come to an object that was not in hand before, and the one before it leads there."""
        if step is None or before is None or step is before or id(step) in self._walked:
            return False
        if isinstance(step, (Function, Either)) and name in self._counters:
            return True
        return any(value.obj is step for value in _leads_to(before))

    def _forget(self) -> None:
        for number, name in self._unknown:
            holder = self._holders[number]
            held: Any = holder.items if isinstance(holder, (Mapping, Sequence)) else names_of(holder)
            if name < len(held) if isinstance(holder, Sequence) else name in held:
                held[name] = Value(held[name].tags)
        self._m.changes += bool(self._unknown)
        self._m.rebound += bool(self._unknown)


def _leads_to(obj: Obj) -> Iterable[Value]:
    """What an object holds."""
    if isinstance(obj, Sequence):
        return obj.items
    if isinstance(obj, Mapping):
        return [*obj.items.values(), *filter(None, [obj.other])]
    return obj.attributes.values() if isinstance(obj, Instance) else ()
