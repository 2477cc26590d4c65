"""Callables that are made by others: `methodcaller`, `attrgetter`, `torch.func.grad`, bound methods called unbound."""

from __future__ import annotations

import ast
from collections.abc import Callable

from auditor.program.holdings import deep_tags, leaves
from auditor.program.interpreter.hook import Hook
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.scoring import effects
from auditor.program.tags import SHARED_ROWS, VAL, AdaptedBy, InRound
from auditor.program.values import Bound, Class, Frame, Instance, Native, Partial, Sequence, Value, union

UNNAMED = "?"
"""The name of an attribute whose name could not be computed."""

Run = Callable[[Machine, Frame, ast.AST, list[Value], dict[str, Value]], Value]


def methodcaller(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    name, rest = args[0] if args else Value(), args[1:]

    def run(m: Machine, frame: Frame, node: ast.AST, given: list[Value], _: dict[str, Value]) -> Value:
        if not given:
            return Value()
        return m.call(frame, node, by_name(m, frame, node, given[0], name), rest, kwargs)

    return Value(obj=Native("methodcaller", run, tuple(rest)))


def attrgetter(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    def run(m: Machine, frame: Frame, node: ast.AST, given: list[Value], _: dict[str, Value]) -> Value:
        found = []
        for name in args:
            value = given[0] if given else Value()
            for part in name.const.split(".") if isinstance(name.const, str) else [None]:
                value = by_name(m, frame, node, value, Value(const=part) if part else Value())
            found.append(value)
        return found[0] if len(found) == 1 else Value(union(*found), obj=Sequence(found))

    return Value(obj=Native("attrgetter", run))


def itemgetter(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    def run(m: Machine, frame: Frame, node: ast.AST, given: list[Value], _: dict[str, Value]) -> Value:
        names = Frame(frame.unit, frame, frame.globals)
        names.names.update({"container": given[0] if given else Value()})
        found = []
        for i, index in enumerate(args):
            names.names[f"index{i}"] = index
            key: ast.expr = ast.Constant(index.const) if index.known else ast.Name(f"index{i}", ast.Load())
            item = ast.Subscript(ast.Name("container", ast.Load()), key, ast.Load())
            found.append(m.evaluate(names, ast.fix_missing_locations(ast.copy_location(item, node))))
        return found[0] if len(found) == 1 else Value(union(*found), obj=Sequence(found))

    return Value(obj=Native("itemgetter", run))


def partialmethod(args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method that the instance goes ahead of what it was made with: `bind` gives it the instance."""

    def run(m: Machine, frame: Frame, node: ast.AST, given: list[Value], named: dict[str, Value]) -> Value:
        return m.call(frame, node, args[0], [*given[:1], *args[1:], *given[1:]], {**kwargs, **named})

    return Value(obj=Native("partialmethod", run, tuple(args)))


def by_name(m: Machine, frame: Frame, node: ast.AST, value: Value, name: Value) -> Value:
    """`getattr(value, name)`; a name that is not known may be any."""
    if isinstance(name.const, str):
        return m.attribute(frame, node, value, name.const)
    return Value(deep_tags(value, 2), obj=Bound(value, UNNAMED), base=value.base)


# --- torch.func -------------------------------------------------------------------------------------------------------


def gradient_of(function: Value, *, both: bool) -> Value:
    """`torch.func.grad(f)`, `value_and_grad(f)`: a function whose result is a gradient of f's."""

    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        value = m.call(frame, node, function, args, kwargs)
        slope = gradient(m, frame, node, value, Value(obj=Sequence(args[:1])))
        return Value(slope.tags | value.tags, obj=Sequence([slope, value])) if both else slope

    return Value(obj=Native("grad", run, (function,)))


def wrapped(function: Value) -> Value:
    """`vmap(f)`: the same function, over a batch."""

    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        return m.call(frame, node, function, args, kwargs)

    return Value(obj=Native("vmap", run, (function,)))


def gradient(m: Machine, frame: Frame, node: ast.AST, loss: Value, inputs: Value) -> Value:
    """The gradient of a loss; over validation tokens, whatever it goes into is adapted."""
    tags = deep_tags(loss)
    if VAL not in tags:
        return Value(tags, mutable=True)
    m.backward(node, frame, loss)
    pending = m.validation_gradients()
    assert pending is not None
    roots = [root(leaf) for leaf in leaves(inputs)]
    tensors = [r for r in roots if not isinstance(r.obj, Instance)]
    event = m.adapt(
        node, frame, pending, subject="tensor" if tensors or not roots else "module", name="",
        shared_rows=any(SHARED_ROWS in r.tags for r in roots), seen=False,
    )  # fmt: skip
    keep = frozenset([t for t in tags if isinstance(t, InRound) or t == VAL])
    return Value(keep | {AdaptedBy(event.number)}, mutable=True)


def applied(cls: Class) -> Value:
    """`apply` of a `torch.autograd.Function`: its forward now, its backward when a gradient is taken."""

    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        context = Value(obj=Instance(None, kind="context"))
        forward, backward = cls.lookup("forward"), cls.lookup("backward")
        result = m.call(frame, node, forward, [context, *args], kwargs) if forward is not None else Value()
        if backward is not None:
            m.hooks.append(Hook("backward", context, Value(obj=Partial(backward, [context], {})), node))
        if isinstance(result.obj, Sequence):
            return result
        return Value(union(*args) | result.tags, mutable=True)

    return Value(obj=Native("apply", run))


def functional_call(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`torch.func.functional_call(model, parameters, inputs)`: the model's output with those parameters."""
    model, rest = args[0], args[1:]
    inputs: list[Value] = []
    for value in (*rest[1:], *kwargs.values()):
        inputs.extend(value.obj.items if isinstance(value.obj, Sequence) else [value])
    if isinstance(model.obj, Instance) and model.obj.kind == "module":
        return effects.forward(m, frame, node, model, "__call__", [*inputs, *map(_as_weights, rest[:1])], {})
    return m.call(frame, node, model, inputs, {})


def _as_weights(held: Value) -> Value:
    """Parameters beside what a model is given: those that gradients have changed are no tokens for that."""
    changed = frozenset([t for t in deep_tags(held) if isinstance(t, AdaptedBy)])
    return Value(changed, mutable=True) if changed else held
