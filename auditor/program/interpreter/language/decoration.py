"""Decorators, and what a class statement runs: metaclasses, `__init_subclass__`, `__set_name__`."""

from __future__ import annotations

import ast

from auditor.program.interpreter.language import special
from auditor.program.interpreter.machine import Machine
from auditor.program.values import (
    Bound,
    Class,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Partial,
    Sequence,
    Value,
)

_CALLABLE = (Function, Partial, Bound, Native, Either, Instance, Class)
_ELSEWHERE = ("Module", "Optimizer", "Enum", "NamedTuple", "Function", "Dataset", "object")
"""What classes inherit from whose methods are called where that is followed."""

DISPATCH = "__dispatch__"
"""Attribute of a function under which other implementations of it are registered."""


def decorate(m: Machine, frame: Frame, decorator: ast.expr, value: Value) -> Value:
    """Apply a decorator of the program; those of libraries leave a function what it is."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name):
        owner = frame.find(name.value.id)
        if owner is not None and isinstance(owner.obj, Function):
            return _of_function(owner, owner.obj, name.attr, value)
    applied = m.evaluate(frame, decorator)
    if not _of_program(applied):
        given = m.evaluate(frame, decorator.args[0]).const if isinstance(decorator, ast.Call) and decorator.args else ""
        if isinstance(given, str) and "::" in given:  # `@torch.library.custom_op("own::name")`
            m.operators[given.rpartition("::")[2]] = value
        return value
    result = m.call(frame, decorator, applied, [value], {})
    return result if isinstance(result.obj, _CALLABLE) else value


def _of_function(owner: Value, function: Function, name: str, value: Value) -> Value:
    """`@x.setter` of a property, `@f.register` of a function that dispatches by type."""
    if name == "setter":
        function.attributes["__set__"] = value
        return owner
    if name == "deleter":
        function.attributes["__delete__"] = value
        return owner
    if name == "getter":
        return value
    if name == "register":
        others = function.attributes.setdefault(DISPATCH, Value(obj=Sequence([])))
        assert isinstance(others.obj, Sequence)
        others.obj.items.append(value)
    return value


def _of_program(value: Value) -> bool:
    obj = value.obj
    if isinstance(obj, Bound):
        return obj.function is not None
    if isinstance(obj, Partial):
        return _of_program(obj.function)
    if isinstance(obj, Instance):
        return special.find(value, "__call__") is not None
    return isinstance(obj, (Function, Class, Either, Native))


def created(m: Machine, frame: Frame, node: ast.ClassDef, value: Value, cls: Class) -> None:
    """What runs when a class comes into being."""
    keywords = {k.arg: m.evaluate(frame, k.value) for k in node.keywords if k.arg is not None}
    meta = keywords.pop("metaclass", None)
    if meta is None:
        meta = next((b.obj.meta for b in cls.bases if isinstance(b.obj, Class) and b.obj.meta is not None), None)
    if meta is not None and isinstance(meta.obj, Class):
        cls.meta = meta
        bases = Value(obj=Sequence(list(cls.bases)))
        given = [Value(const=cls.name), bases, Value(obj=Mapping(cls.attributes))]
        prepare = meta.obj.lookup("__prepare__")
        if prepare is not None and isinstance(prepare.obj, Function):
            m.invoke(frame, node, prepare.obj, meta, given[:2], keywords)
        new = meta.obj.lookup("__new__")
        if new is not None:
            m.call(frame, node, new, [meta, *given], keywords)
        init = meta.obj.lookup("__init__")
        if init is not None and isinstance(init.obj, Function):
            m.invoke(frame, node, init.obj, value, given, keywords)
    elif meta is not None and isinstance(meta.obj, Function):
        m.call(frame, node, meta, [Value(const=cls.name), Value(), Value(obj=Mapping(cls.attributes))], keywords)
    if library_base(cls) and not cls.inherits(*_ELSEWHERE):
        m.derived.append(cls)
    for base in cls.bases:
        hit = base.obj.lookup("__init_subclass__") if isinstance(base.obj, Class) else None
        if hit is not None and isinstance(hit.obj, Function):
            m.invoke(frame, node, hit.obj, value, [], keywords)
    for name, attribute in list(cls.attributes.items()):
        if isinstance(attribute.obj, Instance):
            special.special(m, frame, node, attribute, "__set_name__", [value, Value(const=name)])


def library_base(cls: Class) -> str:
    """The dotted name of the first library class among the ancestors, "" without one."""
    for base in cls.bases:
        if isinstance(base.obj, External):
            return base.obj.dotted
        if isinstance(base.obj, Class) and (found := library_base(base.obj)):
            return found
    return ""
