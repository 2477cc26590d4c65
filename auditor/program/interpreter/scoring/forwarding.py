"""Which methods of a module compute with its weights: they are taken as one step, a model's output.

A method counts by what it does, not by its name: it is given tensors, returns something, and on the way uses the parts
of the module (layers, parameters through them, other such methods). One that takes gradients, prints, or runs the
whole module in a loop is a procedure around the model, and is stepped through.
"""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import TRAIN, VAL
from auditor.program.values import Function, Instance, Mapping, Sequence, Value
from auditor.source.index import of_type

_DEPTH = 6


def is_forward(m: Machine, function: Function, receiver: Value | None, args: list[Value]) -> bool:
    """Whether this call of a method is one pass of the module, or of a part of it, over data."""
    if receiver is None or not isinstance(receiver.obj, Instance) or receiver.obj.kind != "module":
        return False
    if isinstance(function.node, ast.Lambda) or function.owner is None:
        return False
    if function.name in ("forward", "__call__"):
        return True
    if not any(_is_data(value) for value in args):
        return False
    key = (function.node, receiver.obj.cls)
    known = m.passes.forwards.get(key)
    if known is None:
        known = m.passes.forwards[key] = _computes(function.node, receiver.obj, frozenset())
    return known


def _is_data(value: Value) -> bool:
    return value.obj is None and not value.known and (value.mutable or VAL in value.tags or TRAIN in value.tags)


def _computes(node: ast.FunctionDef | ast.AsyncFunctionDef, instance: Instance, above: frozenset[ast.AST]) -> bool:
    """Whether the method uses the module's parts, itself or through other methods, and does nothing else."""
    if node in above or len(above) > _DEPTH or not any(r.value is not None for r in of_type(node, ast.Return)):
        return False
    own = node.args.args[0].arg if node.args.args else ""
    if not own or _is_procedure(node, own):
        return False
    return any(
        _is_part(instance, read.attr, above | {node})
        for read in of_type(node, ast.Attribute)
        if isinstance(read.value, ast.Name) and read.value.id == own
    )


def _is_procedure(node: ast.AST, own: str) -> bool:
    for call in of_type(node, ast.Call):
        called = call.func
        if isinstance(called, ast.Attribute) and called.attr in vocabulary.PROCEDURES:
            return True
        if isinstance(called, ast.Name) and called.id == "print":
            return True
    if any(True for _ in of_type(node, ast.Yield, ast.YieldFrom)):
        return True
    return any(
        isinstance(call.func, ast.Name) and call.func.id == own
        for loop in of_type(node, ast.For, ast.While)
        for call in of_type(loop, ast.Call)
    )


def _is_part(instance: Instance, name: str, above: frozenset[ast.AST]) -> bool:
    held = instance.attributes.get(name)
    if held is not None:
        return _holds_module(held)
    method = instance.cls.lookup(name) if instance.cls is not None else None
    inner = method.obj.node if method is not None and isinstance(method.obj, Function) else None
    return isinstance(inner, ast.FunctionDef) and (name == "forward" or _computes(inner, instance, above))


def _holds_module(value: Value) -> bool:
    obj = value.obj
    if isinstance(obj, Instance):
        return obj.kind == "module"
    if isinstance(obj, Sequence):
        return any(_holds_module(item) for item in obj.items[:4])
    if isinstance(obj, Mapping):
        return any(_holds_module(item) for item in list(obj.items.values())[:4])
    return False
