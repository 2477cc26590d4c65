"""Training on training tokens that hangs on the loss on validation tokens: when it ends, how fast it learns, on what.

What such a loss decides is marked (`BY_LOSS`): a flag, a count, a rate. Where it reaches a step on training tokens, the
weights that are scored have been adapted to the validation tokens, if by little. A step on validation tokens is judged
by its order alone.
"""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine, Pending
from auditor.program.interpreter.scoring import adapting, trained
from auditor.program.tags import BY_LOSS, LOSS, VAL, OfGroup, has
from auditor.program.values import Frame, Instance, Native, Sequence, Value, with_tags

_TOGETHER = 4  # plain values that a condition selects at a time
ENDS, RATE, STEPS = "when their training ends", "how fast they learn", "what they learn from"


def by_loss(m: Machine, value: Value) -> bool:
    """Whether the value is a loss on validation tokens, or was decided by one."""
    return BY_LOSS in value.tags or m.is_of_loss(value)


def decided(m: Machine, value: Value) -> Value:
    """A plain value that a condition on a validation loss has selected."""
    if isinstance(value.obj, Sequence) and value.obj.exact and len(value.obj.items) <= _TOGETHER:
        return Value(value.tags, obj=Sequence([decided(m, item) for item in value.obj.items]))
    if value.obj is not None or BY_LOSS in value.tags:
        return value
    m.decisions += 1
    return with_tags(value, frozenset({BY_LOSS}))


def once_more(m: Machine, instance: int, before: int) -> bool:
    """Whether a loop that trains is followed for one more round: what the last one decided counts from the next on."""
    return instance in m.trained and m.decisions > before


def group(m: Machine, optimizer: Instance, value: Value) -> Value:
    """A group of an optimizer's parameters, which knows its optimizer."""
    if optimizer not in m.optimizers:
        m.optimizers.append(optimizer)
    return Value(value.tags | {OfGroup(m.optimizers.index(optimizer))}, obj=value.obj)


def stored(m: Machine, container: Value, value: Value) -> None:
    """`group["lr"] = value`"""
    if has(container.tags, OfGroup) and by_loss(m, value):
        for tag in container.tags:
            if isinstance(tag, OfGroup):
                _set(m, m.optimizers[tag.optimizer])


def made(m: Machine, optimizer: Instance, options: dict[str, Value]) -> None:
    """`AdamW(weights, lr=value)`"""
    if any(by_loss(m, value) for value in options.values()):
        _set(m, optimizer)


def _set(m: Machine, optimizer: Instance) -> None:
    m.decisions += not optimizer.steered
    optimizer.steered = RATE


def plateau(m: Machine, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`ReduceLROnPlateau(optimizer)`: its step takes the loss that the rate follows."""
    optimizer = args[0] if args else kwargs.get("optimizer", Value())

    def step(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if isinstance(optimizer.obj, Instance) and any(by_loss(m, v) for v in (*args, *kwargs.values())):
            _set(m, optimizer.obj)
        return Value(const=None)

    return Value(obj=Instance(None, {"step": Value(obj=Native("step", step, (optimizer,)))}, kind="namespace"))


def trains(m: Machine, frame: Frame, node: ast.AST, optimizer: Instance) -> None:
    """A step on training tokens."""
    for loop in m.loops:
        m.trained[loop.instance] = optimizer
    trained.stepped(adapting.roots(optimizer))
    if m.selections or any(BY_LOSS in pending.tags for pending in m.pending):
        _steer(m, frame, node, optimizer, STEPS)
    elif optimizer.steered:
        _steer(m, frame, node, optimizer, optimizer.steered)


def ends(m: Machine, frame: Frame, node: ast.AST, test: Value, instance: int | None) -> None:
    """A condition that a loss decides ends a loop: the one that trains, or another."""
    optimizer = m.trained.get(instance) if instance is not None else None
    if optimizer is not None and by_loss(m, test):
        _steer(m, frame, node, optimizer, ENDS)


def _steer(m: Machine, frame: Frame, node: ast.AST, optimizer: Instance, what: str) -> None:
    tags = frozenset({VAL, LOSS})
    event = adapting.adapt_roots(m, frame, node, Pending(tags, m.place(node, frame), tags), adapting.roots(optimizer))
    event.steered = what
