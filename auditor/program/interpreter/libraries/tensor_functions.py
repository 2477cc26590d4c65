"""Functions of torch and numpy that make tensors of tensors."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.libraries import opaque
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.scoring import content, count_tables, doubts, effects, recipes
from auditor.program.interpreter.stream import parts, reduction, rounds, tokens, unshifted
from auditor.program.numbers import position_of
from auditor.program.tags import (
    CALLED,
    COUNTS,
    ENTROPY,
    HIDDEN,
    LAST_ONE,
    LOSS,
    NONE,
    RANDOM,
    SHARED_ROWS,
    SHIFTED,
    TARGET,
    VAL,
    AdaptedBy,
    CutAt,
    InRound,
    OfOutput,
    OfSwitch,
    ScaledBy,
    StackedBy,
    Tags,
    has,
    hashed,
)
from auditor.program.trace import SEES_LATER
from auditor.program.values import Comparison, Frame, Instance, Sequence, Value, union, with_tags


def computed(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """New tensors, losses and distributions, the lower of several."""
    if name in vocabulary.FRESH:
        if name == "arange" and _from_one_on(args):
            args = [with_tags(arg, frozenset({SHIFTED})) for arg in args]
        made = _fresh(name, args, kwargs)
        if name == "arange" and args and "step" not in kwargs:
            m.extents.aranges[made] = args
        return made
    if name in vocabulary.LOSS | vocabulary.DISTRIBUTION | vocabulary.PICK:
        result = scored(m, frame, node, name, [*args, *kwargs.values()])
        if name in vocabulary.LOSS:
            result.tags |= doubts.options(m, frame, node, name, args, kwargs)
        return result
    if dotted.endswith(("minimum.reduce", "fmin.reduce")) and args:
        tags = deep_tags(args[0]) | effects.chooses(m, frame, node, elements(args[0]), "minimum")
        return Value(tags, mutable=True)
    if name in ("minimum", "amin", "fmin"):
        tags = union(*args) | effects.chooses(m, frame, node, args, name)
        return Value(tags, mutable=True)
    if name == "where" and len(args) == 3:
        return _where(m, frame, node, args)
    return None


def combined(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """Counts, shifts, stacks, keys, and what ranks send each other."""
    if name == "bincount" and args:
        made = Value(union(*args, *kwargs.values()) | {COUNTS}, mutable=True)
        count_tables.write(m, made, args[0])
        return made
    if name == "roll" and args:
        doubt = doubts.function(m, frame, node, name, args, kwargs)
        return Value(union(*args) | tokens.rolled(args[0], args[1:], kwargs) | doubt, mutable=True)
    if name in vocabulary.TURNS_ROUND and args:
        return Value(union(*args) | doubts.turned(m, frame, node, args[0]), mutable=True)
    if name in ("stack", "cat", "concatenate", "vstack", "hstack") and args:
        return _stack(m, frame, node, args, kwargs)
    if name in ("bitwise_xor", "bitwise_and", "remainder", "fmod", "mod"):
        return Value(hashed(*(arg.tags for arg in args)), mutable=True)
    return reduction.function(m, frame, node, name, args, kwargs)


def _from_one_on(args: list[Value]) -> bool:
    """`arange(a + 1, b + 1)`: positions of the tokens that are predicted from those at `a` to `b`."""
    return len(args) >= 2 and position_of(args[0]).next_to_another


def _fresh(name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A new tensor: `tensor` holds its argument, `arange` depends on the loops that its bounds depend on."""
    tags = NONE
    if name == "tensor" and args:
        tags = deep_tags(args[0])
    elif name == "arange":
        tags = frozenset(
            [t for t in union(*args) if isinstance(t, (InRound, OfSwitch)) or t == SHIFTED]
        ) | parts.numbered(args)
    elif name in ("full", "full_like", "new_full"):
        tags = kwargs["fill_value"].tags if "fill_value" in kwargs else union(*args[1:2])
    if name in ("rand", "rand_like"):
        tags |= {RANDOM}
    dims = args[0].obj.items if args and isinstance(args[0].obj, Sequence) else args
    if name in ("zeros", "randn", "full", "empty", "rand") and len(dims) >= 2 and dims[0].const == 1:
        tags |= {SHARED_ROWS}
    return Value(tags, mutable=True)


def scored(m: Machine, frame: Frame, node: ast.AST, name: str, values: list[Value]) -> Value:
    tags = NONE
    if values:
        rounds.settled(m, values[0])
    for value in values:
        own = deep_tags(value, 2)
        if name in vocabulary.LOSS and value is values[0]:  # an earlier loss may have steered what the logits are
            own = frozenset([t for t in own if not isinstance(t, ScaledBy)])
        if not has(own, OfOutput):
            own = opaque.without_spans(own)
        tags |= own
        r = root(value)
        if r is not value and not isinstance(r.obj, Instance):
            tags |= frozenset([t for t in r.tags if isinstance(t, AdaptedBy)])
    made = any(isinstance(t, OfOutput) or t == CALLED for t in tags)
    if VAL not in tags or not (made or name in vocabulary.LOSS):
        return Value(tags, mutable=True)
    for target in values[1:2] if name in vocabulary.LOSS else values[1:] if name in vocabulary.PICK else ():
        tags |= unshifted.scored(m, frame, node, tags, target)
    loss = name in vocabulary.LOSS or (name in vocabulary.PICK and any(_picks(value) for value in values[1:]))
    first = deep_tags(values[0], 2)
    if loss and values[1:] and not m.inside:
        tags |= rounds.scored(m, frame, node, first, frozenset().union(*[deep_tags(v, 2) for v in values[1:]]))
        if name in vocabulary.PICK:
            tags |= rounds.picked(m, frame, node, first)
    result = Value(m.output(node, frame, tags, NONE, loss=loss), mutable=True)
    cuts = [
        {t for t in tags_ if isinstance(t, CutAt)} for tags_ in (first, deep_tags(values[1], 2) if values[1:] else NONE)
    ]
    both = bool(cuts[0]) and cuts[0] == cuts[1]  # `logits[:, 1:]`, scored on `y[:, 1:]`: each on its own
    if name in vocabulary.LOSS and has(first, OfOutput) and not both and rounds.in_hand(m, first):
        m.trace.outputs[m.last].sees_target = True
    return result


def _picks(index: Value) -> bool:
    """Whether an index is made of tokens: what it picks from a distribution is what they are given."""
    return VAL in index.tags and not has(index.tags, OfOutput)


def _where(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    tags = union(*args) | _hidden(*args[1:])
    count_tables.mixes(m, *(value.tags for value in args))
    for output in args[1:]:
        if recipes.is_loss(output):
            tags |= parts.weighed(m, frame, node, output, args[0])
        tags |= content.told_ahead(m, frame, node, output, args[0]) | doubts.by_token(output, args[0])
    compared = args[0].obj.sides if isinstance(args[0].obj, Comparison) else ()
    if len(compared) == 2 and all(any(effects.same(side, picked) for side in compared) for picked in args[1:]):
        tags |= effects.chooses(m, frame, node, args[1:], "where")
    return Value(tags, mutable=True)


def _hidden(one: Value, other: Value) -> Tags:
    """Tokens, of which some are replaced by what is no token of the stream."""
    for tokens_, mask in ((one, other), (other, one)):
        if VAL in tokens_.tags and VAL not in mask.tags and not has(tokens_.tags, OfOutput):
            return frozenset({HIDDEN})
    return NONE


def _stack(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if not isinstance(args[0].obj, Sequence) else args[0].obj.items
    tags = union(*items, *args)
    if items and tokens.completed(items):
        tags -= {TARGET, LAST_ONE}
    if not m.inside and tokens.out_of_order(items):
        why = "tokens that stand further on are put in front of those that come before them"
        tags |= m.doubt(node, frame, "tokens out of their order", why, against=SEES_LATER)
    count_tables.mixes(m, *(item.tags for item in items))
    if any(ENTROPY in i.tags and LOSS not in i.tags for i in items) and any(LOSS in i.tags for i in items):
        tags |= {StackedBy(m.stack(node, frame, tags))}
    return Value(tags, mutable=True)
