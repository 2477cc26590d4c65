"""Changes of weights on validation tokens: gradients, steps of optimizers, weights that a loss has chosen."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from typing import Any

from auditor.program.holdings import leaves, module_parts
from auditor.program.interpreter.machine import Machine, Pending, root
from auditor.program.interpreter.scoring import beyond, unfollowed
from auditor.program.tags import (
    BY_LOSS,
    LOSS,
    NONE,
    ONE_OF_SEVERAL,
    PARAMETER,
    SHARED_ROWS,
    VAL,
    AdaptedBy,
    GradientOf,
    InRound,
    OfOutput,
    Tags,
    has,
)
from auditor.program.trace import Adapt
from auditor.program.values import Frame, Instance, Mapping, Sequence, Value, union, with_tags

_PAIR = 2
_KEPT = 6  # things that are kept together, such as a loss and the weights that had it


def gradient_tags(m: Machine, frame: Frame, node: ast.AST, value: Value) -> Tags:
    """`p.grad` after a backward pass over validation tokens: whatever it changes is adapted."""
    pending = m.validation_gradients()
    if pending is None:
        return NONE
    return frozenset({GradientOf(id(pending.place)), *(t for t in pending.tags if isinstance(t, InRound))})


def optimizer_step(m: Machine, frame: Frame, node: ast.AST, optimizer: Instance) -> bool:
    """`optimizer.step()`: after a backward pass over validation tokens the parameters are adapted; whether they are."""
    pending = m.validation_gradients()
    m.stepped = True
    if pending is not None:
        beyond.trained(m, frame, node, pending.tags)
        adapt_roots(m, frame, node, pending, roots(optimizer))
        for other in beyond.from_before(m):
            adapt_roots(m, frame, node, other, roots(optimizer))
    return pending is not None


def roots(optimizer: Instance) -> list[Value]:
    """The modules and tensors that an optimizer's parameters belong to."""
    found: list[Value] = []
    for value in optimizer.parameters:
        for leaf in leaves(value):
            r = root(leaf)
            if all(r is not other for other in found):
                found.append(r)
    return found


def adapt_roots(
    m: Machine, frame: Frame, node: ast.AST, pending: Any, roots: list[Value], *, seen: bool = True
) -> Adapt:
    # Another value is none that can be trained; what was not followed holds any of them.
    roots = [r for r in roots if isinstance(r.obj, Instance) or (r.mutable and unfollowed.HANDLE not in r.tags)]
    modules = [r for r in roots if isinstance(r.obj, Instance)]
    subject = "module" if modules or not roots else "tensor"
    first = roots[0] if roots else Value()
    name = first.obj.cls.name if isinstance(first.obj, Instance) and first.obj.cls else ""
    shared = any(SHARED_ROWS in r.tags for r in roots)
    event = m.adapt(node, frame, pending, subject=subject, name=name, shared_rows=shared, seen=seen)
    if VAL in pending.tags and any(ONE_OF_SEVERAL in r.tags for r in roots):
        why = "which of several models it trains is not known"
        m.unfollowed(node, frame, "a step of training", why, {unfollowed.WEIGHTS})
    tag = frozenset({AdaptedBy(event.number)})
    for r in roots:
        if isinstance(r.obj, Instance):
            for part in module_parts(r.obj):
                part.adapted.add(event.number)
        else:
            r.tags |= tag
    if not roots:  # an optimizer whose parameters could not be followed changes every module that the loss came from
        for number in event.outputs:
            m.trace.outputs[number].tags |= tag
            for part in module_parts(m.models[number]) if number in m.models else ():
                part.adapted.add(event.number)
    return event


def selected(m: Machine, parameters: Value) -> int:
    """Parameters are changed, or put back, because of a validation loss: the adaptation's number."""
    pending = m.selections[-1]
    frame = Frame(pending.place.unit)
    name = parameters.obj.cls.name if isinstance(parameters.obj, Instance) and parameters.obj.cls else ""
    node = ast.Pass(lineno=pending.place.line, end_lineno=pending.place.line, col_offset=0, end_col_offset=0)
    event = m.adapt(node, frame, pending, subject="module", name=name, shared_rows=False)
    event.chosen, event.statistics = True, False
    return event.number


def kept(m: Machine, value: Value) -> Value:
    """A copy of weights that is kept because of a validation loss: what is made of it has been chosen by that loss."""
    if isinstance(value.obj, Sequence) and len(value.obj.items) <= _KEPT:
        return Value(value.tags, obj=Sequence([kept(m, item) for item in value.obj.items], value.obj.exact))
    if isinstance(value.obj, Instance) and value.obj.kind == "module":
        number = selected(m, value)
        for part in module_parts(value.obj):
            part.adapted.add(number)
        return value
    if not _state(value):
        return value
    tags = frozenset({AdaptedBy(selected(m, value))})
    if isinstance(value.obj, Mapping):
        held = {key: with_tags(item, tags) for key, item in value.obj.items.items()}
        other = with_tags(value.obj.other, tags) if value.obj.other is not None else None
        return Value(value.tags | tags, obj=Mapping(held, other))
    return with_tags(value, tags)


def picked_by_loss(m: Machine, frame: Frame, node: ast.AST, container: Value, index: Value, held: Value) -> Value:
    """`states[argmin(losses)]`: what stands under an index that losses on validation tokens have told."""
    if not (BY_LOSS in index.tags or m.is_of_loss(index)):
        return held
    before = m.last
    m.selections.append(Pending(index.tags, m.place(node, frame), index.tags))
    found = kept(m, held)
    m.selections.pop()
    for number in range(before + 1, m.last + 1):
        if number in m.trace.adapts:
            m.trace.adapts[number].several = not _is_a_pair(container)
    return found


def _is_a_pair(container: Value) -> bool:
    """One choice between two, such as averaged weights or the last."""
    obj = container.obj
    known = (isinstance(obj, Sequence) and obj.exact) or (isinstance(obj, Mapping) and obj.other is None)
    return isinstance(obj, (Sequence, Mapping)) and known and len(obj.items) <= _PAIR


def kept_by_loss(m: Machine, frame: Frame, node: ast.AST, items: Seq[Value]) -> None:
    """Pairs of a validation loss and a model are put in order, or the least is taken: the model is chosen by it."""
    for item in items:
        held = item.obj.items if isinstance(item.obj, Sequence) else []
        losses = [part for part in held if VAL in part.tags and LOSS in part.tags and has(part.tags, OfOutput)]
        if losses and isinstance(item.obj, Sequence):
            tags = union(*losses)
            m.selections.append(Pending(tags, m.place(node, frame), tags))
            item.obj.items[:] = [with_tags(kept(m, part), frozenset({BY_LOSS})) for part in held]
            m.selections.pop()


def _state(value: Value) -> bool:
    """Whether a value is a state dict, or weights read off a module."""
    if isinstance(value.obj, Mapping):
        held = [*list(value.obj.items.values())[:4], *([value.obj.other] if value.obj.other is not None else [])]
        return any(PARAMETER in item.tags for item in held)
    return value.obj is None and PARAMETER in value.tags
