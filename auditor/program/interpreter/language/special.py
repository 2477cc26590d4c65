"""Special methods of the program's classes: what Python calls for operators, conditions, loops, contexts, figures."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.language.binding import as_tuple
from auditor.program.interpreter.machine import Machine
from auditor.program.joins import join, options
from auditor.program.values import Class, Either, Frame, Function, Instance, Sequence, Value

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}


UNARY: dict[type[ast.unaryop], str] = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}


_OWN = (Instance, Class, Either)
"""What may have methods of the program."""


def find(value: Value, name: str) -> Value | None:
    """The method as the program defines it on the value's class, None where it does not."""
    obj = value.obj
    if isinstance(obj, Instance):
        return obj.cls.lookup(name) if obj.cls is not None else None
    if isinstance(obj, Class) and obj.meta is not None and isinstance(obj.meta.obj, Class):
        return obj.meta.obj.lookup(name)
    return None


def special(m: Machine, frame: Frame, node: ast.AST, value: Value, name: str, args: list[Value]) -> Value | None:
    """What the special method gives, None where the program defines none."""
    if not isinstance(value.obj, _OWN):
        return None
    result: Value | None = None
    for option in options(value):
        hit = find(option, name)
        if hit is None or (hit.known and hit.const is None):
            continue
        if isinstance(hit.obj, Function):
            made = m.invoke(frame, node, hit.obj, option, args, {})
        else:
            made = m.call(frame, node, hit, args, {})
        result = made if result is None else join(result, made)
    return result


def binary(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value | None:
    """`left op right`, where a class of the program says what that is."""
    if not isinstance(left.obj, _OWN) and not isinstance(right.obj, _OWN):
        return None
    name = BINARY.get(type(op), "")
    hit = special(m, frame, node, left, f"__{name}__", [right])
    return hit if hit is not None else special(m, frame, node, right, f"__r{name}__", [left])


def compare(m: Machine, frame: Frame, node: ast.AST, op: ast.cmpop, left: Value, right: Value) -> Value | None:
    if isinstance(op, (ast.In, ast.NotIn)):
        return special(m, frame, node, right, "__contains__", [left])
    mine, reflected = vocabulary.COMPARES.get(type(op), ("", ""))
    if not mine:
        return None
    hit = special(m, frame, node, left, mine, [right])
    return hit if hit is not None else special(m, frame, node, right, reflected, [left])


def truth(m: Machine, frame: Frame, node: ast.AST, value: Value) -> Value | None:
    hit = special(m, frame, node, value, "__bool__", [])
    return hit if hit is not None else special(m, frame, node, value, "__len__", [])


def text(m: Machine, frame: Frame, node: ast.AST, value: Value, spec: Value | None = None) -> Value | None:
    """The value as `format`, an f-string or `print` show it."""
    if not isinstance(value.obj, _OWN):
        return None
    if spec is not None and (hit := special(m, frame, node, value, "__format__", [spec])) is not None:
        return hit
    hit = special(m, frame, node, value, "__str__", [])
    return hit if hit is not None else special(m, frame, node, value, "__repr__", [])


def iterable(m: Machine, frame: Frame, node: ast.AST, value: Value) -> Value:
    """What a loop over the value runs through, where a class of the program says so; else the value itself."""
    if not isinstance(value.obj, _OWN):
        return value
    if (whole := as_tuple(value)) is not value:
        return whole
    for name in ("__iter__", "__aiter__"):
        made = special(m, frame, node, value, name, [])
        if made is None:
            continue
        if isinstance(made.obj, Instance):  # an iterator: its next elements, the second for all that follow
            following = _following(m, frame, node, made)
            return following if following is not None else made
        return made
    following = _following(m, frame, node, value)
    if following is not None:
        return following
    if find(value, "__getitem__") is not None:
        items = [special(m, frame, node, value, "__getitem__", [Value()]) or Value() for _ in range(2)]
        return Value(value.tags, obj=Sequence(items, exact=False))
    return value


def _following(m: Machine, frame: Frame, node: ast.AST, value: Value) -> Value | None:
    for name in ("__next__", "__anext__"):
        if find(value, name) is not None:
            items = [special(m, frame, node, value, name, []) or Value() for _ in range(2)]
            return Value(value.tags, obj=Sequence(items, exact=False))
    return None


def leave(m: Machine, frame: Frame, node: ast.AST, value: Value) -> None:
    """The value goes: nothing holds it any more."""
    if value.obj is not None:
        special(m, frame, node, value, "__del__", [])
