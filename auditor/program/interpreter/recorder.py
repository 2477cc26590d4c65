"""What an abstract run writes down: the events of its trace, with where, under what and in what order they stand."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from auditor.program.interpreter.kept import Journal, Kept
from auditor.program.recipe.model import Node
from auditor.program.tags import (
    ARTIFACT,
    CALLED,
    LATER,
    LOSS,
    NONE,
    SHARE,
    VAL,
    AdaptedBy,
    Before,
    Doubtful,
    Drawn,
    Gaps,
    InRound,
    OfOutput,
    Omitting,
    Reads,
    Recalled,
    Tags,
)
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
    Recall,
    Reordered,
    ReportLine,
    Scale,
    Stack,
    Trace,
    Unfollowed,
)
from auditor.program.values import Frame, Instance, Obj

_USED_UP = frozenset({CALLED, LATER})  # by a model that is given the tokens
_USED_UP_KINDS = (OfOutput, Reads, Before)
_GRADIENTS = "what becomes of gradients of validation tokens"
MAX_PLACES = 8  # places of one printed line that are told apart
MIN_HEAD = 6  # characters of a printed line before its first figure that are enough to know it again


Branch = tuple[str, int, int]
"""An `if` statement: path, layer and line."""


Off = tuple[frozenset[str], Branch | None, bool]
"""A branch that does not run and is only explored: its switches, and the way it would have to go."""


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts that are written in it."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and any(map(str.isalpha, part.value)):
            yield part.value


@dataclass(slots=True)
class Pending:
    """A backward pass whose gradients no optimizer step has used up yet."""

    tags: Tags
    place: Place
    deep: Tags
    places: tuple[Place, ...] = ()  # of several that were joined


class Recorder:
    """The trace of one run, and what stands around the statement that it has reached."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.summed_up: set[int] = set()  # outputs of which a sum over the processes was made
        self.alone: list[bool] = []  # arms around that are for one process by itself
        self.apart: list[bool] = []  # arms around into which not every process goes
        self.differing: dict[int, Instance] = {}  # modules whose weights were changed by some of the processes
        self.names_outside: dict[ast.AST, tuple[str, ...]] = {}  # by function: what it reads and does not make
        self.models: dict[int, Instance] = {}  # by output: the module that made it
        self.in_training = False  # of the model whose forward pass is looked at
        self.looked_at: set[tuple[int, Hashable]] = set()  # functions of forward passes, with the state of the model
        self.windows: dict[int, Tags] = {}  # by output: where the tokens stand that it is made for
        self.orders: dict[tuple[str, int, int], Reordered] = {}  # drawn by chance, of whatever they are
        self.walked_by_chance: set[tuple[str, int, int]] = set()  # those of them that tokens were read in
        self.loops: list[Loop] = []
        self.functions: list[str] = []
        self.sites: list[tuple[ast.AST, Frame]] = []  # the calls of what is stepped through, outermost first
        self.changes = 0  # what was stored into objects, where it may decide what code does later
        self.rebound = 0  # names of modules, and attributes of classes and functions, that were given other values
        self.journals: list[Journal] = []  # of the arms of branches that run
        self.kept: list[Kept] = []  # of the blocks around that may not run
        self.unsure_of: dict[tuple[int, object], Obj] = {}  # objects, and attributes or keys that these may not have
        self.forks = 0  # conditions that are not known, by which one way leaves what it is in
        self.unsure = 0  # depth of branches that hang on an unknown switch
        self.off: list[Off] = []
        self.guards: list[frozenset[str]] = []
        self.decided: list[tuple[Branch, bool, frozenset[str]]] = []  # branches around that switches have decided
        self.entered: list[tuple[Branch, bool]] = []  # branches around that go this way here
        self.ways: list[tuple[str, bool]] = []  # conditions on switches around the statement that runs
        self.inside: list[Tags] = []  # of the output whose forward pass is stepped through (`within`)
        self.spent: set[tuple[str, int, int]] = set()  # backward passes whose gradients have changed something
        self.slopes: dict[
            tuple[str, int, int], set[int]
        ] = {}  # gradients that a call gives: the adaptations that use them
        self.noise = 0  # lines that were printed, gradients that were made or asked for
        self._order = 0
        self._numbers = 0

    def place(self, node: ast.AST, frame: Frame) -> Place:
        line = getattr(node, "lineno", 1)
        return Place(
            frame.unit, line, getattr(node, "end_lineno", line) or line, self.functions[-1] if self.functions else ""
        )

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
            "calls": tuple([self.place(node, frame) for node, frame in self.sites]),
        }

    def output(self, node: ast.AST, frame: Frame, data: Tags, state: Tags, *, loss: bool, known: bool = False) -> Tags:
        """A model's output for validation tokens; returns the tags of the resulting value. `known`: it is a module."""
        region = frozenset([(t.loop, t.iteration) for t in data if isinstance(t, InRound)])
        adapted = frozenset([t.number for t in data | state if isinstance(t, AdaptedBy)])
        parents = frozenset([t.number for t in data if isinstance(t, OfOutput)])
        event = Output(
            **self._event(node, frame),  # type: ignore[arg-type]
            region=region,
            state=adapted,
            tags=data,
            parents=parents,
            read_back=ARTIFACT in state or any(self.trace.outputs[n].read_back for n in parents),
            known=known or (bool(parents) and all(self.trace.outputs[n].known for n in parents)),
        )
        event_tags = frozenset([t for t in data if not (t in _USED_UP or isinstance(t, _USED_UP_KINDS))]) | {
            OfOutput(event.number)
        }
        event_tags |= frozenset([t for t in state if isinstance(t, AdaptedBy)])
        self.trace.outputs[event.number] = event
        own = frozenset([t for t in data if isinstance(t, (Reads, Before))])
        self.windows[event.number] = own or frozenset().union(*(self.windows.get(n, NONE) for n in parents))
        return event_tags | {LOSS} if loss else event_tags

    def adapt(
        self, node: ast.AST, frame: Frame, pending: Pending, *, subject: str, name: str, shared_rows: bool,
        seen: bool = True,
    ) -> Adapt:  # fmt: skip
        """Gradients change something; `seen`: it is known to be weights, or else they are used where it is."""
        event = Adapt(
            **self._event(node, frame),  # type: ignore[arg-type]
            region=frozenset([(t.loop, t.iteration) for t in pending.tags if isinstance(t, InRound)]),
            backward=pending.place,
            outputs=frozenset([t.number for t in pending.tags if isinstance(t, OfOutput)]),
            tags=pending.tags,
            subject=subject,
            subject_name=name,
            shared_rows=shared_rows,
            statistics=LOSS not in pending.tags,
        )
        self.trace.adapts[event.number] = event
        places = {place.key for place in (pending.place, *pending.places)}
        self.spent |= places if seen else set()
        for key in places if not seen else ():
            self.slopes.setdefault(key, set()).add(event.number)
        return event

    def lookup(
        self, node: ast.AST, frame: Frame, tags: Tags, *, hashed: bool, refilled: bool, ahead: bool = False
    ) -> int:
        told = {"hashed": hashed, "tags": tags, "refilled": refilled, "ahead": ahead}
        event = Lookup(**self._event(node, frame), **told)  # type: ignore[arg-type]
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
        """A model is run on training tokens; where the artifact was read back before, that is an event."""
        event = LateTraining(**self._event(node, frame))  # type: ignore[arg-type]
        if not self.off:
            self.trace.trained.setdefault((*event.calls, event.place), event)
        if any(load.read_back and not load.off for load in self.trace.loads.values()):
            self.trace.late.setdefault(event.place.key, event)

    def training_shard(self, node: ast.AST, frame: Frame) -> None:
        """A shard of training tokens is read; the latest time counts, as the artifact may have been read back."""
        event = Event(**self._event(node, frame))  # type: ignore[arg-type]
        self.trace.training_reads[(*event.calls, event.place)] = event

    def reordered(self, node: ast.AST, frame: Frame, by: str) -> None:
        """Parts of the stream are put in another order."""
        event = Reordered(**self._event(node, frame), by=by)  # type: ignore[arg-type]
        self.trace.reordered.setdefault(event.place.key, event)

    def drawn(self, node: ast.AST, frame: Frame) -> Tags:
        """An order is drawn, of what will be seen where it is an index: the tags that tell."""
        event = Reordered(**self._event(node, frame), by="chance")  # type: ignore[arg-type]
        self.orders.setdefault(event.place.key, event)
        return frozenset({Drawn(event.place.key)})

    def omitted(self, node: ast.AST, frame: Frame, by: str) -> Tags:
        """Parts of the stream are left out: the tags that carry this to the figure."""
        event = Omission(**self._event(node, frame), by=by)  # type: ignore[arg-type]
        self.trace.omissions[event.number] = event
        return frozenset({Omitting(event.number)})

    def walked(self, tokens: Tags, rounds: Tags) -> None:
        """Tokens are taken by where these loops stand; what a model makes of them are none."""
        if VAL in tokens and CALLED not in tokens and not any(isinstance(t, OfOutput) for t in tokens):
            here = {loop.instance for loop in self.loops}
            self.trace.walks |= {t.loop for t in rounds if isinstance(t, InRound) and t.loop in here}

    def recalled(self, node: ast.AST, frame: Frame, rounds: frozenset[int]) -> Tags:
        """Something is read from a file by where these loops stand: the tags that carry this to the figure."""
        event = Recall(**self._event(node, frame), rounds=rounds)  # type: ignore[arg-type]
        self.trace.recalls[event.number] = event
        return frozenset({Recalled(event.number)})

    def added(self, node: ast.AST, frame: Frame, made: Node) -> None:
        if self.inside:
            return
        known = self.trace.added.get(made)
        if known is None or known.off or not known.certain:
            event = Added(**self._event(node, frame), node=made)  # type: ignore[arg-type]
            if known is None or not event.off:
                self.trace.added[made] = event

    def unfollowed(
        self,
        node: ast.AST,
        frame: Frame,
        what: str,
        why: str,
        touches: Iterable[str],
        *,
        any_time: bool = False,
        against: str = "",
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
            made = Unfollowed(**event, what=what, why=why, touches=frozenset(touches), against=against)  # type: ignore[arg-type]
            self.trace.unfollowed[key] = made

    def gradients(self, node: ast.AST, frame: Frame) -> None:
        """Gradients of validation tokens are made: written down until something is seen to use them (`settle`)."""
        self.unfollowed(node, frame, _GRADIENTS, "nothing was seen to use them", {"weights", "tokens"})

    def settle(self) -> None:
        """At the end of a run: gradients that something has used are no gap."""
        used = self.trace.saved.union(*(output.state for output in self.trace.outputs.values()))
        for key, gap in list(self.trace.unfollowed.items()):
            place = gap.place.key
            reached = place in self.spent or not used.isdisjoint(self.slopes.get(place, ()))
            if gap.what == _GRADIENTS and reached:
                del self.trace.unfollowed[key]

    def doubt(
        self, node: ast.AST, frame: Frame, what: str, why: str, *, bends: bool = False, against: str = ""
    ) -> Tags:
        """A value is made in a way that leaves open what it measures: the tags that carry this to the figure.

        `bends`, `against`: as of `Unfollowed`.
        """
        key = (self.place(node, frame).key, what, bool(self.off))
        known = self.trace.unfollowed.get(key)
        if known is None:
            event = self._event(node, frame)
            touches = frozenset({"the figure"})
            more = {"what": what, "why": why, "carried": True, "bends": bends, "against": against}
            known = Unfollowed(**event, **more, touches=touches)  # type: ignore[arg-type]
            self.trace.unfollowed[key] = known
        return frozenset({Doubtful(known.number)})

    def report(self, node: ast.AST, frame: Frame, text: str, tags: Tags, recipe: Node | None) -> None:
        outputs = frozenset([t.number for t in tags if isinstance(t, OfOutput)])
        if outputs and not self._is_running(tags):
            tags |= self._shared_out(node, frame, tags)
        event = self._event(node, frame)
        # A function that prints what it is given: the line is where that is said.
        if self.sites and not any(word in text for word in _texts(node)):
            event["place"] = self.place(*self.sites[-1])
        self.trace.reports.append(ReportLine(**event, text=text, outputs=outputs, tags=tags, recipe=recipe))  # type: ignore[arg-type]

    def _is_running(self, tags: Tags) -> bool:
        """Whether a figure is printed in the loop that goes on adding to it: it shows how far the loop has come."""
        here = {loop.instance for loop in self.loops}
        return any(isinstance(t, InRound) and t.loop in here for t in tags)

    def _shared_out(self, node: ast.AST, frame: Frame, tags: Tags) -> Tags:
        """What of the stream a figure leaves out: the share of other processes, what stands between windows."""
        found: Tags = NONE
        if SHARE in tags and not {t.number for t in tags if isinstance(t, OfOutput)} <= self.summed_up:
            why = "it is of the tokens that one process has scored, and no sum over all of them was made"
            found |= self.doubt(node, frame, "the figure", why)
        if gaps := [t.share for t in tags if isinstance(t, Gaps)]:
            why = f"{1 - min(gaps):.1%} of the tokens stand between its windows, and are not scored"
            found |= self.doubt(node, frame, "a figure of the stream", why)
        return found

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
            around = {key: way for key, way, _ in self.decided} | dict(self.entered)
            elsewhere = self.trace.entered_heads.get(head, around)
            self.trace.entered_heads[head] = {key: way for key, way in around.items() if elsewhere.get(key) is way}
        elif all(key is not None for _, key, _ in self.off):
            ways = {key: way for _, key, way in self.off if key is not None}
            self.trace.dormant_heads.setdefault(head, ways)


def event_key(event: Event) -> tuple[str, int, int]:
    return event.place.key
