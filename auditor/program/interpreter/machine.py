"""The state of one abstract run: loops, branches, pending gradients, what was reached, and the trace."""

from __future__ import annotations

import ast
from collections.abc import Callable
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence as Seq
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MethodType
from typing import Final

from auditor.program import used
from auditor.program.extent import Extents
from auditor.program.holdings import deep_tags
from auditor.program.interpreter import perhaps
from auditor.program.interpreter.around import NOTHING, Arm, Around, OnTop, Under
from auditor.program.interpreter.hook import Hook
from auditor.program.interpreter.kept import Journal
from auditor.program.interpreter.memory import ForwardPasses, Repeat
from auditor.program.interpreter.recorder import Branch as Branch
from auditor.program.interpreter.recorder import Off as Off
from auditor.program.interpreter.recorder import Pending as Pending
from auditor.program.interpreter.recorder import Recorder
from auditor.program.positions import Position
from auditor.program.recipe.model import Node
from auditor.program.stepping import Written
from auditor.program.tags import (
    LOSS,
    NONE,
    TARGET,
    VAL,
    InRound,
    OfOutput,
    OfSwitch,
    Tag,
    Tags,
    Taken,
    UpTo,
    WindowPart,
    has,
)
from auditor.program.trace import Loop
from auditor.program.values import UNKNOWN, Class, External, Frame, Function, Instance, Mapping, Sequence, Value
from auditor.source import Sources, Unit

MAX_DEPTH = 96
MAX_STEPS = 1_500_000
MAX_TAGS = 2_000  # of one value: each step copies them; submissions stay below 600


class Budget(Exception):
    """The abstract run was cut off at one of the interpreter's bounds; the message says at which."""


Trained = tuple[int, int, ast.AST, Frame]
"""A step on validation tokens: the outputs of its objective and of the score before it, and where it stands."""
TOO_LONG: Final = "the program is larger than the interpreter's bound"
TOO_ENTANGLED: Final = f"a value depends on more than {MAX_TAGS:,} places of the program"


@dataclass(frozen=True, slots=True)
class Verbs:
    """What the machine does for the modules of the interpreter, which so need not import each other."""

    execute: Callable[[Machine, Frame, Seq[ast.stmt]], int]
    evaluate: Callable[[Machine, Frame, ast.expr], Value]
    attribute: Callable[[Machine, Frame, ast.AST, Value, str], Value]
    call: Callable[[Machine, Frame, ast.AST, Value, list[Value], dict[str, Value]], Value]
    invoke: Callable[[Machine, Frame, ast.AST, Function, Value | None, list[Value], dict[str, Value]], Value]


class Machine(Recorder):
    """One abstract run. `environment` answers what a switch holds, None if it is not set anywhere."""

    execute: Callable[[Frame, Seq[ast.stmt]], int]
    """Run a block; how it may complete (`completion.NORMAL`, ...)."""
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
        super().__init__()
        self.execute = MethodType(verbs.execute, self)  # a bound method is what Python calls fastest
        self.evaluate = MethodType(verbs.evaluate, self)
        self.attribute = MethodType(verbs.attribute, self)
        self.call = MethodType(verbs.call, self)
        self.invoke = MethodType(verbs.invoke, self)
        self.sources = sources
        self.forced = forced or {}
        self.unsettled = unsettled
        self.overrides = overrides or {}
        self.environment = environment
        self.explore = explore
        self.claims: list[tuple[Frame, frozenset[str], Tag]] = []
        self.calls: list[ast.AST] = []
        self.disk: Tags = NONE
        self._files: dict[str, Tags] = {}
        self.files_asked = 0  # how often something asked for what is in files
        self.tainted = False  # validation tokens were put where training data is read
        # Set when the live branch of an explored condition leaves the block: what follows does not run.
        self.leaves: Off | None = None
        self.pending: list[Pending] = []
        self.selections: list[Pending] = []  # conditions on a validation loss around the statement that runs
        self.remaining: Pending | None = None  # a validation loss decides whether the rest of the block runs
        self.optimizers: list[Instance] = []  # whose groups of parameters were asked for
        self.called: dict[ast.Call, str] = {}  # what is called where another name stands; "": several things
        self.reduced: dict[int, tuple[Value, Node | None]] = {}  # totals over the processes, and what they measured
        self.cuts: dict[tuple[Loop, ...], dict[str, Tags]] = {}  # by round: of losses and bytes, what is left out
        self.decisions = 0  # plain values that a validation loss has decided so far
        self.trained: dict[int, Instance] = {}  # by loop: what steps on training tokens in it
        self.stepped = False
        self.asked = 0  # how often something asked for gradients, to change weights by them
        self.means: dict[object, dict[bool, set[bool]]] = {}  # by function: of losses and of counts, if ranks take it
        self.shortened: set[Value] = set()  # windows of which all but the last tokens were read
        self.asked_again: dict[int, list[Trained]] = {}  # by loop: where it is to be asked what the next round scores
        self.counted_parts: dict[int, list[WindowPart]] = {}  # by output: what of its window counts, if not all of it
        self.caught = 0  # `try` statements with a handler that are being run
        self.told: dict[int, Tags] = {}  # by loop: what a condition on targets that ends it tells; 0: that fails
        self.exits: list[tuple[Value, Value, list[Value], dict[str, Value]]] = []  # of which stack, function, arguments
        self.starved = False  # something was taken out of an empty queue
        self.reread = False  # a table was read that another pass has filled
        self.hooks: list[Hook] = []
        self.contexts: list[tuple[ast.AST, Callable[[Value], None]]] = []  # generators that a block is to run inside of
        self.further: dict[ast.AST, Written] = {}  # by loop statement: what it is written to step
        self.asked_of: set[ast.AST] = set()  # conditions and indexes in loops that constants have told
        self.asked_names: set[object] = set()  # the names, and the keys, in them
        self.ranges: dict[int, range] = {}  # by loop: what it runs through, where that is known
        self.sent: Value | None = None  # into the generator that runs
        self.raised: Value | None = None  # the latest exception that was raised
        self.texts = 0  # depth of texts that are executed
        self.training: dict[int, bool] = {}  # by module: whether it was put into training, or out of it, last
        self.captured: dict[int, tuple[Value, Frame, Seq[ast.stmt]]] = {}  # by graph: what runs when it is replayed
        self.waiting: list[tuple[Value, Value, list[Value]]] = []  # threads that found nothing to do yet
        self.handlers: list[Value] = []  # of logs: objects of the program
        self.at_exit: list[tuple[Value, list[Value]]] = []
        self.stepping = 0  # depth of optimizer steps that run
        # Count tables by identity, with the loops in which validation tokens were stored and their region.
        self._tables: dict[int, tuple[object, dict[tuple[int, ...], frozenset[tuple[int, int]]]]] = {}
        self._taken: dict[int, set[frozenset[tuple[int, int]]]] = {}  # of tables: parts of the stream with targets
        self._marked: set[tuple[int, bool]] = set()
        self.generators: dict[ast.AST, bool] = {}  # functions, and whether they yield
        self.ends: set[tuple[Position, tuple[tuple[int, int], ...]]] = set()  # of targets: where, in which round
        self.extents = Extents()
        self.skipped: dict[Loop, Tags] = {}  # by round: what says that it was left
        self.idle: dict[int, Tags] = {}  # by loop: what says that some processes leave out their share of it
        self.unread: dict[int, Tags] = {}  # by loop: what says that it leaves out some of the stream's files
        self.summed = 0  # losses that were added to something
        self.ended = (0, 0)  # of the latest branch: how each arm may complete
        self.left = (False, False)  # of the latest branch: which arm ends the round
        self.arms = (0, 0)  # of the latest branch: losses that each arm has added to something
        self.patched: dict[str, Value] = {}  # names of libraries that the program has replaced
        self.patched_last: set[str] = set()  # the last parts of these names
        self.modules: dict[str, Frame] = {}
        self.derived: list[Class] = []  # classes of the program that a library may call the methods of
        self.operators: dict[str, Value] = {}  # by name: functions that were registered with torch
        self.registered = Mapping()  # `sys.modules`, with what the program puts there
        self.made: dict[Class, Value] = {}  # an object of each class of the program
        self.lines: dict[tuple[str, int], dict[int, bool | None]] = {}
        self._reached: set[ast.stmt] = set()  # statements whose lines are marked as what runs
        self._perhaps_reached: set[ast.stmt] = set()  # and as what may run
        self.passes = ForwardPasses()
        self.problems: list[str] = []
        # Functions and the state they were called in: the latest quiet calls.
        self.repeated: dict[tuple[object, ...], list[Repeat]] = {}
        self.touched = 0  # expressions so far whose value has to do with the validation stream
        self.shared = 0  # objects that code came across under a name from outside of its function
        self.steps = 0
        self.at: tuple[Unit, ast.stmt] | None = None  # the statement that was begun last
        self._loop_instances = 0
        self._objects: frozenset[str] | None = None

    # -- names of libraries --------------------------------------------------------------------------

    def is_object(self, of_library: External) -> bool:
        """Whether it is a module, a class or a function, which is neither None nor false; data may be."""
        dotted = of_library.dotted
        if dotted.startswith("builtins."):
            return dotted != "builtins.__debug__"
        if self._objects is None:
            self._objects = used.objects(self.sources)
        return dotted in self._objects

    @property
    def files(self) -> dict[str, Tags]:
        """By name: what the program has written there."""
        self.files_asked += 1
        return self._files

    def written_so_far(self) -> tuple[object, ...]:
        """What is in all files, to be compared."""
        return tuple(self._files.items())

    # -- bookkeeping ---------------------------------------------------------------------------------

    def fresh_loop(self) -> int:
        self._loop_instances += 1
        return self._loop_instances

    def reach(self, unit: Unit, node: ast.stmt) -> None:
        if node in self._reached or (self.unsure and node in self._perhaps_reached):
            return
        (self._perhaps_reached if self.unsure else self._reached).add(node)
        lines = self.lines.setdefault((unit.path, unit.layer), {})
        state: bool | None = None if self.unsure else True
        for line in range(node.lineno, _head_end(node) + 1):
            if lines.get(line) is not True:
                lines[line] = state

    def first_reach(self, unit: Unit, function: ast.AST, *, sure: bool = True) -> bool:
        """Mark all lines of a function that is not stepped through; False if that was done before."""
        key = (id(function), bool(self.unsure) or not sure)
        if key in self._marked:
            return False
        self._marked.add(key)
        lines = self.lines.setdefault((unit.path, unit.layer), {})
        first, last = getattr(function, "lineno", 1), getattr(function, "end_lineno", 1)
        for line in range(first, last + 1):
            if lines.get(line) is not True:
                lines[line] = None if key[1] else True
        return True

    def branch(
        self, switches: frozenset[str], *, unsure: bool, dormant: bool, key: Branch | None = None, way: bool = True
    ) -> Around:
        """While a block runs under a condition on these switches; `dormant`: it does not really run."""
        off = (switches or frozenset({"?"}), key, way)
        return Under(self, switches, unsure, off if dormant else None)

    def iteration(self, instance: int, k: int, node: ast.AST, *, ascends: bool = False) -> Around:
        return OnTop(self.loops, Loop(instance, k, getattr(node, "lineno", 0), ascends))

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
        return VAL in value.tags and LOSS in value.tags and has(value.tags, OfOutput)

    # -- heap ----------------------------------------------------------------------------------------

    def write_attribute(self, instance: Instance, name: str, value: Value) -> None:
        perhaps.about(self, instance, name)
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

    def arm(self) -> AbstractContextManager[Journal]:
        """While one arm of a branch runs: what its attributes were before."""
        return Arm(self.journals)

    def patch(self, frame: Frame, node: ast.AST, dotted: str, value: Value) -> None:
        """Something of a library is replaced: from here on its name means what the program puts there."""
        self.patched[dotted] = value
        self.patched_last.add(dotted.rpartition(".")[2])
        if value.obj is not None and not isinstance(value.obj, (Instance, Mapping, Sequence)):
            package = dotted.partition(".")[0]
            if package in ("torch", "numpy", "math"):
                why = "a function of a library means what the program puts there"
                self.unfollowed(node, frame, f"the replacement of {dotted}", why, {"losses", "weights"})

    # -- count tables --------------------------------------------------------------------------------

    def mark_table(self, container: Value, key: Tags) -> Tags:
        """The container is stored into under keys made of tokens, whose tags are `key`; the tags of what it holds."""
        table = _identity(container)
        _, writes = self._tables.setdefault(id(table), (table, {}))
        # A prefix, stored before a rank starts behind it, is what other ranks have scored: no pass over the stream.
        if VAL in key and not has(key, UpTo):
            region = frozenset([(t.loop, t.iteration) for t in key if isinstance(t, InRound)])
            writes[tuple(loop.instance for loop in self.loops)] = region
            if TARGET in key:
                self._taken.setdefault(id(table), set()).add(region)
                return frozenset({Taken(region)})
        return NONE

    def is_table(self, container: Value) -> bool:
        return id(_identity(container)) in self._tables

    def filled_by_another_pass(self, container: Value, key: Tags) -> bool:
        """Whether the table holds validation tokens from a pass over the stream that this look-up is not part of."""
        _, writes = self._tables[id(_identity(container))]
        here = {loop.instance for loop in self.loops}
        mine = {t.loop for t in key if isinstance(t, InRound)}
        return any(
            not any(instance in here and (instance in mine or instance in carried) for instance in loops)
            for loops, region in writes.items()
            for carried in [{instance for instance, _ in region}]
        )

    def filled_in_this_round(self, container: Value, key: Tags) -> bool:
        """Whether the table holds tokens of the very part of the stream that the look-up is made for.

        A loop that is over by now has stored all that it ran through.
        """
        return any(self.is_of_this_round(region, key) for region in self._taken.get(id(_identity(container)), ()))

    def is_of_this_round(self, region: frozenset[tuple[int, int]], key: Tags) -> bool:
        """Whether a part of the stream is that which the rounds of the loops around have in hand."""
        here = {loop.instance: loop.iteration for loop in self.loops}
        running = [(instance, k) for instance, k in region if instance in here]
        if not running or any(here[instance] != k for instance, k in running):
            return False
        mine = {(t.loop, t.iteration) for t in key if isinstance(t, InRound)}
        return mine.issuperset(running)

    # -- gradients -----------------------------------------------------------------------------------

    def backward(self, node: ast.AST, frame: Frame, loss: Value) -> None:
        self.noise += 1
        if self.stepped:
            self.pending.clear()
            self.stepped = False
        tags = deep_tags(loss)
        self.pending.append(Pending(tags, self.place(node, frame), tags))
        if VAL in tags:
            self.gradients(node, frame)

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
        return Pending(tags, hits[-1].place, tags, tuple(p.place for p in hits))


def _differs(before: Value | None, value: Value) -> bool:
    """Whether a new value may make code go another way: numbers that are not known are the same."""
    if value.const is UNKNOWN and value.obj is None and VAL not in value.tags:
        return before is not None and before.known
    return before is None or before.const is not value.const or before.obj is not value.obj or before.tags != value.tags


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
    return frozenset([t.name for t in tags if isinstance(t, OfSwitch)]) if has(tags, OfSwitch) else frozenset()
