"""What a forward pass makes of the loss that it returns: followed from where the model has its logits to the return.

To the trace a forward pass is one step. Given targets it is the step that makes the score, and then it matters what it
does with them: `0.9 * cross_entropy(...)`, losses that are cut off, logits that see the targets. So its method is
stepped through once. What it computes without the targets is the model, whatever that is; what it does to the loss goes
into the recipe, and what is not understood there is doubted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import replace
from functools import partial

from auditor.program.interpreter import branching
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring.forward import ForwardLoss
from auditor.program.interpreter.scoring.recipes import node_of
from auditor.program.recipe import arithmetic, transfers
from auditor.program.recipe.model import Node, Op, Over, Sees, What, sees_of
from auditor.program.tags import (
    LOSS,
    NONE,
    TARGET,
    VAL,
    ChosenBy,
    Doubtful,
    GatedBy,
    LookedUp,
    OfOutput,
    Omitting,
    Recalled,
    ScaledBy,
    StackedBy,
)
from auditor.program.values import Frame, Function, Instance, Mapping, Sequence, Value

_RETURNED = 8  # things that a forward pass returns at a time
_TRIED = 3  # inputs of which one is the targets
_MODEL = Node(Op.MODEL, (), What.LOGITS, Over.VOCABULARY, None, Sees.EARLIER, "model")
_LOSSES = (What.NATS, What.BITS)
_ROWS = (What.PROBABILITY, What.LOG_PROBABILITY)
_MEASURED = frozenset({*arithmetic.PROBABILISTIC, What.ENTROPY})
_CARRIED = (Doubtful, ScaledBy, ChosenBy, Omitting, StackedBy, LookedUp, GatedBy, Recalled)
_SUMS = frozenset({Op.MEAN, Op.SUM, Op.ACCUMULATE})
_OF_LOGITS = frozenset({Op.SOFTMAX, Op.LOG_SOFTMAX, Op.CROSS_ENTROPY, Op.LOG_SUM_EXP})


Run = Callable[[list[Value], dict[str, Value]], Value]
"""The method, on arguments with the model first."""


def hidden(m: Machine, values: Sequence_[Value]) -> Value | None:
    """What a part of the model gives while its forward pass is stepped through; None where targets go into it."""
    if any(_sees_target(value) for value in values):
        return None
    return Value(m.inside[-1], mutable=True, recipe=_MODEL)


def _sees_target(value: Value) -> bool:
    node = node_of(value)
    return node is not None and bool(node.sees & Sees.TARGET)


def followed(
    m: Machine, frame: Frame, node: ast.AST, method: Function, model: Value, args: list[Value],
    kwargs: dict[str, Value], made: Value, run: Run,
) -> None:  # fmt: skip
    """Give a loss that a model was asked for the recipe that the model's own code shows."""
    inputs = [*args, *kwargs.values()]
    if made.recipe is None:
        return
    assert isinstance(model.obj, Instance)
    given = tuple((value.const if value.known else None, TARGET in value.tags, VAL in value.tags) for value in inputs)
    key = (method.node, id(model.obj), str(given))
    known = m.passes.losses.get(key)
    if known is None:
        look = _look if LOSS in made.tags else _look_at_rows
        m.passes.losses[key] = known = look(m, frame, node, model, args, kwargs, made, run)
    made.tags |= known.tags
    if known.loss is not None:
        model_of = made.recipe
        made.recipe = _put(known.loss, model_of)
        made.tags -= {TARGET, LOSS} if _is_logits(known.loss) else NONE
        if known.parts:
            made.obj = Sequence([_part(made, part, model_of) for part in known.parts])


def _part(made: Value, part: Node | None, model: Node) -> Value:
    """One of several things that a model returns: only a loss is one, what is not understood may be."""
    understood = part is not None and part.understood
    tags = made.tags - {LOSS} if understood and part is not None and part.what not in _LOSSES else made.tags
    recipe = _put(part, model) if understood and part is not None else None
    return Value(tags, mutable=True, recipe=recipe)


def _look(
    m: Machine, frame: Frame, node: ast.AST, model: Value, args: list[Value], kwargs: dict[str, Value], made: Value,
    run: Run,
) -> ForwardLoss:  # fmt: skip
    """What is found with each of the inputs as the targets that may be them; the first that explains the loss."""
    inputs = [*args, *kwargs.values()]
    told = [i for i, value in enumerate(inputs) if TARGET in value.tags and node_of(value) is not None]
    targets = told or [i for i, value in enumerate(inputs) if VAL in value.tags and value.obj is None]
    found = ForwardLoss(None, NONE, "which of its inputs are the targets could not be told")
    for at in targets[::-1][:_TRIED]:
        shown = [_target(value) if i == at else _context(value) for i, value in enumerate(inputs)]
        named = dict(zip(kwargs, shown[len(args) :], strict=True))
        this = _explained(_stepped_through(m, model, made, partial(run, [model, *shown[: len(args)]], named)))
        if found.loss is None or not this.why:
            found = this
        if not this.why:
            break
    tags = found.tags
    if found.why:
        who = model.obj.cls.name if isinstance(model.obj, Instance) and model.obj.cls else "the model"
        tags |= m.doubt(node, frame, f"the loss that {who} returns", found.why)
    if found.sees_targets and len(told) == 1:
        m.trace.outputs[max(t.number for t in made.tags if isinstance(t, OfOutput))].sees_target = True
    return ForwardLoss(None, tags, found.why) if found.why else replace(found, tags=tags)


def _look_at_rows(
    m: Machine, frame: Frame, node: ast.AST, model: Value, args: list[Value], kwargs: dict[str, Value], made: Value,
    run: Run,
) -> ForwardLoss:  # fmt: skip
    """What a model gives for tokens alone: logits, unless its code makes probabilities of them."""
    value = _stepped_through(m, model, made, partial(run, [model, *args], kwargs))
    rows = node_of(value) if value.obj is None else None
    found = _simplified(rows) if rows is not None else None
    if found is None or found.what not in _ROWS or not found.understood:
        return ForwardLoss(None, NONE, "")
    return ForwardLoss(found, frozenset([t for t in value.tags if isinstance(t, _CARRIED)]), "")


def _target(value: Value) -> Value:
    return Value(value.tags | {TARGET}, value.const, value.obj, value.base, value.mutable, value.recipe)


def _context(value: Value) -> Value:
    """Tokens that are no targets: what they are predicted from."""
    if value.obj is not None or not (TARGET in value.tags or _sees_target(value)):
        return value
    return Value(value.tags - {TARGET}, value.const, None, value.base, value.mutable)


def _explained(value: Value) -> ForwardLoss:
    loss = _loss(value)
    tags = frozenset([t for t in value.tags if isinstance(t, _CARRIED)])
    if loss is None:
        return ForwardLoss(None, tags, "the model gives no loss that could be followed")
    found = _simplified(loss)
    sees = any(_of_what_sees_targets(n) for n in found.walk())
    rows = _is_logits(found) and not any(n.op in _SUMS for n in loss.walk() if n is not found)
    return ForwardLoss(found, tags, "" if rows else _not_followed(found), sees, _parts(value))


def _parts(value: Value) -> tuple[Node | None, ...]:
    if not isinstance(value.obj, Sequence) or not value.obj.exact or len(value.obj.items) > _RETURNED:
        return ()
    nodes = [node_of(item) if item.obj is None else None for item in value.obj.items]
    return tuple(None if node is None else _simplified(node) for node in nodes)


def _stepped_through(m: Machine, model: Value, made: Value, run: Callable[[], Value]) -> Value:
    """What the method returns for a model that is not in training; nothing of the state is left changed."""
    assert isinstance(model.obj, Instance)
    held, summed = model.obj.attributes, m.summed
    before = held.get("training")
    held["training"] = Value(const=False)
    m.inside.append(frozenset([t for t in made.tags if t not in (TARGET, LOSS)]))
    try:
        with m.arm() as journal:
            value = run()
        branching.undo(journal)
    finally:
        m.inside.pop()
        m.summed = summed
        if before is None:
            held.pop("training", None)
        else:
            held["training"] = before
    return value


def _loss(value: Value) -> Node | None:
    """The loss among what is returned."""
    obj = value.obj
    if isinstance(obj, Sequence | Mapping):
        held = obj.items if isinstance(obj, Sequence) else list(obj.items.values())
        nodes = [n for item in held[:8] if (n := node_of(item)) is not None]
        return next((n for n in nodes if n.what in _LOSSES), None)
    return node_of(value)


def _is_logits(found: Node) -> bool:
    """Of a model that is given the targets, and told not to use them: `model(x, y, return_logits=True)`."""
    return found.what is What.LOGITS and found.understood and not found.sees & Sees.TARGET


def _not_followed(loss: Node) -> str:
    if not loss.understood or loss.what not in _LOSSES:
        return "it is not followed to a log-probability of the targets"
    index = [n.inputs[-1] for n in loss.walk() if n.op in (Op.CROSS_ENTROPY, Op.PICK)]
    if not index:
        return "no target is looked up in it"
    if not all(_is_target(n) for n in index):
        return "it is not the loss of the targets"
    if any(_of_what_sees_targets(n) for n in loss.walk()):
        return "the logits see the targets"
    return ""


def _is_target(node: Node) -> bool:
    """The targets, or at some positions what fills them up."""
    if node.op is Op.EITHER:
        return any(_is_target(n) for n in node.inputs) and all(n.plain or _is_target(n) for n in node.inputs)
    return node.what is What.TOKENS and bool(node.sees & Sees.TARGET)


def _of_what_sees_targets(node: Node) -> bool:
    return node.op in _OF_LOGITS and bool(node.inputs[0].sees & Sees.TARGET) and node.inputs[0].what not in _MEASURED


def _simplified(loss: Node) -> Node:
    """The formula with all that is computed without the targets as the model's logits."""
    done: dict[int, Node] = {}
    for node in _from_the_leaves(loss):
        again = _again(node, tuple(done[n.key] for n in node.inputs))
        hidden_state = not again.sees & Sees.TARGET and again.what not in _MEASURED and _of_the_model(again)
        done[node.key] = _MODEL if hidden_state else again
    return done[loss.key]


def _of_the_model(node: Node) -> bool:
    return any(n.op is Op.MODEL or (n.op is Op.UNKNOWN and not n.inputs) for n in node.walk())


def _from_the_leaves(head: Node) -> Iterator[Node]:
    """Every node once, after those that it is made of."""
    seen: set[int] = set()
    waiting = [(head, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif node.key not in seen:
            seen.add(node.key)
            waiting.append((node, True))
            waiting += [(below, False) for below in node.inputs if below.key not in seen]


def _again(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same step on other operands: what it measures may be known now."""
    if inputs == node.inputs:
        return node
    place = node.place
    if node.op in _NAMED:
        return transfers.call(_NAMED[node.op], inputs, place)
    if node.op in _OPERATORS:
        return arithmetic.binary(_OPERATORS[node.op], inputs[0], inputs[1], place, in_loop=False)
    if node.op is Op.NEGATE:
        return arithmetic.negate(inputs[0], place)
    if node.op in (Op.PICK, Op.TABLE) and len(inputs) == 2:
        return transfers.pick(inputs[0], inputs[1], place)
    sees = sees_of(inputs)
    what = inputs[0].what if node.op is Op.EITHER and all(n.what is inputs[0].what for n in inputs) else node.what
    return Node(node.op, inputs, what, node.over, node.normalized, sees, node.text, place)


_NAMED = {
    Op.SOFTMAX: "softmax", Op.LOG_SOFTMAX: "log_softmax", Op.CROSS_ENTROPY: "cross_entropy", Op.LOG: "log",
    Op.EXP: "exp", Op.LOG_SUM_EXP: "logsumexp", Op.MEAN: "mean", Op.SUM: "sum",
}  # fmt: skip
_OPERATORS: dict[Op, ast.operator] = {
    Op.ADD: ast.Add(), Op.SUBTRACT: ast.Sub(), Op.MULTIPLY: ast.Mult(), Op.DIVIDE: ast.Div(),
}  # fmt: skip


def _put(loss: Node, model: Node) -> Node:
    """The formula with the model that was called in the place of the one that stands for it."""
    logits = Node(
        Op.MODEL,
        tuple(n for n in model.inputs if not n.sees & Sees.TARGET),
        What.LOGITS,
        Over.VOCABULARY,
        None,
        model.sees & ~Sees.TARGET,
        model.text,
        model.place,
        model.changed_at,
    )
    done: dict[int, Node] = {_MODEL.key: logits}
    for node in _from_the_leaves(loss):
        if node.key not in done:
            done[node.key] = _again(node, tuple(done[n.key] for n in node.inputs))
    return done[loss.key]
