"""Methods of modules, optimizers and parsers of arguments."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags, module_parts
from auditor.program.interpreter.language import assignment, binding, callbacks, special
from auditor.program.interpreter.libraries import hooks, mlx, opaque
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import adapting, effects, steering, unfollowed, weights
from auditor.program.tags import PARAMETER, OfSwitch
from auditor.program.values import UNKNOWN, Class, Frame, Instance, Mapping, Sequence, Value, union


def instance_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, instance: Instance, name: str, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    if instance.kind == "optimizer":
        return _optimizer_method(m, frame, node, receiver, instance, name, args, kwargs)
    if instance.kind == "parser":
        return _parser_method(m, frame, node, receiver, instance, name, args, kwargs)
    if instance.kind == "context":
        if name == "save_for_backward":
            instance.attributes["saved_tensors"] = Value(union(*args), obj=Sequence(list(args)))
        return Value()
    if instance.kind == "future":
        if name == "add_done_callback" and args:
            m.call(frame, node, args[0], [receiver], {})
        return instance.attributes["result"]
    handle = hooks.hooked(m, node, receiver, name, args)
    if handle is not None:
        return handle
    if instance.kind != "module":
        if (
            name == "start"
            and instance.cls is not None
            and (run := special.special(m, frame, node, receiver, "run", []))
        ):
            return run
        handed = callbacks.handed(m, frame, node, name, args, kwargs)
        if handed is not None:
            return handed
        if instance.cls is not None and (own := _of_tuple(receiver, instance.cls, name, kwargs)) is not None:
            return own
        unfollowed.call(m, frame, node, f"a call of {name}", "the class does not define it", [*args, *kwargs.values()])
        return opaque.opaque(m, frame, node, receiver, args, kwargs)
    if name == "apply" and args and callbacks.callable_of_program(args[0]):
        for part in module_parts(instance):
            m.call(frame, node, args[0], [receiver if part is instance else Value(obj=part)], {})
        return receiver
    if name in vocabulary.SELF:
        if name in ("train", "eval"):
            m.training[id(instance)] = name == "train" and not (args and args[0].const is False)
        return receiver
    if name in ("parameters", "buffers"):
        one = Value(frozenset({PARAMETER}), base=receiver, mutable=True)
        return Value(obj=Sequence([one], exact=False))
    if name in ("get_parameter", "get_buffer"):
        return Value(frozenset({PARAMETER}), base=receiver, mutable=True)
    if name == "get_submodule":
        return receiver
    if name in ("named_parameters", "named_buffers"):
        one = Value(frozenset({PARAMETER}), base=receiver, mutable=True)
        return Value(obj=Sequence([Value(obj=Sequence([Value(), one]))], exact=False))
    if name in ("modules", "children"):
        return Value(obj=Sequence([receiver], exact=False))
    if name in ("named_modules", "named_children"):
        return Value(obj=Sequence([Value(obj=Sequence([Value(), receiver]))], exact=False))
    if name == "state_dict":
        hooks.run_hooks(m, frame, node, "save", instance, [receiver, Value(), Value(), Value()])
        one = Value(deep_tags(receiver) | {PARAMETER}, base=receiver, mutable=True)  # it shares the module's memory
        return Value(deep_tags(receiver), obj=Mapping(other=one))
    if name == "load_state_dict" and (args or kwargs):
        strict = args[1] if len(args) > 1 else kwargs.get("strict")
        source = args[0] if args else kwargs.get("state_dict", Value())
        weights.loaded(m, frame, node, receiver, source, strict=strict)
        hooks.run_hooks(m, frame, node, "load", instance, [receiver, Value()])
        return Value(const=None)
    if name == "zero_grad" or name in vocabulary.TAKES_PARTS:
        if name == "zero_grad":
            m.forget_gradients()
        elif len(args) >= 2 and isinstance(args[0].const, str):  # `set_submodule("blocks.0.up", part)`
            assignment.store_attribute(m, frame, node, receiver, args[0].const, args[1])
        return Value(const=None)
    if name in ("forward", "__call__"):
        return effects.forward(m, frame, node, receiver, name, args, kwargs)
    for value in args:
        weights.pooled(receiver, value)
    why = "the module does not define it"
    unfollowed.call(m, frame, node, f"a call of {name}", why, [receiver, *args, *kwargs.values()])
    return opaque.opaque(m, frame, node, receiver, args, kwargs)


def _of_tuple(receiver: Value, cls: Class, name: str, kwargs: dict[str, Value]) -> Value | None:
    """`_asdict()` and `_replace(...)` of a named tuple."""
    whole = binding.as_tuple(receiver)
    if whole is receiver or not isinstance(whole.obj, Sequence) or name not in ("_asdict", "_replace"):
        return None
    held = dict(zip(binding.fields_of(cls), whole.obj.items, strict=True)) | kwargs
    if name == "_asdict":
        return Value(whole.tags, obj=Mapping(dict(held)))
    return Value(whole.tags, obj=Instance(cls, held))


def _optimizer_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, optimizer: Instance, name: str, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    handle = hooks.hooked(m, node, receiver, name, args)
    if handle is not None:
        return handle
    if name == "step":
        closure = args[0] if args else kwargs.get("closure")
        result = m.call(frame, node, closure, [], {}) if closure is not None and closure.obj is not None else Value()
        hooks.run_hooks(m, frame, node, "before step", optimizer, [receiver, Value(), Value()])
        if not adapting.optimizer_step(m, frame, node, optimizer):
            steering.trains(m, frame, node, optimizer)
        hooks.run_hooks(m, frame, node, "step", optimizer, [receiver, Value(), Value()])
        return result
    if name == "zero_grad":
        m.forget_gradients()
        m.stepped = False
        return Value(const=None)
    if (made := mlx.optimizer_method(m, frame, node, optimizer, name, args)) is not None:
        return made
    if name == "add_param_group" and args:
        optimizer.parameters.append(args[0])
    return Value()


def _converts(m: Machine, frame: Frame, node: ast.AST, parser: Value, kwargs: dict[str, Value]) -> None:
    """`type=function`, `action=Class` of an argument: they run when the words are parsed."""
    for name, given in (("type", [Value()]), ("action", [parser, Value(), Value(), Value()])):
        value = kwargs.get(name, Value())
        if callbacks.callable_of_program(value):
            m.call(frame, node, value, given[: callbacks.positional(value) or 1], {})
        elif name == "action" and isinstance(value.obj, Class):
            special.special(m, frame, node, m.call(frame, node, value, [], {}), "__call__", given)


def _parser_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, parser: Instance, name: str, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    if name == "add_argument":
        flags = [a.const for a in args if isinstance(a.const, str)]
        if flags:
            long = next((f for f in flags if f.startswith("--")), flags[0]).lstrip("-")
            dest = kwargs["dest"].const if "dest" in kwargs else long.replace("-", "_")
            action = kwargs["action"].const if "action" in kwargs else None
            default = kwargs.get("default", Value(const={"store_true": False, "store_false": True}.get(str(action))))
            configured = m.environment(f"--{long}", default.const)
            tags = default.tags | {OfSwitch(f"--{long}")}
            value = default.const if configured is None or configured is UNKNOWN else configured
            parser.attributes[str(dest)] = Value(tags, value, default.obj)
        _converts(m, frame, node, receiver, kwargs)
        return Value()
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return receiver
    if name in ("parse_args", "parse_known_args"):
        namespace = Value(obj=Instance(None, dict(parser.attributes), kind="namespace"))
        return namespace if name == "parse_args" else Value(obj=Sequence([namespace, Value()]))
    return Value()
