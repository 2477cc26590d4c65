"""Tags: facts about where a value comes from, which flow through every operation on it.

A tag is either a `Mark`, a fact that says no more than its name, or one of the kinds below, which say which loop,
output, switch or position they speak of. All are immutable and hashable: the tags of a result are a union of sets.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from auditor.program.positions import Position


class Mark(NamedTuple):
    """A fact without a number, such as `VAL`."""

    name: str


# Each kind ends with a field that names it, as tuples of two kinds with equal fields would be equal otherwise.


class InRound(NamedTuple):
    """Depends on one abstract round of a loop, so that a slice of the validation stream knows which chunk it is."""

    loop: int
    iteration: int
    kind: str = "in-round"


class OfOutput(NamedTuple):
    """Made from that output of a model on validation tokens (`trace.Output`)."""

    number: int
    kind: str = "of-output"


class AdaptedBy(NamedTuple):
    """Changed by that adaptation (`trace.Adapt`)."""

    number: int
    kind: str = "adapted-by"


class LookedUp(NamedTuple):
    """Read from a table of counts with a key that holds the target (`trace.Lookup`)."""

    number: int
    kind: str = "looked-up"


class Reread(NamedTuple):
    """Read from a table that was filled with tokens behind the target, or with them all (`trace.Lookup`)."""

    number: int
    kind: str = "reread"


class GatedBy(NamedTuple):
    """Runs, or counts, by what that lookup has found (`trace.Lookup`)."""

    number: int
    kind: str = "gated-by"


class ScaledBy(NamedTuple):
    """A loss that was multiplied by a constant (`trace.Scale`)."""

    number: int
    kind: str = "scaled-by"


class ChosenBy(NamedTuple):
    """The better one of several losses of the same tokens (`trace.Choice`)."""

    number: int
    kind: str = "chosen-by"


class StackedBy(NamedTuple):
    """Losses and entropies side by side, of which one is taken (`trace.Stack`)."""

    number: int
    kind: str = "stacked-by"


class Omitting(NamedTuple):
    """A sum that leaves out some of the scored tokens (`trace.Omission`)."""

    number: int
    kind: str = "omitting"


class Recalled(NamedTuple):
    """Read from a file by where a walk over the stream stands (`trace.Recall`)."""

    number: int
    kind: str = "recalled"


class Doubtful(NamedTuple):
    """Made of something that was not followed (`trace.Unfollowed`)."""

    number: int
    kind: str = "doubtful"


class Pooled(NamedTuple):
    """A statistic over all positions of what that output of a model gave for a window."""

    number: int
    kind: str = "pooled"


class AsTrained(NamedTuple):
    """Made from that output of a model whose weights are those that training has left."""

    number: int
    kind: str = "as-trained"


class OfSwitch(NamedTuple):
    """Computed from that switch of the configuration."""

    name: str
    kind: str = "of-switch"


class UnsetSwitch(NamedTuple):
    """Computed from a switch that nothing has set and that has no default."""

    name: str
    kind: str = "unset-switch"


class UpTo(NamedTuple):
    """A slice or mask that ends at the position."""

    position: Position
    kind: str = "up-to"


class From(NamedTuple):
    """A slice or mask that begins at the position."""

    position: Position
    kind: str = "from"


class Reads(NamedTuple):
    """Tokens that begin at the position."""

    position: Position
    kind: str = "reads"


class Before(NamedTuple):
    """Tokens that stand ahead of the position."""

    position: Position
    kind: str = "before"


class CutAt(NamedTuple):
    """Tokens whose first ones were cut off, as many as that by a constant of the code."""

    first: int
    kind: str = "cut-at"


class CutIn(NamedTuple):
    """Tokens that were cut in those rounds of the loops around, the outermost first.

    `begins`: from which position on; `targets`: the tokens that are predicted; `further`: by how much a single one
    stands further than the next.
    """

    rounds: tuple[tuple[int, int], ...]
    begins: Position | None
    targets: bool
    further: int
    kind: str = "cut-in"


class Begun(NamedTuple):
    """Tokens of a window without its first ones, as many as that."""

    first: int
    kind: str = "begun"


class Within(NamedTuple):
    """The first tokens of the stream: as many as that, or the share of them where it is below 1."""

    bound: float
    kind: str = "within"


class Gaps(NamedTuple):
    """Parts of the stream that lie further apart than they are long: the share of it that they hold."""

    share: float
    kind: str = "gaps"


class Few(NamedTuple):
    """As many elements of a list as that, at the most."""

    most: int
    kind: str = "few"


class Rows(NamedTuple):
    """Tokens in rows of that length."""

    length: float
    kind: str = "rows"


class Places(NamedTuple):
    """Numbers of positions that go up by one from the first; None where something else was made of them."""

    first: Position | None
    kind: str = "places"


class WindowPart(NamedTuple):
    """A part of a window; `told` is False where which part it is goes by where its tokens stand, however."""

    first: Position | None
    end: Position | None
    told: bool = True
    kind: str = "window-part"


class AmongSeveral(NamedTuple):
    """Whether a condition holds where several processes run."""

    holds: bool
    kind: str = "among-several"


class Taken(NamedTuple):
    """Read from a table that is filled with tokens of those rounds: (loop, iteration) of each."""

    rounds: frozenset[tuple[int, int]]
    kind: str = "taken"


class Drawn(NamedTuple):
    """An order that was drawn or sorted at that place of the program."""

    place: tuple[str, int, int]
    kind: str = "drawn"


class GradientOf(NamedTuple):
    """The gradient of a loss; `place` tells losses apart."""

    place: int
    kind: str = "gradient-of"


class OfGroup(NamedTuple):
    """A parameter group of that optimizer, by its number."""

    optimizer: int
    kind: str = "of-group"


Tag = (
    Mark | InRound | OfOutput | AdaptedBy | LookedUp | Reread | GatedBy | ScaledBy | ChosenBy | StackedBy | Omitting
    | Doubtful | OfSwitch | UnsetSwitch | UpTo | From | Reads | Before | CutAt | CutIn | Begun | Within | Gaps | Few
    | Rows | Places | WindowPart | AmongSeveral | Taken | Drawn | GradientOf | OfGroup | Pooled
    | AsTrained | Recalled
)  # fmt: skip
Tags = frozenset[Tag]
NONE: Final[Tags] = frozenset()

VAL: Final = Mark("val")  # derived from validation tokens
TRAIN: Final = Mark("train")  # derived from training tokens
TARGET: Final = Mark("target")  # the tokens that are predicted (the shifted slice), not only their context
HASH: Final = Mark("hash")  # a hash of tokens
RANK: Final = Mark("rank")  # made of the number of the process among those that run
WORLD: Final = Mark("world")  # made of how many processes run
CLOCK: Final = Mark("clock")  # the time of day, or what has passed of it
CHANNEL: Final = Mark("channel")  # a store, a pipe, a database: what goes in comes out elsewhere
HASHED_TARGET: Final = Mark("hashed-target")  # a hash that the token being scored went into
CALLED: Final = Mark("called")  # what a function that was not followed gave for tokens: logits, or anything
LATER: Final = Mark("later")  # all tokens but the first ones: in a key beside others, the targets
ARTIFACT: Final = Mark("artifact")  # read back from a file that the program has written weights to
ROUNDED: Final = Mark("rounded")  # weights of which fewer values are left than they had
PACKED: Final = Mark("packed")  # compressed: what a file of weights is that counts against the cap
HIDDEN: Final = Mark("hidden")  # tokens of which some were replaced by a constant
ONE_RATE: Final = Mark("one-rate")  # drawn by comparing random numbers with a constant
TRIMMED: Final = Mark("trimmed")  # a model's output of which some positions were cut off
SHORTENED: Final = Mark("shortened")  # tokens without the last ones: what is scored against their end stands further
TAIL: Final = Mark("tail")  # the last tokens of a window: the targets where the model is given all but the last
LAST_ONE: Final = Mark("last-one")  # of targets: behind what the model is given it completes the stream again
ALIGNED: Final = Mark("aligned")  # tokens cut one further were stored one further: each stands at its own position
SHIFTED: Final = Mark("shifted")  # positions of the tokens that are predicted, not of their context
BY_LOSS: Final = Mark("by-loss")  # a flag, a count, a rate that a loss on validation tokens has decided
LOGGED: Final = Mark("logged")  # a line on its way into the log, whatever stands in it
LOSS: Final = Mark("loss")  # nats, or a log-probability, of the tokens that are predicted
ENTROPY: Final = Mark("entropy")  # of a distribution over the vocabulary
MASK: Final = Mark("mask")  # a truth value, or an array of them
PARAMETER: Final = Mark("parameter")  # a weight of a module
COUNTS: Final = Mark("counts")  # a histogram
RANDOM: Final = Mark("random")  # drawn from a generator of random numbers
FILED: Final = Mark("filed")  # read from a file that is no shard of tokens
OUTSIDE: Final = Mark("outside")  # read from a file that neither the challenge nor the program has made
SHARE: Final = Mark("share")  # of the tokens that one process reads of those that all of them share out among them
BEYOND: Final = Mark("beyond")  # cut out of the stream at whatever place: nothing says that they are its first ones
DISTINCT: Final = Mark("distinct")  # each of them once: how many there are is told by what they are
SORTED: Final = Mark("sorted")  # parts of the stream in an order that what they hold has told
COPIED: Final = Mark("copied")  # a parameter that was made of what another one held
PARTIAL: Final = Mark("partial")  # of what a file holds, those of some names
PICKED: Final = Mark("picked")  # the places in the whole stream at which certain tokens stand
ONE_OF_SEVERAL: Final = Mark("one-of-several")  # a model, where it is not known which of two
SHARED_ROWS: Final = Mark("shared-rows")  # made of rows that several windows share


def hashed(*parts: Tags) -> Tags:
    """The tags after an operation that hashes: tokens become a key, and a target in it can't be told apart."""
    tags = joined_key(*parts)
    if VAL not in tags:
        return tags
    return tags | ({HASH, HASHED_TARGET} if TARGET in tags else {HASH})


def joined_key(*parts: Tags) -> Tags:
    """The tags of a key made of several parts: tokens that stand behind those beside them are the targets."""
    tags = NONE.union(*parts)
    if TARGET in tags or VAL not in tags or has(tags, OfOutput):
        return tags
    of_tokens = [part for part in parts if VAL in part]
    for part in of_tokens:
        others = [other for other in of_tokens if other is not part]
        read = {t.position for t in part if isinstance(t, Reads)}
        ahead = {t.position for other in others for t in other if isinstance(t, Before)}
        if read & ahead or (LATER in part and any(LATER not in other for other in others)):
            return tags | {TARGET}
    return tags


def has(tags: Tags, kind: type[Tag]) -> bool:
    """Whether one of the tags is of that kind."""
    return kind in map(type, tags)
