"""What a call that is not followed may change: told by what it is given, never by what it is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.holdings import DEEP, deep_tags, held
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import CHANNEL, NONE, PARAMETER, VAL, GradientOf, Mark, OfOutput, Tags, has
from auditor.program.values import Frame, Instance, Value

WEIGHTS, TOKENS, LOSSES, TABLES, FIGURE = "weights", "tokens", "losses", "tables", "the figure"
EVERYTHING = frozenset({WEIGHTS, TOKENS, LOSSES})
HANDLE = Mark("handle")
"""Tag of what a call gave that is not followed and was given weights: it may hold them."""


def touched(values: Iterable[Value]) -> frozenset[str]:
    """Which of weights, validation tokens and losses on them the values hold."""
    found = set()
    for value in values:
        tags = deep_tags(value, DEEP)
        if VAL in tags:
            found.add(LOSSES if has(tags, OfOutput) else TOKENS)
        if has(tags, GradientOf):
            found.add(LOSSES)
        if HANDLE in tags or _weights(value):
            found.add(WEIGHTS)
    return frozenset(found)


def _weights(value: Value) -> bool:
    """Whether a module, an optimizer or a parameter is among what the value holds."""
    return any(
        (PARAMETER in part.tags and part.mutable)
        or (isinstance(part.obj, Instance) and part.obj.kind in ("module", "optimizer"))
        for part in held(value, DEEP)
    )


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
