"""What the parameters of a function, and the fields of a dataclass, are given by a call."""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine
from auditor.program.values import (
    Bound,
    Class,
    Frame,
    Function,
    Instance,
    Mapping,
    Partial,
    Sequence,
    Value,
    union,
)


def bind(m: Machine, function: Function, frame: Frame, args: list[Value], kwargs: dict[str, Value]) -> None:
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults = dict(
        zip([a.arg for a in positional[len(positional) - len(spec.defaults) :]], spec.defaults, strict=True)
    )
    replaced = _replaced_defaults(function, [a.arg for a in positional])
    for i, parameter in enumerate(positional):
        if i < len(args):
            value = args[i]
        elif parameter.arg in kwargs:
            value = kwargs[parameter.arg]
        elif parameter.arg in replaced:
            value = replaced[parameter.arg]
        elif parameter.arg in defaults:
            value = m.evaluate(function.frame, defaults[parameter.arg])
        else:
            value = Value()
        frame.names[parameter.arg] = value
    for parameter, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if parameter.arg in kwargs:
            value = kwargs[parameter.arg]
        else:
            value = m.evaluate(function.frame, default) if default is not None else Value()
        frame.names[parameter.arg] = value
    if spec.vararg:
        rest = args[len(positional) :]
        frame.names[spec.vararg.arg] = Value(union(*rest), obj=Sequence(list(rest)))
    if spec.kwarg:
        known = {p.arg for p in (*positional, *spec.kwonlyargs)}
        extra = {k: v for k, v in kwargs.items() if k not in known}
        frame.names[spec.kwarg.arg] = Value(union(*extra.values()), obj=Mapping(dict(extra)))


def room(function: Value) -> int:
    """How many arguments by position a function, or the making of an object, of the program takes at the most."""
    obj = function.obj
    if isinstance(obj, Bound) and obj.function is not None:
        return room(Value(obj=obj.function)) - 1
    if isinstance(obj, Partial):
        return room(obj.function) - len(obj.args)
    if isinstance(obj, Class):
        init = obj.lookup("__init__")
        return room(init) - 1 if init is not None else len(fields_of(obj))
    if not isinstance(obj, Function):
        return 0
    spec = obj.node.args
    return len(spec.posonlyargs) + len(spec.args)


def _replaced_defaults(function: Function, names: list[str]) -> dict[str, Value]:
    """What `f.__defaults__ = ...` has put in place of the defaults that are written down."""
    held = function.attributes.get("__defaults__")
    if held is None or not isinstance(held.obj, Sequence):
        return {}
    return dict(zip(reversed(names), reversed(held.obj.items), strict=False))


def bind_fields(cls: Class, instance: Instance, args: list[Value], kwargs: dict[str, Value]) -> None:
    instance.attributes.update(zip(fields_of(cls), args, strict=False))
    instance.attributes.update(kwargs)


def as_tuple(value: Value) -> Value:
    """A named tuple as the tuple that it is; anything else as it is."""
    obj = value.obj
    if not isinstance(obj, Instance) or obj.cls is None or not obj.cls.inherits("NamedTuple"):
        return value
    held = [obj.attributes.get(name, obj.cls.lookup(name)) for name in fields_of(obj.cls)]
    return Value(value.tags, obj=Sequence([one if one is not None else Value() for one in held]))


def fields_of(cls: Class) -> list[str]:
    """The fields of a class, those of its ancestors first."""
    return list(dict.fromkeys(name for one in reversed(cls.order()) for name in _fields(one)))


def _fields(cls: Class) -> list[str]:
    return [n.target.id for n in cls.node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
