"""What a value measures and what it was made of: an immutable graph, shared, bounded.

A node answers the four questions that the law asks of a number: *what* it measures, *over* which axis, whether it is
*normalized* over that axis (None: not known), and what it *sees*. Two nodes are the same if they were made the same
way at the same place: equality and hash go by a key that is worked out once, from the keys of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, IntFlag, StrEnum
from functools import reduce
from operator import or_
from typing import Final

from auditor.program.place import Place

MAX_DEPTH = 160
"""Operations on top of each other that are kept apart; what is deeper is *other*, with its leaves."""

MAX_INPUTS = 24
"""Alternatives or terms of one node that are kept apart."""


class What(StrEnum):
    """What a value measures."""

    __hash__ = str.__hash__  # the enumeration's own is not made in C, and nodes are hashed a lot

    TOKENS = "token ids"
    POSITIONS = "positions"
    LOGITS = "logits"
    LOG_PROBABILITY = "log-probability"
    PROBABILITY = "probability"
    NATS = "nats"
    BITS = "bits"
    ENTROPY = "entropy"
    COUNT = "count"
    WEIGHT = "weight"
    MASK = "mask"
    PIECE = "piece of the tokenizer"
    BYTES = "bytes"
    SECONDS = "seconds"
    NUMBER = "number"
    TEXT = "text"
    OTHER = "other"


class Over(StrEnum):
    """The axis over which a value is spread; PICKED: one entry of it, the one at the target."""

    __hash__ = str.__hash__

    VOCABULARY = "the vocabulary"
    BYTE_VALUES = "byte values"
    EXPERTS = "experts"
    POSITIONS = "positions"
    PICKED = "picked at the target"


class Sees(IntFlag):
    """What a value may depend on."""

    __hash__ = int.__hash__

    NOTHING = 0
    TARGET = 1  # the token that is scored
    EARLIER = 2  # tokens of the stream before it
    TRAINING = 4  # training data
    ADAPTED = 8  # weights that were changed on the validation stream


class Op(Enum):
    """How a node is made of its inputs."""

    __hash__ = object.__hash__

    # leaves
    NUMBER = "number"
    TOKENS = "tokens"
    MODEL = "model"  # the output of a model; inputs: what it was given
    TABLE = "table"  # something read by position, key or token id; inputs: the table (if known), the key
    NAME = "name"  # a plain value that measures nothing of the stream
    UNKNOWN = "unknown"  # no transfer is known; inputs: what it was made of
    # arithmetic
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    POWER = "**"
    NEGATE = "negate"
    # transfers that the law speaks of
    LOG = "log"
    EXP = "exp"
    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log softmax"
    LOG_SUM_EXP = "log sum exp"
    SIGMOID = "sigmoid"
    FUNCTION = "function"  # of one number; `text` is its name
    HASH = "hash"  # arithmetic on token ids: a key
    LINEAR = "linear"  # a product with weights
    PICK = "pick"  # one entry; inputs: the values, the index
    CROSS_ENTROPY = "cross entropy"  # inputs: logits, target
    CLAMP = "clamp"
    LENGTH = "length"  # the number of elements
    ENCODE_LENGTH = "bytes of"  # the number of bytes of a piece
    COMPARE = "compare"
    CHOOSE = "choose"  # inputs: condition, one, other
    LEAST = "least"
    MOST = "most"
    # over many
    SUM = "sum"
    MEAN = "mean"
    ACCUMULATE = "accumulate"  # summed up over a loop
    EITHER = "either"  # whichever branch ran
    LINE = "line"  # a printed line; `text` has {} for each input


_PLAIN = frozenset({What.NUMBER, What.COUNT, What.POSITIONS})
_PLAIN_LEAVES = frozenset({Op.NUMBER, Op.NAME, Op.LENGTH})
_ARITHMETIC = frozenset({Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.POWER, Op.COMPARE}) | frozenset(
    {Op.CHOOSE, Op.EITHER, Op.LEAST, Op.MOST, Op.CLAMP}
)


class Node:
    """One step of the formula. `text` is what to call a leaf, or the template of a line; `place` where it is made.

    A plain class and no frozen dataclass: some 4,000 nodes are made in an audit, and most of them are never compared.
    """

    __slots__ = (
        "_key", "changed_at", "depth", "inputs", "normalized", "op", "over", "place", "plain", "sees", "text", "what",
    )  # fmt: skip

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...] = (),
        what: What = What.OTHER,
        over: Over | None = None,
        normalized: bool | None = None,
        sees: Sees = Sees.NOTHING,
        text: str = "",
        place: Place | None = None,
        changed_at: tuple[Place, ...] = (),
    ) -> None:
        self.op: Final = op
        self.inputs: Final = inputs
        self.what: Final = what
        self.over: Final = over
        self.normalized: Final = normalized
        self.sees: Final = sees
        self.text: Final = text
        self.place: Final = place
        self.changed_at: Final = changed_at  # of a model: where its weights were trained on the stream
        depth: int = 0
        plain = op in _ARITHMETIC
        for node in inputs:
            if node.depth > depth:
                depth = node.depth
            plain = plain and node.plain
        self.depth: Final[int] = depth + 1
        # A size, a position, a setting: it says nothing of a token.
        self.plain: Final[bool] = plain or (op in _PLAIN_LEAVES and what in _PLAIN)
        self._key: int | None = None

    @property
    def key(self) -> int:
        """The same for two nodes that were made the same way at the same place."""
        if self._key is None:
            waiting = [self]
            while waiting:
                node = waiting[-1]
                below = [inner for inner in node.inputs if inner._key is None]
                waiting += below
                if not below:
                    node._key = node._worked_out()
                    waiting.pop()
        assert self._key is not None
        return self._key

    def _worked_out(self) -> int:
        where = self.place.key if self.place is not None else None
        changed = tuple(place.key for place in self.changed_at)
        made = (self.op, self.what, self.over, self.normalized, self.sees, self.text, where, changed)
        return hash((made, tuple([node._key for node in self.inputs])))

    def __repr__(self) -> str:
        return f"Node({self.op.value!r}, {len(self.inputs)} inputs, {self.what.value!r}, {self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Node) and self.key == other.key)

    def __hash__(self) -> int:
        return self.key

    @property
    def understood(self) -> bool:
        """Whether every step on the way here has a known transfer."""
        return all(node.op is not Op.UNKNOWN for node in self.walk())

    def walk(self, closed: frozenset[Op] = frozenset()) -> Iterator[Node]:
        """Every node of the graph once, this one first; what stands below a `closed` operation is left out."""
        seen = {self.key}
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            for below in reversed(node.inputs) if node.op not in closed else ():
                key = below.key if below._key is None else below._key  # most have theirs, and graphs are walked a lot
                if key not in seen:
                    seen.add(key)
                    waiting.append(below)


def number(value: float, text: str = "") -> Node:
    if not text:
        try:
            text = f"{value:g}"
        except OverflowError:  # an integer of hundreds of digits
            text = "a huge number"
    return Node(Op.NUMBER, what=What.NUMBER, text=text)


def sees_of(nodes: Iterable[Node]) -> Sees:
    """What any of these sees."""
    seen = {node.sees for node in nodes}
    return seen.pop() if len(seen) == 1 else reduce(or_, seen, Sees.NOTHING)  # putting flags together is slow


def unknown(inputs: tuple[Node, ...], text: str = "", place: Place | None = None) -> Node:
    """A value of which no transfer is known; what it was made of is kept."""
    kept = tuple(dict.fromkeys(inputs))[:MAX_INPUTS]
    return Node(Op.UNKNOWN, kept, sees=sees_of(kept), text=text, place=place)


def bounded(node: Node) -> Node:
    """The node, or where it is too deep an *other* that keeps its leaves."""
    if node.depth <= MAX_DEPTH:
        return node
    leaves = tuple(below for below in node.walk() if not below.inputs)[:MAX_INPUTS]
    return unknown(leaves, "a formula too deep to be shown", node.place)


def either(nodes: tuple[Node, ...]) -> Node | None:
    """Whichever of these: the node itself where all are the same, None where there is none."""
    if len(nodes) == 1:
        return nodes[0]
    flat: dict[Node, None] = {}
    for node in nodes:
        flat.update(dict.fromkeys(node.inputs if node.op is Op.EITHER else (node,)))
    kept = tuple(flat)[:MAX_INPUTS]
    if len(kept) <= 1:
        return kept[0] if kept else None
    first = kept[0]
    states = {node.normalized for node in kept}
    return bounded(
        Node(
            Op.EITHER,
            kept,
            first.what if all(n.what is first.what for n in kept) else What.OTHER,
            first.over if all(n.over is first.over for n in kept) else None,
            False if False in states else None if None in states else True,
            sees_of(kept),
        )
    )
