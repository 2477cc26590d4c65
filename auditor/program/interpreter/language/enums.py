"""Members of enumerations: each is one object, equal to itself alone, with a value and a name."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.language import decoration
from auditor.program.values import Class, Either, Function, Instance, Value


def is_enumeration(cls: Class) -> bool:
    return decoration.library_base(cls) in vocabulary.ENUMS or any(
        isinstance(base.obj, Class) and is_enumeration(base.obj) for base in cls.bases
    )


def make_members(cls: Class) -> None:
    """Replace what the body of an enumeration assigns by its members; `auto()` counts, or gives the name in small."""
    names = [
        target.id
        for statement in cls.node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]
    base = decoration.library_base(cls)
    for number, name in enumerate(names, start=1):
        value = cls.attributes[name]
        if isinstance(value.obj, Function):
            continue
        if not value.known and value.obj is None:
            value = Value(const=name.lower() if base == "enum.StrEnum" else number)
        member = Instance(cls, {"value": value, "_value_": value, "name": Value(const=name)})
        made = Value(value.tags, obj=member)
        if base in vocabulary.ENUMS_OF_CONSTANTS:
            made.const = value.const  # they are numbers, or texts, themselves
        cls.attributes[name] = made


def _members(cls: Class) -> list[Value]:
    found = [value for value in cls.attributes.values() if isinstance(value.obj, Instance) and value.obj.cls is cls]
    return found if is_enumeration(cls) else []


def by_value(cls: Class, value: Value) -> Value:
    """`Mode("eval")`, or `Mode(value)`: the member with the value, any of them where it is not known."""
    return _one(cls, "value", value)


def by_name(cls: Class, name: Value) -> Value:
    """`Mode["EVAL"]`."""
    return _one(cls, "name", name)


def _one(cls: Class, key: str, wanted: Value) -> Value:
    members = _members(cls)
    if isinstance(wanted.obj, Instance) and wanted.obj.cls is cls:
        return wanted
    hits = [member for member in members if _may_be(member, key, wanted)]
    if len(hits) == 1:
        return Value(hits[0].tags | wanted.tags, hits[0].const, hits[0].obj)
    return Value(wanted.tags, obj=Either(hits or members)) if members else Value(wanted.tags)


def _may_be(member: Value, key: str, wanted: Value) -> bool:
    assert isinstance(member.obj, Instance)
    held = member.obj.attributes[key]
    return not wanted.known or not held.known or bool(held.const == wanted.const)


def same(left: Value, right: Value) -> bool | None:
    """Whether two members are one; None where one of them is no member, or may be several."""
    one, other = left.obj, right.obj
    if not isinstance(one, Instance) or not isinstance(other, Instance) or one.cls is None or one.cls is not other.cls:
        return None
    if not is_enumeration(one.cls) or "name" not in one.attributes or "name" not in other.attributes:
        return None
    return one is other
