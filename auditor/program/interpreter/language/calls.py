"""Calls of functions and classes of the program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from auditor.program import vocabulary
from auditor.program.interpreter import repeated
from auditor.program.interpreter.language import arguments, binding, copies, decoration, enums, special
from auditor.program.interpreter.libraries import library, methods, opaque, paths
from auditor.program.interpreter.machine import MAX_DEPTH, Machine, root
from auditor.program.interpreter.scoring import (
    adapting,
    effects,
    forwarding,
    measured,
    steering,
    unfollowed,
    weights,
    within,
)
from auditor.program.joins import MAX_OPTIONS, bounded, join
from auditor.program.tags import VAL, From, OfOutput, UpTo, has
from auditor.program.values import (
    Bound,
    Class,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Native,
    Partial,
    Sequence,
    Value,
    union,
    with_tags,
)
from auditor.source.index import own_of_type, parent


def call_node(m: Machine, frame: Frame, node: ast.Call) -> Value:
    if isinstance(node.func, ast.Name) and node.func.id == "super" and frame.find("super") is None:
        return _super(frame)
    function = m.evaluate(frame, node.func)
    if isinstance(function.obj, (Function, External)):
        _named(m, node, function.obj)
    args, kwargs = arguments.given(m, frame, node, function)
    return call(m, frame, node, function, args, kwargs)


def _named(m: Machine, node: ast.Call, called: Function | External) -> None:
    """Write down what is called where its own name does not stand there: `steps["score"](...)`, `run(...)`."""
    name = getattr(called.node, "name", "") if isinstance(called, Function) else called.dotted.removeprefix("builtins.")
    written = getattr(node.func, "attr", getattr(node.func, "id", ""))
    held = isinstance(called, Function) and isinstance(node.func, ast.Attribute)  # by a class, or a module
    if held or name.rpartition(".")[2] != written or node in m.called:
        m.called[node] = name if m.called.get(node, name) == name else ""


def call(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    obj = function.obj
    if isinstance(obj, Function):
        others = obj.attributes.get(decoration.DISPATCH)
        if others is not None and isinstance(others.obj, Sequence):
            return _any_of(m, frame, node, Either([Value(obj=plain(obj)), *others.obj.items]), args, kwargs)
        return invoke(m, frame, node, obj, None, args, kwargs)
    if isinstance(obj, Bound):
        if obj.function is not None:
            others = obj.function.attributes.get(decoration.DISPATCH)
            if others is not None and isinstance(others.obj, Sequence):  # of a method that dispatches by type
                found = [plain(obj.function), *(o.obj for o in others.obj.items if isinstance(o.obj, Function))]
                ways = [Value(obj=Bound(obj.receiver, obj.name, way)) for way in found]
                return _any_of(m, frame, node, Either(ways), args, kwargs)
            return _bound(m, frame, node, obj, obj.function, args, kwargs)
        patched = _patched(m, obj)
        if patched is not None:
            return call(m, frame, node, patched, [obj.receiver, *args], kwargs)
        receiver = obj.receiver
        if obj.name == "format" and kwargs and isinstance(receiver.const, str):
            receiver, args, kwargs = paths.in_order(receiver, args, kwargs)
        result = methods.method(m, frame, node, receiver, obj.name, args, kwargs)
        measured.method(m, frame, node, receiver, obj.name, args, kwargs, result)
        return result
    if isinstance(obj, Class):
        if args and enums.is_enumeration(obj):
            return enums.by_value(obj, args[0])
        own = special.special(m, frame, node, function, "__call__", args)
        return own if own is not None else instantiate(m, frame, node, function, obj, args, kwargs)
    if isinstance(obj, Native):
        return obj.run(m, frame, node, args, kwargs)
    if isinstance(obj, Either):
        return _any_of(m, frame, node, obj, args, kwargs)
    if isinstance(obj, External):
        result = library.call(m, frame, node, obj.dotted, args, kwargs)
        measured.call(m, frame, node, function, args, kwargs, result)
        return result
    if isinstance(obj, Partial):
        return call(m, frame, node, obj.function, [*obj.args, *args], {**obj.kwargs, **kwargs})
    if isinstance(obj, Instance):
        if obj.kind == "module":
            return _pass(m, frame, node, function, "__call__", args, kwargs)
        method = obj.cls.lookup("__call__") if obj.cls else None
        if method is not None and isinstance(method.obj, Function):
            return invoke(m, frame, node, method.obj, function, args, kwargs)
    if isinstance(obj, Sequence) and obj.items and all(_is_module(item) for item in obj.items):
        return opaque.opaque(m, frame, node, function, args, kwargs)  # `nn.Sequential`
    what = effects.callee(node)
    if function.base is not None:  # a method that a module has from a library
        for value in args:
            weights.pooled(function.base, value)
        if isinstance(root(function).obj, Instance):  # a part of it that is not told apart: a library's forward
            return opaque.opaque(m, frame, node, function, args, kwargs)
    unfollowed.call(
        m, frame, node, f"a call of {what}" if what else "a call", "which function it is could not be told",
        [function, *args, *kwargs.values()],
    )  # fmt: skip
    if obj is None:
        return effects.unknown_call(m, frame, node, function, args, kwargs)
    return opaque.opaque(m, frame, node, function, args, kwargs)


def _is_module(value: Value) -> bool:
    return isinstance(value.obj, Instance) and value.obj.kind == "module"


def plain(function: Function) -> Function:
    """A function that dispatches by type, without the others."""
    return Function(function.node, function.unit, function.frame, function.owner, function.name)


def _bound(
    m: Machine, frame: Frame, node: ast.AST, bound: Bound, function: Function, args: list[Value],
    kwargs: dict[str, Value],
) -> Value:  # fmt: skip
    optimizer = bound.receiver.obj
    if bound.name != "step" or not isinstance(optimizer, Instance) or optimizer.kind != "optimizer":
        return invoke(m, frame, node, function, bound.receiver, args, kwargs)
    m.stepping += 1  # the step as a whole is the adaptation
    try:
        result = invoke(m, frame, node, function, bound.receiver, args, kwargs)
    finally:
        m.stepping -= 1
    if not adapting.optimizer_step(m, frame, node, optimizer):
        steering.trains(m, frame, node, optimizer)
    return result


def _patched(m: Machine, bound: Bound) -> Value | None:
    """What the program has put in place of a library's method."""
    if bound.name not in m.patched_last:
        return None
    obj = bound.receiver.obj
    if isinstance(obj, Instance):
        owners = [obj.dotted, decoration.library_base(obj.cls) if obj.cls is not None else ""]
        owners.append(vocabulary.MODULE if obj.kind == "module" else vocabulary.OPTIMIZER)
    elif obj is None:
        owners = [*vocabulary.ARRAYS]
    else:
        return None
    hits = [m.patched[f"{o}.{bound.name}"] for o in owners if f"{o}.{bound.name}" in m.patched]
    return next((hit for hit in hits if hit.obj is not None), None)


def _any_of(
    m: Machine, frame: Frame, node: ast.AST, either: Either, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """Call what may be one of several: each of them may run."""
    if len(either.options) >= MAX_OPTIONS:
        m.unfollowed(node, frame, "a call", f"one of more than {MAX_OPTIONS} functions", unfollowed.EVERYTHING)
    result: Value | None = None
    for option in either.options:
        with m.branch(frozenset(), unsure=not either.every, dormant=False):
            made = call(m, frame, node, option, args, kwargs)
        result = made if result is None else _join_returns(result, made)
    return result if result is not None else Value()


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
        if len(m.calls) >= MAX_DEPTH:
            why = f"calls are nested more than {MAX_DEPTH} deep"
            unfollowed.call(m, frame, node, f"a call of {function.name}", why, [*args, *kwargs.values()])
        return opaque.opaque(m, frame, node, Value(), args, kwargs)
    if forwarding.is_forward(m, function, receiver, [*args[1:], *kwargs.values()]):
        assert receiver is not None
        return _pass(m, frame, node, receiver, function.name, args[1:], kwargs, function)
    if function.node in m.calls:  # how deep it is, is not known from here on
        args = [_uncounted(value) for value in args]
        kwargs = {name: _uncounted(value) for name, value in kwargs.items()}
    waits = bool(m.contexts) and m.contexts[-1][0] is function.node  # a block is to run inside of it
    before = None if waits else repeated.again(m, function, args, kwargs)
    if isinstance(before, Value):
        return before
    m.sites.append((node, frame))
    try:
        result = _run(m, function, args, kwargs)
    finally:
        m.sites.pop()
    if before is not None:
        repeated.note(m, before, result)
    return result


def _pass(
    m: Machine, frame: Frame, node: ast.AST, model: Value, name: str, args: list[Value], kwargs: dict[str, Value],
    function: Function | None = None,
) -> Value:  # fmt: skip
    """A module applied to data: one step, but for what becomes of the targets that it is given."""
    assert isinstance(model.obj, Instance)
    found = model.obj.cls.forward() if function is None and model.obj.cls is not None else None
    method = found.obj if found is not None and isinstance(found.obj, Function) else function
    inputs = [*args, *kwargs.values()]
    if m.inside:
        made = within.hidden(m, inputs)
        if made is None and method is not None:
            return _run(m, method, [model, *args], kwargs)
        if made is None:
            made = opaque.opaque(m, frame, node, model, args, kwargs)
            measured.call(m, frame, node, Value(obj=External(model.obj.dotted)), args, kwargs, made)
        return made
    made = effects.forward(m, frame, node, model, name, args, kwargs, function)
    if method is not None:
        within.followed(m, frame, node, method, model, args, kwargs, made, partial(_run, m, method))
    return made


def _uncounted(value: Value) -> Value:
    """A number that a recursion counts with."""
    if value.known and isinstance(value.const, int) and not isinstance(value.const, bool):
        return Value(value.tags, obj=value.obj, base=value.base, mutable=value.mutable)
    return value


def _run(m: Machine, function: Function, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Step through a function's body."""
    inner = Frame(function.unit, function.frame, function.frame.globals)
    inner.owner = function.owner
    inner.loops = len(m.loops)
    binding.bind(m, function, inner, args, kwargs)
    m.calls.append(function.node)
    m.functions.append(function.name)
    loops, asked = len(m.loops), m.asked
    try:
        if isinstance(function.node, ast.Lambda):
            return m.evaluate(inner, function.node.body)
        m.execute(inner, function.node.body)
    finally:
        m.calls.pop()
        m.functions.pop()
        m.leaves = None
        del m.loops[loops:]
    if not inner.yields and not m.unsure and _is_generator(m, function):
        return Value(obj=Sequence([], exact=True))  # a generator that has nothing to give: over an empty range
    if inner.yields:
        taken_up = m.asked > asked or any(isinstance(parent(y), (ast.Assign, ast.NamedExpr)) for y in _yields(function))
        resume = partial(_run, m, function, args, kwargs) if taken_up else None
        whole = not inner.some and not taken_up
        return Value(union(*inner.yields), obj=Sequence(bounded(inner.yields), exact=whole, resume=resume))
    if not inner.returns:
        return Value(const=None)
    result = inner.returns[0]
    for value in inner.returns[1:]:
        result = _join_returns(result, value)
    return _without_local_spans(result)


def _is_generator(m: Machine, function: Function) -> bool:
    known = m.generators.get(function.node)
    if known is None:
        known = m.generators[function.node] = any(True for _ in _yields(function))
    return known


def _yields(function: Function) -> Iterator[ast.AST]:
    return own_of_type(function.node, ast.Yield, ast.YieldFrom)


def _without_local_spans(result: Value) -> Value:
    """Where tokens were cut inside a function is told in its own names, which mean nothing to the caller."""
    tags = result.tags
    if VAL not in tags or result.obj is not None or has(tags, OfOutput):
        return result
    plain = frozenset([t for t in tags if not isinstance(t, (From, UpTo))])
    return result if plain == tags else Value(plain, result.const, None, result.base, result.mutable, result.recipe)


def _join_returns(a: Value, b: Value) -> Value:
    # An early `return None` beside the real result must not hide the result's object.
    if a.known and a.const is None:
        return with_tags(b, a.tags)
    if b.known and b.const is None:
        return with_tags(a, b.tags)
    return join(a, b)


def instantiate(
    m: Machine, frame: Frame, node: ast.AST, cls_value: Value, cls: Class, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    if cls.inherits("TypedDict"):
        return m.call(frame, node, Value(obj=External("builtins.dict")), args, kwargs)
    kind = copies.kind_of(cls)
    instance = Instance(cls, kind=kind)
    value = Value(obj=instance)
    m.made[cls] = value
    base = decoration.library_base(cls)
    if base.startswith("builtins.") and args and base != "builtins.object":
        instance.attributes["__value__"] = args[0]
    if base.startswith("builtins.") and base.endswith(("Exception", "Error")):
        instance.attributes["args"] = Value(obj=Sequence(list(args)))
    if cls.lookup("__torch_function__") is not None or cls.lookup("__torch_dispatch__") is not None:
        why = "every operation of torch runs through its method"
        m.unfollowed(node, frame, f"an object of {cls.name}", why, unfollowed.EVERYTHING)
    if kind == "optimizer":
        instance.parameters = list(args[:1]) or [kwargs["params"]] if (args or "params" in kwargs) else []
        instance.dotted = cls.name
        steering.made(m, instance, kwargs)
    new = cls.lookup("__new__")
    if new is not None and isinstance(new.obj, Function):
        if "__value__" in instance.attributes:  # it may hand another number, or text, to the class that it inherits
            why = "what it is made of is not followed"
            tags = m.doubt(node, frame, f"a number or text of the class {cls.name}", why)
            instance.attributes["__value__"] = with_tags(instance.attributes["__value__"], tags)
        made = invoke(m, frame, node, new.obj, None, [cls_value, *args], kwargs)
        if isinstance(made.obj, Instance) and made.obj.cls is not None and made.obj.cls is not cls:
            return made
    init = cls.lookup("__init__")
    if init is not None and isinstance(init.obj, Function):
        invoke(m, frame, node, init.obj, value, args, kwargs)
    else:
        binding.bind_fields(cls, instance, args, kwargs)
    post = cls.lookup("__post_init__")
    if post is not None and isinstance(post.obj, Function):
        invoke(m, frame, node, post.obj, value, [], {})
    return value


def _super(frame: Frame) -> Value:
    scope: Frame | None = frame
    while scope is not None and scope.owner is None:
        scope = scope.parent
    owner = scope.owner if scope is not None else None
    receiver = next(iter(frame.names.values()), Value())
    own = receiver.obj.cls if isinstance(receiver.obj, Instance) else receiver.obj
    if owner is not None and isinstance(own, Class) and own is not owner:
        order = own.order()
        behind = order[order.index(owner) + 1 :] if owner in order else []
        if behind:
            return Value(
                obj=Bound(receiver, "super", None),
                base=Value(obj=Class("super", [Value(obj=c) for c in behind], {}, owner.unit, owner.node)),
            )
    if owner is not None:
        for base in owner.bases:
            if isinstance(base.obj, Class):
                return Value(obj=Bound(receiver, "super", None), base=base)
    return Value(obj=Bound(receiver, "super", None))
