"""What library functions mean: torch, numpy, and the standard library."""

from __future__ import annotations

import ast
import re

from auditor.program import vocabulary
from auditor.program.interpreter import (
    assignment,
    builtin,
    callbacks,
    doubts,
    effects,
    files,
    indirect,
    measured,
    opaque,
    ordering,
    reach,
    skipping,
    special,
    standard,
    steering,
    tokens,
    unfollowed,
    unshifted,
    weights,
)
from auditor.program.interpreter.iteration import elements
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.operators import BIG, binary
from auditor.program.positions import Position, position_of
from auditor.program.values import (
    ARTIFACT,
    CALLED,
    CHANNEL,
    HIDDEN,
    NONE,
    PACKED,
    SHIFTED,
    TARGET,
    TRAIN,
    UNKNOWN,
    VAL,
    Bound,
    Comparison,
    External,
    File,
    Frame,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Tags,
    Value,
    deep_tags,
    has,
    hashed,
    union,
    with_tags,
)


def call(m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if m.tainted:  # what is read as training data may hold the validation tokens that were put there
        args = [with_tags(a, frozenset({VAL})) if TRAIN in a.tags else a for a in args]
    for value in (*args, *kwargs.values()):
        if isinstance(value.obj, Instance) and value.obj.cls is not None and not dotted.startswith("builtins."):
            _converted(m, frame, node, value)
    if dotted in ordering.SHUFFLES:
        drawn = ordering.by_chance(m, frame, node, args)
        return with_tags(_called(m, frame, node, dotted, args, kwargs), drawn)
    return _called(m, frame, node, dotted, args, kwargs)


def _called(m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    name = dotted.rsplit(".", 1)[-1]
    handler = builtin.BUILTINS.get(dotted) or standard.FUNCTIONS.get(dotted)
    if handler is not None:
        return handler(m, frame, node, args, kwargs)
    if dotted.endswith(".__dict__.update"):
        assignment.patch_all(m, frame, node, dotted.removesuffix(".__dict__.update"), kwargs)
        return Value(const=None)
    if dotted in ("unittest.mock.patch.object", "mock.patch.object") and len(args) > 2:
        assignment.store_attribute(m, frame, node, args[0], str(args[1].const), args[2])
        return Value()
    if dotted in ("unittest.mock.patch", "mock.patch") and len(args) > 1 and isinstance(args[0].const, str):
        assignment.store_attribute(m, frame, node, *_owner_of(args[0].const), args[1])
        return Value()
    if dotted.startswith("os."):
        hit = _os(m, frame, node, dotted, args, kwargs)
        if hit is not None:
            return hit
    if dotted in vocabulary.PRINTERS:
        report(m, frame, node, args, kwargs)
        if "file" in kwargs:
            callbacks.called_back(m, frame, node, kwargs["file"])
        return Value(const=None)
    if args and (name in vocabulary.LOG_CALLS or (name == "log" and dotted.startswith("logging."))):
        report(m, frame, node, _message(m, frame, node, args[name == "log" :]), kwargs)
    if dotted.startswith("logging."):  # a logger, a handler, a formatter; what prints gives nothing
        return Value(const=None) if name in vocabulary.LOG_CALLS else Value(obj=External(f"{dotted}()"))
    if dotted in vocabulary.FROM_DISK:
        read = union(*[Value(deep_tags(v)) for v in (*args, *kwargs.values())])
        for value in args[:1]:
            read |= files.read_tags(m, tokens.text_of(value))
        return Value((files.on_disk(m, args[0]) if args else m.disk) | read, mutable=True)
    unbound = _unbound(m, frame, node, dotted, name, args, kwargs)
    if unbound is not None:
        return unbound
    if name in vocabulary.SAVE and args:
        _save(m, frame, node, args, kwargs)
        return Value(deep_tags(args[0]))
    if dotted == "argparse.ArgumentParser":
        return Value(obj=Instance(None, kind="parser", dotted=dotted))
    if dotted.endswith("Namespace") and dotted.startswith(("argparse", "types")):
        return Value(obj=Instance(None, dict(kwargs), kind="namespace"))
    if dotted in ("sys.exit", "os._exit", "exit", "quit", "builtins.exit"):
        return Value(obj=External("sys.exit()"))
    if dotted in (
        "torch.cuda.is_available",
        "torch.distributed.is_available",
        "torch.distributed.is_initialized",
        "torch.cuda.is_bf16_supported",
    ):
        return Value(const=True)
    if dotted in ("torch.distributed.gather", "torch.distributed.gather_object") and len(args) >= 2:
        return _gathered(m, args[1], args[0])
    if dotted in ("torch.distributed.get_rank",):
        return Value(const=0)
    if dotted == "torch.distributed.get_world_size":
        alone = Value()  # how far the stream is read is told for a run on one process, which reads it all
        m.extents.bound(alone, Position(1))
        return alone
    if dotted.startswith("math.") and all(isinstance(a.const, (int, float)) for a in args) and args:
        return _math(name, args)
    return _library(m, frame, node, dotted, name, args, kwargs)


def _library(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    if name in vocabulary.IDENTITY:
        return args[0] if args else Value(obj=External(dotted))
    if name in ("DataLoader", "Subset") and args and not any(map(callbacks.callable_of_program, kwargs.values())):
        return args[0]  # its elements, whatever order and batches they come in
    if name.endswith(vocabulary.OPTIMIZERS) and not dotted.startswith("torch.optim.lr_scheduler"):
        optimizer = Instance(None, kind="optimizer", dotted=dotted)
        optimizer.parameters = list(args[:1]) or list(kwargs.values())[:1]
        steering.made(m, optimizer, {k: v for k, v in kwargs.items() if k != "params"})
        return Value(obj=optimizer)
    if dotted in ("heapq.heappush", "heapq.heapreplace", "heapq.heappushpop", "bisect.insort") and len(args) > 1:
        effects.kept_by_loss(m, frame, node, [args[1]])
        return m.call(frame, node, Value(obj=Bound(args[0], "append")), [args[1]], {})
    if dotted in ("heapq.heappop", "heapq.nsmallest", "heapq.nlargest") and args:
        held = args[-1] if name != "heappop" else args[0]
        callbacks.keyed(m, frame, node, elements(held), kwargs)
        effects.kept_by_loss(m, frame, node, elements(held))
        return m.call(frame, node, Value(obj=Bound(held, "pop")), [], {}) if name == "heappop" else held
    if name == "ReduceLROnPlateau":
        return steering.plateau(m, args, kwargs)
    if name in ("deepcopy", "copy") and args:
        own = special.special(m, frame, node, args[0], f"__{name}__", [])
        return own if own is not None else clone(args[0])
    if dotted == "dataclasses.replace" and args:
        copied = clone(args[0])
        if isinstance(copied.obj, Instance):
            copied.obj.attributes.update(kwargs)
        return copied
    if name == "partialmethod" and args:
        return indirect.partialmethod(args, kwargs)
    if name == "partial" and args:
        return Value(obj=Partial(args[0], args[1:], dict(kwargs)))
    if name in ("ModuleList", "ParameterList", "Sequential", "list", "ParameterDict", "ModuleDict"):
        if len(args) == 1 and args[0].obj is not None:
            return args[0]
        return Value(union(*args), obj=Sequence(list(args)))
    if name in ("Parameter", "Buffer"):
        kind = frozenset({("param",)}) if name == "Parameter" else NONE
        return Value(union(*args) | kind, mutable=True)
    if name in vocabulary.FRESH:
        if name == "arange" and _from_one_on(args):
            args = [with_tags(arg, frozenset({SHIFTED})) for arg in args]
        return _fresh(name, args, kwargs)
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
    if dotted.startswith(("torch.nn.init.", "nn.init.")) and args:
        assignment.mutate(m, args[0], Value(), replace=True)
        return args[0]
    if dotted.endswith("autograd.grad") and args:
        inputs = args[1] if len(args) > 1 else kwargs.get("inputs", Value())
        slope = indirect.gradient(m, frame, node, args[0], inputs)
        several = not isinstance(inputs.obj, Sequence) or len(inputs.obj.items) != 1
        return Value(slope.tags, obj=Sequence([slope], exact=not several))
    if dotted.startswith(("torch.func.", "functorch.", "torch.autograd.functional.")) or name in (
        "vmap",
        "functional_call",
    ):
        made = _of_functions(m, frame, node, name, args, kwargs)
        if made is not None:
            return made
    if dotted.startswith(("torch.optim.", "torch.distributed.optim.")) and name.islower() and len(args) > 1:
        # `torch.optim.sgd.sgd(weights, gradients, ...)`
        weights.all_written(m, frame, node, args[0], weights.flat([*args[1:], *kwargs.values()]))
        return Value(const=None)
    if name.startswith("_foreach_") and name.endswith("_") and args:
        weights.all_written(m, frame, node, args[0], weights.flat([*args[1:], *kwargs.values()]))
        return args[0]
    if name == "vector_to_parameters" and len(args) > 1:
        weights.all_written(m, frame, node, args[1], args[0].tags)
        return Value(const=None)
    if name in ("copyto", "put", "place", "putmask") and len(args) > 1:
        assignment.mutate(m, args[0], Value(union(*args[1:])), at=(frame, node))
        return Value(const=None)
    if dotted.endswith("autograd.backward") and args:
        m.backward(node, frame, args[0])
        return Value(const=None)
    if dotted.endswith((".add.at", ".maximum.at")) and len(args) >= 2:
        effects.table_write(m, args[0], args[1])
        assignment.mutate(m, args[0], Value(union(*args[1:]) - {TARGET}))
        return Value(const=None)
    if name == "bincount" and args:
        made = Value((union(*args, *kwargs.values()) - {TARGET}) | {("counts",)}, mutable=True)
        effects.table_write(m, made, args[0])
        return made
    if name == "roll" and args:
        return Value(union(*args) | tokens.rolled(args[0], args[1:], kwargs), mutable=True)
    if name in _TURNS and args:
        return Value(union(*args) | doubts.turned(m, frame, node, args[0]), mutable=True)
    if name in ("stack", "cat", "concatenate", "vstack", "hstack") and args:
        return _stack(m, frame, node, args, kwargs)
    if name in ("bitwise_xor", "bitwise_and", "remainder", "fmod", "mod"):
        return Value(hashed(*(arg.tags for arg in args)), mutable=True)
    if name in ("all_reduce", "reduce", "broadcast", "barrier", "synchronize"):
        if name in ("all_reduce", "reduce") and args:
            args[0].tags |= doubts.reduced(m, frame, node, args[0], [*args[1:], *kwargs.values()])
        return args[0] if args else Value(const=None)
    if name in ("all_gather", "all_gather_into_tensor", "all_gather_object") and len(args) >= 2:
        return _gathered(m, args[0], args[1])
    if dotted in ("collections.defaultdict", "collections.OrderedDict", "collections.Counter", "defaultdict"):
        return Value(
            obj=Mapping(makes=_factory(name, [*args, *[v for k, v in kwargs.items() if k == "default_factory"]]))
        )
    if dotted.startswith("collections.deque"):
        return Value(obj=Sequence([], exact=False))
    if name == "Module" and "nn" in dotted:
        return Value(obj=Instance(None, kind="module", dotted=dotted))
    if dotted.startswith(("torch.nn.", "nn.")) and name[:1].isupper():
        part = Instance(None, dict(kwargs), kind="module", dotted=dotted)
        if name.startswith("Conv") and len(args) > 2:
            part.attributes |= dict(zip(("kernel_size", "stride", "padding"), args[2:], strict=False))
        return Value(obj=part)
    if name in ("Thread", "Process", "Timer"):
        return callbacks.run_in_thread(m, frame, node, args, kwargs)
    if "out" in kwargs:
        changed = Value(union(*args, *[v for k, v in kwargs.items() if k != "out"]))
        assignment.mutate(m, kwargs["out"], changed, at=(frame, node))
        return kwargs["out"]
    result = opaque.opaque(m, frame, node, Value(), args, kwargs)
    result.tags |= {CHANNEL} if dotted in vocabulary.CHANNELS else NONE
    result.tags |= {PACKED} if name == "compress" else NONE
    result.tags |= doubts.function(m, frame, node, name, args, kwargs)
    result.tags |= skipping.weighed(m, name, args[0]) if args else NONE
    if name in vocabulary.READS and args:
        result.tags |= files.read_tags(m, tokens.text_of(args[0])) | reach.read(kwargs)
    if name.endswith("_") and not name.startswith("_") and args and args[0].obj is None:  # torch.add_(p, ...), in place
        assignment.mutate(m, args[0], Value(union(*args[1:], *kwargs.values())), at=(frame, node))
        return args[0]
    if dotted not in vocabulary.KEEPS_FUNCTION:
        handed = callbacks.handed(m, frame, node, name, args, kwargs)
        if handed is not None:
            return handed
    package = dotted.split(".", 1)[0]
    if not vocabulary.is_pure(dotted):
        if package not in vocabulary.KNOWN and ("loss",) in result.tags:
            m.unfollowed(node, frame, dotted, "a library that is not known", {unfollowed.LOSSES})
        unfollowed.call(m, frame, node, dotted, "a library that is not known", [*args, *kwargs.values()])
        if unfollowed.WEIGHTS in unfollowed.touched([*args, *kwargs.values()]) and package not in vocabulary.KNOWN:
            result.tags |= {unfollowed.HANDLE}
    return result


def _owner_of(dotted: str) -> tuple[Value, str]:
    """`torch.nn.functional.cross_entropy`: the library it stands in, and its name there."""
    owner, _, name = dotted.rpartition(".")
    return Value(obj=External(owner)), name


def _converted(m: Machine, frame: Frame, node: ast.AST, value: Value) -> None:
    """What a library may ask of an object that it is given."""
    for name in ("__array__", "__fspath__", "__index__", "__float__", "__torch_function__"):
        special.special(m, frame, node, value, name, [])
    callbacks.called_back(m, frame, node, value)


def _unbound(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """`torch.Tensor.backward(loss)`, `torch.optim.AdamW.step(tuner)`: a method called with its receiver."""
    if dotted.startswith("builtins.object.__") and len(args) > 1 and isinstance(args[1].const, str):
        if name in ("__getattribute__", "__getattr__") and isinstance(args[0].obj, Instance):
            held = args[0].obj.attributes.get(args[1].const)
            return held if held is not None else m.attribute(frame, node, args[0], args[1].const)
        if name == "__setattr__" and len(args) > 2 and isinstance(args[0].obj, Instance):
            m.write_attribute(args[0].obj, args[1].const, args[2])
            return Value(const=None)
    owner = dotted.rsplit(".", 2)[-2] if dotted.count(".") >= 2 else ""
    if not args or not owner[:1].isupper() or owner in vocabulary.NAMESPACES:
        return None
    receiver = args[0]
    if owner in ("Tensor", "ndarray") and receiver.obj is None:
        return (
            m.call(frame, node, Value(obj=Bound(receiver, name)), args[1:], kwargs)
            if receiver.mutable or (receiver.tags or receiver.base is not None)
            else None
        )
    if isinstance(receiver.obj, Instance) and receiver.obj.kind in ("optimizer", "module"):
        if name == "__init__":
            return Value(const=None)
        if name in ("__setattr__", "__setitem__") and len(args) >= 3 and isinstance(args[1].const, str):
            assignment.store_attribute(m, frame, node, receiver, args[1].const, args[2])
            return Value(const=None)
        return m.call(frame, node, Value(obj=Bound(receiver, name)), args[1:], kwargs)
    return None


def _of_functions(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """`torch.func`: functions made of functions."""
    if not args:
        return None
    if name == "functional_call":
        return indirect.functional_call(m, frame, node, args, kwargs)
    if name in ("grad", "jacrev", "jacfwd", "hessian"):
        return indirect.gradient_of(args[0], both=False)
    if name in ("grad_and_value", "value_and_grad"):
        return indirect.gradient_of(args[0], both=True)
    if name == "vmap":
        return indirect.wrapped(args[0])
    if name in ("vjp", "jvp", "linearize", "jacobian", "vhp", "hvp"):
        value = m.call(frame, node, args[0], args[1:2] if name == "jvp" else args[1:], {})
        slope = indirect.gradient(m, frame, node, value, Value(obj=Sequence(args[1:2])))
        return Value(slope.tags | value.tags, obj=Sequence([value, slope]))
    return None


def _from_one_on(args: list[Value]) -> bool:
    """`arange(a + 1, b + 1)`: positions of the tokens that are predicted from those at `a` to `b`."""
    return len(args) >= 2 and position_of(args[0]).next_to_another


def _fresh(name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A new tensor: `tensor` holds its argument, `arange` depends on the loops that its bounds depend on."""
    tags = NONE
    if name == "tensor" and args:
        tags = deep_tags(args[0])
    elif name == "arange":
        tags = frozenset([t for t in union(*args) if t[0] in ("dep", "cfg", "shifted")])
    if name in ("rand", "rand_like"):
        tags |= {("random",)}
    dims = args[0].obj.items if args and isinstance(args[0].obj, Sequence) else args
    if name in ("zeros", "randn", "full", "empty", "rand") and len(dims) >= 2 and dims[0].const == 1:
        tags |= {("shared-rows",)}
    return Value(tags, mutable=True)


def scored(m: Machine, frame: Frame, node: ast.AST, name: str, values: list[Value]) -> Value:
    tags = NONE
    for value in values:
        own = deep_tags(value, 2)
        if not has(own, "out"):
            own = opaque.without_spans(own)
        tags |= own
        r = root(value)
        if r is not value and not isinstance(r.obj, Instance):
            tags |= frozenset([t for t in r.tags if t[0] == "adapted"])
    made = any(t[0] == "out" or t == CALLED for t in tags)
    if VAL not in tags or not (made or name in vocabulary.LOSS):
        return Value(tags, mutable=True)
    for target in values[1:2] if name in vocabulary.LOSS else values[1:] if name in vocabulary.PICK else ():
        tags |= unshifted.scored(m, frame, node, tags, target)
    loss = name in vocabulary.LOSS or (name in vocabulary.PICK and any(_picks(value) for value in values[1:]))
    result = Value(m.output(node, frame, tags, NONE, loss=loss), mutable=True)
    first = deep_tags(values[0], 2)
    cuts = [{t for t in tags_ if t[0] == "cut"} for tags_ in (first, deep_tags(values[1], 2) if values[1:] else NONE)]
    both = bool(cuts[0]) and cuts[0] == cuts[1]  # `logits[:, 1:]`, scored on `y[:, 1:]`: each on its own
    if name in vocabulary.LOSS and TARGET in first and has(first, "out") and not both:
        m.trace.outputs[m.last].sees_target = True
    return result


def _picks(index: Value) -> bool:
    """Whether an index is made of tokens: what it picks from a distribution is what they are given."""
    return VAL in index.tags and not has(index.tags, "out")


def _where(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    tags = union(*args) | _hidden(*args[1:])
    effects.mixes(m, *(value.tags for value in args))
    for output in args[1:]:
        tags |= doubts.told_ahead(m, frame, node, output, args[0]) | doubts.by_token(output, args[0])
    compared = args[0].obj.sides if isinstance(args[0].obj, Comparison) else ()
    if len(compared) == 2 and all(any(effects.same(side, picked) for side in compared) for picked in args[1:]):
        tags |= effects.chooses(m, frame, node, args[1:], "where")
    return Value(tags, mutable=True)


def _hidden(one: Value, other: Value) -> Tags:
    """Tokens, of which some are replaced by what is no token of the stream."""
    for tokens_, mask in ((one, other), (other, one)):
        if VAL in tokens_.tags and VAL not in mask.tags and not has(tokens_.tags, "out"):
            return frozenset({HIDDEN})
    return NONE


def _gathered(m: Machine, into: Value, sent: Value) -> Value:
    """Every rank holds what this one sends."""
    if isinstance(into.obj, Sequence):
        into.obj.items = [sent]
        into.obj.exact = False
    assignment.mutate(m, into, Value(deep_tags(sent)))
    return Value(const=None)


def _stack(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if not isinstance(args[0].obj, Sequence) else args[0].obj.items
    tags = union(*items, *args)
    effects.mixes(m, *(item.tags for item in items))
    if any(("entropy",) in i.tags and ("loss",) not in i.tags for i in items) and any(
        ("loss",) in i.tags for i in items
    ):
        tags |= {("stacked", m.stack(node, frame, tags))}
    return Value(tags, mutable=True)


def clone(value: Value) -> Value:
    return _copy(value, 5)


def _copy(value: Value, depth: int) -> Value:
    """A deep copy: modules in attributes and lists get adaptations of their own; views point into the copy."""
    obj = value.obj
    if depth == 0 or obj is None:
        return Value(value.tags, value.const, obj, mutable=value.mutable)
    if isinstance(obj, Instance):
        attributes = {
            name: _copy(held, depth - 1) if isinstance(held.obj, (Instance, Sequence)) and held.obj is not obj else held
            for name, held in obj.attributes.items()
        }
        made = Instance(
            obj.cls, attributes, obj.kind, set(obj.adapted), list(obj.parameters), obj.dotted, obj.read_back
        )
        return Value(value.tags, obj=made)
    if isinstance(obj, Sequence):
        return Value(value.tags, obj=Sequence([_copy(item, depth - 1) for item in obj.items], obj.exact))
    return Value(value.tags, value.const, obj, mutable=value.mutable)


def keep(m: Machine, tags: Tags) -> None:
    """What is written to disk may be read back: the adaptations go with it."""
    adapted = frozenset([t for t in tags if t[0] == "adapted"])
    m.disk |= adapted
    m.trace.saved |= {t[1] for t in adapted}


def _save(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    tags = NONE
    for value in (*args, *kwargs.values()):
        tags |= deep_tags(effects.kept(m, value)) if m.selections else deep_tags(value)
    keep(m, tags)
    for function in filter(callbacks.callable_of_program, kwargs.values()):  # `json.dumps(x, default=f)`
        m.call(frame, node, function, args[:1], {})
    if args and not isinstance(args[0].const, str) and not isinstance(args[0].obj, tokens.Text):
        m.disk |= {ARTIFACT}  # bytes or tensors, no line of a log
    buffers = [v for v in args[1:] if v.obj is None and v.mutable]
    for value in args:
        files.written(m, tokens.text_of(value) if not isinstance(value.obj, File) else value.obj.path, tags)
    for value in buffers:
        value.tags |= tags & {VAL, TRAIN}
    keys = [str(k) for a in args if isinstance(a.obj, Mapping) for k in a.obj.items]
    text = " ".join([*keys, *(tokens.text_of(a) for a in args if tokens.text_of(a) != "{}")])
    if has(tags, "out"):
        m.report(node, frame, text, tags, measured.saved(args))


_READ_BACK = "it is read from a file that a run has left"


def report(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    """A printed line: a report if a figure in it was made from a model's output on validation tokens."""
    tags = NONE
    for value in args:
        tags |= deep_tags(value, 1)
    text = " ".join(tokens.text_of(a) for a in args)
    for value in args:
        own = special.text(m, frame, node, value)
        if own is not None:
            tags |= own.tags
    m.printed(text, _channel(m, frame, text))
    if tokens.UNSCORED in tags and has(tags, "out"):
        why = "no loss on validation tokens has gone into it"
        m.unfollowed(node, frame, "the bits per byte that are printed", why, {unfollowed.FIGURE})
    if files.LOG in tags and ("bpb" in text.lower() or "loss" in text.lower()):
        m.unfollowed(node, frame, "a figure that is printed", _READ_BACK, {unfollowed.FIGURE})
    if has(tags, "out"):
        if _CONSTANT.search(text) is not None:
            why = "it stands in the code"
            m.unfollowed(node, frame, "a bits-per-byte figure beside those of the run", why, {unfollowed.FIGURE})
        m.report(node, frame, text, tags, measured.line(" ".join(["{}"] * len(args)), args))


_CONSTANT = re.compile(r"(?i)(?<![a-z])(?:val_)?bpb\s{0,3}[:=]\s{0,3}[01]\.\d{3}")  # digits, where a figure is put in
_TURNS = frozenset({"flip", "fliplr", "flipud"})
_NUMBERS = frozenset({"builtins.int", "builtins.float"})


def _factory(name: str, args: list[Value]) -> Value | None:
    """What is called for a missing key."""
    if name == "Counter":
        return Value(obj=External("builtins.int"))
    made = args[0] if args and name == "defaultdict" else None
    number = made is not None and isinstance(made.obj, External) and made.obj.dotted in _NUMBERS
    return made if made is not None and (number or callbacks.callable_of_program(made)) else None


def _message(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> list[Value]:
    """`logger.info("loss %.4f", loss)`: the message with what is put into it."""
    if len(args) < 2 or not isinstance(args[0].const, str) or "%" not in args[0].const:
        return args
    return [binary(m, frame, node, ast.Mod(), args[0], Value(union(*args[1:]), obj=Sequence(args[1:])))]


def _channel(m: Machine, frame: Frame, text: str) -> str:
    """Through which function a line is printed: one that prints what it is given, "" for `print` itself."""
    function = m.calls[-1] if m.calls else None
    arguments = getattr(function, "args", None)
    if not isinstance(arguments, ast.arguments):
        return ""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given = [frame.names[a.arg] for a in named if a.arg in frame.names]
    rest = frame.names.get(arguments.vararg.arg) if arguments.vararg is not None else None
    if rest is not None and isinstance(rest.obj, Sequence):
        given.extend(rest.obj.items)
    texts = [tokens.text_of(value) for value in given]
    passed_on = any(t in text for t in texts if t.replace("{}", "").strip())
    return f"{frame.unit.path}:{getattr(function, 'lineno', 0)}" if passed_on else ""


_WAYS = 60  # things that are counted in how many ways they are put


def _math(name: str, args: list[Value]) -> Value:
    """A function of `math` on numbers; what counts ways (`factorial`) or is given a huge number has no end."""
    import math

    function = None if name.startswith("_") else getattr(math, name, None)
    given = [a.const for a in args]
    most = _WAYS if name in ("factorial", "comb", "perm") else BIG
    if function is None or any(isinstance(number, int) and abs(number) > most for number in given):
        return Value(union(*args))
    try:
        result = function(*given)
    except (ValueError, TypeError, OverflowError):
        return Value(union(*args))
    return Value(union(*args), UNKNOWN if isinstance(result, int) and abs(result) > BIG else result)


def _os(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    if dotted in ("os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault") and args:
        default = args[1] if len(args) > 1 else kwargs.get("default", Value(const=None))
        return effects.environment(m, frame, node, args[0], default)
    if dotted == "os.path.join":
        text = "/".join(tokens.text_of(a) for a in args)
        return files.path_value(union(*args), text, known=all(isinstance(a.const, str) for a in args))
    if dotted.startswith("os.path.") and dotted.rsplit(".", 1)[1] in ("exists", "isfile", "isdir", "getsize"):
        return Value(frozenset([t for t in union(*args) if t[0] == "cfg"]))
    return None
