"""Deep copies of abstract values, and objects that are made without being filled."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.values import Class, Frame, Instance, Native, Sequence, Value


def kind_of(cls: Class) -> str:
    """What kind of instance a class of the program has."""
    if cls.inherits("nn.Module", "Module", "LightningModule"):
        return "module"
    return "optimizer" if cls.inherits(*vocabulary.OPTIMIZERS) else "object"


def maker(of: Value) -> Value:
    """`cls.__new__`: an object without attributes, of the class that it is given."""

    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        cls = args[0].obj if args and isinstance(args[0].obj, Class) else of.obj
        if not isinstance(cls, Class):
            return Value()
        made = Value(obj=Instance(cls, kind=kind_of(cls)))
        m.made[cls] = made
        return made

    return Value(obj=Native("__new__", run))


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
            obj.cls,
            attributes,
            obj.kind,
            set(obj.adapted),
            list(obj.parameters),
            obj.dotted,
            obj.read_back,
            obj.trained,
            obj.moved,
        )
        return Value(value.tags, obj=made)
    if isinstance(obj, Sequence):
        return Value(value.tags, obj=Sequence([_copy(item, depth - 1) for item in obj.items], obj.exact))
    return Value(value.tags, value.const, obj, mutable=value.mutable)
