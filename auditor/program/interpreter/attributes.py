"""Reading an attribute: of instances, classes, modules of libraries and of the program, and tensors."""

from __future__ import annotations

import ast
import math

from auditor.program import vocabulary
from auditor.program.interpreter import effects, tokens
from auditor.program.interpreter.machine import Machine
from auditor.program.values import UNKNOWN, Bound, Class, External, Frame, Function, Instance, Value

_SHAPES = frozenset({"shape", "ndim", "dtype", "device", "is_cuda", "itemsize", "nbytes", "requires_grad", "is_leaf"})


_VIEWS = frozenset({"T", "mT", "H", "real", "flat"})


def attribute(m: Machine, frame: Frame, node: ast.AST, value: Value, name: str) -> Value:
    obj = value.obj
    if isinstance(obj, Instance):
        hit = of_instance(m, frame, node, value, obj, name)
        if hit is not None:
            return hit
        if obj.kind == "module":
            tags = value.tags | {("param",)} if name in ("weight", "bias") else value.tags
            return value if name == "module" else Value(tags, base=value)
        return Value(value.tags, obj=Bound(value, name))
    if isinstance(obj, Class):
        hit = obj.lookup(name)
        if hit is not None:
            return _of_class(value, name, hit)
        return Value(const=obj.name) if name == "__name__" else Value(value.tags)
    if isinstance(obj, External):
        if obj.dotted == "math":
            const = getattr(math, name, UNKNOWN)
            if isinstance(const, float):
                return Value(const=const)
        if obj.dotted == "os" and name == "environ":
            return Value(obj=External("os.environ"))
        return Value(value.tags, obj=External(f"{obj.dotted}.{name}"))
    if obj is not None and hasattr(obj, "frame") and not isinstance(obj, Function):
        hit = obj.frame.names.get(name)
        return hit if hit is not None else Value()
    if name in _SHAPES:
        return Value(tokens.shape_tags(value.tags))
    if name == "grad":
        return Value(value.tags | effects.gradient_tags(m, frame, node, value), base=value.base or value)
    if name == "data":
        return value
    if name in _VIEWS:
        return Value(value.tags, value.const, value.obj, base=value, mutable=value.mutable)
    return Value(value.tags, obj=Bound(value, name), base=value.base)


def of_instance(m: Machine, frame: Frame, node: ast.AST, value: Value, instance: Instance, name: str) -> Value | None:
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
            if isinstance(hit.obj, Function):
                applied = decorators(hit.obj)
                if "property" in applied or "cached_property" in applied:
                    return m.invoke(frame, node, hit.obj, value, [], {})
                if "staticmethod" in applied:
                    return hit
                if "classmethod" in applied:
                    return Value(obj=Bound(Value(obj=instance.cls), name, hit.obj))
                return Value(obj=Bound(value, name, hit.obj))
            return hit
    if instance.kind in ("module", "optimizer") or instance.dotted:
        return Value(obj=Bound(value, name)) if vocabulary.is_method(name) else None
    return None


def _of_class(owner: Value, name: str, hit: Value) -> Value:
    """An attribute read off a class: a classmethod is bound to the class."""
    if isinstance(hit.obj, Function) and hit.obj.owner is not None and "classmethod" in decorators(hit.obj):
        return Value(obj=Bound(owner, name, hit.obj))
    return hit


def decorators(function: Function) -> set[str]:
    if isinstance(function.node, ast.Lambda):
        return set()
    return {ast.unparse(d).rsplit(".", 1)[-1] for d in function.node.decorator_list}
