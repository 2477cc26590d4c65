"""Expressions of a C text that runs: what each of them gives, as a recipe, and where it stands in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from auditor.program.c.memory import Frame, Storage
from auditor.program.c.tree import Text, Tree
from auditor.program.c.values import Reference, Value, choice, made
from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What, unknown

_STEPS = 150_000
_ARITHMETIC = {"+": Op.ADD, "-": Op.SUBTRACT, "*": Op.MULTIPLY, "/": Op.DIVIDE}
_BITS = frozenset({"%", "&", "|", "^", "<<", ">>"})
_CONSTANTS = frozenset({"true", "false", "NULL", "nullptr"})


class Exhausted(Exception):
    """More steps than are taken for one text."""


@dataclass(eq=False, slots=True)
class Closure:
    """A function without a name, and the frame that it sees."""

    tree: Tree
    frame: Frame


class Operations(Storage, ABC):
    """`added`: every sum of second rounds, and where it stands: it may be how a mixture is made."""

    def __init__(self, text: Text, place: Callable[[int], Place]) -> None:
        super().__init__(text, place)
        self.added: dict[Node, Place] = {}
        self._closures: dict[Node, Closure] = {}
        self._globals = Frame()
        self._steps = 0

    @abstractmethod
    def _declare(self, frame: Frame, tree: Tree) -> None: ...

    @abstractmethod
    def _call(self, frame: Frame, tree: Tree, place: Place) -> Value: ...

    @abstractmethod
    def _is_function(self, name: str) -> bool: ...

    def _count(self) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            raise Exhausted

    def _value(self, frame: Frame, tree: Tree) -> Value:
        self._count()
        place = self._place(tree.at)
        match tree.kind:
            case "number":
                real = not tree.text.lower().startswith("0x") and bool(set(tree.text.lower()) & {".", "e", "f"})
                return Value(Node(Op.NUMBER, what=What.NUMBER, text=tree.text.lower()), "float" if real else "int")
            case "string":
                return Value(Node(Op.NUMBER, what=What.TEXT, text=tree.text))
            case "name":
                return self._named(frame, tree, place)
            case "index" | "member":
                target = self._target(frame, tree)
                return self._load(target, place) if target is not None else self._unknown(frame, tree.parts, place)
            case "cast":
                value = self._value(frame, tree.parts[0])
                return Value(value.node, tree.type or value.type, value.target)
            case "choose":
                asked, *ways = [self._value(frame, part) for part in tree.parts]
                return choice(asked.node, ways[0], ways[1], place)
            case "binary":
                return self._binary(frame, tree, place)
            case "assign":
                return self._assign(frame, tree, place)
            case "prefix" | "postfix":
                return self._unary(frame, tree, place)
            case "call":
                return self._call(frame, tree, place)
            case "lambda":
                node = Node(Op.NAME, text="a function", place=place)
                self._closures[node] = Closure(tree, frame)
                return Value(node)
            case "declare":
                self._declare(frame, tree)
                return self._named(frame, tree, place)
            case _:
                return self._unknown(frame, tree.parts, place)

    def _unknown(self, frame: Frame, trees: tuple[Tree, ...], place: Place) -> Value:
        values = [self._value(frame, tree) for tree in trees]
        pointed = next((v.target for v in values if v.target is not None), None)
        return Value(unknown(tuple(v.node for v in values), place=place), "", pointed)

    def _named(self, frame: Frame, tree: Tree, place: Place) -> Value:
        if tree.text in _CONSTANTS:
            return Value(Node(Op.NUMBER, what=What.NUMBER, text=tree.text), "int")
        if tree.text == "this" and (this := self._this(frame)) is not None:
            return Value(this.memory.leaf, "", this)
        target = self._found(frame, tree.text)
        if target is None:
            if self._is_function(tree.text):
                return Value(Node(Op.NAME, text=tree.text))
            target = self._globals.names[tree.text] = self._from_outside(tree.text, "", place)
        return self._load(target, place)

    def _this(self, frame: Frame) -> Reference | None:
        scope: Frame | None = frame
        while scope is not None and scope.this is None:
            scope = scope.above
        return scope.this if scope is not None else None

    def _found(self, frame: Frame, name: str) -> Reference | None:
        """What a name stands for: a variable, a member of the object, or one of the text's."""
        scope: Frame | None = frame
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            if scope.this is not None and name in self._text.fields.get(scope.owner, {}):
                return scope.this.member(name)
            scope = scope.above
        return None

    def _target(self, frame: Frame, tree: Tree) -> Reference | None:
        """The place in memory that an expression means."""
        self._count()
        place = self._place(tree.at)
        if tree.kind == "name":
            if tree.text == "this":
                return self._this(frame)
            self._named(frame, tree, place)
            return self._found(frame, tree.text)
        if tree.kind == "index":
            held = self._value(frame, tree.parts[0]).target
            by = self._value(frame, tree.parts[1]).node
            return held.moved(by, place) if held is not None else None
        if tree.kind == "member":
            return self._member(frame, tree, place)
        if tree.kind == "prefix" and tree.text == "*":
            return self._value(frame, tree.parts[0]).target
        if tree.kind in ("cast", "assign"):
            return self._target(frame, tree.parts[0])
        return self._value(frame, tree).target

    def _member(self, frame: Frame, tree: Tree, place: Place) -> Reference | None:
        base = self._target(frame, tree.parts[0])
        if base is None:
            return None
        held = base.memory.cells.get(base.field)
        if base.address is None and not base.memory.several and held is not None and held.target is not None:
            return held.target.member(tree.text)  # a pointer, or what stands for one
        if held is not None and held.target is not None and base.field:
            return held.target.member(tree.text)
        return base.member(tree.text)

    def _binary(self, frame: Frame, tree: Tree, place: Place) -> Value:
        left, right = (self._value(frame, part) for part in tree.parts)
        sign = tree.text
        if sign == ",":
            return right
        kind = "float" if "float" in (left.type, right.type) else left.type or right.type
        if sign in ("+", "-") and left.target is not None and left.type != "float" and right.node.op is not Op.NAME:
            by = right.node if sign == "+" else made(Op.NEGATE, (right.node,), place)
            return Value(made(_ARITHMETIC[sign], (left.node, right.node), place), kind, left.target.moved(by, place))
        if sign in _ARITHMETIC:
            return self._arithmetic(_ARITHMETIC[sign], left, right, kind, place)
        if sign in _BITS:
            return Value(Node(Op.HASH, (left.node, right.node), text=sign, place=place), "int")
        if sign == "<" and left.target is not None and right.node.what is What.TEXT:
            return left
        return Value(Node(Op.COMPARE, (left.node, right.node), What.MASK, text=sign, place=place), "int")

    def _arithmetic(self, op: Op, left: Value, right: Value, kind: str, place: Place) -> Value:
        node = made(op, (left.node, right.node), place)
        if op is Op.ADD and kind != "int" and all(number == 2 for number in self._rounds):
            self.added.setdefault(node, place)
        target = left.target or right.target
        return Value(node, kind, target)

    def _assign(self, frame: Frame, tree: Tree, place: Place) -> Value:
        target = self._target(frame, tree.parts[0])
        value = self._value(frame, tree.parts[1])
        sign = tree.text[:-1]
        if target is None:
            return value
        if sign:
            value = self._changed(target, sign, value, place)
        elif value.node in self.added and self._adds_to(target, value.node):
            del self.added[value.node]  # `a = a + b` is `a += b`
        self._store(target, value, place, joins=bool(sign))
        return value

    def _adds_to(self, target: Reference, total: Node) -> bool:
        """Whether a total goes on from what the variable held in the round before."""
        held = target.memory.cells.get(target.field)
        earlier = target.memory.rounds < len(self._rounds) and target.memory.renewed != self._number
        return earlier and held is not None and held.node in total.inputs

    def _changed(self, target: Reference, sign: str, by: Value, place: Place) -> Value:
        """What `a += b` makes of `a`: a sum over the rounds where `a` comes from the round before."""
        old = self._load(target, place)
        memory = target.memory
        kind = "float" if "float" in (old.type, by.type) else old.type
        if sign in ("+", "-") and old.target is not None and by.type == "int":
            return Value(made(_ARITHMETIC[sign], (old.node, by.node), place), kind, old.target.moved(by.node, place))
        if (
            sign in ("+", "-")
            and kind != "int"
            and memory.rounds < len(self._rounds)
            and memory.renewed != self._number
        ):
            return Value(made(Op.ACCUMULATE, (old.node, by.node), place), kind)
        if sign in _ARITHMETIC:
            return self._arithmetic(_ARITHMETIC[sign], old, by, kind, place)
        return Value(Node(Op.HASH, (old.node, by.node), text=sign, place=place), "int")

    def _unary(self, frame: Frame, tree: Tree, place: Place) -> Value:
        operand, sign = tree.parts[0], tree.text
        if sign == "&":
            target = self._target(frame, operand)
            return Value(target.memory.leaf, "", target) if target is not None else self._value(frame, operand)
        value = self._value(frame, operand)
        if sign in ("++", "--"):
            target = self._target(frame, operand)
            one = Value(Node(Op.NUMBER, what=What.NUMBER, text="1"), "int")
            changed = self._changed(target, sign[0], one, place) if target is not None else value
            if target is not None:
                self._store(target, changed, place, joins=True)
            return changed if tree.kind == "prefix" else value
        if sign == "*":
            return self._load(value.target, place) if value.target is not None else value
        if sign == "-":
            return Value(made(Op.NEGATE, (value.node,), place), value.type)
        if sign == "!":
            return Value(Node(Op.COMPARE, (value.node,), What.MASK, text="not", place=place), "int")
        return value if sign == "+" else Value(Node(Op.HASH, (value.node,), text=sign, place=place), "int")
