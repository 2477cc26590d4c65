"""Tables of counts: what is stored under keys made of tokens, what is read with the scored token in the key."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.interpreter.language import containers
from auditor.program.interpreter.libraries import opaque
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import elements
from auditor.program.interpreter.stream import tokens
from auditor.program.tags import (
    ARTIFACT,
    COUNTS,
    HASHED_TARGET,
    NONE,
    TARGET,
    TRAIN,
    VAL,
    GatedBy,
    LookedUp,
    OfOutput,
    Reread,
    Tags,
    has,
)
from auditor.program.values import (
    Frame,
    Value,
)

_VIEWS = 16  # of each other


def write(m: Machine, container: Value, index: Value, item: Value | None = None) -> None:
    """A store under a key made of tokens makes a table of the container; shards under their paths make a cache."""
    if item is not None and tokens.is_name(index) and item.mutable and {VAL, TRAIN} & item.tags:
        return
    if VAL in index.tags or TRAIN in index.tags:
        taken = m.mark_table(container, index.tags)
        elements.counts(container)
        seen: Value | None = container if taken else None
        for _ in range(_VIEWS):
            if seen is None:
                break
            seen.tags |= taken
            seen = seen.base


def counted(m: Machine, table: Value, keys: Iterable[Value]) -> None:
    """`Counter(tokens)`: how often each of them comes up."""
    for key in keys:
        write(m, table, key)
        containers.store_key(table, key, Value(key.tags | {COUNTS}))


def grow(m: Machine, container: Value, operand: Value) -> None:
    """Adding a table of counts to something makes a table of it."""
    if m.is_table(operand) or COUNTS in operand.tags:
        m.mark_table(container, opaque.without_spans(operand.tags))  # a histogram is cut to its buckets
        elements.counts(container)


def read(m: Machine, frame: Frame, node: ast.AST, container: Value, index: Value) -> Tags:
    """A read with a key that holds the token being scored; the tag that marks what was read."""
    tags = index.tags
    if VAL in tags and TARGET not in tags and m.is_table(container) and m.filled_by_another_pass(container, tags):
        why = "another pass over the validation tokens has filled it"
        m.unfollowed(node, frame, "a table that is read", why, {"tables"})
        m.reread = True
        return frozenset({Reread(m.lookup(node, frame, tags, hashed=False, refilled=True))})
    if VAL in tags and TARGET not in tags and m.is_table(container) and m.filled_in_this_round(container, tags):
        m.reread = True
        return frozenset({Reread(m.lookup(node, frame, tags, hashed=False, refilled=False, ahead=True))})
    if TARGET not in tags or VAL not in tags or any(isinstance(t, (OfOutput, LookedUp)) for t in tags):
        return NONE
    hashed = HASHED_TARGET in tags  # a column `[hash of the context, target]` is no hash of the target
    table = m.is_table(container)
    if not table:
        stored = hashed and VAL not in container.tags and bool({TRAIN, ARTIFACT} & container.tags)
        return frozenset({LookedUp(m.lookup(node, frame, tags, hashed=True, refilled=False))}) if stored else NONE
    refilled = m.filled_by_another_pass(container, tags)
    return frozenset({LookedUp(m.lookup(node, frame, tags, hashed=hashed, refilled=refilled))})


def mixes(m: Machine, *sides: Tags) -> None:
    """What a table holds that another pass has filled is added to a model's output, or put beside it."""
    if not m.reread or not any(has(tags, OfOutput) for tags in sides):
        return
    for tags in sides:
        for t in tags:
            if isinstance(t, Reread):
                m.trace.lookups[t.number].mixed = True


def gates(tags: Tags) -> Tags:
    """A count of the target is compared with something: what the comparison selects depends on the target."""
    return frozenset([GatedBy(t.number) for t in tags if isinstance(t, LookedUp)]) if has(tags, LookedUp) else NONE
