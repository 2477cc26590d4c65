"""Calls: functions and classes of the program, methods of abstract objects, and what a call means to the trace."""

from __future__ import annotations

import ast
import re
from typing import Any

from auditor.program import expressions as ex
from auditor.program import externals, statements
from auditor.program.iteration import elements
from auditor.program.machine import MAX_DEPTH, Machine, module_parts, root, switches
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
    PyModule,
    Sequence,
    Tags,
    Value,
    deep_tags,
    join,
    union,
    with_tags,
)

Arguments = tuple[list[Value], dict[str, Value]]


def call_node(m: Machine, frame: Frame, node: ast.Call) -> Value:
    if isinstance(node.func, ast.Name) and node.func.id == "super" and frame.find("super") is None:
        return _super(frame)
    function = ex.evaluate(m, frame, node.func)
    args, kwargs = _arguments(m, frame, node)
    return call(m, frame, node, function, args, kwargs)


def _arguments(m: Machine, frame: Frame, node: ast.Call) -> Arguments:
    args: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            value = ex.evaluate(m, frame, argument.value)
            args.extend(value.obj.items if isinstance(value.obj, Sequence) else elements(value)[:1])
        else:
            args.append(ex.evaluate(m, frame, argument))
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = ex.evaluate(m, frame, keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value.obj, Mapping):
            kwargs.update({str(k): v for k, v in value.obj.items.items()})
    return args, kwargs


def call(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    obj = function.obj
    if isinstance(obj, Function):
        return invoke(m, frame, node, obj, None, args, kwargs)
    if isinstance(obj, Bound):
        if obj.function is not None:
            return invoke(m, frame, node, obj.function, obj.receiver, args, kwargs)
        return externals.method(m, frame, node, obj.receiver, obj.name, args, kwargs)
    if isinstance(obj, Class):
        return instantiate(m, frame, node, function, obj, args, kwargs)
    if isinstance(obj, External):
        return externals.call(m, frame, node, obj.dotted, args, kwargs)
    if isinstance(obj, Partial):
        return call(m, frame, node, obj.function, [*obj.args, *args], {**obj.kwargs, **kwargs})
    if isinstance(obj, Instance):
        if obj.kind == "module":
            return forward(m, frame, node, function, "__call__", args, kwargs)
        method = obj.cls.lookup("__call__") if obj.cls else None
        if method is not None and isinstance(method.obj, Function):
            return invoke(m, frame, node, method.obj, function, args, kwargs)
    if obj is None and _NAMED_MODEL.search(_callee(node)):
        return unknown_model(m, frame, node, function, args, kwargs)
    return externals.opaque(m, frame, node, function, args, kwargs)


_NAMED_MODEL = re.compile(r"model|net\b|forward|fwd|logits|gpt", re.IGNORECASE)


def _callee(node: ast.AST) -> str:
    function = getattr(node, "func", None)
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def unknown_model(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A call that by its name applies a model, where the model itself could not be followed."""
    result = externals.opaque(m, frame, node, receiver, args, kwargs)
    inputs = [*args, *kwargs.values()]
    if VAL not in union(*inputs) or any(_made(v) for v in inputs):
        return result
    tokens = sum(1 for v in inputs if VAL in v.tags)
    state = frozenset(t for t in deep_tags(receiver) if t[0] == "adapted")
    return Value(m.output(node, frame, externals.without_spans(result.tags), state, loss=tokens >= 2), mutable=True)


def invoke(
    m: Machine,
    frame: Frame,
    node: ast.AST,
    function: Function,
    receiver: Value | None,
    args: list[Value],
    kwargs: dict[str, Value],
) -> Value:
    """Run a function of the program on abstract arguments; recursion and great depth give an opaque value."""
    if receiver is not None:
        args = [receiver, *args]
    if len(m.calls) >= MAX_DEPTH or m.calls.count(function.node) >= 2:
        return externals.opaque(m, frame, node, Value(), args, kwargs)
    if _forwards(function, receiver):
        assert receiver is not None
        return forward(m, frame, node, receiver, function.name, args[1:], kwargs, function)
    inner = Frame(function.unit, function.frame, function.frame.globals)
    inner.owner = function.owner
    _bind(m, function, inner, args, kwargs)
    m.calls.append(function.node)
    m.functions.append(function.name)
    loops = len(m.loops)
    try:
        if isinstance(function.node, ast.Lambda):
            return ex.evaluate(m, inner, function.node.body)
        statements.execute(m, inner, function.node.body)
    finally:
        m.calls.pop()
        m.functions.pop()
        del m.loops[loops:]
    if inner.yields:
        return Value(union(*inner.yields), obj=Sequence(inner.yields[:16], exact=False))
    if not inner.returns:
        return Value(const=None)
    result = inner.returns[0]
    for value in inner.returns[1:]:
        result = _join_returns(result, value)
    return result


def _join_returns(a: Value, b: Value) -> Value:
    # An early `return None` beside the real result must not hide the result's object.
    if a.known and a.const is None:
        return with_tags(b, a.tags)
    if b.known and b.const is None:
        return with_tags(a, b.tags)
    return join(a, b)


def _forwards(function: Function, receiver: Value | None) -> bool:
    """Methods that compute with a module's weights are taken as one step: a model's output."""
    if receiver is None or not isinstance(receiver.obj, Instance) or receiver.obj.kind != "module":
        return False
    return externals.is_forward(function.name) and not receiver.obj.attributes.get("__inline__")


def _bind(m: Machine, function: Function, frame: Frame, args: list[Value], kwargs: dict[str, Value]) -> None:
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults = dict(
        zip([a.arg for a in positional[len(positional) - len(spec.defaults) :]], spec.defaults, strict=True)
    )
    for i, parameter in enumerate(positional):
        if i < len(args):
            value = args[i]
        elif parameter.arg in kwargs:
            value = kwargs[parameter.arg]
        elif parameter.arg in defaults:
            value = ex.evaluate(m, function.frame, defaults[parameter.arg])
        else:
            value = Value()
        frame.names[parameter.arg] = ex._named_value(parameter.arg, value)
    for parameter, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if parameter.arg in kwargs:
            value = kwargs[parameter.arg]
        else:
            value = ex.evaluate(m, function.frame, default) if default is not None else Value()
        frame.names[parameter.arg] = ex._named_value(parameter.arg, value)
    if spec.vararg:
        rest = args[len(positional) :]
        frame.names[spec.vararg.arg] = Value(union(*rest), obj=Sequence(list(rest)))
    if spec.kwarg:
        known = {p.arg for p in (*positional, *spec.kwonlyargs)}
        extra = {k: v for k, v in kwargs.items() if k not in known}
        frame.names[spec.kwarg.arg] = Value(union(*extra.values()), obj=Mapping(dict(extra)))


def instantiate(
    m: Machine, frame: Frame, node: ast.AST, cls_value: Value, cls: Class, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    kind = "object"
    if cls.inherits("nn.Module", "Module", "LightningModule"):
        kind = "module"
    elif cls.inherits("Optimizer"):
        kind = "optimizer"
    elif cls.inherits("autograd.Function"):
        return Value(union(*args))
    instance = Instance(cls, kind=kind)
    value = Value(obj=instance)
    if kind == "optimizer":
        instance.parameters = list(args[:1]) or [kwargs["params"]] if (args or "params" in kwargs) else []
        instance.dotted = cls.name
        return value
    init = cls.lookup("__init__")
    if init is not None and isinstance(init.obj, Function):
        invoke(m, frame, node, init.obj, value, args, kwargs)
    else:
        _bind_fields(cls, instance, args, kwargs)
    post = cls.lookup("__post_init__")
    if post is not None and isinstance(post.obj, Function):
        invoke(m, frame, node, post.obj, value, [], {})
    return value


def _bind_fields(cls: Class, instance: Instance, args: list[Value], kwargs: dict[str, Value]) -> None:
    names = [n.target.id for n in cls.node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    instance.attributes.update(zip(names, args, strict=False))
    instance.attributes.update(kwargs)


def _super(frame: Frame) -> Value:
    scope: Frame | None = frame
    while scope is not None and scope.owner is None:
        scope = scope.parent
    owner = scope.owner if scope is not None else None
    receiver = next(iter(frame.names.values()), Value())
    if owner is not None:
        for base in owner.bases:
            if isinstance(base.obj, Class):
                return Value(obj=Bound(receiver, "super", None), base=base)
    return Value(obj=Bound(receiver, "super", None))


def instance_attribute(
    m: Machine, frame: Frame, node: ast.AST, value: Value, instance: Instance, name: str
) -> Value | None:
    """An attribute of an instance, None if the program does not define it."""
    hit = instance.attributes.get(name)
    if hit is not None:
        if instance.kind == "module" and hit.mutable and hit.obj is None and hit.base is None:
            # A parameter or buffer: changes to it are changes to the module.
            return Value(hit.tags, hit.const, None, base=value, mutable=True)
        return hit
    if instance.cls is not None:
        hit = instance.cls.lookup(name)
        if hit is not None:
            if isinstance(hit.obj, Function) and hit.obj.owner is not None:
                decorators = _decorators(hit.obj)
                if "property" in decorators or "cached_property" in decorators:
                    return invoke(m, frame, node, hit.obj, value, [], {})
                if "staticmethod" in decorators:
                    return hit
                return Value(obj=Bound(value, name, hit.obj))
            return hit
    if instance.kind in ("module", "optimizer") or instance.dotted:
        return Value(obj=Bound(value, name)) if externals.is_method(name) else None
    return None


def _decorators(function: Function) -> set[str]:
    if isinstance(function.node, ast.Lambda):
        return set()
    return {ast.unparse(d).rsplit(".", 1)[-1] for d in function.node.decorator_list}


def decorate(m: Machine, frame: Frame, decorator: ast.expr, value: Value) -> Value:
    """Apply a decorator of the program; those of libraries leave a function what it is."""
    if isinstance(decorator, ast.Name):
        hit = frame.find(decorator.id)
        if hit is not None and isinstance(hit.obj, Function):
            result = call(m, frame, decorator, hit, [value], {})
            return result if isinstance(result.obj, (Function, Partial)) else value
    return value


def import_unit(m: Machine, name: str) -> PyModule | None:
    """A sibling module of the program, run once."""
    unit = m.sources.modules.get(name)
    if unit is None or unit.tree is None:
        return None
    key = f"{unit.path}:{unit.layer}"
    if key in m.modules:
        return PyModule(unit, m.modules[key])
    frame = Frame(unit)
    m.modules[key] = frame
    statements.execute(m, frame, unit.tree.body)
    return PyModule(unit, frame)


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
        hit = model.obj.cls.lookup("forward")
        method = hit.obj if hit is not None and isinstance(hit.obj, Function) else None
    if method is not None:
        _reach_function(m, method)
    inputs = [*args, *kwargs.values()]
    data, state = NONE, deep_tags(model)
    for value in inputs:
        tags = deep_tags(value)
        if isinstance(value.obj, Instance):
            state |= frozenset(t for t in tags if t[0] == "adapted")
        else:
            data |= tags
    if VAL not in data:
        return Value(data | state, mutable=True)
    tokens = sum(1 for v in inputs if VAL in v.tags and ("out",) not in v.tags and not _made(v))
    tags = m.output(node, frame, externals.without_spans(data), state, loss=tokens >= 2)
    tags -= {TARGET}
    if tokens >= 2:
        tags |= {TARGET}
    return Value(tags, mutable=True)


def _made(value: Value) -> bool:
    return any(t[0] == "out" for t in value.tags)


def _reach_function(m: Machine, function: Function, depth: int = 6) -> None:
    """Mark the lines of a method that is taken as one step, and of the modules' methods that it may call."""
    unit = function.unit
    lines = m.lines.setdefault((unit.path, unit.layer), {})
    node = function.node
    state: bool | None = None if m.unsure else True
    if m.instances.get(id(node)) is not None and lines.get(node.lineno) is True:
        return
    for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        if lines.get(line) is not True:
            lines[line] = state


# -- what a call or an operation means to the trace ----------------------------------------------


def environment(m: Machine, frame: Frame, node: ast.AST, key: Value, default: Value | None) -> Value:
    """`os.environ[key]`: the configured value, else the default, tagged with the switch's name."""
    if not isinstance(key.const, str):
        return Value(default.tags if default is not None else NONE)
    tags: Tags = frozenset({("cfg", key.const)})
    fallback = default.const if default is not None else None
    if key.const in m.unsettled:
        return Value(tags | {("unset", key.const)})
    value = m.environment(key.const, fallback)
    if value is not UNKNOWN and value is not None:
        made = ex.constant(value)
        return Value(made.tags | tags, value)
    if default is not None:
        known = default.known or default.obj is not None
        return Value(default.tags | (tags if known else tags | {("unset", key.const)}), default.const, default.obj)
    return Value(tags | {("unset", key.const)})


def contains(m: Machine, item: Value, container: Value) -> bool | None:
    if isinstance(container.obj, External) and container.obj.dotted == "os.environ" and isinstance(item.const, str):
        return m.environment(item.const, None) is not None
    if item.known and isinstance(container.obj, Sequence) and container.obj.exact:
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


def gradient_tags(m: Machine, frame: Frame, node: ast.AST, value: Value) -> Tags:
    """`p.grad` after a backward pass over validation tokens: whatever it changes is adapted."""
    pending = m.validation_gradients()
    if pending is None:
        return NONE
    return frozenset({("grad", id(pending.place)), *(t for t in pending.tags if t[0] == "dep")})


def arithmetic(
    m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value, tags: Tags
) -> Tags:
    """A loss times a constant near one is no unit conversion: the scored value is no log-probability any more."""
    for loss, factor in ((left, right), (right, left)):
        if ("loss",) not in loss.tags or not isinstance(factor.const, float) or factor is loss:
            continue
        if isinstance(op, ast.Div) and factor is left:
            continue
        if 0.8 < factor.const < 1.25 and factor.const != 1.0:
            return tags | {("scaled", m.scale(node, frame, tags, factor.const))}
    return tags


def comparison(m: Machine, frame: Frame, node: ast.Compare, left: Value, right: Value) -> None:
    """Nothing flows from a comparison itself; `choose` looks at what it selects."""


def chooses(m: Machine, frame: Frame, node: ast.AST, candidates: list[Value], text: str) -> Tags:
    """A minimum over losses of tokens of the current chunk: the tags that mark the result."""
    losses = [c for c in candidates if _made(c) and VAL in c.tags]
    active = {loop.instance for loop in m.loops}
    in_stream = any(t[0] == "dep" and t[1] in active for c in losses for t in c.tags)
    if len(losses) < 2 or not in_stream or not any(("loss",) in c.tags for c in losses):
        return NONE
    return frozenset({("chosen", m.choice(node, frame, union(*losses), text))})


def table_write(m: Machine, container: Value, index: Value) -> None:
    """A store under a key made of tokens makes a table of the container."""
    if VAL in index.tags or TRAIN in index.tags:
        table = root(container)
        m.tables[id(table)] = table


def table_grows(m: Machine, container: Value, operand: Value) -> None:
    """Adding a table of counts to something makes a table of it."""
    if id(root(operand)) in m.tables or ("counts",) in operand.tags:
        table = root(container)
        m.tables[id(table)] = table


def table_read(m: Machine, frame: Frame, node: ast.AST, container: Value, index: Value) -> Tags:
    """A read with a key that holds the token being scored; the tag that marks what was read."""
    tags = index.tags
    if TARGET not in tags or VAL not in tags or any(t[0] in ("out", "lookup") for t in tags):
        return NONE
    hashed = ("hash",) in tags
    table = id(root(container)) in m.tables
    if not table:
        return NONE
    return frozenset({("lookup", m.lookup(node, frame, tags, hashed=hashed))})


def accumulated(m: Machine, frame: Frame, node: ast.AST, value: Value) -> None:
    """Remember where an output first enters a sum: that line is shown as the score."""
    for tag in value.tags:
        if tag[0] == "out":
            event = m.trace.outputs[tag[1]]
            if event.accumulated is None:
                event.accumulated = m.place(node, frame)


def optimizer_step(m: Machine, frame: Frame, node: ast.AST, optimizer: Instance) -> None:
    """`optimizer.step()` after a backward pass over validation tokens: the parameters are adapted."""
    pending = m.validation_gradients()
    m.stepped = True
    if pending is None:
        return
    roots: list[Value] = []
    for value in optimizer.parameters:
        for leaf in ex_leaves(value):
            r = root(leaf)
            if all(r is not other for other in roots):
                roots.append(r)
    adapt_roots(m, frame, node, pending, roots)


def adapt_roots(m: Machine, frame: Frame, node: ast.AST, pending: Any, roots: list[Value]) -> None:
    modules = [r for r in roots if isinstance(r.obj, Instance)]
    subject = "module" if modules or not roots else "tensor"
    first = roots[0] if roots else Value()
    name = first.obj.cls.name if isinstance(first.obj, Instance) and first.obj.cls else ""
    shared = any(("shared-rows",) in r.tags for r in roots)
    event = m.adapt(node, frame, pending, subject=subject, name=name, shared_rows=shared)
    tag = frozenset({("adapted", event.number)})
    for r in roots:
        if isinstance(r.obj, Instance):
            for part in module_parts(r.obj):
                part.adapted.add(event.number)
        else:
            r.tags |= tag
    if not roots:  # an optimizer whose parameters could not be followed changes every module that the loss came from
        for number in event.outputs:
            m.trace.outputs[number].tags |= tag


def ex_leaves(value: Value) -> list[Value]:
    from auditor.program.machine import leaves

    return list(leaves(value))


__all__ = ["UNKNOWN", "call", "call_node", "invoke", "switches"]
