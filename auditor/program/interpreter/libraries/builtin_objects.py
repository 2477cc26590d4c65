"""Python's built-in functions that look into objects: their attributes, what they hold, their classes."""

from __future__ import annotations

import ast
from collections.abc import Callable

from auditor.program.interpreter import perhaps
from auditor.program.interpreter.language import assignment, attributes
from auditor.program.interpreter.libraries import indirect
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import weights
from auditor.program.interpreter.stream import tokens
from auditor.program.joins import join
from auditor.program.values import (
    Class,
    External,
    Frame,
    Instance,
    Mapping,
    PyModule,
    Sequence,
    Value,
    union,
)


def _getattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) >= 2 and not isinstance(args[1].const, str):
        return indirect.by_name(m, frame, node, args[0], args[1])
    if len(args) >= 2 and isinstance(args[1].const, str):
        value = args[0]
        if isinstance(value.obj, Instance) and len(args) > 2:
            hit = attributes.of_instance(m, frame, node, value, value.obj, args[1].const)
            if hit is not None and not perhaps.is_sure(m, value.obj, args[1].const):
                return join(hit, args[2])
            return hit if hit is not None else args[2]
        return m.attribute(frame, node, value, args[1].const)
    return Value(union(*args))


def _hasattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[0].obj, Instance) and isinstance(args[1].const, str):
        instance = args[0].obj
        if not perhaps.is_sure(m, instance, args[1].const):
            return Value()
        if args[1].const in instance.attributes or (instance.cls and instance.cls.lookup(args[1].const)):
            return Value(const=True)
        return Value(const=False) if instance.kind == "object" else Value()
    return Value()


def _setattr(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 3 and isinstance(args[1].const, str):
        assignment.store_attribute(m, frame, node, args[0], args[1].const, args[2])
    elif len(args) == 3 and isinstance(args[0].obj, Instance) and _is_part(args[0].obj, args[2]):
        weights.replaced(m, frame, node, args[0], args[2])
        m.write_attribute(args[0].obj, f"?{len(args[0].obj.attributes)}", args[2])
    elif len(args) == 3 and isinstance(args[0].obj, (Instance, External)):
        m.unfollowed(node, frame, "setattr", "the attribute's name could not be computed", {"weights", "losses"})
    return Value(const=None)


def _is_part(owner: Instance, value: Value) -> bool:
    """A parameter, or a part, that a module takes under whatever name."""
    part = isinstance(value.obj, Instance) and value.obj.kind == "module"
    return owner.kind == "module" and (part or (value.obj is None and value.mutable))


def _vars(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and isinstance(args[0].obj, (Instance, Class)):
        return attributes.dictionary(args[0])
    if args and isinstance(args[0].obj, PyModule):
        return Value(obj=Mapping(args[0].obj.frame.names))
    if args and isinstance(args[0].obj, External):
        return Value(obj=External(f"{args[0].obj.dotted}.__dict__"))
    return Value(obj=Mapping(frame.names)) if not args else Value(obj=Mapping(other=Value()))


def _dataclass(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    factory = kwargs.get("default_factory")
    if factory is not None:
        return m.call(frame, node, factory, [], {})
    return kwargs.get("default", Value())


def _type(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 1 and isinstance(args[0].obj, Instance) and args[0].obj.cls is not None:
        return Value(obj=args[0].obj.cls)
    if len(args) == 1 and isinstance(args[0].obj, Instance) and args[0].obj.dotted:
        return Value(obj=External(args[0].obj.dotted))
    if len(args) == 3:
        return _made_class(frame, node, args)
    if len(args) == 1 and args[0].obj is None and (args[0].tags or args[0].mutable):
        return Value(obj=External("torch.Tensor"))
    return Value()


def _made_class(frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    """`type(name, bases, attributes)`."""
    bases = list(args[1].obj.items) if isinstance(args[1].obj, Sequence) else []
    held = args[2].obj.items if isinstance(args[2].obj, Mapping) else {}
    name = tokens.text_of(args[0])
    made = ast.ClassDef(name, [], [], [ast.Pass()], [])
    ast.fix_missing_locations(ast.copy_location(made, node))
    return Value(obj=Class(name, bases, {str(k): v for k, v in held.items()}, frame.unit, made))


OBJECTS: dict[str, Callable[..., Value]] = {
    "builtins.getattr": _getattr,
    "builtins.hasattr": _hasattr,
    "builtins.setattr": _setattr,
    "builtins.vars": _vars,
    "builtins.type": _type,
    "dataclasses.field": _dataclass,
}
