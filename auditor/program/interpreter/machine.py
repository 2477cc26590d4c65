"""The state of one abstract run: loops, branches, pending gradients, what was reached, and the trace."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence as Seq
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from auditor.program.extent import Extents
from auditor.program.recipe.model import Node
from auditor.program.trace import (
    Adapt,
    Added,
    Choice,
    Event,
    LateTraining,
    Load,
    Lookup,
    Loop,
    Omission,
    OpenAttention,
    Output,
    Place,
    Printed,
    ReportLine,
    Scale,
    Stack,
    Trace,
    Unfollowed,
)
from auditor.program.values import (
    ARTIFACT,
    NONE,
    UNKNOWN,
    VAL,
    Class,
    Frame,
    Function,
    Instance,
    Mapping,
    Sequence,
    Tag,
    Tags,
    Value,
    deep_tags,
)
from auditor.source import Sources, Unit

T = TypeVar("T")

_USED_UP = frozenset({"out", "called", "reads", "before", "later"})  # by a model that is given the tokens
MAX_DEPTH = 96
MAX_STEPS = 1_500_000
MAX_PLACES = 8  # places of one printed line that are told apart
MIN_HEAD = 6  # characters of a printed line before its first figure that are enough to know it again


Branch = tuple[str, int, int]
"""An `if` statement: path, layer and line."""


Off = tuple[frozenset[str], Branch | None, bool]
"""A branch that does not run and is only explored: its switches, and the way it would have to go."""


Journal = dict[tuple[int, str], tuple[Instance, Value | None]]
"""Attributes that were assigned, and what they held before."""


class Budget(Exception):
    """The abstract run was cut off: the program is larger than the interpreter's bound."""


@dataclass(slots=True)
class Pending:
    """A backward pass whose gradients no optimizer step has used up yet."""

    tags: Tags
    place: Place
    deep: Tags


@dataclass(frozen=True, slots=True)
class Repeat:
    """A quiet call of a function (`repeated`): what it found, and what it gave."""

    found: tuple[object, ...]
    changes: int | None  # where it looked at objects that it was not given: how much had been stored in any by then
    result: Value


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """A function that runs with what happens to an object; `kind`: forward, gradient, step or backward."""

    kind: str
    of: Value
    function: Value
    at: ast.AST  # where it was registered


@dataclass(frozen=True, slots=True)
class Verbs:
    """What the machine does for the modules of the interpreter, which so need not import each other."""

    execute: Callable[[Machine, Frame, Seq[ast.stmt]], int]
    evaluate: Callable[[Machine, Frame, ast.expr], Value]
    attribute: Callable[[Machine, Frame, ast.AST, Value, str], Value]
    call: Callable[[Machine, Frame, ast.AST, Value, list[Value], dict[str, Value]], Value]
    invoke: Callable[[Machine, Frame, ast.AST, Function, Value | None, list[Value], dict[str, Value]], Value]


Around = AbstractContextManager[None]
"""What is so while a block runs. Plain classes: generators would cost more than the blocks."""

NOTHING: Final[Around] = nullcontext()


class OnTop(Generic[T]):
    """While the block runs, something lies on top of a stack."""

    __slots__ = ("_item", "_stack")

    def __init__(self, stack: list[T], item: T) -> None:
        self._stack = stack
        self._item = item

    def __enter__(self) -> None:
        self._stack.append(self._item)

    def __exit__(self, *raised: object) -> None:
        self._stack.pop()


class _Under:
    """While the block runs, it hangs on switches."""

    __slots__ = ("_machine", "_off", "_switches", "_unsure")

    def __init__(self, machine: Machine, switches: frozenset[str], unsure: bool, off: Off | None) -> None:
        self._machine = machine
        self._switches = switches
        self._unsure = unsure
        self._off = off

    def __enter__(self) -> None:
        self._machine.guards.append(self._switches)
        self._machine.unsure += self._unsure
        if self._off is not None:
            self._machine.off.append(self._off)

    def __exit__(self, *raised: object) -> None:
        self._machine.guards.pop()
        self._machine.unsure -= self._unsure
        if self._off is not None:
            self._machine.off.pop()


class Machine:
    """One abstract run. `environment` answers what a switch holds, None if it is not set anywhere."""

    execute: Callable[[Frame, Seq[ast.stmt]], int]
    """Run a block; how it may complete (`statements.NORMAL`, ...)."""
    evaluate: Callable[[Frame, ast.expr], Value]
    attribute: Callable[[Frame, ast.AST, Value, str], Value]
    call: Callable[[Frame, ast.AST, Value, list[Value], dict[str, Value]], Value]
    """Call whatever the value is."""
    invoke: Callable[[Frame, ast.AST, Function, Value | None, list[Value], dict[str, Value]], Value]
    """Run a function of the program, bound to a receiver or not."""

    def __init__(
        self,
        verbs: Verbs,
        sources: Sources,
        environment: Callable[[str, object], object],
        *,
        explore: bool = False,
        overrides: Mapping_[str, object] | None = None,
        forced: Mapping_[Branch, bool] | None = None,
        unsettled: frozenset[str] = frozenset(),
    ) -> None:
        self.execute = partial(verbs.execute, self)
        self.evaluate = partial(verbs.evaluate, self)
        self.attribute = partial(verbs.attribute, self)
        self.call = partial(verbs.call, self)
        self.invoke = partial(verbs.invoke, self)
        self.sources = sources
        self.forced = forced or {}
        self.unsettled = unsettled
        self.overrides = overrides or {}
        self.environment = environment
        self.explore = explore
        self.trace = Trace()
        self.loops: list[Loop] = []
        self.claims: list[tuple[Frame, frozenset[str], Tag]] = []
        self.calls: list[ast.AST] = []
        self.functions: list[str] = []
        self.unsure = 0  # depth of branches that hang on an unknown switch
        self.off: list[Off] = []
        self.guards: list[frozenset[str]] = []
        self.decided: list[tuple[Branch, bool, frozenset[str]]] = []  # branches around that switches have decided
        self.disk: Tags = NONE
        self.files: dict[str, Tags] = {}  # by name: what the program has written there
        self.tainted = False  # validation tokens were put where training data is read
        # Set when the live branch of an explored condition leaves the block: what follows does not run.
        self.leaves: Off | None = None
        self.pending: list[Pending] = []
        self.selections: list[Pending] = []  # conditions on a validation loss around the statement that runs
        self.stepped = False
        self.asked = 0  # how often something asked for gradients, to change weights by them
        self.exits: list[tuple[Value, Value, list[Value], dict[str, Value]]] = []  # of which stack, function, arguments
        self.starved = False  # something was taken out of an empty queue
        self.reread = False  # a table was read that another pass has filled
        self.hooks: list[Hook] = []
        self.contexts: list[tuple[ast.AST, Callable[[Value], None]]] = []  # generators that a block is to run inside of
        self.ranges: dict[int, range] = {}  # by loop: what it runs through, where that is known
        self.raised: Value | None = None  # the latest exception that was raised
        self.texts = 0  # depth of texts that are executed
        self.at_exit: list[tuple[Value, list[Value]]] = []
        self.stepping = 0  # depth of optimizer steps that run
        # Count tables by identity, with the loops in which validation tokens were stored and their region.
        self._tables: dict[int, tuple[object, dict[tuple[int, ...], frozenset[tuple[int, int]]]]] = {}
        self._marked: set[tuple[int, bool]] = set()
        self.extents = Extents()
        self.skipped: dict[Loop, Tags] = {}  # by round: what says that it was left
        self.summed = 0  # losses that were added to something
        self.left = (False, False)  # of the latest branch: which arm ends the round
        self.arms = (0, 0)  # of the latest branch: losses that each arm has added to something
        self.journals: list[Journal] = []  # of the arms of branches that run
        self.ways: list[tuple[str, bool]] = []  # conditions on switches around the statement that runs
        self.patched: dict[str, Value] = {}  # names of libraries that the program has replaced
        self.modules: dict[str, Frame] = {}
        self.registered = Mapping()  # `sys.modules`, with what the program puts there
        self.made: dict[Class, Value] = {}  # an object of each class of the program
        self.forwards: dict[tuple[ast.AST, Class | None], bool] = {}  # methods, and whether they compute with weights
        self.lines: dict[tuple[str, int], dict[int, bool | None]] = {}
        self._reached: set[ast.stmt] = set()  # statements whose lines are marked as what runs
        self.inside: list[Tags] = []  # of the output whose forward pass is stepped through (`within`)
        self.losses: dict[tuple[object, ...], tuple[Node | None, Tags]] = {}  # what models make of their losses
        self.problems: list[str] = []
        # Functions and the state they were called in: the latest quiet calls.
        self.repeated: dict[tuple[object, ...], list[Repeat]] = {}
        self.touched = 0  # expressions so far whose value has to do with the validation stream
        self.noise = 0  # lines that were printed, gradients that were made or asked for
        self.shared = 0  # objects that code came across under a name from outside of its function
        self.changes = 0  # what was stored into objects, where it may decide what code does later
        self.rebound = 0  # names of modules, and attributes of classes and functions, that were given other values
        self.steps = 0
        self._order = 0
        self._numbers = 0
        self._loop_instances = 0

    # -- bookkeeping ---------------------------------------------------------------------------------

    def fresh_loop(self) -> int:
        self._loop_instances += 1
        return self._loop_instances

    def reach(self, unit: Unit, node: ast.stmt) -> None:
        if node in self._reached:
            return
        if not self.unsure:
            self._reached.add(node)
        lines = self.lines.setdefault((unit.path, unit.layer), {})
        state: bool | None = None if self.unsure else True
        for line in range(node.lineno, _head_end(node) + 1):
            if lines.get(line) is not True:
                lines[line] = state

    def first_reach(self, unit: Unit, function: ast.AST) -> bool:
        """Mark all lines of a function that is not stepped through; False if that was done before."""
        key = (id(function), bool(self.unsure))
        if key in self._marked:
            return False
        self._marked.add(key)
        lines = self.lines.setdefault((unit.path, unit.layer), {})
        first, last = getattr(function, "lineno", 1), getattr(function, "end_lineno", 1)
        for line in range(first, last + 1):
            if lines.get(line) is not True:
                lines[line] = None if self.unsure else True
        return True

    def place(self, node: ast.AST, frame: Frame) -> Place:
        line = getattr(node, "lineno", 1)
        return Place(
            frame.unit, line, getattr(node, "end_lineno", line) or line, self.functions[-1] if self.functions else ""
        )

    def branch(
        self, switches: frozenset[str], *, unsure: bool, dormant: bool, key: Branch | None = None, way: bool = True
    ) -> Around:
        """While a block runs under a condition on these switches; `dormant`: it does not really run."""
        off = (switches or frozenset({"?"}), key, way)
        return _Under(self, switches, unsure, off if dormant else None)

    def iteration(self, instance: int, k: int, node: ast.AST) -> Around:
        return OnTop(self.loops, Loop(instance, k, getattr(node, "lineno", 0)))

    def claiming(self, frame: Frame, names: frozenset[str], tag: Tag) -> Around:
        """While the loop's body runs, values assigned to these names belong to this iteration of the loop."""
        return OnTop(self.claims, (frame, names, tag)) if names else NOTHING

    def claim_tags(self, frame: Frame, name: str) -> Tags:
        return frozenset(tag for owner, names, tag in self.claims if owner is frame and name in names)

    def selecting(self, test: Value, node: ast.AST, frame: Frame) -> Around:
        """While a branch runs that hangs on a validation loss: what it does to parameters is adaptation to it."""
        if self.is_of_loss(test):
            return OnTop(self.selections, Pending(test.tags, self.place(node, frame), test.tags))
        return NOTHING

    @staticmethod
    def is_of_loss(value: Value) -> bool:
        """Whether a loss on validation tokens went into the value."""
        return VAL in value.tags and ("loss",) in value.tags and any(t[0] == "out" for t in value.tags)

    @property
    def last(self) -> int:
        """The number of the latest event."""
        return self._numbers

    def _event(self, node: ast.AST, frame: Frame) -> dict[str, object]:
        self._order += 1
        self._numbers += 1
        guards = frozenset().union(*self.guards) if self.guards else frozenset()
        return {
            "number": self._numbers,
            "order": self._order,
            "place": self.place(node, frame),
            "loops": tuple(self.loops),
            "certain": not self.unsure,
            "guards": guards,
            "ways": frozenset(self.ways),
            "off": frozenset().union(*(names for names, _, _ in self.off)) if self.off else frozenset(),
        }

    # -- events --------------------------------------------------------------------------------------

    def output(self, node: ast.AST, frame: Frame, data: Tags, state: Tags, *, loss: bool, known: bool = False) -> Tags:
        """A model's output for validation tokens; returns the tags of the resulting value. `known`: it is a module."""
        region = frozenset((t[1], t[2]) for t in data if t[0] == "dep")
        adapted = frozenset(t[1] for t in data | state if t[0] == "adapted")
        parents = frozenset(t[1] for t in data if t[0] == "out")
        event = Output(
            **self._event(node, frame),  # type: ignore[arg-type]
            region=region,
            state=adapted,
            tags=data,
            parents=parents,
            read_back=ARTIFACT in state or any(self.trace.outputs[n].read_back for n in parents),
            known=known or (bool(parents) and all(self.trace.outputs[n].known for n in parents)),
        )
        event_tags = frozenset(t for t in data if t[0] not in _USED_UP) | {("out", event.number)}
        event_tags |= frozenset(t for t in state if t[0] == "adapted")
        self.trace.outputs[event.number] = event
        return event_tags | {("loss",)} if loss else event_tags

    def adapt(
        self, node: ast.AST, frame: Frame, pending: Pending, *, subject: str, name: str, shared_rows: bool
    ) -> Adapt:
        event = Adapt(
            **self._event(node, frame),  # type: ignore[arg-type]
            region=frozenset((t[1], t[2]) for t in pending.tags if t[0] == "dep"),
            backward=pending.place,
            outputs=frozenset(t[1] for t in pending.tags if t[0] == "out"),
            tags=pending.tags,
            subject=subject,
            subject_name=name,
            shared_rows=shared_rows,
            statistics=("loss",) not in pending.tags,
        )
        self.trace.adapts[event.number] = event
        return event

    def lookup(self, node: ast.AST, frame: Frame, tags: Tags, *, hashed: bool, refilled: bool) -> int:
        event = Lookup(**self._event(node, frame), hashed=hashed, tags=tags, refilled=refilled)  # type: ignore[arg-type]
        self.trace.lookups[event.number] = event
        return event.number

    def choice(self, node: ast.AST, frame: Frame, tags: Tags, text: str) -> int:
        event = Choice(**self._event(node, frame), text=text, tags=tags)  # type: ignore[arg-type]
        self.trace.choices[event.number] = event
        return event.number

    def scale(self, node: ast.AST, frame: Frame, tags: Tags, factor: float) -> int:
        event = Scale(**self._event(node, frame), factor=factor, tags=tags)  # type: ignore[arg-type]
        self.trace.scales[event.number] = event
        return event.number

    def stack(self, node: ast.AST, frame: Frame, tags: Tags) -> int:
        event = Stack(**self._event(node, frame), tags=tags)  # type: ignore[arg-type]
        self.trace.stacks[event.number] = event
        return event.number

    def opened(self, node: ast.AST, frame: Frame, sees: str = "what follows") -> None:
        """Attention runs without being causal while the model scores."""
        event = OpenAttention(**self._event(node, frame), sees=sees)  # type: ignore[arg-type]
        self.trace.open_attention.setdefault(event.place.key, event)

    def load(self, node: ast.AST, frame: Frame, *, read_back: bool) -> None:
        """A model takes weights from a state dict."""
        event = Load(**self._event(node, frame), read_back=read_back)  # type: ignore[arg-type]
        self.trace.loads[event_key(event)] = event

    def on_training_tokens(self, node: ast.AST, frame: Frame) -> None:
        """A model is run on training tokens: written down where the artifact was read back before."""
        if any(load.read_back and not load.off for load in self.trace.loads.values()):
            event = LateTraining(**self._event(node, frame))  # type: ignore[arg-type]
            self.trace.late.setdefault(event.place.key, event)

    def omitted(self, node: ast.AST, frame: Frame, by: str) -> Tags:
        """Parts of the stream are left out: the tags that carry this to the figure."""
        event = Omission(**self._event(node, frame), by=by)  # type: ignore[arg-type]
        self.trace.omissions[event.number] = event
        return frozenset({("omitted", event.number)})

    def added(self, node: ast.AST, frame: Frame, made: Node) -> None:
        if self.inside:
            return
        known = self.trace.added.get(made)
        if known is None or known.off or not known.certain:
            event = Added(**self._event(node, frame), node=made)  # type: ignore[arg-type]
            if known is None or not event.off:
                self.trace.added[made] = event

    def unfollowed(
        self, node: ast.AST, frame: Frame, what: str, why: str, touches: Iterable[str], *, any_time: bool = False
    ) -> None:
        """Write down what is not followed although it may change what the score is made of.

        `any_time`: when it happens is not known, so it may be ahead of everything.
        """
        if self.inside:
            return  # what a model computes is its own affair; what becomes of its loss is doubted (`within`)
        key = (self.place(node, frame).key, what, bool(self.off))
        known = self.trace.unfollowed.get(key)
        if known is None or (self.unsure == 0 and not known.certain):
            event = self._event(node, frame) | ({"order": 0} if any_time else {})
            self.trace.unfollowed[key] = Unfollowed(**event, what=what, why=why, touches=frozenset(touches))  # type: ignore[arg-type]

    def doubt(self, node: ast.AST, frame: Frame, what: str, why: str) -> Tags:
        """A value is made in a way that leaves open what it measures: the tags that carry this to the figure."""
        key = (self.place(node, frame).key, what, bool(self.off))
        known = self.trace.unfollowed.get(key)
        if known is None:
            event = self._event(node, frame)
            known = Unfollowed(**event, what=what, why=why, touches=frozenset({"the figure"}), carried=True)  # type: ignore[arg-type]
            self.trace.unfollowed[key] = known
        return frozenset({("doubt", known.number)})

    def report(self, node: ast.AST, frame: Frame, text: str, tags: Tags, recipe: Node | None) -> None:
        outputs = frozenset(t[1] for t in tags if t[0] == "out")
        event = self._event(node, frame)
        self.trace.reports.append(ReportLine(**event, text=text, outputs=outputs, tags=tags, recipe=recipe))  # type: ignore[arg-type]

    def printed(self, text: str, channel: str) -> None:
        """A line that is printed through a function: a log that holds it proves that its branch ran."""
        self.noise += 1
        head = text.split("{}")[0].strip()
        if len(head) < MIN_HEAD:
            return
        if not self.off:
            places = self.trace.heads.setdefault(head, [])
            if len(places) < MAX_PLACES:
                places.append(Printed(channel, tuple(self.decided)))
        elif all(key is not None for _, key, _ in self.off):
            ways = {key: way for _, key, way in self.off if key is not None}
            self.trace.dormant_heads.setdefault(head, ways)

    # -- heap ----------------------------------------------------------------------------------------

    def write_attribute(self, instance: Instance, name: str, value: Value) -> None:
        if self.journals:
            self.journals[-1].setdefault((id(instance), name), (instance, instance.attributes.get(name)))
        self.changed(instance.attributes.get(name), value)
        instance.attributes[name] = value

    def changed(self, before: Value | None, value: Value) -> None:
        """Something that outlives a call holds another value: a flag, a mode, validation tokens."""
        if _differs(before, value):
            self.changes += 1

    def rebinds(self, before: Value | None, value: Value) -> None:
        """A name of a module, or an attribute of a class or function, holds another value."""
        if _differs(before, value):
            self.rebound += 1

    @contextmanager
    def arm(self) -> Iterator[Journal]:
        """While one arm of a branch runs: what its attributes were before."""
        journal: Journal = {}
        self.journals.append(journal)
        try:
            yield journal
        finally:
            self.journals.pop()
            if self.journals:
                for key, before in journal.items():
                    self.journals[-1].setdefault(key, before)

    def patch(self, frame: Frame, node: ast.AST, dotted: str, value: Value) -> None:
        """Something of a library is replaced: from here on its name means what the program puts there."""
        self.patched[dotted] = value
        if value.obj is not None and not isinstance(value.obj, (Instance, Mapping, Sequence)):
            package = dotted.partition(".")[0]
            if package in ("torch", "numpy", "math"):
                why = "a function of a library means what the program puts there"
                self.unfollowed(node, frame, f"the replacement of {dotted}", why, {"losses", "weights"})

    # -- count tables --------------------------------------------------------------------------------

    def mark_table(self, container: Value, key: Tags) -> None:
        """The container is stored into under keys made of tokens, whose tags are `key`."""
        table = _identity(container)
        _, writes = self._tables.setdefault(id(table), (table, {}))
        # A prefix, stored before a rank starts behind it, is what other ranks have scored: no pass over the stream.
        if VAL in key and not any(t[0] == "upto" for t in key):
            region = frozenset((t[1], t[2]) for t in key if t[0] == "dep")
            writes[tuple(loop.instance for loop in self.loops)] = region

    def is_table(self, container: Value) -> bool:
        return id(_identity(container)) in self._tables

    def filled_by_another_pass(self, container: Value, key: Tags) -> bool:
        """Whether the table holds validation tokens from a pass over the stream that this look-up is not part of."""
        _, writes = self._tables[id(_identity(container))]
        here = {loop.instance for loop in self.loops}
        mine = {t[1] for t in key if t[0] == "dep"}
        return any(
            not any(instance in here and (instance in mine or instance in carried) for instance in loops)
            for loops, region in writes.items()
            for carried in [{instance for instance, _ in region}]
        )

    # -- gradients -----------------------------------------------------------------------------------

    def backward(self, node: ast.AST, frame: Frame, loss: Value) -> None:
        self.noise += 1
        if self.stepped:
            self.pending.clear()
            self.stepped = False
        tags = deep_tags(loss)
        self.pending.append(Pending(tags, self.place(node, frame), tags))

    def forget_gradients(self) -> None:
        if self.pending:
            self.noise += 1
        self.pending.clear()

    def validation_gradients(self) -> Pending | None:
        """The pending backward pass over validation tokens, all of them joined."""
        self.asked += 1
        hits = [p for p in self.pending if VAL in p.tags]
        if not hits:
            return None
        self.noise += 1
        tags = frozenset().union(*(p.tags for p in hits))
        return Pending(tags, hits[-1].place, tags)


def _differs(before: Value | None, value: Value) -> bool:
    """Whether a new value may make code go another way: numbers that are not known are the same."""
    if value.const is UNKNOWN and value.obj is None and VAL not in value.tags:
        return before is not None and before.known
    return before is None or before.const is not value.const or before.obj is not value.obj or before.tags != value.tags


def event_key(event: Event) -> tuple[str, int, int]:
    return event.place.key


def _head_end(node: ast.stmt) -> int:
    """The last line of a statement without its body: a compound statement is reached line by line."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        return max(node.lineno, body[0].lineno - 1)
    return node.end_lineno or node.lineno


def root(value: Value) -> Value:
    """The value that a view looks into."""
    for _ in range(16):
        if value.base is None:
            return value
        value = value.base
    return value


def _identity(value: Value) -> object:
    """What makes two values the same table: the dict itself, or the tensor that a view looks into."""
    table = root(value)
    return table.obj if isinstance(table.obj, (Mapping, Sequence)) else table


def switches(tags: Tags) -> frozenset[str]:
    return frozenset(t[1] for t in tags if t[0] == "cfg")
