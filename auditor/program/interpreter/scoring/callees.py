"""Which functions of the program a call within a forward pass leads to, where the pass is taken as one step."""

from __future__ import annotations

import ast
from collections.abc import Callable
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
from auditor.source.index import of_type, parent

Called = list[tuple[Function, list[Instance]]]
"""Functions, each with the parts of the model whose method it is."""
Held = dict[str, Called]
"""The methods of the parts of a model by their names."""
_BY_TEXT = ("globals", "vars", "eval", "exec")
"""They give what any name of the module stands for."""


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


def mentioned(function: Function, instances: list[Instance], beside: Callable[[str], PyModule | None]) -> Called:
    """What a function names without calling it there: it may be called by what it is handed to, or by another name.

    `checkpoint(f, x)`, `map(f, xs)`, `g = f if a else b`, `for f in table.values()`, `getattr(module, "f")(x)`,
    `obj @ x`. `beside` gives a module of the program by its name.
    """
    found: Called = []
    for node in of_type(function.node, ast.Name, ast.Attribute):
        above = parent(node)
        if not isinstance(node.ctx, ast.Load) or (isinstance(above, ast.Attribute) and _told_below(function, above)):
            continue
        if isinstance(above, ast.Call) and above.func is node and called(function, above, instances, {}):
            continue
        for value in _of_parts(node, instances) or _meant(function, node):
            found += _reachable(value)
        if isinstance(node, ast.Name) and node.id in _BY_TEXT:
            found += _reachable(Value(obj=PyModule(function.unit, function.frame.globals)))
    for value in _imported(function, beside):
        found += _reachable(value)
    return found


def _told_below(function: Function, node: ast.Attribute) -> bool:
    """Whether an attribute of something is itself told: `table.get` is a method of what it is read from."""
    return is_self(node.value) or bool(_meant(function, node))


def _imported(function: Function, beside: Callable[[str], PyModule | None]) -> list[Value]:
    """What of the program a function imports itself."""
    found: list[Value | None] = []
    for statement in of_type(function.node, ast.ImportFrom):
        module = beside(statement.module or "")
        found += [module.frame.names.get(alias.name) for alias in statement.names] if module is not None else []
    for plain in of_type(function.node, ast.Import):
        modules = [beside(alias.name) for alias in plain.names]
        found += [Value(obj=module) for module in modules if module is not None]
    return [value for value in found if value is not None]


def _of_parts(node: ast.expr, instances: list[Instance]) -> list[Value]:
    """`self.steps`: what the parts whose method it is hold by that name."""
    if not isinstance(node, ast.Attribute) or not is_self(node.value):
        return []
    return [value for part in instances if (value := _attribute(Value(obj=part), node.attr)) is not None]


def _reachable(value: Value, depth: int = 2) -> Called:
    """What can be called of a value that goes from hand to hand."""
    obj = value.obj
    if isinstance(obj, PyModule):
        return [(held.obj, []) for held in obj.frame.names.values() if isinstance(held.obj, Function)]
    if isinstance(obj, Class):
        return [(held.obj, []) for held in obj.attributes.values() if isinstance(held.obj, Function)]
    if isinstance(obj, Sequence | Mapping):
        return [one for element in _elements(value) for one in _reachable(element, depth - 1)] if depth else []
    if isinstance(obj, Instance) and obj.cls is not None and obj.kind != "module":
        methods = obj.cls.attributes.items()
        return [(held.obj, [obj]) for name, held in methods if isinstance(held.obj, Function) and name != "__init__"]
    return _functions(value)


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
