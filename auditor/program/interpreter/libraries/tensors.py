"""Methods of tensors and arrays, and of whatever else is not told apart from them."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language import assignment, callbacks
from auditor.program.interpreter.libraries import files, hooks, objects, printed, tensor_functions
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.scoring import (
    adapting,
    content,
    count_tables,
    doubts,
    effects,
    recalled,
    unfollowed,
    weights,
)
from auditor.program.interpreter.stream import reach, rounds, skipping, tokens
from auditor.program.joins import options
from auditor.program.recipe.model import What
from auditor.program.tags import (
    ENTROPY,
    HIDDEN,
    LOSS,
    NONE,
    PACKED,
    RANDOM,
    TARGET,
    TRIMMED,
    VAL,
    Begun,
    GradientOf,
    OfOutput,
    UpTo,
    has,
    hashed,
)
from auditor.program.trace import SEES_LATER
from auditor.program.values import Bound, External, Frame, Function, Instance, Native, Partial, Value, union, with_tags

_ADDED = "what is added to a model's output"


def tensor_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """What a method gives, by what it does: the first of these kinds that it is of."""
    looked = name in vocabulary.LOOKS_UP
    known = recalled.among(m, frame, node, (receiver, *args, *kwargs.values())) if looked else NONE
    if name in vocabulary.DRAWS_NUMBERS:
        known |= {RANDOM}
    for kind in _KINDS:
        made = kind(m, frame, node, receiver, name, args, kwargs)
        if made is not None:
            return with_tags(made, known) if known else made
    return with_tags(_computed(m, frame, node, receiver, name, args, kwargs), known)


def _backward(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """Gradients, and the hooks that run with them."""
    if name == "backward":
        loss = next((a for a in args if LOSS in a.tags), receiver)  # `accelerator.backward(loss)`
        m.backward(node, frame, loss)
        hooks.run_hooks(m, frame, node, "gradient", None, [])
        slope = Value(adapting.gradient_tags(m, frame, node, receiver), mutable=True)
        hooks.run_hooks(m, frame, node, "value", None, [slope])
        hooks.run_hooks(m, frame, node, "backward", None, [slope])
        if VAL in deep_tags(loss) and any(hook.kind == "bucket" for hook in m.hooks):
            why = "it gets the gradients, and the parameters, of all ranks"
            m.unfollowed(node, frame, "a communication hook", why, {unfollowed.WEIGHTS, unfollowed.LOSSES})
        return Value(const=None)
    return None


def _handed(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """Methods of what holds the receiver, and those that take a function."""
    inputs = [*args, *kwargs.values()]
    unfollowed.sent(m, frame, node, receiver, inputs)
    whole = root(receiver)
    if name in vocabulary.GIVES_PARAMETERS and isinstance(whole.obj, Instance) and whole.obj.kind == "module":
        return objects.instance_method(m, frame, node, whole, whole.obj, name, args, kwargs)
    handle = hooks.hooked(m, node, receiver, name, args)
    if handle is not None:
        return handle
    if name == "replay" and (captured := m.captured.get(id(receiver))) is not None:
        m.execute(captured[1], captured[2])
        return Value(const=None)
    if name == "join":
        callbacks.joined(m, receiver)
    if name == "enter_context":
        return callbacks.entered(m, frame, node, args)
    if name == "callback" and args and isinstance(args[0].obj, (Bound, Function, Native, Partial)):
        return callbacks.when_left(m, receiver, args, kwargs)
    if name == "close" and m.exits:
        callbacks.left(m, frame, node, receiver)
    for value in inputs:
        if isinstance(value.obj, Instance) and value.obj.cls is not None:
            callbacks.called_back(m, frame, node, value)
    handed = callbacks.handed(m, frame, node, name, args, kwargs)
    if handed is not None:
        if name.endswith("_") and weights.is_weight(receiver):  # `p.map_(slope, function)`
            assignment.mutate(m, receiver, Value(handed.tags | union(*inputs)), at=(frame, node))
        return callbacks.future(handed) if name in ("submit", "apply_async", "run_in_executor") else handed
    return None


def _size(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """How large it is, and where it begins in the memory that it is a view of."""
    if name == "storage_offset":
        return Value(tokens.shape_tags(receiver.tags))
    if name in vocabulary.SIZES:
        size = Value(tokens.shape_tags(receiver.tags))
        if name == "size" and not args:
            reach.shaped(m, receiver, size)
        elif name != "size" or args[0].const == 0:
            reach.measured(m, receiver, size, rows=name in ("size", "__len__"))
        return size
    return None


def _changed(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """The receiver is changed in place."""
    inputs = [*args, *kwargs.values()]
    if name in ("frombytes", "fromfile", "fromlist") and args:
        assignment.mutate(m, receiver, Value(unfollowed.deep(args)))
        return Value(const=None)
    if name in ("untyped_storage", "storage", "_typed_storage") and receiver.obj is None:
        return Value(receiver.tags, base=receiver, mutable=True)
    if name == "copy_" and args:
        assignment.mutate(m, receiver, args[0], replace=True, at=(frame, node))
        return receiver
    if name == "set_" and args and not weights.is_weight(receiver) and weights.is_weight(args[0]):
        return Value(args[0].tags, base=args[0], mutable=True)  # it shows the memory of the parameter
    if name in vocabulary.RESET and not (name == "set_" and args):
        assignment.mutate(m, receiver, Value(), replace=True)
        return receiver
    if name in ("scatter_add_", "index_add_", "index_put_", "scatter_", "index_copy_", "index_fill_") and args:
        for value in inputs[:3]:
            count_tables.write(m, receiver, value)
        made = has(receiver.tags, OfOutput)  # logits that change at the target have seen it
        changed = union(*inputs)
        if not made and has(changed, UpTo):
            changed -= {TARGET}  # those of the context: what is fitted to them is another question (`slot`)
        later = next((t.first for t in receiver.tags if isinstance(t, Begun)), 0)
        if made and TARGET in changed and 0 < max(map(tokens.first_of, inputs)) <= later:
            why = "it is made of tokens that stand further on, and is added further on"
            changed = (changed - {TARGET}) | m.doubt(node, frame, _ADDED, why, against=SEES_LATER)
        assignment.mutate(m, receiver, Value(changed), at=(frame, node))
        return receiver
    if name == "masked_fill_" and VAL in receiver.tags and not has(receiver.tags, OfOutput):
        assignment.mutate(m, receiver, Value(frozenset({HIDDEN})))
    if name in vocabulary.IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        source = Value(union(*[Value(deep_tags(i, 1)) for i in inputs]))
        source.tags |= doubts.function(m, frame, node, name, [receiver, *args], kwargs)
        if name == "masked_fill_" and args:
            source.tags |= content.told_ahead(m, frame, node, receiver, args[0])
        gradients = has(source.tags, GradientOf)
        if gradients and not weights.is_weight(receiver) and (pending := m.validation_gradients()) is not None:
            adapting.adapt_roots(m, frame, node, pending, [root(receiver)], seen=False)
        assignment.mutate(m, receiver, source, at=(frame, node))
        effects.accumulated(m, frame, node, source)
        return receiver
    return None


def _stored(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """It is written to a file, or read from one."""
    inputs = [*args, *kwargs.values()]
    if name in vocabulary.SAVE and not isinstance(receiver.obj, External):
        own = receiver.tags if name in ("tofile", "dump") else NONE
        printed.keep(m, own.union(*(deep_tags(v) for v in inputs)))
        if name in ("tofile", "dump") and args:
            files.written(m, tokens.text_of(args[0]), receiver.tags)
        if args and VAL in args[0].tags and tokens.text_of(args[0]) != "{}":  # a file that is put into an archive
            files.copied(m, args[0], args[1] if len(args) > 1 else args[0])
        printed.report(m, frame, node, args, kwargs)
        return Value(const=None)
    if name in vocabulary.LOAD:
        own = files.read_tags(m, tokens.text_of(args[0])) if args else files.from_outside(m, receiver)
        return Value(receiver.tags | m.disk | own)
    return None


def _scored(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """A loss, a distribution, or an entry of one."""
    inputs = [*args, *kwargs.values()]
    if name in vocabulary.LOSS | vocabulary.DISTRIBUTION | vocabulary.PICK:
        return tensor_functions.scored(m, frame, node, name, [receiver, *inputs])
    if name in ("index_select", "take", "lookup") and args:
        looked = count_tables.read(m, frame, node, receiver, args[-1])
        looked |= content.hangs_on_it(m, frame, node, name, [receiver, *args], kwargs)
        return Value(receiver.tags | union(*inputs) | looked, mutable=True)
    return None


def _view(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """The same numbers, all or some of them, in another form."""
    inputs = [*args, *kwargs.values()]
    if name in vocabulary.SAME_CONTENT:
        fresh = name in ("clone", "copy", "astype", "tolist", "item")
        tags = receiver.tags
        r = root(receiver)
        if isinstance(r.obj, Instance):
            tags |= deep_tags(r)
        keep = receiver.base if receiver.base is not None and not weights.is_weight(receiver) else receiver
        if name == "requires_grad_":
            return receiver
        position = (receiver.position or receiver) if VAL not in tags else None
        return Value(tags, receiver.const, receiver.obj, base=None if fresh else keep, mutable=True, position=position)
    if name == "roll":
        doubt = doubts.function(m, frame, node, name, [receiver, *args], kwargs)
        return Value(receiver.tags | tokens.rolled(receiver, args, kwargs) | doubt, mutable=True)
    if name in ("flip", "fliplr", "flipud"):
        return Value(receiver.tags | doubts.turned(m, frame, node, receiver), mutable=True)
    if name in vocabulary.VIEW:
        part = reach.narrowed(m, receiver, args) if name == "narrow" else reach.reshaped(m, receiver, args)
        if name == "narrow" and has(receiver.tags, OfOutput):
            part |= {TRIMMED}
        part |= doubts.function(m, frame, node, name, [receiver, *args], kwargs)
        return Value(rounds.narrowed(m, receiver, name, args) | part, base=receiver, mutable=True)
    for shown in (receiver, *args[:1]) if name in vocabulary.SHARES_MEMORY else ():
        if weights.is_weight(shown):  # `p.unfold(0, 1, 1)`, `array_type.from_address(p.data_ptr())`
            return Value(shown.tags, base=shown, mutable=True)
    if name in ("minimum", "min", "amin"):
        tags = receiver.tags | union(*inputs)
        tags |= effects.chooses(m, frame, node, [receiver, *args], name)
        return Value(tags, mutable=True)
    if name == "sum" and _entropy(receiver):
        return Value(receiver.tags | {ENTROPY} - {LOSS}, mutable=True)
    return None


def _stepped(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """A step of what is not known."""
    inputs = [*args, *kwargs.values()]
    if name == "step":
        for value in inputs:  # a gradient scaler steps the optimizer that it is given
            for option in options(value):
                if isinstance(option.obj, Instance) and option.obj.kind == "optimizer":
                    m.call(frame, node, m.attribute(frame, node, option, "step"), [], {})
        unfollowed.call(m, frame, node, "a call of step", "what it belongs to is not known", [receiver, *inputs])
        return Value()
    return None


def _computed(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A result made of the receiver and the arguments."""
    inputs = [*args, *kwargs.values()]
    doubt = doubts.function(m, frame, node, name, [receiver, *args], kwargs) | skipping.weighed(m, name, receiver)
    if name in ("masked_fill", "where") and args:
        doubt |= content.told_ahead(m, frame, node, receiver, args[0]) | doubts.by_token(receiver, args[0])
    if name in ("masked_fill", "where") and VAL in receiver.tags and not has(receiver.tags, OfOutput):
        doubt |= {HIDDEN}
    if name not in vocabulary.TENSOR_METHODS and not name.startswith("__"):
        why = "what it belongs to is not known"
        unfollowed.call(m, frame, node, f"a call of {name}", why, [receiver, *inputs])
        if VAL not in receiver.tags and VAL in union(*inputs) and name not in vocabulary.CONTAINER_METHODS:
            return effects.unknown_call(m, frame, node, receiver, args, kwargs)
    tags = receiver.tags
    for value in inputs:
        tags |= deep_tags(value)
    if name in ("__mod__", "remainder", "bitwise_xor", "bitwise_and"):
        tags = hashed(receiver.tags, *(value.tags for value in inputs))
    return Value(tags | doubt | ({PACKED} if name == "compress" else NONE), mutable=True)


def _entropy(summed: Value) -> bool:
    """`(p * p.log()).sum(-1)`: an entropy."""
    return summed.recipe is not None and summed.recipe.what is What.ENTROPY


_KINDS = (_backward, _handed, _size, _changed, _stored, _scored, _view, _stepped)
