"""What a call or an operation means to the trace: outputs of models, sums of losses, choices among them."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags, module_parts
from auditor.program.interpreter import perhaps
from auditor.program.interpreter.libraries import hooks, opaque
from auditor.program.interpreter.machine import Machine, Pending, root
from auditor.program.interpreter.scoring import adapting, conditions, measured, recalled, trained
from auditor.program.interpreter.scoring.reached import reach_module
from auditor.program.interpreter.stream import held, ranks, rounds, tokens, unshifted
from auditor.program.tags import (
    ALIGNED,
    CALLED,
    HASH,
    LOSS,
    MASK,
    NONE,
    TARGET,
    TRAIN,
    VAL,
    AdaptedBy,
    AsTrained,
    ChosenBy,
    InRound,
    OfOutput,
    OfSwitch,
    Reads,
    ScaledBy,
    Tags,
    UnsetSwitch,
    has,
)
from auditor.program.trace import CHANGES_LOSSES, OTHER_WEIGHTS, SEES_LATER, Output
from auditor.program.values import (
    UNKNOWN,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Sequence,
    Value,
    union,
    with_tags,
)

_CLOSE = 1.001e-3


def callee(node: ast.AST) -> str:
    function = getattr(node, "func", None)
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def unknown_call(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A call of what could not be followed.

    Given tokens and those that follow them it is taken as a model's loss. What it gives for tokens alone may be logits:
    it is one where a distribution or a loss is made of it.
    """
    result = opaque.opaque(m, frame, node, function, args, kwargs)
    if m.inside:
        return result
    inputs = [*args, *kwargs.values()]
    result = with_tags(result, recalled.among(m, frame, node, (function, *inputs)))
    given = [v for v in inputs if VAL in v.tags and not isinstance(v.obj, tokens.Text)]
    if not given or any(_made(v) for v in inputs):
        return result
    if all(TARGET in v.tags for v in given) or not any(TARGET in v.tags for v in given):
        return Value(result.tags | {CALLED}, mutable=True)
    state = frozenset([t for t in deep_tags(function) if isinstance(t, AdaptedBy)])
    made = Value(m.output(node, frame, opaque.without_spans(result.tags), state, loss=True), mutable=True)
    measured.model(m, frame, node, callee(node), inputs, made)
    return made


def forward(
    m: Machine,
    frame: Frame,
    node: ast.AST,
    model: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    function: Function | None = None,
) -> Value:
    """A module applied to data. With validation tokens among them, this is an output of the trace."""
    assert isinstance(model.obj, Instance)
    method = function
    if method is None and model.obj.cls is not None:
        hit = model.obj.cls.forward()
        method = hit.obj if hit is not None and isinstance(hit.obj, Function) else None
    parts = module_parts(model.obj)
    m.steps += len(parts)  # each is looked at in every pass
    inputs = [*args, *kwargs.values()]
    data, state = NONE, deep_tags(model)
    for value in inputs:
        tags = deep_tags(value)
        if isinstance(value.obj, Instance):
            state |= frozenset([t for t in tags if isinstance(t, AdaptedBy)])
        else:
            data |= tags
    if method is not None:
        given = conditions.constants(node, method, args, kwargs)
        reach_module(m, model.obj, method, parts, given, scoring=VAL in data)
    if m.hooks:
        data |= _run_hooks(m, frame, node, parts, inputs) & {VAL}
    if VAL not in data:
        if TRAIN in data and not m.inside:
            m.on_training_tokens(node, frame)
        return Value(data | state | recalled.among(m, frame, node, (model, *inputs)), mutable=True)
    data |= _normalized_by_batch(m, frame, node, model, parts, data) | held.ahead(m, frame, node, parts, data)
    data |= ranks.of_some(m, frame, node, parts)
    if not m.inside and trained.in_part(parts):
        why = "others of its parts hold what training has left"
        data |= m.doubt(node, frame, "a part of the artifact that is read back", why, against=OTHER_WEIGHTS)
    if any(_hashed_further(value, inputs) for value in inputs):
        why = "the model is given a hash of tokens of which some stand one further than those beside it"
        data |= m.doubt(node, frame, "what the model is given", why, against=SEES_LATER)
    tokens = sum(1 for v in inputs if _is_tokens(v))
    known = isinstance(model.obj, Instance) and model.obj.kind == "module" and model.obj.cls is not None
    tags = m.output(node, frame, opaque.without_spans(data), state, loss=tokens >= 2, known=known)
    m.models[m.last] = model.obj
    # Beside another tensor of the stream (tokens cut by a mask carry its comparison) they may be its targets.
    streams = [v for v in inputs if VAL in v.tags and not _made(v)]
    m.trace.outputs[m.last].shifts = method is not None and unshifted.shifts_itself(m, parts)
    if tokens == 1 and len(streams) == 1 and rounds.in_hand(m, data):
        m.trace.outputs[m.last].sees_target = True
    tags = rounds.without(tags) - {TARGET} if tokens < 2 else tags
    if tokens >= 2:
        tags |= {TARGET}
    if known and not m.inside and trained.as_trained(parts):
        tags |= {AsTrained(m.last)}
    made = Value(tags, mutable=True)
    measured.model(m, frame, node, model.obj.cls.name if model.obj.cls else name, inputs, made)
    return made


def _normalized_by_batch(
    m: Machine, frame: Frame, node: ast.AST, model: Value, parts: Seq[Instance], data: Tags
) -> Tags:
    """In training a norm over the batch lets each position see all others, and keeps what it saw for later."""
    if (
        m.inside
        or not m.training.get(id(model.obj), True)
        or "BatchNorm" not in " ".join([part.dotted for part in parts])
    ):
        return NONE
    adapting.adapt_roots(m, frame, node, Pending(data, m.place(node, frame), data), [model])
    why = "in training each position is divided by what all others are, later ones included"
    return m.doubt(node, frame, "a norm over the batch", why, against=SEES_LATER)


def _run_hooks(m: Machine, frame: Frame, node: ast.AST, parts: Seq[Instance], inputs: list[Value]) -> Tags:
    """Run the hooks of a module and of the modules inside it; what they give in the place of what these gave."""
    given = Value(union(*inputs), obj=Sequence(list(inputs)))
    passed = [given, Value(union(*inputs), mutable=True)]
    return NONE.union(*(hooks.run_hooks(m, frame, node, "forward", p, [Value(obj=p), *passed]) for p in parts))


def _hashed_further(value: Value, inputs: list[Value]) -> bool:
    """A hash that targets may have gone into: tokens cut one further, unless they are stored one further as well."""
    tags = value.tags
    if HASH not in tags or TARGET not in tags or _made(value):
        return False
    beside = {t for other in inputs if _is_tokens(other) for t in other.tags if isinstance(t, Reads)}
    return ALIGNED not in tags or not {t for t in tags if isinstance(t, Reads)} <= beside


def _is_tokens(value: Value) -> bool:
    """Tokens that a model is given, or its targets.

    Where documents begin is told by comparing, and what an n-gram's row of a table is by hashing: those are no tokens.
    """
    tags = value.tags
    plain = HASH not in tags and (TARGET in tags or MASK not in tags)
    return VAL in tags and plain and not _made(value)


def _made(value: Value) -> bool:
    return has(value.tags, OfOutput)


def environment(m: Machine, frame: Frame, node: ast.AST, key: Value, default: Value | None) -> Value:
    """`os.environ[key]`: the configured value, else the default, tagged with the switch's name."""
    if not isinstance(key.const, str):
        return Value(default.tags if default is not None else NONE)
    tags: Tags = frozenset({OfSwitch(key.const)}) | m.files.get(f"environ:{key.const}", NONE)
    fallback = default.const if default is not None else None
    if key.const in m.unsettled:
        return Value(tags | {UnsetSwitch(key.const)})
    value = m.environment(key.const, fallback)
    if value is not UNKNOWN and value is not None:
        made = tokens.constant(value)
        return Value(made.tags | tags, value)
    if default is not None and not vocabulary.AMBIENT.fullmatch(key.const):
        known = default.known or default.obj is not None
        return Value(default.tags | (tags if known else tags | {UnsetSwitch(key.const)}), default.const, default.obj)
    return Value(tags | {UnsetSwitch(key.const)})


def contains(m: Machine, item: Value, container: Value) -> bool | None:
    if isinstance(container.obj, External) and container.obj.dotted == "os.environ" and isinstance(item.const, str):
        told = m.environment(item.const, None) is not None
        return None if not told and vocabulary.AMBIENT.fullmatch(item.const) else told
    if item.known and container.obj is not None and not perhaps.is_sure(m, container.obj, item.const):
        return None
    if item.known and isinstance(container.obj, Sequence) and container.obj.exact:
        if not perhaps.is_sure(m, container.obj):
            return None
        if any(i.known and i.const == item.const for i in container.obj.items):
            return True
        return False if all(i.known for i in container.obj.items) else None
    if item.known and isinstance(container.obj, Mapping) and container.obj.other is None:
        return item.const in container.obj.items
    if item.known and container.known:
        try:
            return item.const in container.const
        except TypeError:
            return None
    return None


def arithmetic(
    m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value, tags: Tags
) -> Tags:
    """A loss times a constant near one is no unit conversion: the scored value is no log-probability any more."""
    for loss, factor in ((left, right), (right, left)):
        if LOSS not in loss.tags or not isinstance(factor.const, float) or factor is loss:
            continue
        if isinstance(op, ast.Div) and factor is left:
            continue
        if 0 < abs(factor.const - 1) <= _CLOSE:  # `(1 - eps) / k`: where an integral is taken, it is its width
            return tags | m.doubt(
                node,
                frame,
                f"a loss times {factor.const:g}",
                "it is not the loss that the model made",
                against=CHANGES_LOSSES,
            )
        if 0.8 < factor.const < 1.25 and factor.const != 1.0:
            return tags | {ScaledBy(m.scale(node, frame, tags, factor.const))}
    return tags


def chooses(m: Machine, frame: Frame, node: ast.AST, candidates: list[Value], text: str) -> Tags:
    """A minimum over losses of tokens of the current chunk: the tags that mark the result."""
    losses = [c for c in candidates if _made(c) and VAL in c.tags]
    active = {loop.instance for loop in m.loops}
    in_stream = any(isinstance(t, InRound) and t.loop in active for c in losses for t in c.tags)
    if len(losses) < 2 or not in_stream or not any(LOSS in c.tags for c in losses):
        return NONE
    return frozenset({ChosenBy(m.choice(node, frame, union(*losses), text))})


def same(a: Value, b: Value) -> bool:
    """Whether two values are one, or the same part of one."""
    return a is b or (root(a) is root(b) and a.tags == b.tags and (a.base is not None or b.base is not None))


def accumulated(m: Machine, frame: Frame, node: ast.AST, value: Value) -> None:
    """Remember where an output first enters a sum: that line is shown as the score."""
    if not _made(value):
        return
    m.summed += LOSS in value.tags
    for tag in value.tags:
        if isinstance(tag, OfOutput):
            event = m.trace.outputs[tag.number]
            if event.accumulated is None:
                event.accumulated = m.place(node, frame)
                event.of_the_last |= _one_round_of(m, event, value.tags)


def _one_round_of(m: Machine, output: Output, tags: Tags) -> set[int]:
    """Loops that are over by now, of whose rounds one goes into the sum here: the score of a chunk's last epoch."""
    running = {loop.instance for loop in m.loops}
    over = {(i, k) for i, k in output.region if i not in running and k > 1} & {
        (loop.instance, loop.iteration) for loop in output.loops
    }
    outputs = [m.trace.outputs[t.number] for t in tags if isinstance(t, OfOutput)] if over else []
    of_others = {part for one in outputs if one.place.key == output.place.key for part in one.region}
    return {i for i, k in over if not any(i == other and n != k for other, n in of_others)}
