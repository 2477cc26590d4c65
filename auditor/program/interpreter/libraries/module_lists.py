"""Lists and dicts of modules and of parameters, which torch has as modules: `nn.ModuleList`, `nn.ParameterDict`.

https://docs.pytorch.org/docs/stable/nn.html#containers
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.holdings import contents, deep_tags
from auditor.program.interpreter.libraries import objects
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import PARAMETER
from auditor.program.values import Frame, Instance, Mapping, Sequence, Value

_DEPTH = 3  # lists in lists
_MOST = 64


def method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """A method that a list of modules has because it is a module itself, None for any other."""
    if name not in vocabulary.OF_MODULE_LISTS:
        return None
    parts = list(_parts(receiver))
    if not parts:
        return None
    modules = [part for part in parts if isinstance(part.obj, Instance)]
    if name in ("values", "items") and isinstance(receiver.obj, Sequence):
        held = receiver.obj.items
        return _several([_pair(item) for item in held] if name == "items" else list(held))
    if name in ("modules", "children"):
        return _several(modules)
    if name in ("named_modules", "named_children"):
        return _several([_pair(part) for part in modules])
    if name in ("values", "items"):
        return None
    made = [_of_module(m, frame, node, part, name, args, kwargs) for part in modules]
    if name in ("parameters", "buffers", "named_parameters", "named_buffers"):
        own = [part for part in parts if not isinstance(part.obj, Instance)]
        items = [item for value in made if isinstance(value.obj, Sequence) for item in value.obj.items]
        return _several(items + ([_pair(part) for part in own] if name.startswith("named") else own))
    if name == "state_dict":
        held = [v.obj.other for v in made if isinstance(v.obj, Mapping) and v.obj.other is not None]
        own = [part for part in parts if not isinstance(part.obj, Instance)]
        return Value(deep_tags(receiver), obj=Mapping(dict(enumerate([*held, *own]))))
    return receiver if name in vocabulary.SELF else Value(const=None)


def owned(owner: Value, held: Value) -> None:
    """Parameters in a list or dict of a module are the module's: changes to them are changes to it."""
    for part in _parts(held, 2):
        if part.obj is None and part.base is None:
            part.base = owner


def _parts(value: Value, depth: int = _DEPTH) -> Iterator[Value]:
    """The modules and parameters in a list or dict, and in lists and dicts in it."""
    for item in contents(value, depth):
        obj = item.obj
        is_parameter = obj is None and item.mutable and PARAMETER in item.tags
        if is_parameter or (isinstance(obj, Instance) and obj.kind == "module"):
            yield item


def _of_module(
    m: Machine, frame: Frame, node: ast.AST, part: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    assert isinstance(part.obj, Instance)
    return objects.instance_method(m, frame, node, part, part.obj, name, args, kwargs)


def _several(items: list[Value]) -> Value:
    return Value(obj=Sequence(items[:_MOST], exact=False))


def _pair(item: Value) -> Value:
    return Value(obj=Sequence([Value(), item]))
