"""What a call that is not followed may change: told by what it is given, never by what it is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.machine import Machine
from auditor.program.joins import options
from auditor.program.tags import CHANNEL, NONE, PARAMETER, VAL, GradientOf, Mark, OfOutput, Tags, has
from auditor.program.values import Frame, Instance, Mapping, Sequence, Value

WEIGHTS, TOKENS, LOSSES, TABLES, FIGURE = "weights", "tokens", "losses", "tables", "the figure"
EVERYTHING = frozenset({WEIGHTS, TOKENS, LOSSES})
HANDLE = Mark("handle")
"""Tag of what a call gave that is not followed and was given weights: it may hold them."""


def touched(values: Iterable[Value]) -> frozenset[str]:
    """Which of weights, validation tokens and losses on them the values hold."""
    found = set()
    for value in values:
        tags = deep_tags(value)
        if VAL in tags:
            found.add(LOSSES if has(tags, OfOutput) else TOKENS)
        if has(tags, GradientOf):
            found.add(LOSSES)
        if HANDLE in tags or _weights(value):
            found.add(WEIGHTS)
    return frozenset(found)


def _weights(value: Value, depth: int = 3) -> bool:
    """Whether a module, an optimizer or a parameter is among what the value holds."""
    if PARAMETER in value.tags and value.mutable:
        return True
    for option in options(value):
        obj = option.obj
        if isinstance(obj, Instance):
            if obj.kind in ("module", "optimizer"):
                return True
            inside = list(obj.attributes.values())[:32]
        elif isinstance(obj, Sequence):
            inside = obj.items[:16]
        elif isinstance(obj, Mapping):
            inside = [*list(obj.items.values())[:16], *([obj.other] if obj.other is not None else [])]
        else:
            continue
        if depth and any(_weights(item, depth - 1) for item in inside):
            return True
    return False


def call(m: Machine, frame: Frame, node: ast.AST, what: str, why: str, values: Iterable[Value]) -> None:
    """A call that is not followed: written down where it gets both weights and what validation tokens went into."""
    touches = touched(values)
    if WEIGHTS in touches and len(touches) > 1:
        m.unfollowed(node, frame, what, why, touches)


def sent(m: Machine, frame: Frame, node: ast.AST, channel: Value, values: Iterable[Value]) -> None:
    """Something is put into a store, a pipe or a database: validation tokens may come out where they are not seen."""
    if CHANNEL in channel.tags and TOKENS in touched(values):
        why = "it is not followed to where it comes out"
        m.unfollowed(node, frame, "what is put into a store", why, {TOKENS, WEIGHTS})


def deep(values: Iterable[Value]) -> Tags:
    tags = NONE
    for value in values:
        tags |= deep_tags(value)
    return tags
