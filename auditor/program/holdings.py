"""What a value holds: elements, attributes, the modules within a module; and the tags of all of it."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.program.tags import ARTIFACT, AdaptedBy, Tags
from auditor.program.values import Bound, Either, File, Instance, Mapping, Native, Partial, Sequence, Value


def deep_tags(value: Value, depth: int = 3) -> Tags:
    """The tags of a value and of what it holds: elements, attributes, adaptations of its parameters."""
    tags = value.tags
    if value.base is not None and isinstance(value.base.obj, Instance):
        tags |= instance_state(value.base.obj)
    obj = value.obj
    if obj is None or depth == 0:
        return tags
    if isinstance(obj, Instance):
        tags |= instance_state(obj)
        if obj.kind in ("object", "namespace"):
            for attribute in list(obj.attributes.values())[:64]:
                tags |= deep_tags(attribute, depth - 1)
    elif isinstance(obj, Sequence):
        for item in obj.items[:32]:
            tags |= deep_tags(item, depth - 1)
    elif isinstance(obj, Mapping):
        for item in list(obj.items.values())[:32]:
            tags |= deep_tags(item, depth - 1)
        if obj.other is not None:
            tags |= deep_tags(obj.other, depth - 1)
    elif isinstance(obj, Partial):
        for item in (*obj.args, *obj.kwargs.values()):
            tags |= deep_tags(item, depth - 1)
    elif isinstance(obj, Bound):
        tags |= deep_tags(obj.receiver, depth - 1)
    elif isinstance(obj, Either):
        for item in obj.options:
            tags |= deep_tags(item, depth - 1)
    elif isinstance(obj, Native):
        for item in obj.holds:
            tags |= deep_tags(item, depth - 1)
    elif isinstance(obj, File):
        tags |= deep_tags(obj.held, depth - 1)
    return tags


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
    for item in held[:64] if depth else ():
        yield from contents(item, depth - 1)


def module_parts(instance: Instance, depth: int = 4) -> list[Instance]:
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
