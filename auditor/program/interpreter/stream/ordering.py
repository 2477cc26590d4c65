"""Parts of the validation stream in another order: sorted by something that is no position, or shuffled."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import Literal

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language import callbacks
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import ranks, tokens
from auditor.program.recipe.model import Op, What
from auditor.program.tags import NONE, RANDOM, SORTED, TRAIN, VAL, Drawn, InRound, OfOutput, Tags, has
from auditor.program.values import External, Frame, Value, union

_RECKONED = frozenset(
    {Op.LENGTH, Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.NEGATE, Op.MOST, Op.LEAST, Op.SUM, Op.EITHER}
)
By = Literal["their length", "what they hold", "chance"]


def by_key(m: Machine, frame: Frame, node: ast.AST, items: Seq[Value], kwargs: dict[str, Value]) -> Tags:
    """Elements are sorted, each by what the key gives for it; the tags of that."""
    key = kwargs.get("key")
    given = callbacks.keyed(m, frame, node, items, kwargs)
    if not given and key is not None and isinstance(key.obj, External):
        given = [m.call(frame, node, key, [item], {}) for item in items]
    for item, value in zip(items, given, strict=False):
        by = _told(item, value)
        if by is not None:
            m.reordered(node, frame, by)
            return union(*given) | {SORTED}
    return union(*given) if given else NONE


def _told(item: Value, by: Value) -> By | None:
    """What a key goes by; None for a position, a figure, a name, and for what is no part of the stream."""
    tags = deep_tags(item) | by.tags
    made = by.recipe
    if VAL not in tags or TRAIN in tags or has(by.tags, OfOutput):
        return None
    if made is None:
        return "what they hold" if VAL in by.tags and has(by.tags, InRound) else None
    if made.what is What.TOKENS:
        return "what they hold"
    reckoned = made.what is What.NUMBER if made.op is Op.NAME else made.op in _RECKONED
    return "their length" if reckoned and made.what is not What.POSITIONS else None


def by_chance(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Tags:
    """`random.shuffle(documents)`, or `torch.randperm(n)`: an order, told by the tags where it becomes an index."""
    tags = deep_tags(args[0]) if args else NONE
    if VAL in tags and TRAIN not in tags:
        m.reordered(node, frame, "chance")
    return m.drawn(node, frame)


def indexed(m: Machine, container: Tags, index: Tags) -> None:
    """The stream is read in an order that was drawn."""
    if TRAIN not in container and not has(container, OfOutput):
        for tag in index:
            if isinstance(tag, Drawn):
                m.trace.reordered.setdefault(tag.place, m.orders[tag.place])
                m.walked_by_chance.add(tag.place)


def settle(m: Machine) -> None:
    """At the end of a run: an order in which tokens were read that nothing was scored on is none of the stream's."""
    scored = {t.place for o in m.trace.outputs.values() if o.accumulated for t in o.tags if isinstance(t, Drawn)}
    for place in m.walked_by_chance - scored:
        m.trace.reordered.pop(place, None)


def first_drawn(m: Machine, container: Tags, index: Value) -> Tags:
    """`randperm(n)[:200]`: places by chance, as the others are left out; a batch after the other is all of them."""
    if not isinstance(index.obj, tokens.Cut) or VAL in container or not has(container, Drawn):
        return NONE
    here = {loop.instance for loop in m.loops}
    bounds = [b for b in (index.obj.lower, index.obj.upper) if b is not None and not (b.known and b.const in (None, 0))]
    moves = any(isinstance(t, InRound) and t.loop in here for b in bounds for t in b.tags)
    return frozenset({RANDOM}) if len(bounds) == 1 and not moves and not ranks.of_rank(index.tags) else NONE
