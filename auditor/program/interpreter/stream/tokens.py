"""Which values are validation tokens, training tokens and targets: told by path, by name and by slice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from functools import lru_cache
from typing import Any

from auditor.program import vocabulary
from auditor.program.numbers import position_of
from auditor.program.positions import Position
from auditor.program.tags import (
    DISTINCT,
    LAST_ONE,
    NONE,
    TARGET,
    TRAIN,
    VAL,
    Before,
    Begun,
    CutAt,
    From,
    InRound,
    Mark,
    OfOutput,
    OfSwitch,
    Reads,
    Tags,
    UpTo,
    has,
)
from auditor.program.values import Obj, Value

BPB = re.compile(r"(?<![a-z])(val_)?bpb\W*$", re.IGNORECASE)
"""A text that names bits per byte at its end."""


UNSCORED = Mark("unscored")
"""Tag of a text that names bits per byte before something that no loss has gone into."""


class Text(Obj):
    """A string of which only the constant part is known; `template` has {} for the rest."""

    __slots__ = ("template",)

    def __init__(self, template: str) -> None:
        self.template = template


MAX_TEXT = 1 << 16
"""Characters of a text that the program makes and that is kept; a longer one is known by its beginning."""

MAX_ITEMS = 1 << 14
"""Elements of a list that the program makes and that are told apart."""

_PRINTED_BITS = 4096


def cut(parts: list[str]) -> tuple[str, bool]:
    """The text that the parts make and whether it is whole: it is cut where it gets longer than is kept."""
    if sum(map(len, parts)) <= MAX_TEXT:
        return "".join(parts), True
    return "".join(part[:MAX_TEXT] for part in parts[:64])[:MAX_TEXT] + "{}", False


def made(tags: Tags, parts: list[str], *, exact: bool) -> Value:
    """A text that the program makes of these parts."""
    text, whole = cut(parts)
    tags |= constant(text).tags
    return Value(tags, text) if exact and whole else Value(tags, obj=Text(text))


def printed(value: Any) -> str | None:
    """A constant as `str` shows it; None for one that takes too long to print."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and value.bit_length() <= _PRINTED_BITS:
        return str(value)
    return None


def text_of(value: Value) -> str:
    if isinstance(value.obj, Text):
        return value.obj.template
    return value.const if isinstance(value.const, str) else "{}"


def constant(value: Any) -> Value:
    return Value(_path_tags(value) if isinstance(value, str) else NONE, value)


@lru_cache(maxsize=2048)  # a loop's constants come by again and again
def _path_tags(text: str) -> Tags:
    if vocabulary.names_validation(text):
        return frozenset({VAL})
    return frozenset({TRAIN}) if vocabulary.names_training(text) else NONE


def is_name(value: Value) -> bool:
    """Whether a value is a text that says which data is meant, as paths do, with none of its tokens put into it."""
    return isinstance(value.obj, Text) and TARGET not in value.tags and not has(value.tags, Reads)


def shape_tags(tags: Tags) -> Tags:
    """A shape says nothing of the content: only the loop and the switches stay, unless each comes up once."""
    if DISTINCT in tags:
        return tags - {DISTINCT}
    return frozenset([t for t in tags if isinstance(t, (InRound, OfSwitch))])


class Cut(Obj):
    """A slice as an index: where it begins and ends and how far it goes at once, None where that is left out."""

    __slots__ = ("lower", "step", "upper")

    def __init__(self, lower: Value | None, upper: Value | None, step: Value | None = None) -> None:
        self.lower = lower
        self.upper = upper
        self.step = step


class Axes(Obj):
    """An index of several axes."""

    __slots__ = ("parts",)

    def __init__(self, parts: Seq[Value]) -> None:
        self.parts = parts


def span(index: Value) -> Tags:
    """Where a slice begins, or ends: tells the scored part of a window from its context."""
    if isinstance(index.obj, Axes):
        return frozenset().union(*(span(part) for part in index.obj.parts))
    if isinstance(index.obj, Cut):
        lower = _bound(index.obj.lower)
        if lower is not None and lower != _START:
            return NONE if lower.literal else frozenset({From(lower)})
        upper = _bound(index.obj.upper)
        if upper is not None and not upper.literal and not upper.from_the_end:
            return frozenset({UpTo(upper)})
    return NONE


def lower(index: Value) -> Position | None:
    """Where a slice begins, or which element it is; None where that is left out."""
    if isinstance(index.obj, Cut):
        return _bound(index.obj.lower)
    return position_of(index) if index.obj is None and not index.known else None


_START = Position()
_LONGEST_CONTEXT = 64  # tokens; a slice that begins later skips a header


def _bound(value: Value | None) -> Position | None:
    return None if value is None or (value.known and value.const is None) else position_of(value)


def shifted(index: Value) -> bool:
    """`[1:]`, `[..., 1:]`, `[a + 1 : b + 1]`, `[i + 1]`: the tokens that are predicted from those before them."""
    if isinstance(index.obj, Axes):
        return any(shifted(part) for part in index.obj.parts)
    if isinstance(index.obj, Cut):
        lower = _bound(index.obj.lower)
        if lower is None:
            return False
        return 0 < lower.constant <= _LONGEST_CONTEXT if lower.literal else lower.further_on
    return index.obj is None and not index.known and VAL not in index.tags and position_of(index).further_on


def moved_on(index: Value) -> bool:
    """Whether what is stored there goes to later positions than it was found at: `[rows, at + 2]`, `[:, 1:]`."""
    if isinstance(index.obj, Axes):
        return any(moved_on(part) for part in index.obj.parts)
    if isinstance(index.obj, Cut):
        return shifted(index)
    return index.obj is None and not index.known and bool((at := position_of(index)).terms) and at.constant > 0


def begun(container: Value, index: Value) -> Tags:
    """`[:, 2:]`: which position a literal slice of tokens, or of what a model gives for them, begins with.

    Of targets one more: they are the tokens that stand one further.
    """
    first = _literal_start(index)
    if first is None:
        return NONE
    before = next((t.first for t in container.tags if isinstance(t, Begun)), int(TARGET in container.tags))
    return frozenset({Begun(before + first)})


def first_of(value: Value) -> int:
    """The position that tokens, or outputs, begin with; of targets that were not cut again, one."""
    return max((t.first for t in value.tags if isinstance(t, Begun)), default=int(TARGET in value.tags))


def _literal_start(index: Value) -> int | None:
    """Where the one slice of an index that is not `:` begins, if that is written down."""
    parts = index.obj.parts if isinstance(index.obj, Axes) else [index]
    cuts = [p.obj for p in parts if isinstance(p.obj, Cut)]
    starts = [_bound(c.lower) or _START for c in cuts if not (c.lower is None and c.upper is None)]
    literal = len(starts) == 1 and starts[0].literal and starts[0].constant >= 0
    return starts[0].constant if literal else None


def places(index: Value) -> Tags:
    """Which positions an index reads, and ahead of which ones it stays."""
    if isinstance(index.obj, Cut):
        lower, upper = _bound(index.obj.lower), _bound(index.obj.upper)
        ahead = set() if upper is None or upper.literal or upper.from_the_end else {upper}
    elif index.obj is None and not index.known and VAL not in index.tags:
        lower, ahead = position_of(index), set()
    else:
        return NONE
    if lower is None or lower.literal:
        return frozenset(Before(p) for p in ahead)
    return frozenset({Reads(lower), *(Before(p) for p in lower.before | ahead)})


def tail(index: Value) -> bool:
    """`[-n:]`, `[length - n:]`, `[961:]`: what is at the end, the last one among it."""
    if isinstance(index.obj, Axes):
        return any(tail(part) for part in index.obj.parts)
    if not isinstance(index.obj, Cut) or _bound(index.obj.upper) is not None:
        return False
    lower = _bound(index.obj.lower)
    far = lower is not None and (bool(lower.before) or (lower.literal and lower.constant > _LONGEST_CONTEXT))
    return lower is not None and (lower.from_the_end or far)


def last_one(index: Value) -> bool:
    """`[-1:]`, `[:, -1:]`"""
    if isinstance(index.obj, Axes):
        return any(last_one(part) for part in index.obj.parts)
    if not isinstance(index.obj, Cut) or _bound(index.obj.upper) is not None:
        return False
    return _bound(index.obj.lower) == Position(-1)


def completed(items: Seq[Value]) -> bool:
    """`cat([x, y[-1:]])`: the tokens of a window and the one behind them, in their order."""
    behind = [item.tags for item in items[1:] if TARGET in item.tags]
    return bool(behind) and TARGET not in items[0].tags and VAL in items[0].tags and all(LAST_ONE in t for t in behind)


def out_of_order(items: Seq[Value]) -> bool:
    """`cat([further, x])`: tokens that stand behind those of another part, put in front of it."""
    for at, item in enumerate(items):
        read = {t.position for t in item.tags if isinstance(t, Reads)}
        ahead = {t.position for other in items[at + 1 :] for t in other.tags if isinstance(t, Before)}
        if VAL in item.tags and not has(item.tags, OfOutput) and read & ahead:
            return True
    return False


def open_ended(index: Value) -> bool:
    """`[order:]`: all but the first ones, behind each of which stands a context."""
    if not isinstance(index.obj, Cut) or index.obj.upper is not None:
        return False
    lower = _bound(index.obj.lower)
    return lower is not None and not lower.literal and not lower.from_the_end


def rolled(value: Value, args: Seq[Value], kwargs: Mapping[str, Value]) -> Tags:
    """`roll(x, -1)`: every position holds the token that comes after it."""
    shift = args[0] if args else kwargs.get("shifts", Value())
    ahead = isinstance(shift.const, int) and shift.const < 0
    return frozenset({TARGET}) if ahead and VAL in value.tags else NONE


def ends_early(index: Value) -> bool:
    """A slice with an end."""
    if isinstance(index.obj, Axes):
        return any(ends_early(part) for part in index.obj.parts)
    return isinstance(index.obj, Cut) and index.obj.upper is not None


def turns(index: Value) -> bool:
    """`[::-1]`: the last one first."""
    if isinstance(index.obj, Axes):
        return any(turns(part) for part in index.obj.parts)
    step = index.obj.step if isinstance(index.obj, Cut) else None
    return step is not None and isinstance(step.const, int) and step.const < 0


def thins_out(index: Value) -> bool:
    """`[::2]`: not every one."""
    if isinstance(index.obj, Axes):
        return any(thins_out(part) for part in index.obj.parts)
    step = index.obj.step if isinstance(index.obj, Cut) else None
    return step is not None and step.const not in (None, 1, -1)


def left_out(index: Value) -> Tags:
    """`[1:]`: how many are left out at the beginning, where that is written down."""
    if isinstance(index.obj, Axes):
        return frozenset().union(*(left_out(part) for part in index.obj.parts))
    if not isinstance(index.obj, Cut) or index.obj.upper is not None:
        return NONE
    lower = _bound(index.obj.lower)
    written = lower is not None and lower.literal and lower.constant > 0
    return frozenset({CutAt(lower.constant)}) if written and lower is not None else NONE


def context_slice(index: Value) -> bool:
    """`[:-1]`: all but the last ones."""
    if isinstance(index.obj, Axes):
        return any(context_slice(part) for part in index.obj.parts)
    if not isinstance(index.obj, Cut) or index.obj.lower is not None:
        return False
    upper = _bound(index.obj.upper)
    return upper is not None and upper.from_the_end
