"""The evaluation trace: the events that the law speaks of, in the order and loop nest in which they run.

Every event has a place (unit and line), the loops around it with their abstract iteration, and whether it
certainly runs. Regions of the validation stream are the set of loop iterations that the slice depends on:
two slices with the same dependence are the same chunk, one that depends on an earlier iteration is an
earlier chunk, and one that depends on no shared loop is the whole stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from auditor.findings import Step
from auditor.program.place import Place as Place
from auditor.program.recipe.model import Node
from auditor.program.tags import Few, Tags, Within


@dataclass(frozen=True, slots=True)
class Loop:
    """One abstract iteration (1: first, 2: any later) of one execution of a loop statement.

    `ascends`: it counts upwards.
    """

    instance: int
    iteration: int
    line: int
    ascends: bool = False


@dataclass(eq=False, slots=True)
class Event:
    number: int
    order: int
    place: Place
    loops: tuple[Loop, ...]
    certain: bool  # False: under a condition that could not be decided
    guards: frozenset[str]  # switches that decide whether it runs
    off: frozenset[str]  # switches that keep it from running; empty if it runs
    ways: frozenset[tuple[str, bool]]  # conditions on switches around it, and the way that each went
    calls: tuple[Place, ...] = field(default=(), kw_only=True)  # through which it was come to, outermost first

    def excludes(self, other: Event) -> bool:
        """Whether the two stand in opposite arms of the same switch: a run has one of them at most."""
        return any((condition, not way) in other.ways for condition, way in self.ways)

    @property
    def active(self) -> bool | None:
        """True: it runs, False: it is switched off, None: a switch that decides is not known."""
        if self.off:
            return False
        return True if self.certain else None


@dataclass(eq=False, slots=True)
class Output(Event):
    """A model's output (or a loss made from it) for validation tokens. `state`: adaptations that it depends on."""

    region: frozenset[tuple[int, int]]
    state: frozenset[int]
    tags: Tags
    sees_target: bool = False  # logits computed from the very tokens that they predict
    hidden: str = ""  # of its targets' own positions some were hidden: "one rate" for all, or "holes"
    shifts: bool = False  # the model may move by one what it is given
    accumulated: Place | None = None  # where it first enters an accumulator
    of_the_last: set[int] = field(default_factory=set)  # loops that were over when one round's output entered it
    parents: frozenset[int] = frozenset()
    read_back: bool = False  # the model's weights were read from the file that the program has saved
    known: bool = False  # which module of the program gives it


@dataclass(eq=False, slots=True)
class Adapt(Event):
    """Parameters change by a gradient of an objective over validation tokens."""

    region: frozenset[tuple[int, int]]
    backward: Place
    outputs: frozenset[int]  # the outputs in the objective
    tags: Tags  # of the objective
    subject: str  # "module" | "tensor": what changes
    subject_name: str = ""
    shared_rows: bool = False  # one tensor serves every row of a batch
    chosen: bool = False  # the weights are one of several, by their loss on these tokens
    several: bool = False  # of more than two
    steered: str = ""  # what of the training on other tokens their loss decides (`steering`)
    statistics: bool = False  # no loss is lowered: what was summed up over the tokens goes into the weights
    restored: bool = False


@dataclass(eq=False, slots=True)
class Lookup(Event):
    """A count table is read with a key that holds the token being scored, or one that has taken it in before."""

    hashed: bool
    tags: Tags
    refilled: bool = False  # an earlier pass over the stream has filled the table
    ahead: bool = False  # the table has taken in the tokens of this round before they are scored
    mixed: bool = False  # what is read goes into a model's output


@dataclass(eq=False, slots=True)
class Choice(Event):
    """A minimum over losses of the same target."""

    text: str
    tags: Tags


@dataclass(eq=False, slots=True)
class Scale(Event):
    """A loss is multiplied by a constant that is no unit conversion."""

    factor: float
    tags: Tags


@dataclass(eq=False, slots=True)
class Stack(Event):
    """An entropy stands among losses, as if it were the loss of an expert."""

    tags: Tags


@dataclass(eq=False, slots=True)
class Omission(Event):
    """Parts of the stream are left out of a sum, by what is in them or by their turn."""

    by: str  # "their losses", "their tokens", "their length", "their turn", "their place in the stream", "chance"


@dataclass(eq=False, slots=True)
class Recall(Event):
    """What a file holds is read by where a loop stands, and not by tokens. `rounds`: the loops that tell it."""

    rounds: frozenset[int]


@dataclass(eq=False, slots=True)
class Reordered(Event):
    """Parts of the stream are put in another order."""

    by: str  # "their length", "what they hold", "chance"


@dataclass(eq=False, slots=True)
class Added(Event):
    """Two things of which one at least measures probability are added: it may be how a mixture is made."""

    node: Node


@dataclass(eq=False, slots=True)
class OpenAttention(Event):
    """Attention of the model that scores lets a position see later ones."""

    sees: str  # "what follows", "what is brought forward", "all in an empty row", or what `spread` tells


@dataclass(eq=False, slots=True)
class Load(Event):
    """A model takes the weights that something else holds. `read_back`: the file that the program has saved."""

    read_back: bool


@dataclass(eq=False, slots=True)
class LateTraining(Event):
    """A model is run on training tokens after weights were read back from the file that the program has saved."""


@dataclass(eq=False, slots=True)
class ReportLine(Event):
    """A figure is printed. `text` is the constant part of the line; `recipe` is the line with what it prints."""

    text: str
    outputs: frozenset[int]
    tags: Tags
    recipe: Node | None = None


THE_LOG = "the log"


CHANGES_LOSSES, LEAVES_OUT, SEES_LATER, OTHER_WEIGHTS = "changes losses", "leaves out", "sees later", "other weights"
"""What of the law something is against as it reads, where that is known. Who judges may not agree: it is disputed."""


@dataclass(eq=False, slots=True)
class Unfollowed(Event):
    """Something that the run did not follow, and that may change what the score is made of.

    `touches` says what it can get hold of: "weights", "tokens", "losses", "tables", "the figure", or THE_LOG, which
    holds the figure: that counts after it was printed, too.
    """

    what: str
    why: str
    touches: frozenset[str]
    carried: bool = False  # it counts only where the value that it made goes into the printed score
    bends: bool = False  # a function of losses, of the figure or of sizes: of what it does a small run says little
    against: str = ""  # what of the law it is against as it reads (`CHANGES_LOSSES`, ...), "" where nobody knows


@dataclass(frozen=True, slots=True)
class ByClock:
    """A loop that is left when so many seconds have passed."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Printed:
    """Where a line is printed: through which function, under which decisions of switches (outermost first)."""

    channel: str
    decisions: tuple[tuple[tuple[str, int, int], bool, frozenset[str]], ...]


class Order(Enum):
    """How an adaptation's tokens stand to a score that depends on it."""

    EARLIER = "earlier"  # strictly earlier chunk: legal
    SAME = "same"  # the very chunk that is scored
    OTHER_PASS = "other pass"  # a whole pass over the stream before this score


@dataclass
class Trace:
    outputs: dict[int, Output] = field(default_factory=dict)
    adapts: dict[int, Adapt] = field(default_factory=dict)
    lookups: dict[int, Lookup] = field(default_factory=dict)
    choices: dict[int, Choice] = field(default_factory=dict)
    scales: dict[int, Scale] = field(default_factory=dict)
    stacks: dict[int, Stack] = field(default_factory=dict)
    omissions: dict[int, Omission] = field(default_factory=dict)
    recalls: dict[int, Recall] = field(default_factory=dict)
    reordered: dict[tuple[str, int, int], Reordered] = field(default_factory=dict)  # one for each place
    added: dict[Node, Added] = field(default_factory=dict)
    reports: list[ReportLine] = field(default_factory=list)
    unfollowed: dict[tuple[object, ...], Unfollowed] = field(default_factory=dict)  # one for each place and thing
    switched: bool = False  # a switch of the configuration has decided a branch
    heads: dict[str, list[Printed]] = field(default_factory=dict)  # by the constant beginning of the line
    dormant_heads: dict[str, dict[tuple[str, int, int], bool]] = field(default_factory=dict)
    entered_heads: dict[str, dict[tuple[str, int, int], bool]] = field(default_factory=dict)
    taken: dict[tuple[str, int, int], bool | None] = field(default_factory=dict)  # None: now this way, now that
    ended: dict[int, Few | Within | ByClock] = field(default_factory=dict)  # by loop: what ends it early
    open_attention: dict[tuple[str, int, int], OpenAttention] = field(default_factory=dict)  # one for each place
    in_models: set[tuple[str, int, int]] = field(default_factory=set)  # functions of forward passes that score
    loads: dict[tuple[str, int, int], Load] = field(default_factory=dict)  # one for each place, the last
    late: dict[tuple[str, int, int], LateTraining] = field(default_factory=dict)  # one for each place
    trained: dict[tuple[Place, ...], Event] = field(default_factory=dict)  # runs of a model on training tokens
    training_reads: dict[tuple[Place, ...], Event] = field(default_factory=dict)  # by the calls that lead to each
    training_saved: bool = False  # something made of training tokens was written to a file
    walks: set[int] = field(default_factory=set)  # loops in whose rounds tokens of the validation stream are taken
    rounded: bool = False  # weights of which fewer values are left were packed into a file
    saved: set[int] = field(default_factory=set)  # adaptations that went into a saved artifact

    def relation(self, adapt: Adapt, output: Output) -> Order:
        """Compare the regions along the loops that both stand in, outermost first."""
        mine = {loop.instance for loop in adapt.loops}
        alone = self._of_the_last(output)
        for loop in output.loops:
            if loop.instance not in mine or loop.instance in alone:
                continue
            a = {i for inst, i in adapt.region if inst == loop.instance}
            o = {i for inst, i in output.region if inst == loop.instance}
            # Buffers and tables keep what earlier iterations put in: a region's own part is its latest one.
            if a and o and max(a) < max(o):
                return Order.EARLIER
        shared = [loop for loop in output.loops if loop.instance in mine]
        own = {inst for inst, _ in (*adapt.region, *output.region)} - alone
        carries = any(loop.instance in own for loop in shared)
        return Order.SAME if carries else Order.OTHER_PASS

    def _of_the_last(self, output: Output) -> set[int]:
        """Loops of whose rounds no other goes into the sum: what a generator yields does so when its loop is over."""
        if not output.of_the_last or output.accumulated is None:
            return set()
        where = output.place.key, output.accumulated.key
        others = {
            part for one in self.outputs.values()
            if one is not output and one.accumulated is not None and (one.place.key, one.accumulated.key) == where
            for part in one.region
        }  # fmt: skip
        own = dict(output.region)
        return {i for i in output.of_the_last if not any(i == other and n != own.get(i) for other, n in others)}

    def repeats(self, adapt: Adapt, output: Output) -> Loop | None:
        """A loop around both that repeats over the same region (an epoch loop), if there is one."""
        mine = {loop.instance for loop in adapt.loops}
        carried = {inst for inst, _ in (*output.region, *adapt.region)} - self._of_the_last(output)
        for loop in output.loops:
            if loop.instance in mine and loop.instance not in carried:
                return loop
        return None


def step(event: Event, what: str) -> Step:
    names = {"Output": "Score", "Adapt": "Adapt", "Lookup": "Lookup", "ReportLine": "Report"}
    return Step(names.get(type(event).__name__, type(event).__name__), what, event.place.location)
