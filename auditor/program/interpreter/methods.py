"""Methods of abstract objects: modules, optimizers, containers, strings, tensors."""

from __future__ import annotations

import ast
from typing import Any

from auditor.program import vocabulary
from auditor.program.interpreter import (
    assignment,
    callbacks,
    containers,
    doubts,
    effects,
    files,
    hooks,
    indirect,
    library,
    opaque,
    paths,
    reach,
    skipping,
    special,
    tokens,
    unfollowed,
    weights,
)
from auditor.program.interpreter.iteration import elements
from auditor.program.interpreter.machine import Machine, root
from auditor.program.recipe.model import What
from auditor.program.values import (
    HIDDEN,
    NONE,
    TARGET,
    TRIMMED,
    UNKNOWN,
    VAL,
    Bound,
    Class,
    External,
    File,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Partial,
    Sequence,
    Value,
    deep_tags,
    hashed,
    join,
    module_parts,
    options,
    union,
    with_dependence,
    with_tags,
)
from auditor.source.methods import GROWING, longest

_OF_PARTS = frozenset({"get_parameter", "named_parameters", "parameters"})
"""Methods of a part of a module that is not told apart from the whole."""
_GIVES_NONE = frozenset({"append", "sort", "extend", "insert", "clear", "reverse", "rotate"})


def method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    obj = receiver.obj
    if name == indirect.UNNAMED:
        touches = unfollowed.touched([receiver, *args, *kwargs.values()])
        if touches:
            m.unfollowed(node, frame, "a method", "its name could not be computed", touches)
        return opaque.opaque(m, frame, node, receiver, args, kwargs)
    if isinstance(receiver.obj, Bound) and receiver.obj.name == "super":
        return _super_call(m, frame, node, receiver, name, args, kwargs)
    if isinstance(obj, Instance):
        return _instance_method(m, frame, node, receiver, obj, name, args, kwargs)
    if isinstance(obj, File):
        return _file_method(m, frame, node, receiver, obj, name, args)
    if isinstance(obj, Sequence):
        return _sequence_method(m, frame, node, receiver, obj, name, args)
    if isinstance(obj, Mapping):
        return _mapping_method(m, frame, node, receiver, obj, name, args)
    if isinstance(receiver.const, str) or isinstance(obj, tokens.Text):
        if name == "format":
            for value in (*args, *kwargs.values()):
                special.text(m, frame, node, value, Value(const=""))
        made = paths.method(m, receiver, name, args)
        if made is not None:
            return with_tags(made, doubts.edited(m, frame, node, receiver, name, args))
    if isinstance(receiver.const, str):
        return _string_method(receiver, name, args)
    if isinstance(obj, External):
        return library.call(m, frame, node, f"{obj.dotted}.{name}", args, kwargs)
    return tensor_method(m, frame, node, receiver, name, args, kwargs)


def _super_call(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    assert isinstance(receiver.obj, Bound)
    parent = receiver.base
    if parent is not None and isinstance(parent.obj, Class):
        hit = parent.obj.lookup(name)
        if hit is not None and isinstance(hit.obj, Function):
            return m.invoke(frame, node, hit.obj, receiver.obj.receiver, args, kwargs)
    owner = receiver.obj.receiver
    if name == "__init__":
        if isinstance(owner.obj, Instance) and owner.obj.kind == "optimizer" and (args or "params" in kwargs):
            owner.obj.parameters = list(args[:1]) or [kwargs["params"]]
        return Value(const=None)
    if name in ("__new__", "__init_subclass__", "__set_name__", "__enter__", "__exit__", "__del__"):
        return owner
    if name in ("__setattr__", "__getattr__", "__getattribute__") and args and isinstance(args[0].const, str):
        if name == "__setattr__" and len(args) > 1:
            assignment.store_attribute(m, frame, node, owner, args[0].const, args[1])
            return Value(const=None)
        return m.attribute(frame, node, owner, args[0].const)
    if isinstance(owner.obj, Instance) and owner.obj.kind in ("module", "optimizer"):
        return _instance_method(m, frame, node, owner, owner.obj, name, args, kwargs)
    unfollowed.call(m, frame, node, f"super().{name}", "a method of a library class", [owner, *args, *kwargs.values()])
    return opaque.opaque(m, frame, node, owner, args, kwargs)


def _file_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, file: File, name: str, args: list[Value]
) -> Value:
    if name in ("readinto", "readinto1") and args:
        assignment.mutate(m, args[0], files.read(m, frame, receiver))
        return Value()
    if name in ("read", "readline", "read1", "readall", "getvalue"):
        return files.read(m, frame, receiver)
    if name in ("readlines", "splitlines"):
        line = Value(receiver.tags | m.disk)
        return Value(line.tags, obj=Sequence([line, line], exact=False))
    if name in ("write", "writelines"):
        tags = frozenset(t for v in args for t in deep_tags(v))
        files.written(m, file.path, tags)
        library.keep(m, tags)
        library.report(m, frame, node, args, {})
        return Value(const=None)
    return Value(receiver.tags, mutable=True)


def _instance_method(
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
        unfollowed.call(m, frame, node, f"a call of {name}", "the class does not define it", [*args, *kwargs.values()])
        return opaque.opaque(m, frame, node, receiver, args, kwargs)
    if name == "apply" and args and callbacks.callable_of_program(args[0]):
        for part in module_parts(instance):
            m.call(frame, node, args[0], [receiver if part is instance else Value(obj=part)], {})
        return receiver
    if name in vocabulary.SELF:
        return receiver
    if name in ("parameters", "buffers"):
        one = Value(frozenset({("param",)}), base=receiver, mutable=True)
        return Value(obj=Sequence([one], exact=False))
    if name in ("get_parameter", "get_buffer"):
        return Value(frozenset({("param",)}), base=receiver, mutable=True)
    if name == "get_submodule":
        return receiver
    if name in ("named_parameters", "named_buffers"):
        one = Value(frozenset({("param",)}), base=receiver, mutable=True)
        return Value(obj=Sequence([Value(obj=Sequence([Value(), one]))], exact=False))
    if name in ("modules", "children"):
        return Value(obj=Sequence([receiver], exact=False))
    if name in ("named_modules", "named_children"):
        return Value(obj=Sequence([Value(obj=Sequence([Value(), receiver]))], exact=False))
    if name == "state_dict":
        hooks.run_hooks(m, frame, node, "save", instance, [receiver, Value(), Value(), Value()])
        one = Value(deep_tags(receiver) | {("param",)}, base=receiver, mutable=True)  # it shares the module's memory
        return Value(deep_tags(receiver), obj=Mapping(other=one))
    if name == "load_state_dict" and (args or kwargs):
        weights.loaded(m, frame, node, receiver, args[0] if args else next(iter(kwargs.values())))
        hooks.run_hooks(m, frame, node, "load", instance, [receiver, Value()])
        return Value(const=None)
    if name in ("zero_grad", "register_buffer", "register_parameter"):
        if name == "zero_grad":
            m.forget_gradients()
        elif len(args) >= 2 and isinstance(args[0].const, str):
            assignment.store_attribute(m, frame, node, receiver, args[0].const, args[1])
        return Value(const=None)
    if name in ("forward", "__call__"):
        return effects.forward(m, frame, node, receiver, name, args, kwargs)
    for value in args:
        weights.pooled(receiver, value)
    why = "the module does not define it"
    unfollowed.call(m, frame, node, f"a call of {name}", why, [receiver, *args, *kwargs.values()])
    return opaque.opaque(m, frame, node, receiver, args, kwargs)


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
        effects.optimizer_step(m, frame, node, optimizer)
        hooks.run_hooks(m, frame, node, "step", optimizer, [receiver, Value(), Value()])
        return result
    if name == "zero_grad":
        m.forget_gradients()
        m.stepped = False
        return Value(const=None)
    if name == "add_param_group" and args:
        optimizer.parameters.append(args[0])
    return Value()


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
            tags = default.tags | {("cfg", f"--{long}")}
            value = default.const if configured is None or configured is UNKNOWN else configured
            parser.attributes[str(dest)] = Value(tags, value, default.obj)
        return Value()
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return receiver
    if name in ("parse_args", "parse_known_args"):
        namespace = Value(obj=Instance(None, dict(parser.attributes), kind="namespace"))
        return namespace if name == "parse_args" else Value(obj=Sequence([namespace, Value()]))
    return Value()


def _sequence_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, seq: Sequence, name: str, args: list[Value]
) -> Value:
    if name in ("append", "add", "appendleft", "insert", "put", "put_nowait") and args:
        effects.accumulated(m, frame, node, args[-1])
        m.changed(None, args[-1])
        if ("loss",) in args[-1].tags:
            args = [*args[:-1], with_tags(args[-1], skipping.of_rounds(m))]
        if m.loops:
            seq.exact = False
        if len(seq.items) < 32:
            seq.items.append(args[-1])
        else:
            seq.items[-1] = join(seq.items[-1], args[-1])
        receiver.tags |= deep_tags(args[-1], 1)
    elif name in ("extend", "update") and args:
        m.changed(None, args[0])
        items = args[0].obj.items if isinstance(args[0].obj, Sequence) else elements(args[0])
        seq.items.extend(items[:16])
        del seq.items[64:]
        seq.exact = False
        receiver.tags |= deep_tags(args[0], 1)
    elif name in ("send", "__next__") and seq.resume is not None:
        seq.resume()
    elif name in ("pop", "popleft", "get", "get_nowait") and seq.items:
        return _taken(m, receiver, seq, name, args)
    elif name in ("get", "get_nowait"):
        m.starved = True
    elif name == "clear":
        m.changes += 1
        seq.items.clear()
        receiver.tags = frozenset(t for t in receiver.tags if t[0] == "cfg")
        seq.exact = not m.unsure
    elif name == "copy":
        return Value(receiver.tags, obj=Sequence(list(seq.items), seq.exact))
    elif name in ("count", "index", "remove") and args:
        for item in seq.items[:16]:
            special.compare(m, frame, node, ast.Eq(), item, args[0])
    elif name == "reverse" and seq.exact:
        seq.items.reverse()
    elif name in ("rotate", "sort", "reverse"):
        steps = args[0].const if args else 1
        if name == "rotate" and seq.exact and isinstance(steps, int) and seq.items:
            at = -steps % len(seq.items)
            seq.items[:] = [*seq.items[at:], *seq.items[:at]]
        elif name != "sort":
            seq.exact = False
    elif name in ("zero_grad", "step"):
        for item in list(seq.items):
            m.call(frame, node, m.attribute(frame, node, item, name), args, {})
    return Value(NONE if name in _GIVES_NONE else receiver.tags)


def _taken(m: Machine, receiver: Value, seq: Sequence, name: str, args: list[Value]) -> Value:
    """An element that is taken out: the next round of the loop gets another one."""
    last = name == "pop" and not (args and args[0].const == 0)
    if seq.exact and not m.loops and not m.unsure:
        return seq.items.pop() if last else seq.items.pop(0)
    if seq.exact and len(seq.items) > 1 and not m.unsure:
        taken = seq.items.pop() if last else seq.items.pop(0)
    else:
        taken = seq.items[-1] if last else seq.items[0]
        for item in seq.items[1:16]:
            taken = join(taken, item)
        seq.exact = False
    if m.loops and (taken.obj is None or isinstance(taken.obj, Sequence)):
        loop = m.loops[-1]
        return with_dependence(taken, frozenset({("dep", loop.instance, loop.iteration)}))
    return taken


def _mapping_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, mapping: Mapping, name: str, args: list[Value]
) -> Value:
    if name in ("get", "pop", "setdefault") and args:
        looked = effects.table_read(m, frame, node, receiver, args[0])
        if name == "setdefault" and len(args) > 1:
            effects.table_write(m, receiver, args[0])
            if not (args[0].known and args[0].const in mapping.items):
                containers.store_key(receiver, args[0], args[1])
        if args[0].known and args[0].const in mapping.items:
            return mapping.items[args[0].const]
        kind = containers.kept_apart(args[0])
        if kind is not None:
            return mapping.items.get(kind, args[1] if len(args) > 1 else Value(const=None))
        hit = mapping.other
        if hit is None:
            hit = args[1] if len(args) > 1 else Value(receiver.tags)
        hit = containers.one_of(hit, args[0])
        return Value(hit.tags | looked | args[0].tags, base=hit) if looked else hit
    if name in ("items", "keys", "values"):
        pairs = [(Value(const=k), v) for k, v in list(mapping.items.items())[:32]]
        if mapping.other is not None:
            pairs.append((Value(), mapping.other))
        exact = mapping.other is None
        if name == "items":
            return Value(
                receiver.tags, obj=Sequence([Value(union(k, v), obj=Sequence([k, v])) for k, v in pairs], exact)
            )
        return Value(receiver.tags, obj=Sequence([k if name == "keys" else v for k, v in pairs], exact))
    if name == "update" and args:
        source = args[0]
        m.changed(None, source)
        if isinstance(source.obj, Mapping):
            mapping.items.update(source.obj.items)
            if source.obj.other is not None:
                mapping.other = source.obj.other if mapping.other is None else join(mapping.other, source.obj.other)
        elif isinstance(source.obj, Sequence):
            for pair in source.obj.items[:32]:
                if isinstance(pair.obj, Sequence) and len(pair.obj.items) == 2:
                    containers.store_key(receiver, *pair.obj.items)
        else:
            effects.table_write(m, receiver, source)
        receiver.tags |= deep_tags(source, 1)
    if name == "copy":
        return Value(receiver.tags, obj=Mapping(dict(mapping.items), mapping.other))
    if name == "clear" and not m.unsure:
        m.changes += 1
        mapping.items.clear()
        mapping.other = None
        receiver.tags = NONE
    return Value(deep_tags(receiver, 2))


def _string_method(receiver: Value, name: str, args: list[Value]) -> Value:
    text = receiver.const
    if name == "join" and args and isinstance(args[0].obj, Sequence) and args[0].obj.exact:
        parts = [i.const for i in args[0].obj.items]
        if all(isinstance(p, str) for p in parts):
            between = [piece for part in parts for piece in (text, part)][1:]
            return tokens.made(receiver.tags | args[0].tags, between, exact=True)
    if name in vocabulary.STRING and all(isinstance(a.const, (str, int, tuple)) for a in args):
        given = [a.const for a in args]
        try:
            if name in GROWING and longest(text, name, given) > max(tokens.MAX_TEXT, len(text)):
                return Value(receiver.tags)
            result: Any = getattr(text, name)(*given)
        except (TypeError, ValueError, IndexError, OverflowError):
            return Value(receiver.tags)
        if isinstance(result, list):
            return Value(receiver.tags, obj=Sequence([Value(receiver.tags, r) for r in result[:64]]))
        if isinstance(result, str):
            return files.path_value(receiver.tags, result, known=True)
        return Value(receiver.tags, result)
    return Value(receiver.tags | union(*args))


_IN_PLACE = frozenset(
    {"__iadd__", "__isub__", "__imul__", "__itruediv__", "__imatmul__", "__ior__", "__ixor__", "__setitem__"}
)


def tensor_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    inputs = [*args, *kwargs.values()]
    if name == "backward":
        loss = next((a for a in args if ("loss",) in a.tags), receiver)  # `accelerator.backward(loss)`
        m.backward(node, frame, loss)
        hooks.run_hooks(m, frame, node, "gradient", None, [])
        slope = Value(effects.gradient_tags(m, frame, node, receiver), mutable=True)
        hooks.run_hooks(m, frame, node, "value", None, [slope])
        hooks.run_hooks(m, frame, node, "backward", None, [slope])
        if VAL in deep_tags(loss) and any(hook.kind == "bucket" for hook in m.hooks):
            why = "it gets the gradients, and the parameters, of all ranks"
            m.unfollowed(node, frame, "a communication hook", why, {unfollowed.WEIGHTS, unfollowed.LOSSES})
        return Value(const=None)
    unfollowed.sent(m, frame, node, receiver, inputs)
    whole = root(receiver)
    if name in _OF_PARTS and isinstance(whole.obj, Instance) and whole.obj.kind == "module":
        return _instance_method(m, frame, node, whole, whole.obj, name, args, kwargs)
    handle = hooks.hooked(m, node, receiver, name, args)
    if handle is not None:
        return handle
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
        return callbacks.future(handed) if name in ("submit", "apply_async", "run_in_executor") else handed
    if name in vocabulary.SIZES:
        size = Value(tokens.shape_tags(receiver.tags))
        if name == "size" and not args:
            reach.shaped(m, receiver, size)
        elif name != "size" or args[0].const == 0:
            reach.measured(m, receiver, size, rows=name in ("size", "__len__"))
        return size
    if name in ("frombytes", "fromfile", "fromlist") and args:
        assignment.mutate(m, receiver, Value(unfollowed.deep(args)))
        return Value(const=None)
    if name in ("untyped_storage", "storage", "_typed_storage") and receiver.obj is None:
        return Value(receiver.tags, base=receiver, mutable=True)
    if name == "copy_" and args:
        assignment.mutate(m, receiver, args[0], replace=True, at=(frame, node))
        return receiver
    if name in vocabulary.RESET and not (name == "set_" and args):
        assignment.mutate(m, receiver, Value(), replace=True)
        return receiver
    if name in ("scatter_add_", "index_add_", "index_put_", "scatter_", "index_copy_", "index_fill_") and args:
        for value in inputs[:3]:
            effects.table_write(m, receiver, value)
        made = any(t[0] == "out" for t in receiver.tags)  # logits that change at the target have seen it
        changed = union(*inputs) if made else union(*inputs) - {TARGET}
        assignment.mutate(m, receiver, Value(changed), at=(frame, node))
        return receiver
    if name == "masked_fill_" and VAL in receiver.tags and not any(t[0] == "out" for t in receiver.tags):
        assignment.mutate(m, receiver, Value(frozenset({HIDDEN})))
    if name in _IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        source = Value(union(*[Value(deep_tags(i, 1)) for i in inputs]))
        source.tags |= doubts.function(m, frame, node, name, [receiver, *args], kwargs)
        gradients = any(t[0] == "grad" for t in source.tags)
        if gradients and not weights.is_weight(receiver) and (pending := m.validation_gradients()) is not None:
            effects.adapt_roots(m, frame, node, pending, [root(receiver)])
        assignment.mutate(m, receiver, source, at=(frame, node))
        effects.accumulated(m, frame, node, source)
        return receiver
    if name in vocabulary.SAVE and not isinstance(receiver.obj, External):
        library.keep(m, frozenset(t for v in inputs for t in deep_tags(v)))
        if name in ("tofile", "dump") and args:
            files.written(m, tokens.text_of(args[0]), receiver.tags)
        library.report(m, frame, node, args, kwargs)
        return Value(const=None)
    if name in vocabulary.LOAD:
        return Value(receiver.tags | m.disk)
    if name in vocabulary.LOSS | vocabulary.DISTRIBUTION | vocabulary.PICK:
        return library.scored(m, frame, node, name, [receiver, *inputs])
    if name in ("index_select", "take", "lookup") and args:
        looked = effects.table_read(m, frame, node, receiver, args[-1])
        return Value(receiver.tags | union(*inputs) | looked, mutable=True)
    if name in (
        "clone",
        "detach",
        "numpy",
        "cpu",
        "item",
        "tolist",
        "float",
        "double",
        "long",
        "int",
        "to",
        "type",
        "astype",
        "half",
        "bfloat16",
        "cuda",
        "copy",
        "requires_grad_",
        "contiguous",
        "abs",
        "pin_memory",
    ):
        fresh = name in ("clone", "copy", "astype", "tolist", "item")
        tags = receiver.tags
        r = root(receiver)
        if isinstance(r.obj, Instance):
            tags |= deep_tags(r)
        keep = receiver.base if receiver.base is not None else receiver
        if name == "requires_grad_":
            return receiver
        position = (receiver.position or receiver) if VAL not in tags else None
        return Value(tags, receiver.const, receiver.obj, base=None if fresh else keep, mutable=True, position=position)
    if name == "roll":
        return Value(receiver.tags | tokens.rolled(receiver, args, kwargs), mutable=True)
    if name in vocabulary.VIEW:
        part = reach.narrowed(m, receiver, args) if name == "narrow" else reach.reshaped(m, receiver, args)
        if name == "narrow" and any(t[0] == "out" for t in receiver.tags):
            part |= {TRIMMED}
        return Value(receiver.tags | part, base=receiver, mutable=True)
    if name in ("minimum", "min", "amin"):
        tags = receiver.tags | union(*inputs)
        tags |= effects.chooses(m, frame, node, [receiver, *args], name)
        return Value(tags, mutable=True)
    if name == "sum" and _entropy(receiver):
        return Value(receiver.tags | {("entropy",)} - {("loss",)}, mutable=True)
    if name == "step":
        for value in inputs:  # a gradient scaler steps the optimizer that it is given
            for option in options(value):
                if isinstance(option.obj, Instance) and option.obj.kind == "optimizer":
                    m.call(frame, node, m.attribute(frame, node, option, "step"), [], {})
        unfollowed.call(m, frame, node, "a call of step", "what it belongs to is not known", [receiver, *inputs])
        return Value()
    doubt = doubts.function(m, frame, node, name, [receiver, *args], kwargs) | skipping.weighed(m, name, receiver)
    if name in ("masked_fill", "where") and VAL in receiver.tags and not any(t[0] == "out" for t in receiver.tags):
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
    return Value(tags | doubt, mutable=True)


def _entropy(summed: Value) -> bool:
    """`(p * p.log()).sum(-1)`: an entropy."""
    return summed.recipe is not None and summed.recipe.what is What.ENTROPY
