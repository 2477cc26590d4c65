"""What the rounds of a loop step: the numbers that tell one round's part of the stream from another's.

The target of a `for` tells it, and so does whatever a round leaves further on than it found it: a name (`at += 64`),
an attribute (`loader.at`), an element (`state["at"]`), the name of a function around (`nonlocal at`), stepped by the
loop or by a function that it calls. They carry the round, as the target does. What is stepped is looked for by its
name, and has to be another number when the round is over: one that no round changes carries none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from auditor.program.interpreter import perhaps
from auditor.program.interpreter.kept import Holder
from auditor.program.interpreter.machine import Machine
from auditor.program.numbers import position_of
from auditor.program.positions import Position
from auditor.program.stepping import Loop, Steps, Written, written
from auditor.program.tags import VAL, InRound, OfOutput, OfSwitch, has
from auditor.program.values import Bound, Class, Frame, Function, Instance, Mapping, Sequence, Value, with_tags
from auditor.source.index import of_type

_DEEP = 3  # objects within objects, from what a loop names
_MANY = 64  # things that are looked through


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a number is kept: by a name, as an attribute, or in a dict or list."""

    holder: Holder | Mapping | Sequence
    key: Any

    @property
    def value(self) -> Value | None:
        held = self.holder
        if isinstance(held, Sequence):
            return held.items[self.key] if -len(held.items) <= self.key < len(held.items) else None
        if isinstance(held, Mapping):
            return held.items.get(self.key)
        if isinstance(held, Frame):
            return held.find(self.key)
        own = held.attributes.get(self.key)
        if own is None and isinstance(held, Instance) and held.cls is not None:
            return held.cls.lookup(self.key)
        return own

    def put(self, m: Machine, frame: Frame, value: Value) -> None:
        """`frame`: of the function that runs."""
        held: Any = self.holder
        if isinstance(held, (Mapping, Sequence)):
            perhaps.about_to_change(m, held)
            held.items[self.key] = value
        else:
            if held is not frame:
                perhaps.about(m, held, self.key)
            perhaps.names_of(held)[self.key] = value

    @property
    def where(self) -> tuple[int, Any]:
        return id(self.holder), self.key


@dataclass(slots=True)
class Counters:
    """Of one loop, while it runs: `instance` is its number."""

    m: Machine
    frame: Frame
    instance: int
    cells: list[Cell]
    cut_off: frozenset[str]  # names of what loses its beginning in each round
    shorter: bool = False  # whether the stream was among them
    begun: dict[tuple[int, Any], Position] = field(default_factory=dict)  # where each was before the loop
    given: dict[tuple[int, Any], tuple[Value, Value]] = field(default_factory=dict)  # this round: and what was there

    def begin(self, k: int) -> None:
        """A round begins: each carries it."""
        self.given = {}
        for cell in self.cells:
            value = cell.value
            if value is not None and self._is_cut_off(cell, value):
                self.shorter = True
                cell.put(self.m, self.frame, with_tags(value, frozenset({InRound(self.instance, k)})))
            if value is None or value.mutable or value.obj is not None:
                continue
            const = value.const if k == 1 else Value().const
            earlier = frozenset([t for t in value.tags if isinstance(t, InRound) and t.loop == self.instance])
            given = Value(value.tags - earlier | {InRound(self.instance, k)}, const, recipe=value.recipe)
            self.begun.setdefault(cell.where, position_of(value))
            self.m.extents.begun[given] = self.instance, self.begun[cell.where]
            cell.put(self.m, self.frame, given)
            self.given[cell.where] = given, value

    @property
    def numbers(self) -> list[Value]:
        """What this round has been given."""
        return [given for given, _ in self.given.values()]

    def _is_cut_off(self, cell: Cell, value: Value) -> bool:
        """Whether it is the stream, of which each round leaves what is behind its own part."""
        return (
            cell.holder is self.frame
            and cell.key in self.cut_off
            and VAL in value.tags
            and not has(value.tags, OfOutput)
        )

    def over(self) -> list[tuple[Value, Value]]:
        """A round is over: what it has stepped, as it found and as it left it. What it has not is put back.

        A name that the body leaves as it was may be stepped by the loop's condition.
        """
        stepped = []
        for cell in list(self.cells):
            given, before = self.given.get(cell.where, (None, None))
            if given is None or before is None:
                continue
            after = cell.value
            if after is given and not isinstance(cell.holder, Frame):
                cell.put(self.m, self.frame, before)
                self.cells.remove(cell)
            elif after is not None:
                stepped.append((given, after))
                step = position_of(after).plus(position_of(given), -1)
                if step is not None and after is not given:
                    self.m.extents.goes_on[given] = step
        return stepped

    def left(self) -> None:
        """The loop is over: whatever a number was in the rounds that were followed, it is not the constant of these."""
        for cell in self.cells:
            value = cell.value
            if value is not None and value.known and value.obj is None:
                cell.put(self.m, self.frame, Value(value.tags))


def of_while(m: Machine, frame: Frame, node: ast.While, instance: int) -> Counters:
    told = stepping(m, node)
    names = [Cell(frame, name) for name in told.names]
    others = [cell for name in told.carried if _is_whole(m, cell := Cell(frame, name))]
    return Counters(m, frame, instance, [*names, *others, *_elsewhere(m, frame, told.elsewhere)], told.cut_off)


def of_for(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor, instance: int) -> Counters:
    """A whole number that the body steps, and that anything but its step asks for."""
    told = stepping(m, node)
    own = {part.id for part in of_type(node.target, ast.Name)}
    cells = [Cell(frame, name) for name in (*told.asked, *told.carried) if name not in own]
    kept = [cell for cell in cells if cell.key in told.cut_off or _is_whole(m, cell)]
    return Counters(m, frame, instance, [*kept, *_elsewhere(m, frame, told.elsewhere)], told.cut_off)


def stepping(m: Machine, node: Loop) -> Written:
    """What the loop is written to step."""
    found = m.further.get(node)
    if found is None:
        found = m.further[node] = written(node, [unit.tree for unit in m.sources.units])
    return found


def _is_whole(m: Machine, cell: Cell) -> bool:
    """Whether a whole number is kept there, or what an earlier loop has made of one."""
    value = cell.value
    if value is None or value.obj is not None or value.mutable:
        return False
    if not all(isinstance(t, (InRound, OfSwitch)) for t in value.tags):
        return False
    if value.known:
        return type(value.const) is int
    return any(term in m.extents.begun for term, _ in position_of(value).terms)


def _elsewhere(m: Machine, frame: Frame, steps: Steps) -> Iterable[Cell]:
    if not (steps.attributes or steps.keys or steps.names):
        return []
    found: dict[tuple[int, Any], Cell] = {}
    for cell in _cells(frame, steps):
        if _is_whole(m, cell):
            found.setdefault(cell.where, cell)
    return found.values()


def _cells(frame: Frame, steps: Steps) -> Iterator[Cell]:
    """Where things of these names are kept, by what the code names."""
    waiting = [(value, 0) for name in sorted(steps.reads) if (value := frame.find(name)) is not None]
    for name in sorted(steps.names):
        if name in frame.globals.names:
            yield Cell(frame.globals, name)
    seen: set[int] = set()
    while waiting and len(seen) < _MANY:
        value, depth = waiting.pop(0)
        obj = value.obj
        if obj is None or id(obj) in seen:
            continue
        seen.add(id(obj))
        further: Iterable[Value] = ()
        if isinstance(obj, (Instance, Class)):
            for name in sorted(steps.attributes):
                yield Cell(obj, name)
            further = obj.attributes.values()
        elif isinstance(obj, Bound):
            further = [obj.receiver]
        elif isinstance(obj, Function):
            scope: Frame | None = obj.frame
            while scope is not None:
                yield from (Cell(scope, name) for name in sorted(steps.names) if name in scope.names)
                scope = scope.parent
            further = [value for name in sorted(steps.reads) if (value := obj.frame.find(name)) is not None]
        elif isinstance(obj, Mapping):
            yield from (Cell(obj, key) for key in sorted(steps.keys, key=repr) if key in obj.items)
            further = obj.items.values()
        elif isinstance(obj, Sequence):
            count = len(obj.items) if obj.exact else 0
            places = [key for key in steps.keys if type(key) is int and -count <= key < count]
            yield from (Cell(obj, key) for key in sorted(places))
        if depth < _DEEP:
            waiting += [(one, depth + 1) for one in further]
