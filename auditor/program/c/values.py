"""What a C text computes with: values as recipes, and the memory that they are kept in."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What, either

PROBABILISTIC = frozenset({What.NATS, What.LOG_PROBABILITY, What.PROBABILITY})
_LOGARITHMIC = frozenset({What.NATS, What.LOG_PROBABILITY})


@dataclass(eq=False, slots=True)
class Memory:
    """A variable, an array, a structure, or what a pointer from outside points to.

    `leaf`: what it holds where nothing was stored. `type`: "float", "int" or "" of its elements. `several`: an array,
    where a store leaves the other elements. `outside`: the caller made it; `member`: as the member of that name of a
    structure. `conditions`, `rounds`: how many stood around the place where it was made; `renewed`: the round in which
    it last got a new value. `given`: what a function that is not there may have stored in it.
    """

    leaf: Node
    type: str = ""
    several: bool = False
    outside: bool = False
    member: str = ""
    stored: bool = False
    conditions: int = 0
    rounds: int = 0
    renewed: int = 0
    cells: dict[str, Value] = field(default_factory=dict)
    given: Node | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in memory. `address`: which element; None where there is one."""

    memory: Memory
    field: str = ""
    address: Node | None = None

    def member(self, name: str) -> Reference:
        return Reference(self.memory, f"{self.field}.{name}" if self.field else name, self.address)

    def moved(self, by: Node, place: Place | None) -> Reference:
        """The element that stands `by` elements behind this one."""
        here = self.address
        return Reference(self.memory, self.field, by if here is None else made(Op.ADD, (here, by), place))


@dataclass(frozen=True, slots=True)
class Value:
    """`type`: "float", "int" or "" where that is not known. `target`: what a pointer points to."""

    node: Node
    type: str = ""
    target: Reference | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """A value that is stored in an element of an array, under conditions. `entry`: the function that a caller calls."""

    target: Reference
    value: Node
    conditions: tuple[Node, ...]
    place: Place
    entry: str


def made(op: Op, inputs: tuple[Node, ...], place: Place | None, text: str = "") -> Node:
    """A step, with what it measures by what it is made of."""
    return Node(op, inputs, _what(op, inputs), text=text, place=place)


def _what(op: Op, inputs: tuple[Node, ...]) -> What:
    measured = next((n.what for n in inputs if n.what in PROBABILISTIC), What.OTHER)
    if op is Op.EXP:
        return What.PROBABILITY if measured in _LOGARITHMIC else What.WEIGHT
    if op is Op.LOG:
        return What.WEIGHT if all(n.plain or n.what is What.WEIGHT for n in inputs) else What.LOG_PROBABILITY
    if op is Op.COMPARE:
        return What.MASK
    if op is Op.DIVIDE and inputs[0].what is What.COUNT:
        return What.PROBABILITY
    if op in (Op.ADD, Op.SUBTRACT, Op.CHOOSE, Op.LEAST, Op.MOST, Op.ACCUMULATE, Op.EITHER) and measured is What.OTHER:
        known = {n.what for n in inputs[op is Op.CHOOSE :]} - {What.NUMBER}
        return known.pop() if len(known) == 1 else What.OTHER
    return measured


def choice(test: Node, one: Value, other: Value, place: Place | None) -> Value:
    """One value under a condition, another one else."""
    if one.node is other.node:
        node = one.node
    elif other.node.op is Op.CHOOSE and _opposite(test, other.node.inputs[0]):
        node = made(Op.CHOOSE, (other.node.inputs[0], other.node.inputs[1], one.node), place)
    else:
        node = made(Op.CHOOSE, (test, one.node, other.node), place)
    return Value(node, one.type or other.type, one.target or other.target)


def negated(test: Node) -> Node:
    return test.inputs[0] if test.text == "not" else Node(Op.COMPARE, (test,), What.MASK, text="not", place=test.place)


def _opposite(test: Node, other: Node) -> bool:
    return test.text == "not" and test.op is Op.COMPARE and test.inputs[0] is other


def both(tests: list[Node]) -> Node:
    if len(tests) == 1:
        return tests[0]
    return Node(Op.COMPARE, tuple(tests), What.MASK, text="and", place=tests[-1].place)


def joined(one: Value | None, other: Value) -> Value:
    """Either of two values."""
    if one is None:
        return other
    node = either((one.node, other.node))
    return Value(node or other.node, one.type or other.type, one.target or other.target)
