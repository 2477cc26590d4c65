"""What tokens tell by what they are: which of the stream are scored, how many differ, which of the vocabulary count."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import rounds, tokens
from auditor.program.recipe.model import What
from auditor.program.tags import (
    BY_LOSS,
    COUNTS,
    DISTINCT,
    LOSS,
    MASK,
    NONE,
    PARAMETER,
    PICKED,
    VAL,
    Before,
    InRound,
    OfOutput,
    Tags,
    Taken,
    has,
)
from auditor.program.trace import LEAVES_OUT, SEES_LATER
from auditor.program.values import Frame, Value, with_tags
from auditor.program.values import Sequence as Items


def of_the_stream(m: Machine, tokens_: Value) -> bool:
    """Whether the value is the validation tokens as a whole, and no part that a loop has in hand."""
    tags = tokens_.tags
    if VAL not in tags or tokens_.recipe is not None or has(tags, OfOutput):
        return False
    running = {loop.instance for loop in m.loops}
    return running.isdisjoint([t.loop for t in tags if isinstance(t, InRound)])


def by_their_content(m: Machine, frame: Frame, node: ast.AST) -> Tags:
    """Tokens of the whole stream are left out, or others put in their place, by what they are."""
    return m.doubt(
        node,
        frame,
        "a choice among tokens",
        "which of the stream are scored depends on what they are",
        against=LEAVES_OUT,
    )


def hangs_on_it(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: Sequence[Value], kwargs: Mapping[str, Value]
) -> Tags:
    """What hangs on which tokens they are: how many there are, at which places of the stream certain ones stand."""
    tokens_ = args[0]
    if VAL not in tokens_.tags or has(tokens_.tags, OfOutput):
        return NONE
    if name in vocabulary.PUTS_IN_ORDER and of_the_stream(m, Value(tokens_.tags)):
        return frozenset({PICKED})
    if name in vocabulary.ONCE_EACH:
        return frozenset({DISTINCT})
    if (
        name in vocabulary.WHERE_TRUE
        and len(args) == 1
        and MASK in tokens_.tags
        and of_the_stream(m, Value(tokens_.tags))
    ):
        return frozenset({PICKED})
    places = (*args[1:], *kwargs.values()) if name in vocabulary.TAKES_AT else ()
    if of_the_stream(m, tokens_) and any(picked(m, place) for place in places):
        return by_their_content(m, frame, node)
    return NONE


def once_each(m: Machine, frame: Frame, node: ast.AST, held: Value) -> Value:
    """A set of tokens: what they are tells how many there are; of documents, what comes again is left out."""
    if VAL not in held.tags or not isinstance(held.obj, Items) or has(held.tags, OfOutput):
        return held
    here = {loop.instance for loop in m.loops}
    of_parts = any(isinstance(item.obj, Items) and VAL in item.tags for item in held.obj.items[:4])
    tags: Tags = frozenset({DISTINCT})
    if of_parts and here.isdisjoint([t.loop for t in held.tags if isinstance(t, InRound)]):
        tags |= m.doubt(
            node, frame, "a set of parts of the stream", "what comes up again in it counts once", against=LEAVES_OUT
        )
        held.obj.items[:] = [Value(i.tags | tags, obj=_marked(i.obj, tags)) for i in held.obj.items]
    return Value(held.tags | tags, obj=held.obj)


def _marked(obj: object, tags: Tags) -> Items | None:
    return Items([with_tags(part, tags) for part in obj.items], obj.exact) if isinstance(obj, Items) else None


def cut_by_tokens(m: Machine, frame: Frame, node: ast.AST, output: Value, index: Value) -> Tags:
    """`logits[..., y.min() : y.max() + 1]`: tokens that are yet to be scored tell where the vocabulary is cut."""
    if not has(output.tags, OfOutput):
        return NONE
    cuts = [part.obj for part in (index.obj.parts if isinstance(index.obj, tokens.Axes) else [index])]
    bounds = [b for c in cuts if isinstance(c, tokens.Cut) for b in (c.lower, c.upper) if b is not None]
    told = any(rounds.in_hand(m, b.tags) and b.recipe is not None and b.recipe.what is What.TOKENS for b in bounds)
    if not told:
        return NONE
    return m.doubt(
        node,
        frame,
        "which entries of the model's output count",
        "tokens that are yet to be scored tell it",
        against=SEES_LATER,
    )


def picked(m: Machine, places: Value) -> bool:
    """Whether places in the stream were found by the tokens there, all of them at once."""
    if PICKED not in places.tags or isinstance(places.obj, (tokens.Cut, tokens.Axes)):
        return False
    running = {loop.instance for loop in m.loops}
    return running.isdisjoint([t.loop for t in places.tags if isinstance(t, InRound)])


def counted_ahead(m: Machine, frame: Frame, node: ast.AST, left: Value, right: Value) -> Tags:
    """`logits + bias`, where the bias was counted over tokens that are yet to be scored: of this round, or of all."""
    here = {loop.instance for loop in m.loops}
    for made, other in ((left, right), (right, left)):
        if not has(made.tags, OfOutput):
            continue
        ahead = COUNTS in other.tags and VAL in other.tags
        inside = has(other.tags, OfOutput) or not here.isdisjoint(
            [t.loop for t in other.tags if isinstance(t, InRound)]
        )
        taken = any(isinstance(t, Taken) and m.is_of_this_round(t.rounds, made.tags) for t in other.tags)
        if (ahead and not inside) or (taken and not has(other.tags, OfOutput)):
            why = "tokens that are yet to be scored are counted in it"
            return m.doubt(node, frame, "what is added to the model's output", why, against=SEES_LATER)
    return NONE


def chosen_by_loss(m: Machine, frame: Frame, node: ast.AST, left: Value, right: Value) -> Tags:
    """`logits / heat`, where losses on validation tokens, of another pass than this, have chosen the number."""
    here = {loop.instance for loop in m.loops}
    if not here:
        return NONE
    for made, other in ((left, right), (right, left)):
        by_loss = BY_LOSS in other.tags or (m.is_of_loss(other) and PARAMETER not in other.tags)
        if not by_loss or LOSS in made.tags or not has(made.tags, OfOutput):
            continue
        if here.isdisjoint([t.loop for t in other.tags if isinstance(t, InRound)]):
            why = "losses on validation tokens have chosen it"
            return m.doubt(node, frame, "a number that goes into the model's output", why)
    return NONE


def told_ahead(m: Machine, frame: Frame, node: ast.AST, output: Value, mask: Value) -> Tags:
    """`logits.masked_fill(~seen, -inf)`, where what is seen was told by tokens that are yet to be scored."""
    if not has(output.tags, OfOutput) or has(mask.tags, OfOutput):
        return NONE
    taken = any(isinstance(t, Taken) and m.is_of_this_round(t.rounds, output.tags) for t in mask.tags)
    here = {loop.instance for loop in m.loops}
    whole = VAL in mask.tags and here.isdisjoint([t.loop for t in mask.tags if isinstance(t, InRound)])
    if not taken and not whole and not _reaches_further(m, output, mask):
        return NONE
    return m.doubt(
        node,
        frame,
        "which entries of the model's output count",
        "tokens that are yet to be scored tell it",
        against=SEES_LATER,
    )


def _reaches_further(m: Machine, output: Value, mask: Value) -> bool:
    """Whether a mask was made of tokens of this round that end behind those that the output was made for."""
    here = {(loop.instance, loop.iteration) for loop in m.loops}
    if VAL not in mask.tags or here.isdisjoint([(t.loop, t.iteration) for t in mask.tags if isinstance(t, InRound)]):
        return False
    ends = [t.position for t in mask.tags if isinstance(t, Before)]
    windows = [m.windows.get(t.number, NONE) for t in output.tags if isinstance(t, OfOutput)]
    given = [t.position for window in windows for t in window if isinstance(t, Before)]
    further = [end.plus(at, -1) for end in ends for at in given]
    return any(by is not None and by.literal and by.constant > 0 for by in further)
