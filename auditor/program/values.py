"""Abstract values: what the interpreter knows of a Python value, and what it is made of."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.program.positions import Position
from auditor.program.recipe.model import Node
from auditor.program.tags import NONE, InRound, Tags
from auditor.source import Unit


class _Unknown:
    __slots__ = ()

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = _Unknown()


class Value:
    """One abstract value. Identity matters: tensors are changed in place, and views write through to `base`.


    `position` is what is known of a number, or the value that this is a copy of. `axes` says what each axis of an array
    stands for, where it was made of a model's output (`interpreter.axes`).
    """

    __slots__ = ("axes", "base", "const", "mutable", "obj", "position", "recipe", "tags")

    def __init__(
        self,
        tags: Tags = NONE,
        const: Any = UNKNOWN,
        obj: Obj | None = None,
        base: Value | None = None,
        mutable: bool = False,
        recipe: Node | None = None,
        position: Position | Value | None = None,
    ) -> None:
        self.recipe = recipe
        self.tags = tags
        self.const = const
        self.obj = obj
        self.base = base
        self.mutable = mutable
        self.position = position
        self.axes: tuple[str, ...] | None = None

    @property
    def known(self) -> bool:
        return self.const is not UNKNOWN

    def __repr__(self) -> str:
        return f"<{self.const!r} {sorted(map(str, self.tags))} {self.obj!r}>"


class Obj:
    """Something on the abstract heap."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class External(Obj):
    """A name of a library: `torch.optim.AdamW`."""

    dotted: str


@dataclass(slots=True, eq=False)
class Function(Obj):
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    unit: Unit
    frame: Frame
    owner: Class | None = None  # the class whose body defines it
    name: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Bound(Obj):
    """A method, or a library attribute, of a value."""

    receiver: Value
    name: str
    function: Function | None = None


@dataclass(slots=True, eq=False)
class Partial(Obj):
    function: Value
    args: list[Value]
    kwargs: dict[str, Value]


@dataclass(slots=True, eq=False)
class Native(Obj):
    """A callable that the interpreter itself knows: `attrgetter("step")`, `torch.func.grad(f)`.

    `run` takes the machine, the frame and the node of the call, and the arguments.
    """

    name: str
    run: Callable[..., Value]
    holds: tuple[Value, ...] = ()


@dataclass(slots=True, eq=False)
class Either(Obj):
    """One of several callables or objects, where it cannot be told which; `every`: each of them comes up."""

    options: list[Value]
    every: bool = False


@dataclass(slots=True, eq=False)
class File(Obj):
    """An open file, or a buffer in memory; `path` is a template with {} for what is not known."""

    path: str
    held: Value


@dataclass(slots=True, eq=False)
class Class(Obj):
    name: str
    bases: list[Value]
    attributes: dict[str, Value]
    unit: Unit
    node: ast.ClassDef
    dataclass: bool = False
    meta: Value | None = None  # the metaclass, where the program defines it

    def lookup(self, name: str, depth: int = 0) -> Value | None:
        if name in self.attributes:
            return self.attributes[name]
        for base in self.bases:
            if isinstance(base.obj, Class) and depth < 12:
                hit = base.obj.lookup(name, depth + 1)
                if hit is not None:
                    return hit
        return None

    def forward(self) -> Value | None:
        """The method that runs where an instance is called as a module: torch's `forward`, MLX's `__call__`."""
        return self.lookup("forward") or self.lookup("__call__")

    def order(self) -> list[Class]:
        """The class and its ancestors in the program, in the order in which methods are looked up."""
        ranks: list[list[Class]] = []
        bases = [base.obj for base in self.bases if isinstance(base.obj, Class) and base.obj is not self]
        ranks = [*(base.order() for base in bases), list(bases)]
        found = [self]
        while any(ranks):
            heads = [rank[0] for rank in ranks if rank]
            head = next((c for c in heads if all(c not in rank[1:] for rank in ranks)), heads[0])
            found.append(head)
            ranks = [[c for c in rank if c is not head] for rank in ranks]
        return found

    def inherits(self, *suffixes: str, depth: int = 0) -> bool:
        """Whether a library base class with one of these dotted suffixes stands among the ancestors."""
        for base in self.bases:
            if isinstance(base.obj, External) and base.obj.dotted.endswith(suffixes):
                return True
            if isinstance(base.obj, Class) and depth < 12 and base.obj.inherits(*suffixes, depth=depth + 1):
                return True
        return False


@dataclass(slots=True, eq=False)
class Instance(Obj):
    """An instance of a class of the program, or of a library's module or optimizer class.

    `adapted` holds the numbers of the adaptations that changed its parameters; `read_back`: they come from the file
    that the program has saved. `trained`: by steps on training tokens; `moved`: weights were put into it since.
    """

    cls: Class | None
    attributes: dict[str, Value] = field(default_factory=dict)
    kind: str = "object"  # object | module | optimizer | namespace | parser
    adapted: set[int] = field(default_factory=set)
    parameters: list[Value] = field(default_factory=list)  # of an optimizer
    dotted: str = ""
    read_back: bool = False
    trained: bool = False
    moved: bool = False
    steered: str = ""  # of an optimizer: what of its steps a loss on validation tokens decides (`steering`)


@dataclass(slots=True, eq=False)
class Sequence(Obj):
    """A list, tuple or set. When not `exact`, `items` stand for any number of elements.

    `resume` runs a generator's body again, where each `next` may train: what it yields was taken when it was made.
    """

    items: list[Value]
    exact: bool = True
    resume: Callable[[], object] | None = None


@dataclass(slots=True, eq=False)
class Mapping(Obj):
    """A dict: known keys, and one value that stands for all the others, with what their keys are.

    `makes` is called for a missing key. `of`: the object whose attributes these are, as in `vars(model)`.
    """

    items: dict[Any, Value] = field(default_factory=dict)
    other: Value | None = None
    makes: Value | None = None
    key: Value | None = None
    of: Value | None = None


@dataclass(slots=True, eq=False)
class PyModule(Obj):
    """A sibling module of the program."""

    unit: Unit
    frame: Frame


@dataclass(slots=True, eq=False)
class Comparison(Obj):
    """What a comparison by size was made of: choosing between its two sides by it is a minimum or a maximum."""

    sides: tuple[Value, Value]


@dataclass(slots=True, eq=False)
class Conditions(Obj):
    """What `a and b`, or `a or b`, was made of: the conditions that are not known; `every`: all of them must hold."""

    parts: tuple[tuple[ast.expr, Value], ...]
    every: bool


class Frame:
    """A scope: names to values, with its enclosing scope and the unit its code stands in."""

    __slots__ = (
        "gates", "globals", "loops", "names", "nonlocal_names", "owner", "parent", "returns", "settled", "some", "unit",
        "yields",
    )  # fmt: skip

    def __init__(self, unit: Unit, parent: Frame | None = None, globals_: Frame | None = None) -> None:
        self.unit = unit
        self.parent = parent
        self.globals: Frame = globals_ or self
        self.names: dict[str, Value] = {}
        self.nonlocal_names: dict[str, Frame] = {}
        self.returns: list[Value] = []
        self.yields: list[Value] = []
        self.some = False  # `yields` stand for others: of a loop whose rounds are not all told, of one arm
        self.loops = 0  # around the call
        self.owner: Class | None = None
        self.gates: Tags = NONE  # of the conditions around the statement that runs
        self.settled: Tags = NONE  # the switches that have decided so far which way the function goes

    def find(self, name: str) -> Value | None:
        frame: Frame | None = self
        while frame is not None:
            hit = frame.names.get(name)
            if hit is not None:
                return hit
            frame = frame.parent
        return self.globals.names.get(name)


def union(*values: Value) -> Tags:
    tags = NONE
    for value in values:
        if value.tags:
            tags = tags | value.tags if tags else value.tags
    return tags


_UNTAGGED = (Instance, Function, Class, External, PyModule, Bound, Either, Native)


def with_tags(value: Value, tags: Tags) -> Value:
    """The same value with more tags; objects keep their identity, so a list stays the same list."""
    if not tags or tags <= value.tags or isinstance(value.obj, _UNTAGGED):
        return value
    base = value if value.mutable and value.base is None else value.base
    more = Value(value.tags | tags, value.const, value.obj, base, value.mutable, value.recipe, value.position or value)
    more.axes = value.axes
    return more


def dependence(value: Value) -> Tags:
    """The loop iterations that a value depends on; an element depends on them as its container does."""
    return frozenset([t for t in value.tags if isinstance(t, InRound)]) if value.tags else NONE


def with_dependence(value: Value, tags: Tags) -> Value:
    """The value, and what it holds, as it is in one round of a loop."""
    if isinstance(value.obj, Sequence):
        items = [with_dependence(item, tags) for item in value.obj.items]
        return Value(value.tags | tags, obj=Sequence(items, value.obj.exact))
    return with_tags(value, tags)
