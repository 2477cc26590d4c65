"""In which round of the loops the targets that went into something were cut: those of an earlier round were scored.

A bias, a table or a cache that is kept along the stream holds targets: of the chunks before. It may go into the logits
of the next chunk. What was cut in the round that is scored may not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import ranks, tokens
from auditor.program.numbers import position_of
from auditor.program.positions import Position
from auditor.program.recipe.model import Node, Sees
from auditor.program.tags import HASH, LOSS, NONE, TARGET, VAL, Before, CutIn, InRound, LookedUp, OfOutput, Tags, has
from auditor.program.trace import SEES_LATER
from auditor.program.values import Frame, Value


def cut(m: Machine, tags: Tags, index: Value) -> Tags:
    """The tags of tokens that are cut here, in the rounds that run, from that place on."""
    begins = tokens.lower(index)
    further = begins.constant - 1 if begins is not None and not isinstance(index.obj, tokens.Cut) else 0
    return without(tags) | {CutIn(_now(m), begins, TARGET in tags, further)}


def narrowed(m: Machine, stream: Value, name: str, args: Sequence[Value]) -> Tags:
    """`stream.narrow(0, at, length)`, `stream.as_strided(size, steps, at)`: the tags of tokens from a place on."""
    at, length = (args[1], args[2]) if len(args) == 3 else (None, None)
    if name == "as_strided" and at is not None:
        at, length = length, None
    of_tokens = VAL in stream.tags and not has(stream.tags, OfOutput)
    if at is None or name not in ("narrow", "as_strided") or not of_tokens or m.inside:
        return stream.tags
    end = position_of(at).plus(position_of(length)) if length is not None else None
    index = Value(at.tags, obj=tokens.Cut(at, Value(position=end) if end is not None else None))
    tags = stream.tags | tokens.places(index) | ranks.share(index.tags)
    if tokens.shifted(index):
        return cut(m, tags | {TARGET}, index)
    return cut(m, tags, index) if m.loops else tags


def without(tags: Tags) -> Tags:
    """The tags of what a model makes of tokens: it has seen them all."""
    return frozenset([t for t in tags if not isinstance(t, CutIn)])


def in_hand(m: Machine, tags: Tags) -> bool:
    """Whether targets went in, and not of earlier rounds alone."""
    if TARGET not in tags:
        return False
    cuts = [t.rounds for t in tags if isinstance(t, CutIn) and t.targets]
    now = _now(m)
    return not cuts or not all(_is_earlier(when, now) for when in cuts)


def scored(m: Machine, frame: Frame, node: ast.AST, rows: Tags, targets: Tags) -> Tags:
    """Tags of a doubt where tokens that begin where an earlier round had ended were cut in it, and kept for this one.

    They are what this round scores.
    """
    now = _now(m)
    m.ends |= {(t.position, now) for t in targets if isinstance(t, Before)}
    for tag in rows:
        if isinstance(tag, CutIn) and tag.begins is not None and _is_earlier(tag.rounds, now):
            one_on = tag.begins.plus(Position(1))
            if (tag.begins, tag.rounds) in m.ends or (one_on, tag.rounds) in m.ends:
                why = "it was cut behind the tokens that were scored then, and goes into what scores the next ones"
                return m.doubt(node, frame, "a part of the stream that an earlier round has kept", why)
    return NONE


def picked(m: Machine, frame: Frame, node: ast.AST, rows: Tags) -> Tags:
    """Tags of a doubt where the rows that the targets are looked up in were made with the targets.

    A count under a hash of the target is another question (`mixtures`).
    """
    if not has(rows, OfOutput) or has(rows, LookedUp) or {HASH, LOSS} & rows or not in_hand(m, rows):
        return NONE
    return m.doubt(
        node, frame, "what the targets are looked up in", "the targets themselves went into it", against=SEES_LATER
    )


def settled(m: Machine, value: Value) -> None:
    """Targets of earlier rounds are earlier tokens, and no targets any more, where something is scored."""
    node = value.recipe
    if node is None or not node.sees & Sees.TARGET or TARGET not in value.tags or in_hand(m, value.tags):
        return
    sees = (node.sees & ~Sees.TARGET) | Sees.EARLIER
    value.recipe = Node(
        node.op, node.inputs, node.what, node.over, node.normalized, sees, node.text, node.place, node.changed_at
    )


def placed(m: Machine, tags: Tags, index: Value) -> Tags:
    """What an element holds that the innermost loop, which goes along the elements, stores at its own place.

    Targets of its earlier rounds are tokens before that place; those of this round are the ones that stand there.
    """
    place = _along_the_loop(m, index) if TARGET in tags else None
    if place is None:
        return tags
    now = _now(m)
    cuts = [t for t in tags if isinstance(t, CutIn) and t.targets]
    if cuts and all(_is_earlier(t.rounds, now) and t.further <= place for t in cuts):
        return without(tags) - {TARGET}
    kept = [t for t in cuts if not _is_earlier(t.rounds, now) or t.further > place]
    return without(tags) | {t._replace(rounds=t.rounds[: len(now) - 1]) for t in kept}


def _along_the_loop(m: Machine, index: Value) -> int | None:
    """By how much an element stands further than the number that the innermost loop counts; None where it does not."""
    if not m.loops or not m.loops[-1].ascends:
        return None
    here = InRound(m.loops[-1].instance, m.loops[-1].iteration)
    parts = index.obj.parts if isinstance(index.obj, tokens.Axes) else [index]
    found = [p for p in parts if p.obj is None and here in p.tags and VAL not in p.tags]
    return position_of(found[0]).constant if found else None


def _now(m: Machine) -> tuple[tuple[int, int], ...]:
    return tuple([(loop.instance, loop.iteration) for loop in m.loops])


def _is_earlier(when: Sequence[tuple[int, int]], now: Sequence[tuple[int, int]]) -> bool:
    """Of the same pass over the stream, and an earlier round of it."""
    for (loop, k), (other, at) in zip(when, now, strict=False):
        if loop != other:
            return False
        if k != at:
            return k < at
    return False
