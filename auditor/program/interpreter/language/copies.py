"""Deep copies of abstract values."""

from __future__ import annotations

from auditor.program.values import Instance, Sequence, Value


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
