"""What library calls mean: torch, numpy, the standard library, and methods of tensors, modules and containers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from auditor.program import calls
from auditor.program import expressions as ex
from auditor.program.iteration import elements
from auditor.program.machine import Machine, leaves, module_parts, root
from auditor.program.values import (
    NONE,
    TARGET,
    TRAIN,
    UNKNOWN,
    VAL,
    Bound,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Tags,
    Value,
    deep_tags,
    join,
    union,
    with_tags,
)

_LOSS = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "linear_cross_entropy"})
_DISTRIBUTION = frozenset({"log_softmax", "softmax", "logsumexp"})
_PICK = frozenset({"gather", "take_along_dim", "take_along_axis"})
_IDENTITY = frozenset(
    {
        "compile",
        "DistributedDataParallel",
        "DDP",
        "DataParallel",
        "as_tensor",
        "from_numpy",
        "asarray",
        "ascontiguousarray",
        "script",
        "no_grad",
        "inference_mode",
        "Path",
        "PurePath",
        "deterministic_algorithms",
        "wraps",
        "cast",
    }
)
_FRESH = frozenset(
    {
        "zeros",
        "ones",
        "empty",
        "full",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "randn",
        "rand",
        "randint",
        "arange",
        "randn_like",
        "rand_like",
        "eye",
        "tensor",
        "new_zeros",
        "new_full",
        "new_empty",
        "new_ones",
    }
)
_SIZES = frozenset({"numel", "size", "dim", "__len__", "element_size", "nelement", "stat"})
_SELF = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "bfloat16",
        "half",
        "float",
        "double",
        "train",
        "eval",
        "requires_grad_",
        "contiguous",
        "compile",
        "apply",
        "share_memory_",
        "pin_memory",
    }
)
_VIEW = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "squeeze",
        "unsqueeze",
        "transpose",
        "permute",
        "narrow",
        "expand",
        "view_as",
        "select",
        "chunk",
        "split",
        "unbind",
        "ravel",
        "t",
        "as_strided",
    }
)
_RESET = frozenset(
    {
        "zero_",
        "fill_",
        "normal_",
        "uniform_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "xavier_uniform_",
        "orthogonal_",
        "trunc_normal_",
        "constant_",
        "zeros_",
        "ones_",
        "set_",
        "clear",
    }
)
_SAVE = frozenset(
    {"save", "dump", "savez", "savez_compressed", "write", "write_bytes", "write_text", "tofile", "save_file"}
)
_LOAD = frozenset({"load", "read", "read_bytes", "load_file", "readinto"})
_FROM_DISK = frozenset({"torch.load", "numpy.load", "pickle.load", "pickle.loads", "safetensors.torch.load_file"})
_STRING = frozenset(
    {
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "replace",
        "startswith",
        "endswith",
        "split",
        "title",
        "capitalize",
        "removeprefix",
        "removesuffix",
        "isdigit",
        "casefold",
        "encode",
        "splitlines",
        "zfill",
        "count",
        "find",
    }
)
_PRINTERS = frozenset({"builtins.print", "logging.info", "print", "tqdm.write", "rich.print", "sys.stdout.write"})
_OPTIMIZERS = (
    "AdamW",
    "Adam",
    "SGD",
    "LBFGS",
    "RMSprop",
    "Adagrad",
    "NAdam",
    "RAdam",
    "Adadelta",
    "Adamax",
    "Muon",
    "Optimizer",
    "AdamW8bit",
    "Adam8bit",
    "Lion",
    "Rprop",
    "FusedAdam",
    "ASGD",
    "Adafactor",
    "SparseAdam",
)


def is_forward(name: str) -> bool:
    """Names of methods that compute with a module's weights."""
    return name == "__call__" or name.startswith(
        (
            "forward",
            "_forward",
            "compute_logits",
            "logits",
            "get_logits",
            "encode",
            "decode",
            "embed",
            "hidden",
            "run_blocks",
            "per_token",
            "token_loss",
        )
    )


def is_method(name: str) -> bool:
    """Methods that torch gives to every module or optimizer."""
    return name in _SELF or name in {
        "parameters", "named_parameters", "buffers", "named_buffers", "state_dict", "load_state_dict", "modules",
        "named_modules", "children", "named_children", "zero_grad", "step", "add_param_group", "register_buffer",
        "register_parameter", "register_forward_hook", "register_forward_pre_hook", "get_parameter", "add_argument",
        "parse_args", "parse_known_args", "state", "add_mutually_exclusive_group", "add_argument_group", "append",
        "extend", "items", "keys", "values", "type", "no_sync",
    }  # fmt: skip


def opaque(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A call that is not understood: its result may hold whatever its arguments hold."""
    tags = deep_tags(function, 2) if not isinstance(function.obj, External) else NONE
    for value in (*args, *kwargs.values()):
        tags |= deep_tags(value)
    return Value(tags, mutable=True)


def call(m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    name = dotted.rsplit(".", 1)[-1]
    handler = _BUILTINS.get(dotted)
    if handler is not None:
        return handler(m, frame, node, args, kwargs)
    if dotted.startswith("os."):
        hit = _os(m, frame, node, dotted, args, kwargs)
        if hit is not None:
            return hit
    if dotted in _PRINTERS or dotted.startswith("logging."):
        report(m, frame, node, args, kwargs)
        return Value(const=None)
    if name in ("info", "warning", "debug") and args:
        report(m, frame, node, args, kwargs)
    if dotted in _FROM_DISK:
        return Value(m.disk | union(*args, *kwargs.values()), mutable=True)
    if name in _SAVE and args:
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
    if dotted in ("torch.distributed.get_rank",):
        return Value(const=0)
    if dotted.startswith("math.") and all(isinstance(a.const, (int, float)) for a in args) and args:
        return _math(name, args)
    return _library(m, frame, node, dotted, name, args, kwargs)


def _library(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    if name in _IDENTITY:
        return args[0] if args else Value(obj=External(dotted))
    if name.endswith(_OPTIMIZERS) and not dotted.startswith("torch.optim.lr_scheduler"):
        optimizer = Instance(None, kind="optimizer", dotted=dotted)
        optimizer.parameters = list(args[:1]) or list(kwargs.values())[:1]
        return Value(obj=optimizer)
    if name in ("deepcopy", "copy") and args:
        return clone(args[0])
    if name == "partial" and args:
        return Value(obj=Partial(args[0], args[1:], dict(kwargs)))
    if name in ("ModuleList", "ParameterList", "Sequential", "list", "ParameterDict", "ModuleDict"):
        if len(args) == 1 and args[0].obj is not None:
            return args[0]
        return Value(union(*args), obj=Sequence(list(args)))
    if name in ("Parameter", "Buffer"):
        kind = frozenset({("param",)}) if name == "Parameter" else NONE
        return Value(union(*args) | kind, mutable=True)
    if name in _FRESH:
        return _fresh(name, args, kwargs)
    if name in _LOSS | _DISTRIBUTION | _PICK:
        return _scored(m, frame, node, name, [*args, *kwargs.values()])
    if name in ("minimum", "amin", "fmin"):
        tags = union(*args) | calls.chooses(m, frame, node, args, name)
        return Value(tags, mutable=True)
    if name == "where" and len(args) == 3:
        return _where(m, frame, node, args)
    if dotted.startswith(("torch.nn.init.", "nn.init.")) and args:
        ex.mutate(m, args[0], Value(), replace=True)
        return args[0]
    if dotted.endswith("autograd.grad") and args:
        return _autograd(m, frame, node, args, kwargs)
    if dotted.endswith("autograd.backward") and args:
        m.backward(node, frame, args[0])
        return Value(const=None)
    if dotted.endswith((".add.at", ".maximum.at")) and len(args) >= 2:
        calls.table_write(m, args[0], args[1])
        ex.mutate(m, args[0], Value(union(*args[1:]) - {TARGET}))
        return Value(const=None)
    if name == "bincount" and args:
        made = Value((union(*args, *kwargs.values()) - {TARGET}) | {("counts",)}, mutable=True)
        calls.table_write(m, made, args[0])
        return made
    if name in ("stack", "cat", "concatenate", "vstack", "hstack") and args:
        return _stack(m, frame, node, args, kwargs)
    if name in ("bitwise_xor", "bitwise_and", "remainder", "fmod", "mod"):
        tags = union(*args)
        return Value(tags | {("hash",)} if VAL in tags else tags, mutable=True)
    if name in ("all_reduce", "reduce", "broadcast", "barrier", "synchronize"):
        return args[0] if args else Value(const=None)
    if name in ("all_gather", "all_gather_into_tensor", "all_gather_object") and len(args) >= 2:
        gathered = args[0].obj
        if isinstance(gathered, Sequence):  # every rank holds what this one sends
            gathered.items = [args[1]]
            gathered.exact = False
        ex.mutate(m, args[0], Value(deep_tags(args[1])))
        return Value(const=None)
    if dotted in ("collections.defaultdict", "collections.OrderedDict", "collections.Counter", "defaultdict"):
        return Value(obj=Mapping())
    if dotted.startswith("collections.deque"):
        return Value(obj=Sequence([], exact=False))
    if name == "Module" and "nn" in dotted:
        return Value(obj=Instance(None, kind="module", dotted=dotted))
    if dotted.startswith(("torch.nn.", "nn.")) and name[:1].isupper():
        return Value(obj=Instance(None, kind="module", dotted=dotted))
    result = opaque(m, frame, node, Value(), args, kwargs)
    target = kwargs.get("target")
    if name in ("Thread", "Process") and target is not None and isinstance(target.obj, Function):
        given = kwargs.get("args")
        passed = given.obj.items if given is not None and isinstance(given.obj, Sequence) else []
        calls.call(m, frame, node, target, passed, {})
        return result
    callee = next((a for a in args if isinstance(a.obj, (Function, Class))), None)
    if name in ("submit", "map", "apply_async", "Thread", "checkpoint", "vmap", "run", "timeit") and callee is not None:
        rest = args[args.index(callee) + 1 :]
        return calls.call(m, frame, node, callee, rest, {})
    return result


def _fresh(name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    tags = NONE
    if name in ("tensor", "arange", "full") or name.endswith("_like"):
        tags = union(*args[:1]) if name == "tensor" else NONE
        if name == "tensor":
            tags |= deep_tags(args[0]) if args else NONE
    dims = args[0].obj.items if args and isinstance(args[0].obj, Sequence) else args
    if name in ("zeros", "randn", "full", "empty", "rand") and len(dims) >= 2 and dims[0].const == 1:
        tags |= {("shared-rows",)}
    return Value(tags, mutable=True)


def _scored(m: Machine, frame: Frame, node: ast.AST, name: str, values: list[Value]) -> Value:
    tags = NONE
    for value in values:
        own = deep_tags(value, 2)
        if not any(t[0] == "out" for t in own):
            own = without_spans(own)
        tags |= own
        r = root(value)
        if r is not value and not isinstance(r.obj, Instance):
            tags |= frozenset(t for t in r.tags if t[0] == "adapted")
    made = any(t[0] == "out" for t in tags)
    if VAL not in tags or not (made or name in _LOSS):
        return Value(tags, mutable=True)
    loss = name in _LOSS or (name in _PICK and TARGET in tags)
    return Value(m.output(node, frame, tags, NONE, loss=loss), mutable=True)


def without_spans(tags: Tags) -> Tags:
    """Where a model's input was cut says nothing of which of its outputs are scored."""
    return frozenset(t for t in tags if t[0] not in ("from", "upto"))


def _where(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    tags = union(*args)
    condition = getattr(node, "args", [None])[0]
    if isinstance(condition, ast.Compare) and isinstance(condition.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
        picked = {ast.unparse(a) for a in getattr(node, "args", [])[1:]}
        compared = {ast.unparse(condition.left), ast.unparse(condition.comparators[0])}
        if picked == compared:
            tags |= calls.chooses(m, frame, node, args[1:], "where")
    return Value(tags, mutable=True)


def _stack(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if not isinstance(args[0].obj, Sequence) else args[0].obj.items
    tags = union(*items, *args)
    if any(("entropy",) in i.tags and ("loss",) not in i.tags for i in items) and any(
        ("loss",) in i.tags for i in items
    ):
        tags |= {("stacked", m.stack(node, frame, tags))}
    return Value(tags, mutable=True)


def _autograd(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    tags = deep_tags(args[0])
    if VAL not in tags:
        return Value(tags, mutable=True)
    m.backward(node, frame, args[0])
    pending = m.validation_gradients()
    assert pending is not None
    inputs = args[1] if len(args) > 1 else kwargs.get("inputs", Value())
    roots = [root(leaf) for leaf in leaves(inputs)]
    tensors = [r for r in roots if not isinstance(r.obj, Instance)]
    event = m.adapt(
        node, frame, pending, subject="tensor" if tensors or not roots else "module", name="",
        shared_rows=any(("shared-rows",) in r.tags for r in roots),
    )  # fmt: skip
    keep = frozenset(t for t in tags if t[0] in ("dep", "val"))
    return Value(keep | {("adapted", event.number)}, mutable=True)


def clone(value: Value) -> Value:
    if not isinstance(value.obj, Instance):
        return Value(value.tags, value.const, value.obj, mutable=value.mutable)
    return Value(value.tags, obj=_clone_instance(value.obj, 4))


def _clone_instance(instance: Instance, depth: int) -> Instance:
    attributes = dict(instance.attributes)
    if depth:
        for name, attribute in attributes.items():
            if isinstance(attribute.obj, Instance) and attribute.obj is not instance:
                attributes[name] = Value(attribute.tags, obj=_clone_instance(attribute.obj, depth - 1))
    return Instance(
        instance.cls, attributes, instance.kind, set(instance.adapted), list(instance.parameters), instance.dotted
    )


def _keep(m: Machine, tags: Tags) -> None:
    """What is written to disk may be read back: the adaptations go with it."""
    adapted = frozenset(t for t in tags if t[0] == "adapted")
    m.disk |= adapted
    m.trace.saved |= {t[1] for t in adapted}


def _save(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    tags = NONE
    for value in (*args, *kwargs.values()):
        tags |= deep_tags(value)
    _keep(m, tags)
    keys = [str(k) for a in args if isinstance(a.obj, Mapping) for k in a.obj.items]
    text = " ".join([*keys, *(ex.text_of(a) for a in args if ex.text_of(a) != "{}")])
    if any(t[0] == "out" for t in tags):
        m.report(node, frame, text, tags)


def report(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    """A printed line: a report if a figure in it was made from a model's output on validation tokens."""
    tags = NONE
    for value in args:
        tags |= deep_tags(value, 1)
    text = " ".join(ex.text_of(a) for a in args)
    m.printed(text)
    if any(t[0] == "out" for t in tags):
        m.report(node, frame, text, tags)


def _math(name: str, args: list[Value]) -> Value:
    import math

    function = getattr(math, name, None)
    try:
        return Value(union(*args), function(*[a.const for a in args]) if function else UNKNOWN)
    except (ValueError, TypeError, OverflowError):
        return Value(union(*args))


def _os(
    m: Machine, frame: Frame, node: ast.AST, dotted: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    if dotted in ("os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault") and args:
        default = args[1] if len(args) > 1 else kwargs.get("default", Value(const=None))
        return calls.environment(m, frame, node, args[0], default)
    if dotted == "os.path.join":
        parts = [ex.text_of(a) for a in args]
        tags = union(*args)
        text = "/".join(parts)
        own = ex.constant(text).tags
        known = all(isinstance(a.const, str) for a in args)
        return Value(tags | own, text) if known else Value(tags | own, obj=ex.Text(text))
    if dotted.startswith("os.path.") and dotted.rsplit(".", 1)[1] in ("exists", "isfile", "isdir", "getsize"):
        return Value(frozenset(t for t in union(*args) if t[0] == "cfg"))
    return None


# -- methods ---------------------------------------------------------------------------------------


def method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    obj = receiver.obj
    if isinstance(receiver.obj, Bound) and receiver.obj.name == "super":
        return _super_call(m, frame, node, receiver, name, args, kwargs)
    if isinstance(obj, Instance):
        return _instance_method(m, frame, node, receiver, obj, name, args, kwargs)
    if isinstance(obj, Sequence):
        return _sequence_method(m, frame, node, receiver, obj, name, args)
    if isinstance(obj, Mapping):
        return _mapping_method(m, frame, node, receiver, obj, name, args)
    if isinstance(receiver.const, str):
        return _string_method(receiver, name, args)
    if isinstance(obj, External):
        return call(m, frame, node, f"{obj.dotted}.{name}", args, kwargs)
    return tensor_method(m, frame, node, receiver, name, args, kwargs)


def _super_call(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    assert isinstance(receiver.obj, Bound)
    parent = receiver.base
    if parent is not None and isinstance(parent.obj, Class):
        hit = parent.obj.lookup(name)
        if hit is not None and isinstance(hit.obj, Function):
            return calls.invoke(m, frame, node, hit.obj, receiver.obj.receiver, args, kwargs)
    if name == "__init__":
        return Value(const=None)
    return opaque(m, frame, node, receiver.obj.receiver, args, kwargs)


def _instance_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, instance: Instance, name: str, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    if instance.kind == "optimizer":
        return _optimizer_method(m, frame, node, receiver, instance, name, args, kwargs)
    if instance.kind == "parser":
        return _parser_method(m, frame, node, receiver, instance, name, args, kwargs)
    if instance.kind != "module":
        return opaque(m, frame, node, receiver, args, kwargs)
    if name in _SELF:
        return receiver
    if name in ("parameters", "buffers"):
        one = Value(frozenset({("param",)}), base=receiver, mutable=True)
        return Value(obj=Sequence([one], exact=False))
    if name in ("named_parameters", "named_buffers"):
        one = Value(frozenset({("param",)}), base=receiver, mutable=True)
        return Value(obj=Sequence([Value(obj=Sequence([Value(), one]))], exact=False))
    if name in ("modules", "children"):
        return Value(obj=Sequence([receiver], exact=False))
    if name in ("named_modules", "named_children"):
        return Value(obj=Sequence([Value(obj=Sequence([Value(), receiver]))], exact=False))
    if name == "state_dict":
        one = Value(deep_tags(receiver), mutable=True)
        return Value(deep_tags(receiver), obj=Mapping(other=one))
    if name == "load_state_dict" and args:
        _load_state(m, instance, args[0])
        return Value(const=None)
    if name in ("zero_grad", "register_buffer", "register_parameter"):
        if name == "zero_grad":
            m.pending.clear()
        elif len(args) >= 2 and isinstance(args[0].const, str):
            instance.attributes[args[0].const] = args[1]
        return Value(const=None)
    if is_forward(name):
        return calls.forward(m, frame, node, receiver, name, args, kwargs)
    return opaque(m, frame, node, receiver, args, kwargs)


def _load_state(m: Machine, instance: Instance, source: Value) -> None:
    adapted = {t[1] for t in deep_tags(source) if t[0] == "adapted"}
    for part in module_parts(instance):
        if m.unsure:
            part.adapted |= adapted
        else:
            part.adapted = set(adapted)


def _optimizer_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, optimizer: Instance, name: str, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    if name == "step":
        closure = args[0] if args else kwargs.get("closure")
        if closure is not None and isinstance(closure.obj, Function):
            calls.call(m, frame, node, closure, [], {})
        calls.optimizer_step(m, frame, node, optimizer)
        return Value()
    if name == "zero_grad":
        m.pending.clear()
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
    if name in ("append", "add", "appendleft", "insert") and args:
        calls.accumulated(m, frame, node, args[-1])
        if m.loops:
            seq.exact = False
        if len(seq.items) < 32:
            seq.items.append(args[-1])
        else:
            seq.items[-1] = join(seq.items[-1], args[-1])
        receiver.tags |= deep_tags(args[-1], 1)
    elif name in ("extend", "update") and args:
        items = args[0].obj.items if isinstance(args[0].obj, Sequence) else elements(args[0])
        seq.items.extend(items[:16])
        del seq.items[64:]
        seq.exact = False
        receiver.tags |= deep_tags(args[0], 1)
    elif name in ("pop", "popleft") and seq.items:
        return seq.items[-1] if name == "pop" else seq.items[0]
    elif name == "clear":
        seq.items.clear()
        receiver.tags = frozenset(t for t in receiver.tags if t[0] == "cfg")
        seq.exact = not m.unsure
    elif name == "copy":
        return Value(receiver.tags, obj=Sequence(list(seq.items), seq.exact))
    elif name in ("zero_grad", "step"):
        for item in list(seq.items):
            calls.call(m, frame, node, ex.attribute(m, frame, node, item, name), args, {})
    return Value(receiver.tags if name not in ("append", "sort", "extend", "insert", "clear", "reverse") else NONE)


def _mapping_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, mapping: Mapping, name: str, args: list[Value]
) -> Value:
    if name in ("get", "pop", "setdefault") and args:
        looked = calls.table_read(m, frame, node, receiver, args[0])
        if name == "setdefault" and len(args) > 1:
            calls.table_write(m, receiver, args[0])
            if not (args[0].known and args[0].const in mapping.items):
                ex.store_key(receiver, args[0], args[1])
        if args[0].known and args[0].const in mapping.items:
            return mapping.items[args[0].const]
        hit = mapping.other
        if hit is None:
            hit = args[1] if len(args) > 1 else Value(receiver.tags)
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
        if isinstance(source.obj, Mapping):
            mapping.items.update(source.obj.items)
            if source.obj.other is not None:
                mapping.other = source.obj.other if mapping.other is None else join(mapping.other, source.obj.other)
        else:
            calls.table_write(m, receiver, source)
        receiver.tags |= deep_tags(source, 1)
    if name == "copy":
        return Value(receiver.tags, obj=Mapping(dict(mapping.items), mapping.other))
    if name == "clear" and not m.unsure:
        mapping.items.clear()
        mapping.other = None
        receiver.tags = NONE
    return Value(deep_tags(receiver, 2))


def _string_method(receiver: Value, name: str, args: list[Value]) -> Value:
    text = receiver.const
    if name == "join" and args and isinstance(args[0].obj, Sequence) and args[0].obj.exact:
        parts = [i.const for i in args[0].obj.items]
        if all(isinstance(p, str) for p in parts):
            return Value(receiver.tags | args[0].tags, text.join(parts))
    if name == "format":
        return Value(receiver.tags | union(*args), obj=ex.Text(text))
    if name in _STRING and all(isinstance(a.const, (str, int, tuple)) for a in args):
        try:
            result: Any = getattr(text, name)(*[a.const for a in args])
        except (TypeError, ValueError, UnicodeError):
            return Value(receiver.tags)
        if isinstance(result, list):
            return Value(receiver.tags, obj=Sequence([Value(receiver.tags, r) for r in result[:64]]))
        return Value(receiver.tags, result)
    return Value(receiver.tags | union(*args))


def tensor_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    inputs = [*args, *kwargs.values()]
    if name == "backward":
        m.backward(node, frame, receiver)
        return Value(const=None)
    if name in _SIZES:
        return Value(frozenset(t for t in receiver.tags if t[0] in ("dep", "cfg")))
    if name == "copy_" and args:
        ex.mutate(m, receiver, args[0], replace=True)
        return receiver
    if name in _RESET:
        ex.mutate(m, receiver, Value(), replace=True)
        return receiver
    if name in ("scatter_add_", "index_add_", "index_put_", "scatter_", "index_copy_", "index_fill_") and args:
        for value in inputs[:3]:
            calls.table_write(m, receiver, value)
        ex.mutate(m, receiver, Value(union(*inputs) - {TARGET}))
        return receiver
    if name.endswith("_") and not name.endswith("__"):
        gradients = [i for i in inputs if any(t[0] == "grad" for t in i.tags)]
        if gradients and (pending := m.validation_gradients()) is not None:
            calls.adapt_roots(m, frame, node, pending, [root(receiver)])
        source = Value(union(*[Value(deep_tags(i, 1)) for i in inputs]))
        ex.mutate(m, receiver, source)
        calls.accumulated(m, frame, node, source)
        return receiver
    if name in _SAVE and not isinstance(receiver.obj, External):
        _keep(m, frozenset(t for v in inputs for t in deep_tags(v)))
        report(m, frame, node, args, kwargs)
        return Value(const=None)
    if name in _LOAD:
        return Value(receiver.tags | m.disk)
    if name in _LOSS | _DISTRIBUTION | _PICK:
        return _scored(m, frame, node, name, [receiver, *inputs])
    if name in ("index_select", "take", "lookup") and args:
        looked = calls.table_read(m, frame, node, receiver, args[-1])
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
        return Value(tags, receiver.const, receiver.obj, base=None if fresh else keep, mutable=True)
    if name in _VIEW:
        return Value(receiver.tags, base=receiver, mutable=True)
    if name in ("minimum", "min", "amin"):
        tags = receiver.tags | union(*inputs)
        tags |= calls.chooses(m, frame, node, [receiver, *args], name)
        return Value(tags, mutable=True)
    if name == "sum" and _entropy(node):
        return Value(receiver.tags | {("entropy",)} - {("loss",)}, mutable=True)
    if name == "step" and not args:
        return Value()
    if is_forward(name) and inputs:
        return calls.unknown_model(m, frame, node, receiver, args, kwargs)
    tags = receiver.tags
    for value in inputs:
        tags |= deep_tags(value)
    if name in ("__mod__", "remainder", "bitwise_xor", "bitwise_and") and VAL in tags:
        tags |= {("hash",)}
    return Value(tags, mutable=True)


def _entropy(node: ast.AST) -> bool:
    """`(p * p.log()).sum(-1)`: an entropy, whatever its factors are called."""
    function = getattr(node, "func", None)
    inner = getattr(function, "value", None)
    if isinstance(inner, ast.UnaryOp):
        inner = inner.operand
    if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, ast.Mult):
        return False
    text = ast.unparse(inner).lower()
    return ("log" in text or "lp" in text) and (
        "exp" in text or "prob" in text or "p_" in text or text.startswith("p ")
    )


# -- builtins --------------------------------------------------------------------------------------


def _range(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    tags = union(*args)
    if args and all(isinstance(a.const, int) and not isinstance(a.const, bool) for a in args):
        try:
            return Value(tags, range(*[a.const for a in args]))
        except ValueError:
            return Value(tags)
    # The first element is not singled out: a cache is empty and a guard skips there, which is not the rule.
    return Value(tags, obj=Sequence([Value(tags), Value(tags)], exact=False))


def _len(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else Value()
    tags = frozenset(t for t in value.tags if t[0] in ("dep", "cfg"))
    if isinstance(value.obj, Sequence) and value.obj.exact:
        return Value(tags, len(value.obj.items))
    if value.known and isinstance(value.const, (str, tuple, list, range, bytes)):
        return Value(tags, len(value.const))
    return Value(tags)


def _convert(kind: Callable[[Any], Any]) -> Callable[..., Value]:
    def convert(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if not args:
            return Value(const=kind())
        value = args[0]
        if value.known and isinstance(value.const, (str, int, float, bool)):
            try:
                return Value(value.tags, kind(value.const))
            except (ValueError, TypeError, OverflowError):
                return Value(value.tags)
        if kind is str:
            return Value(value.tags, obj=ex.Text(ex.text_of(value)))
        if kind is bool:
            known = ex.truth(m, frame, ast.Constant(None), value)
            return Value(value.tags, UNKNOWN if known is None else known)
        return Value(value.tags)

    return convert


def _enumerate(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if args else []
    exact = bool(args) and isinstance(args[0].obj, Sequence) and args[0].obj.exact and len(args[0].obj.items) <= 4
    pairs = []
    for i, item in enumerate(items):
        count = Value(const=i) if exact or i == 0 else Value()
        pairs.append(Value(item.tags, obj=Sequence([count, item])))
    return Value(union(*items), obj=Sequence(pairs, exact))


def _zip(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    columns = [elements(a) for a in args]
    if not columns or not all(columns):
        return Value(obj=Sequence([]))
    n = min(len(c) for c in columns)
    exact = all(isinstance(a.obj, Sequence) and a.obj.exact for a in args)
    rows = [Value(union(*[c[i] for c in columns]), obj=Sequence([c[i] for c in columns])) for i in range(n)]
    return Value(union(*args), obj=Sequence(rows, exact))


def _map(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) < 2:
        return Value()
    items = [calls.call(m, frame, node, args[0], [item], {}) for item in elements(args[1])]
    return Value(union(*items), obj=Sequence(items, exact=False))


def _list(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value(obj=Sequence([]))
    value = args[0]
    if isinstance(value.obj, Sequence):
        return Value(value.tags, obj=Sequence(list(value.obj.items), value.obj.exact))
    items = elements(value)
    exact = value.known and isinstance(value.const, (tuple, list, str)) and len(value.const) <= 4
    return Value(value.tags, obj=Sequence(items, exact))


def _dict(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    mapping = Mapping(dict(kwargs))
    if args and isinstance(args[0].obj, Mapping):
        mapping.items = {**args[0].obj.items, **kwargs}
        mapping.other = args[0].obj.other
    return Value(union(*args, *kwargs.values()), obj=mapping)


def _extreme(function: Callable[..., Any], text: str) -> Callable[..., Value]:
    def extreme(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        candidates = elements(args[0]) if len(args) == 1 else args
        tags = union(*candidates)
        if candidates and all(isinstance(c.const, (int, float)) for c in candidates) and len(args) > 1:
            return Value(tags, function(c.const for c in candidates))
        if text == "min":
            tags |= calls.chooses(m, frame, node, candidates, "min")
        return Value(tags)

    return extreme


def _getattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) >= 2 and isinstance(args[1].const, str):
        value = args[0]
        if isinstance(value.obj, Instance) and len(args) > 2:
            hit = calls.instance_attribute(m, frame, node, value, value.obj, args[1].const)
            return hit if hit is not None else args[2]
        return ex.attribute(m, frame, node, value, args[1].const)
    return Value(union(*args))


def _hasattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[0].obj, Instance) and isinstance(args[1].const, str):
        instance = args[0].obj
        if args[1].const in instance.attributes or (instance.cls and instance.cls.lookup(args[1].const)):
            return Value(const=True)
        return Value(const=False) if instance.kind == "object" else Value()
    return Value()


def _setattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 3 and isinstance(args[1].const, str) and isinstance(args[0].obj, (Instance, Class)):
        args[0].obj.attributes[args[1].const] = args[2]
    return Value(const=None)


def _open(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(union(*args), mutable=True)


def _isinstance(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value()


def _sum(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(union(*[Value(deep_tags(a, 2)) for a in args]), mutable=True)


def _first(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value()
    items = elements(args[0])
    return items[0] if items else Value(args[0].tags)


def _vars(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and isinstance(args[0].obj, (Instance, Class)):
        return Value(obj=Mapping(dict(args[0].obj.attributes)))
    return Value(obj=Mapping(other=Value()))


def _dataclass(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    factory = kwargs.get("default_factory")
    if factory is not None:
        return calls.call(m, frame, node, factory, [], {})
    return kwargs.get("default", Value())


def _type(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 1 and isinstance(args[0].obj, Instance) and args[0].obj.cls is not None:
        return Value(obj=args[0].obj.cls)
    return Value()


_BUILTINS: dict[str, Callable[..., Value]] = {
    "builtins.range": _range,
    "builtins.len": _len,
    "builtins.int": _convert(int),
    "builtins.float": _convert(float),
    "builtins.str": _convert(str),
    "builtins.bool": _convert(bool),
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.sorted": _list,
    "builtins.reversed": _list,
    "builtins.set": _list,
    "builtins.iter": _list,
    "tqdm.tqdm": _list,
    "builtins.dict": _dict,
    "builtins.min": _extreme(min, "min"),
    "builtins.max": _extreme(max, "max"),
    "builtins.sum": _sum,
    "builtins.getattr": _getattr,
    "builtins.hasattr": _hasattr,
    "builtins.setattr": _setattr,
    "builtins.open": _open,
    "builtins.isinstance": _isinstance,
    "builtins.next": _first,
    "builtins.vars": _vars,
    "builtins.type": _type,
    "dataclasses.field": _dataclass,
}

__all__ = ["TRAIN", "Tags", "call", "is_forward", "is_method", "method", "opaque", "with_tags"]
