"""What library functions mean: torch, numpy, and the standard library."""

from __future__ import annotations

import ast
from functools import reduce

from auditor.program import vocabulary
from auditor.program.holdings import contents, deep_tags, leaves
from auditor.program.interpreter.language import assignment, callbacks, copies, special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.language.operators import BIG
from auditor.program.interpreter.libraries import (
    builtin,
    files,
    indirect,
    mlx,
    opaque,
    printed,
    standard,
    tensor_functions,
    updates,
)
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import (
    adapting,
    count_tables,
    doubts,
    effects,
    recalled,
    steering,
    unfollowed,
    weights,
)
from auditor.program.interpreter.stream import ordering, reach, reduction, skipping, tokens
from auditor.program.joins import join
from auditor.program.positions import Position
from auditor.program.tags import (
    CHANNEL,
    COPIED,
    FILED,
    LOSS,
    NONE,
    PACKED,
    PARAMETER,
    RANDOM,
    RANK,
    SORTED,
    TRAIN,
    VAL,
    WORLD,
    OfSwitch,
)
from auditor.program.trace import LEAVES_OUT
from auditor.program.values import (
    UNKNOWN,
    Bound,
    Class,
    External,
    Frame,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Value,
    union,
    with_tags,
)


def call(m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if m.tainted:  # what is read as training data may hold the validation tokens that were put there
        args = [with_tags(a, frozenset({VAL})) if TRAIN in a.tags else a for a in args]
    for value in (*args, *kwargs.values()):
        if isinstance(value.obj, Instance) and value.obj.cls is not None and not dotted.startswith("builtins."):
            _converted(m, frame, node, value)
    name = dotted.rpartition(".")[2]
    known = recalled.among(m, frame, node, (*args, *kwargs.values())) if name in vocabulary.LOOKS_UP else NONE
    if name in vocabulary.UNPACKS_TEXT and args and args[0].known:
        known |= {FILED}  # a text in the code that holds what is packed into it
    if name in vocabulary.DRAWS_NUMBERS:
        known |= {RANDOM}
    if dotted in vocabulary.SHUFFLES:
        known |= ordering.by_chance(m, frame, node, args)
    made = with_tags(_called(m, frame, node, dotted, args, kwargs), known)
    if name in vocabulary.OPENS and args and TRAIN in args[0].tags and tokens.text_of(args[0]) != "{}":
        m.training_shard(node, frame)
    return made


def _called(m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    name = dotted.rsplit(".", 1)[-1]
    handler = builtin.BUILTINS.get(dotted) or standard.FUNCTIONS.get(dotted)
    if handler is not None:
        return handler(m, frame, node, args, kwargs)
    if dotted.endswith(".__dict__.update"):
        assignment.patch_all(m, frame, node, dotted.removesuffix(".__dict__.update"), kwargs)
        return Value(const=None)
    if dotted in vocabulary.PATCHES_ATTRIBUTE and len(args) > 2:
        assignment.store_attribute(m, frame, node, args[0], str(args[1].const), args[2])
        return Value()
    if dotted in vocabulary.PATCHES and len(args) > 1 and isinstance(args[0].const, str):
        assignment.store_attribute(m, frame, node, *_owner_of(args[0].const), args[1])
        return Value()
    if dotted.startswith("os."):
        hit = _os(m, frame, node, dotted, args, kwargs)
        if hit is not None:
            return hit
    if dotted in vocabulary.PRINTERS:
        printed.report(m, frame, node, args, kwargs)
        if "file" in kwargs:
            files.printed_into(m, kwargs["file"], [*args])
            callbacks.called_back(m, frame, node, kwargs["file"])
        return Value(const=None)
    if args and (name in vocabulary.LOG_CALLS or (name == "log" and dotted.startswith("logging."))):
        callbacks.emitted(m, frame, node, args[name == "log" :], kwargs)
        printed.report(m, frame, node, printed.message(m, frame, node, args[name == "log" :]), kwargs)
    if dotted.startswith("logging."):  # a logger, a handler, a formatter; what prints gives nothing
        return Value(const=None) if name in vocabulary.LOG_CALLS else Value(obj=External(f"{dotted}()"))
    if dotted in vocabulary.FROM_DISK:
        read = union(*[Value(deep_tags(v)) for v in (*args, *kwargs.values())])
        for value in args[:1]:
            read |= files.read_tags(m, tokens.text_of(value)) | files.from_outside(m, value)
        return Value((files.on_disk(m, args[0]) if args else m.disk) | read, mutable=True)
    unbound = _unbound(m, frame, node, dotted, name, args, kwargs)
    if unbound is not None:
        return unbound
    if name in vocabulary.SAVE and args:
        printed.save(m, frame, node, args, kwargs)
        return Value(deep_tags(args[0]))
    if dotted in vocabulary.CAPTURES:
        return Value(obj=Instance(None, {"graph": args[0] if args else Value()}, kind="capture"))
    if dotted == "argparse.ArgumentParser":
        return Value(obj=Instance(None, kind="parser", dotted=dotted))
    if dotted in vocabulary.HOLDS_ATTRIBUTES:
        return Value(obj=Instance(None, dict(kwargs), kind="namespace"))
    if name in vocabulary.SEEDS and any(steering.by_loss(m, value) for value in args):
        why = "losses on validation tokens have chosen it"
        m.unfollowed(node, frame, "a seed", why, {unfollowed.WEIGHTS})
    if dotted.startswith("torch.ops.") and (own := m.operators.get(dotted.removesuffix(".default").split(".")[-1])):
        return m.call(frame, node, own, args, kwargs)
    if dotted in vocabulary.EXITS:
        return Value(obj=External("sys.exit()"))
    if dotted in vocabulary.AVAILABLE:
        return Value(const=True)
    if dotted in vocabulary.GATHERS_AT_ONE and len(args) >= 2:
        return reduction.gathered(m, args[1], args[0])
    if dotted in vocabulary.GIVES_RANK:
        return Value(frozenset({RANK}), const=0)
    if dotted == "torch.distributed.get_world_size":
        alone = Value(
            frozenset({WORLD})
        )  # how far the stream is read is told for a run on one process, which reads it all
        m.extents.bound(alone, Position(1))
        return alone
    if dotted.startswith("math.") and all(isinstance(a.const, (int, float)) for a in args) and args:
        return _math(name, args)
    return _library(m, frame, node, dotted, name, args, kwargs)


def _library(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    if name == "narrow" and len(args) == 4:
        return m.call(frame, node, Value(obj=Bound(args[0], name)), args[1:], kwargs)
    if name in vocabulary.SHARES_MEMORY and args and weights.is_weight(args[0]):
        return Value(args[0].tags, base=args[0], mutable=True)
    if name in vocabulary.LEAVES_OF_TREES and args and not dotted.startswith(vocabulary.MLX):
        found = Value(args[0].tags, obj=Sequence(list(contents(args[0], 4))))
        return Value(found.tags, obj=Sequence([found, Value()])) if name == "tree_flatten" else found
    for kind in (mlx.called, _objects, tensor_functions.computed, updates.written, tensor_functions.combined, _parts):
        made = kind(m, frame, node, dotted, name, args, kwargs)
        if made is not None:
            if "out" in kwargs and kwargs["out"].const is not None:
                _put_out(m, frame, node, made, kwargs["out"])
            return made
    if "out" in kwargs:
        changed = Value(union(*args, *[v for k, v in kwargs.items() if k != "out"]))
        _put_out(m, frame, node, changed, kwargs["out"])
        return kwargs["out"]
    result = opaque.opaque(m, frame, node, Value(), args, kwargs)
    result.tags |= {CHANNEL} if dotted in vocabulary.CHANNELS else NONE
    if name == "compress":
        result.tags |= {PACKED}
        m.trace.training_saved |= TRAIN in result.tags  # packed, as what the artifact holds is
    result.tags |= doubts.function(m, frame, node, name, args, kwargs)
    result.tags |= skipping.weighed(m, name, args[0]) if args else NONE
    if name in vocabulary.READS and args:
        result.tags |= files.read_tags(m, tokens.text_of(args[0])) | reach.read(kwargs)
        result.tags |= files.from_outside(m, args[0])
    else:
        result.tags |= files.by_any_way(m, [*args, *kwargs.values()])
    if name.endswith("_") and not name.startswith("_") and args and args[0].obj is None:  # torch.add_(p, ...), in place
        assignment.mutate(m, args[0], Value(union(*args[1:], *kwargs.values())), at=(frame, node))
        return args[0]
    if dotted not in vocabulary.KEEPS_FUNCTION:
        handed = callbacks.handed(m, frame, node, name, args, kwargs)
        if handed is not None:
            return handed
    package = dotted.split(".", 1)[0]
    if not vocabulary.is_pure(dotted):
        if package not in vocabulary.KNOWN and LOSS in result.tags:
            m.unfollowed(node, frame, dotted, "a library that is not known", {unfollowed.LOSSES})
        unfollowed.call(m, frame, node, dotted, "a library that is not known", [*args, *kwargs.values()])
        if unfollowed.WEIGHTS in unfollowed.touched([*args, *kwargs.values()]) and package not in vocabulary.KNOWN:
            result.tags |= {unfollowed.HANDLE}
    return result


def _objects(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """Objects that hold what they are given: loaders, optimizers, copies, partial calls, lists, parameters."""
    if name in ("DistributedDataParallel", "DDP"):
        reduction.sent_to_all(m, args[:1])
    if name in vocabulary.IDENTITY:
        return args[0] if args else Value(obj=External(dotted))
    if name in ("DataLoader", "Subset") and args and not any(map(callbacks.callable_of_program, kwargs.values())):
        return args[0]  # its elements, whatever order and batches they come in
    if name.endswith(vocabulary.OPTIMIZERS) and not dotted.startswith("torch.optim.lr_scheduler"):
        if dotted.startswith(vocabulary.MLX):
            return Value(obj=mlx.optimizer(dotted))
        optimizer = Instance(None, kind="optimizer", dotted=dotted)
        optimizer.parameters = list(args[:1]) or list(kwargs.values())[:1]
        steering.made(m, optimizer, {k: v for k, v in kwargs.items() if k != "params"})
        return Value(obj=optimizer)
    if dotted in vocabulary.PUSHES and len(args) > 1:
        adapting.kept_by_loss(m, frame, node, [args[1]])
        m.call(frame, node, Value(obj=Bound(args[0], "append")), [args[1]], {})
        items = args[0].obj.items if isinstance(args[0].obj, Sequence) else []
        return reduce(join, items) if items and name in ("heapreplace", "heappushpop") else Value(const=None)
    if dotted in vocabulary.TAKES_FROM_HEAP and args:
        if len(args) > 2:  # `nlargest(2, held, key)`
            args, kwargs = args[:2], {"key": args[2], **kwargs}
        held = args[-1] if name != "heappop" else args[0]
        by = ordering.by_key(m, frame, node, elements(held), kwargs)
        if SORTED in by and isinstance(held.obj, Sequence):
            tags = m.doubt(
                node,
                frame,
                "a part of what was put in order",
                "what is left out is told by what it holds",
                against=LEAVES_OUT,
            )
            held = Value(held.tags | tags, obj=Sequence([with_tags(item, tags) for item in held.obj.items]))
        adapting.kept_by_loss(m, frame, node, elements(held))
        if isinstance(held.obj, Sequence):
            doubts.in_order(m, frame, node, held.obj, by if "key" in kwargs else None)
        return m.call(frame, node, Value(obj=Bound(held, "pop")), [], {}) if name == "heappop" else held
    if name == "ReduceLROnPlateau":
        return steering.plateau(m, args, kwargs)
    if name in ("deepcopy", "copy") and args:
        own = special.special(m, frame, node, args[0], f"__{name}__", [])
        return own if own is not None else copies.clone(args[0])
    if dotted == "dataclasses.replace" and args:
        copied = copies.clone(args[0])
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
        kind = frozenset({PARAMETER}) if name == "Parameter" else NONE
        tags = union(*args)
        return Value(tags | kind | ({COPIED} if PARAMETER in tags else NONE), mutable=True)
    return None


def _put_out(m: Machine, frame: Frame, node: ast.AST, made: Value, out: Value) -> None:
    """`out=tensor`, `out=[tensor]`: where a result goes."""
    for leaf in leaves(out):
        if leaf is not made:
            assignment.mutate(m, leaf, made, at=(frame, node))


def _parts(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """Containers, modules, threads."""
    if dotted in vocabulary.MAPPINGS:
        factory = _factory(name, [*args, *[v for k, v in kwargs.items() if k == "default_factory"]])
        made = Value(obj=Mapping(makes=factory))
        if name not in ("Counter", "ChainMap"):
            held = args[1:] if name == "defaultdict" else args
            made = builtin.BUILTINS["builtins.dict"](m, frame, node, held, {} if factory is not None else kwargs)
            assert isinstance(made.obj, Mapping)
            made.obj.makes = factory
        for one in reversed(args) if name == "ChainMap" else ():  # what the first of them holds counts
            m.call(frame, node, Value(obj=Bound(made, "update")), [one], {})
        if name == "Counter" and args:
            count_tables.counted(m, made, elements(special.iterable(m, frame, node, args[0])))
        return made
    if dotted.startswith("collections.deque"):
        return Value(obj=Sequence([], exact=False))
    if name == "Module" and "nn" in dotted:
        return Value(obj=Instance(None, kind="module", dotted=dotted))
    if dotted.startswith(vocabulary.LAYERS) and name[:1].isupper():
        part = Instance(None, dict(kwargs), kind="module", dotted=dotted)
        if name.startswith("Conv") and len(args) > 2:
            part.attributes |= dict(zip(("kernel_size", "stride", "padding"), args[2:], strict=False))
        return Value(obj=part)
    if name in ("Thread", "Process", "Timer"):
        return callbacks.run_in_thread(m, frame, node, args, kwargs)
    return None


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
    if dotted == "builtins.object.__new__" and args and isinstance(args[0].obj, Class):
        return m.call(frame, node, copies.maker(args[0]), args, {})
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


def _factory(name: str, args: list[Value]) -> Value | None:
    """What is called for a missing key."""
    if name == "Counter":
        return Value(obj=External("builtins.int"))
    made = args[0] if args and name == "defaultdict" else None
    number = made is not None and isinstance(made.obj, External) and made.obj.dotted in vocabulary.NUMBER_TYPES
    return made if made is not None and (number or callbacks.callable_of_program(made)) else None


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
    if dotted in vocabulary.ENVIRONMENT and args:
        default = args[1] if len(args) > 1 else kwargs.get("default", Value(const=None))
        return effects.environment(m, frame, node, args[0], default)
    if dotted == "os.path.join":
        text = "/".join(tokens.text_of(a) for a in args)
        return files.path_value(union(*args), text, known=all(isinstance(a.const, str) for a in args))
    if dotted.startswith("os.path.") and dotted.rsplit(".", 1)[1] in ("exists", "isfile", "isdir", "getsize"):
        return Value(frozenset([t for t in union(*args) if isinstance(t, OfSwitch)]))
    return None
