"""Calls of a C text that runs: its own functions are followed, those of libraries are known or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from auditor.program import vocabulary
from auditor.program.c.memory import Frame
from auditor.program.c.operations import Closure, Operations
from auditor.program.c.tree import Function, Text, Tree
from auditor.program.c.values import Memory, Reference, Value, choice, joined, made
from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, What, unknown

_CALLS = 10  # within each other
_FUNCTIONS = {
    "log": Op.LOG, "log2": Op.LOG, "log10": Op.LOG, "exp": Op.EXP, "exp2": Op.EXP, "pow": Op.POWER,
    "fmax": Op.MOST, "max": Op.MOST, "fmin": Op.LEAST, "min": Op.LEAST, "strlen": Op.LENGTH, "log1p": Op.FUNCTION,
    "expm1": Op.FUNCTION, "fabs": Op.FUNCTION, "abs": Op.FUNCTION, "sqrt": Op.FUNCTION, "floor": Op.FUNCTION,
    "round": Op.FUNCTION, "ceil": Op.FUNCTION,
}  # fmt: skip
Exit = tuple[str, Node | None]
"""A way out of a block, and the condition under which it is taken."""


class Calls(Operations):
    """`_active`: the functions that run, outermost first; none is entered twice."""

    def __init__(self, text: Text, place: Callable[[int], Place]) -> None:
        super().__init__(text, place)
        self._active: list[object] = []
        self._functions: dict[str, list[Function]] = {}
        for function in text.functions:
            self._functions.setdefault(function.name, []).append(function)

    @abstractmethod
    def _execute(self, frame: Frame, tree: Tree) -> list[Exit]: ...

    def _is_function(self, name: str) -> bool:
        return name in self._functions

    def _call(self, frame: Frame, tree: Tree, place: Place) -> Value:
        callee, *given = tree.parts
        if callee.kind in ("name", "member"):
            this = None
            if callee.kind == "member":
                this = self._target(frame, callee.parts[0])
                if this is not None and (held := this.memory.cells.get(this.field)) is not None and held.target:
                    this = held.target if not this.memory.several or this.field else this
            function = self._function(frame, callee, len(given))
            if function is not None and function not in self._active and len(self._active) < _CALLS:
                return self._followed(frame, function, given, this)
            if callee.kind == "member":
                return self._method(frame, callee, given, this, place)
            if self._found(frame, callee.text) is None:
                return self._of_library(frame, callee.text, given, tree.type, place)
        closure = self._closures.get(self._value(frame, callee).node)
        if closure is not None and closure.tree not in self._active and len(self._active) < _CALLS:
            return self._closed(frame, closure, given)
        return self._not_there(frame, [self._value(frame, part) for part in given], place)

    def _function(self, frame: Frame, callee: Tree, count: int) -> Function | None:
        found = self._functions.get(callee.text, ())
        fitting = [f for f in found if len(f.parameters) >= count] or list(found)
        own = (
            [f for f in fitting if f.owner == frame.owner] if callee.kind == "name" else [f for f in fitting if f.owner]
        )
        free = fitting if callee.kind == "name" else []
        return next(iter(own or free), None)

    def _followed(self, frame: Frame, function: Function, given: list[Tree], this: Reference | None) -> Value:
        inner = Frame(above=self._globals, owner=function.owner, conditions=len(self._conditions))
        inner.this = this if this is not None else self._this(frame) or self._object(function.owner)
        for parameter, tree in zip(function.parameters, given, strict=False):
            self._give(frame, inner, parameter.name, parameter.type, tree, reference=parameter.reference)
        return self._run(inner, function.body, function)

    def _closed(self, frame: Frame, closure: Closure, given: list[Tree]) -> Value:
        inner = Frame(above=closure.frame, conditions=len(self._conditions))
        *parameters, body = closure.tree.parts
        for declared, tree in zip(parameters, given, strict=False):
            reference = bool(declared.parts) and declared.parts[0].text == "reference"
            self._give(frame, inner, declared.text, declared.type, tree, reference=reference)
        return self._run(inner, body, closure.tree)

    def _give(self, frame: Frame, inner: Frame, name: str, kind: str, tree: Tree, *, reference: bool) -> None:
        if reference and (target := self._target(frame, tree)) is not None:
            inner.names[name] = target
            return
        value = self._value(frame, tree)
        variable = self._variable(value.node, kind or value.type)
        variable.cells[""] = Value(value.node, kind or value.type, value.target)
        inner.names[name] = Reference(variable)

    def _run(self, inner: Frame, body: Tree, what: object) -> Value:
        self._active.append(what)
        self._execute(inner, body)
        self._active.pop()
        value: Value | None = None
        for test, returned in reversed(inner.returns):
            value = returned if test is None or value is None else choice(test, returned, value, returned.node.place)
        return value or Value(Node(Op.NUMBER, what=What.NUMBER, text="nothing"))

    def _method(self, frame: Frame, callee: Tree, given: list[Tree], this: Reference | None, place: Place) -> Value:
        """A method of a library's object: a container that is read or filled, or seen in another way."""
        values = [self._value(frame, part) for part in given]
        if this is None:
            return self._not_there(frame, values, place)
        if not values:
            read = self._load(this, place)
            return Value(read.node, callee.type or read.type, read.target or this)
        key = unknown(tuple(v.node for v in values), place=place)
        found = self._load(Reference(this.memory, this.field, key), place)
        this.memory.cells[""] = joined(this.memory.cells.get(""), Value(key, "", found.target))
        return Value(found.node, callee.type or found.type, Reference(this.memory, this.field, key))

    def _of_library(self, frame: Frame, name: str, given: list[Tree], kind: str, place: Place) -> Value:
        values = [self._value(frame, part) for part in given]
        nodes = tuple(v.node for v in values)
        plain = name.removesuffix("f") if name.removesuffix("f") in _FUNCTIONS else name
        if plain in _FUNCTIONS and nodes:
            op = _FUNCTIONS[plain]
            made_of = made(op, nodes[:1] if op in (Op.LOG, Op.EXP, Op.LENGTH) else nodes, place, plain)
            whole = op in (Op.MOST, Op.LEAST) and "float" not in [v.type for v in values]
            return Value(made_of, "int" if op is Op.LENGTH or whole else "float")
        if name in vocabulary.C_ALLOCATES:
            leaf = Node(Op.NAME, text="memory", place=place)
            return Value(leaf, kind, Reference(Memory(leaf, kind, several=True)))
        if (
            name in vocabulary.C_COPIES
            and len(values) > 1
            and values[0].target is not None
            and values[1].target is not None
        ):
            self._store(values[0].target, self._load(values[1].target, place), place)
            return values[0]
        if name in vocabulary.C_QUIET:
            return Value(unknown((), name, place))
        return self._not_there(frame, values, place)

    def _not_there(self, frame: Frame, values: list[Value], place: Place) -> Value:
        """What a function that is not in the text gives, and may have stored behind the pointers that it got."""
        node = unknown(tuple(v.node for v in values), place=place)
        pointed = [v.target for v in values if v.target is not None]
        for target in pointed:
            target.memory.given = node if target.memory.given is None else unknown((target.memory.given, node))
        behind = Reference(pointed[0].memory, "", node) if pointed else None
        return Value(node, "", behind)
