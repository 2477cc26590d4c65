"""Which functions of the program a call within a forward pass leads to, where the pass is taken as one step."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program.syntax import is_self
from auditor.program.values import (
    Bound,
    Class,
    Either,
    Function,
    Instance,
    Mapping,
    Partial,
    PyModule,
    Sequence,
    Value,
)

Called = list[tuple[Function, list[Instance]]]
"""Functions, each with the parts of the model whose method it is."""
Held = dict[str, Called]
"""The methods of the parts of a model by their names."""


def holding(parts: Seq[Instance]) -> Held:
    held: Held = {}
    by_class: dict[int, list[Instance]] = {}
    for part in parts:
        if part.cls is not None:
            by_class.setdefault(id(part.cls), []).append(part)
    for instances in by_class.values():
        assert instances[0].cls is not None
        for name, value in instances[0].cls.attributes.items():
            if isinstance(value.obj, Function) and not name.startswith("__"):
                held.setdefault(name, []).append((value.obj, instances))
    return held


def called(function: Function, node: ast.Call, instances: list[Instance], held: Held) -> Called:
    """What a call by name, out of a class, a module beside or a table, on `self` or on a part leads to."""
    if isinstance(node.func, ast.Attribute) and is_self(node.func.value) and function.owner is not None:
        value = function.owner.lookup(node.func.attr)
        return [(value.obj, instances)] if value is not None and isinstance(value.obj, Function) else []
    found = [one for value in _meant(function, node.func) for one in _functions(value)]
    if found or not isinstance(node.func, ast.Attribute):
        return found
    return held.get(node.func.attr, [])


def _meant(function: Function, node: ast.expr) -> list[Value]:
    """What stands behind an expression, by the names that the function can read from around it."""
    if isinstance(node, ast.Name):
        value = function.frame.find(node.id)
        return [value] if value is not None else []
    if isinstance(node, ast.Attribute):
        of = [_attribute(value, node.attr) for value in _meant(function, node.value)]
        return [value for value in of if value is not None]
    if isinstance(node, ast.Subscript):
        return [element for value in _meant(function, node.value) for element in _elements(value)]
    return []


def _attribute(value: Value, name: str) -> Value | None:
    if isinstance(value.obj, Class):
        return value.obj.lookup(name)
    if isinstance(value.obj, PyModule):
        return value.obj.frame.names.get(name)
    if isinstance(value.obj, Instance):
        found = value.obj.attributes.get(name) or (value.obj.cls.lookup(name) if value.obj.cls is not None else None)
        if found is not None and isinstance(found.obj, Function):
            return Value(obj=Bound(value, name, found.obj))
        return found
    return None


def _elements(value: Value) -> list[Value]:
    if isinstance(value.obj, Mapping):
        return [*value.obj.items.values(), *([value.obj.other] if value.obj.other is not None else [])]
    return value.obj.items if isinstance(value.obj, Sequence) else []


def _functions(value: Value) -> Called:
    """The functions of the program that calling a value runs."""
    if isinstance(value.obj, Function):
        return [(value.obj, [])]
    if isinstance(value.obj, Partial):
        return _functions(value.obj.function)
    if isinstance(value.obj, Bound) and value.obj.function is not None:
        owner = value.obj.receiver.obj
        return [(value.obj.function, [owner] if isinstance(owner, Instance) else [])]
    if isinstance(value.obj, Either):
        return [one for option in value.obj.options for one in _functions(option)]
    if isinstance(value.obj, Instance) and value.obj.cls is not None:
        forward = value.obj.cls.forward()
        if forward is not None and isinstance(forward.obj, Function):
            return [(forward.obj, [value.obj])]
    return []
