"""What a value holds: elements, attributes, the modules within a module; and the tags of all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from auditor.program.tags import ARTIFACT, AdaptedBy, Tags
from auditor.program.values import Bound, Either, File, Instance, Mapping, Native, Obj, Partial, Sequence, Value

DEEP: Final = 16
"""Containers in each other that are looked through where something may be hidden in them."""


def deep_tags(value: Value, depth: int = 3) -> Tags:
    """The tags of a value and of what it holds: elements, attributes, adaptations of its parameters."""
    tags = value.tags
    if value.base is not None and isinstance(value.base.obj, Instance):
        tags |= instance_state(value.base.obj)
    if value.obj is None or depth == 0:
        return tags
    for part in held(value, depth):
        tags |= part.tags
        if isinstance(part.obj, Instance):
            tags |= instance_state(part.obj)
        if part.base is not None and isinstance(part.base.obj, Instance):
            tags |= instance_state(part.base.obj)
    return tags


def held(value: Value, depth: int) -> Iterator[Value]:
    """A value and what it holds, and what that holds; what an object holds comes once."""
    level, seen = [value], set[int]()
    for _ in range(depth + 1):
        below: list[Value] = []
        for part in level:
            yield part
            if part.obj is not None and id(part.obj) not in seen:
                seen.add(id(part.obj))
                below += _telling(_inside(part.obj))
        level = below


def _inside(obj: Obj) -> Iterable[Value]:
    if isinstance(obj, Instance):
        return obj.attributes.values() if obj.kind not in ("module", "optimizer") else ()
    if isinstance(obj, Mapping):
        return [*obj.items.values(), *([obj.other] if obj.other is not None else [])]
    if isinstance(obj, Partial):
        return [*obj.args, *obj.kwargs.values()]
    if isinstance(obj, Bound):
        return [obj.receiver]
    if isinstance(obj, Either):
        return obj.options
    if isinstance(obj, Native):
        return obj.holds
    if isinstance(obj, File):
        return [obj.held]
    return obj.items if isinstance(obj, Sequence) else ()


def _telling(values: Iterable[Value]) -> list[Value]:
    """Those that are or carry anything: of a thousand plain numbers none is asked."""
    return [value for value in values if value.tags or value.obj is not None or value.base is not None]


def instance_state(instance: Instance) -> Tags:
    """The adaptations that an instance's parameters depend on, those of the modules inside it included."""
    if instance.kind != "module":
        return frozenset(AdaptedBy(n) for n in instance.adapted)
    numbers: set[int] = set()
    read_back = False
    for part in module_parts(instance):
        numbers |= part.adapted
        read_back = read_back or part.read_back
    state = frozenset(AdaptedBy(n) for n in numbers)
    return state | {ARTIFACT} if read_back else state


def leaves(value: Value, depth: int = 4) -> Iterator[Value]:
    """The values in a container, at any depth: parameters in lists, tuples and parameter groups."""
    obj = value.obj
    if depth and isinstance(obj, Sequence):
        for item in obj.items:
            yield from leaves(item, depth - 1)
    elif depth and isinstance(obj, Mapping):
        for key, item in obj.items.items():
            if key in ("params", 0) or not isinstance(key, str):
                yield from leaves(item, depth - 1)
        if obj.other is not None:
            yield from leaves(obj.other, depth - 1)
    else:
        yield value


def contents(value: Value, depth: int) -> Iterator[Value]:
    """The values in lists and dicts, under whatever keys."""
    obj = value.obj
    if not isinstance(obj, (Sequence, Mapping)):
        yield value
        return
    held = obj.items if isinstance(obj, Sequence) else [*obj.items.values(), *filter(None, [obj.other])]
    for item in _telling(held) if depth else ():
        yield from contents(item, depth - 1)


def module_parts(instance: Instance, depth: int = DEEP) -> list[Instance]:
    """A module and the modules in its attributes, each once: one that stands in many places has as many ways to it."""
    seen = {id(instance)}
    parts = level = [instance]
    for _ in range(depth):
        below: list[Instance] = []
        for part in level:
            for attribute in part.attributes.values():
                if attribute.obj is None:  # as most: and this is asked for every call of a module
                    continue
                held = contents(attribute, 2) if isinstance(attribute.obj, (Sequence, Mapping)) else (attribute,)
                for leaf in held:
                    if isinstance(leaf.obj, Instance) and leaf.obj.kind == "module" and id(leaf.obj) not in seen:
                        seen.add(id(leaf.obj))
                        below.append(leaf.obj)
        parts = parts + below
        level = below
    return parts
