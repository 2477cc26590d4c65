"""The memory of a C text that runs: what is stored, under which conditions, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.program.c.tree import Text
from auditor.program.c.values import Memory, Reference, Store, Value, both, choice, joined, negated
from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What, unknown


@dataclass(slots=True)
class Frame:
    """A call: its variables, the object whose method it is, the frame that it sees, and what it returned so far."""

    names: dict[str, Reference] = field(default_factory=dict)
    this: Reference | None = None
    owner: str = ""
    above: Frame | None = None
    returns: list[tuple[Node | None, Value]] = field(default_factory=list)
    conditions: int = 0


class Storage:
    """`stores`: what was stored in elements of arrays. `elements`: which memory an element that was read is of."""

    def __init__(self, text: Text, place: Callable[[int], Place]) -> None:
        self.stores: list[Store] = []
        self.elements: dict[Node, Memory] = {}
        self._text = text
        self._place = place
        self._members = {name: kind for members in text.fields.values() for name, kind in members.items()}
        self._objects: dict[str, Reference] = {}
        self._conditions: list[Node] = []  # those that hold where the run is
        self._rounds: list[int] = []  # the round of each loop around
        self._entry = ""  # the function that a caller would have called
        self._number = 0  # of the rounds so far

    def _object(self, owner: str) -> Reference:
        if owner not in self._objects:
            self._objects[owner] = Reference(Memory(Node(Op.NAME, text=owner or "this"), outside=True))
        return self._objects[owner]

    def _from_outside(self, name: str, kind: str, place: Place) -> Reference:
        """A variable that holds what the caller gave: a number, or a pointer to some."""
        leaf = Node(Op.NAME, what=What.WEIGHT if kind == "float" else What.OTHER, text=name, place=place)
        behind = Memory(leaf, kind, several=True, outside=True)
        variable = self._variable(leaf, kind)
        variable.cells[""] = Value(leaf, kind, Reference(behind))
        return Reference(variable)

    def _variable(self, leaf: Node, kind: str, *, several: bool = False) -> Memory:
        return Memory(leaf, kind, several, conditions=len(self._conditions), rounds=len(self._rounds))

    def _load(self, source: Reference, place: Place) -> Value:
        memory = source.memory
        held = memory.cells.get(source.field) or (memory.cells.get("") if source.field else None)
        if held is None:
            held = self._untouched(source, place)
        node = self._under(held.node)
        if memory.given is not None:
            node = unknown((node, memory.given), place=place)
        address = source.address
        if address is None:
            return Value(node, held.type, held.target)
        kind = held.type or memory.type
        what = node.what
        if node.what in (What.OTHER, What.WEIGHT, What.COUNT, What.BYTES):
            read_only = memory.outside and not memory.stored
            what = What.BYTES if kind == "int" and read_only else What.COUNT if kind == "int" else What.OTHER
            what = What.NATS if kind != "int" and read_only else what
        read = Node(Op.TABLE, (node, address), what, text=memory.leaf.text, place=place)
        self.elements[read] = memory
        return Value(read, kind, held.target)

    def _under(self, node: Node) -> Node:
        """A choice as it goes under the conditions around."""
        holds = {test.key for test in self._conditions} if node.op is Op.CHOOSE else set()
        while node.op is Op.CHOOSE:
            test = node.inputs[0]
            parts = test.inputs if test.text == "and" else (test,)
            if all(part.key in holds for part in parts):
                node = node.inputs[1]
            elif any(negated(part).key in holds for part in parts):
                node = node.inputs[2]
            else:
                break
        return node

    def _untouched(self, source: Reference, place: Place) -> Value:
        """What stands where nothing was stored: whoever made the memory put it there, be it a pointer."""
        memory, name = source.memory, source.field.rsplit(".", 1)[-1]
        kind = self._members.get(name, "") if name else memory.type
        if not source.field and (memory.several or not memory.outside):
            return Value(memory.leaf, kind, None if memory.several else Reference(memory))
        leaf = Node(Op.NAME, what=memory.leaf.what, text=name or memory.leaf.text, place=memory.leaf.place)
        behind = Reference(Memory(leaf, kind, several=True, outside=True, member=name))
        held = memory.cells[source.field] = Value(leaf, kind, behind)
        return held

    def _store(self, target: Reference, value: Value, place: Place, *, joins: bool = False) -> None:
        memory = target.memory
        old = memory.cells.get(target.field)
        if target.address is not None:
            memory.stored = True
            memory.cells[target.field] = joined(old, value)
            self.stores.append(Store(target, value.node, tuple(self._conditions), place, self._entry))
            return
        around = self._conditions[memory.conditions :]
        if around:
            value = choice(both(around), value, old or Value(memory.leaf, memory.type), place)
        memory.cells[target.field] = Value(value.node, value.type or memory.type, value.target)
        if not joins:
            memory.renewed = self._number
