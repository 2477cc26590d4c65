"""Reading an attribute: of instances, classes, modules of libraries and of the program, and tensors."""

from __future__ import annotations

import ast
import math

from auditor.program import vocabulary
from auditor.program.interpreter.language import copies, special
from auditor.program.interpreter.libraries import elsewhere, files, indirect, mlx, module_lists
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.scoring import adapting, axes, steering, unfollowed
from auditor.program.interpreter.stream import reach, tokens
from auditor.program.joins import join
from auditor.program.tags import PARAMETER, VAL
from auditor.program.values import (
    UNKNOWN,
    Bound,
    Class,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Partial,
    PyModule,
    Sequence,
    Value,
)
from auditor.program.written import written
from auditor.source.index import parent


def attribute(m: Machine, frame: Frame, node: ast.AST, value: Value, name: str) -> Value:
    obj = value.obj
    if obj is None:
        return _of_plain(m, frame, node, value, name)
    if isinstance(obj, Either):
        found: Value | None = None
        for option in obj.options:
            one = attribute(m, frame, node, option, name)
            found = one if found is None else join(found, one)
        assert found is not None
        if isinstance(found.obj, Either):
            found.obj.every = obj.every
        return found
    if isinstance(obj, Instance):
        hit = of_instance(m, frame, node, value, obj, name)
        if hit is not None:
            return hit
        if obj.kind == "module":
            own_weight = name in ("weight", "bias")
            tags = value.tags | {PARAMETER} if own_weight else value.tags
            return value if name == "module" else Value(tags, base=value, mutable=own_weight)
        return Value(value.tags, obj=Bound(value, name))
    if isinstance(obj, Class):
        hit = obj.lookup(name)
        if hit is not None:
            return _of_class(value, name, hit)
        if name in ("__name__", "__qualname__"):
            return Value(const=obj.name)
        if name == "__dict__":
            return dictionary(value)
        if name == "apply" and obj.lookup("forward") is not None and obj.inherits("autograd.Function"):
            return indirect.applied(obj)
        if name == "__new__":
            return copies.maker(value)
        own = special.find(value, name)  # a method of the metaclass
        if own is not None and isinstance(own.obj, Function):
            return Value(obj=Bound(value, name, own.obj))
        return _of_base(value, obj, name)
    if isinstance(obj, Function):
        return _of_function(value, obj, name)
    if isinstance(obj, External):
        if obj.dotted == "math":
            const = getattr(math, name, UNKNOWN)
            if isinstance(const, float):
                return Value(const=const)
        if obj.dotted == "os" and name == "environ":
            return Value(obj=External("os.environ"))
        dotted = f"{obj.dotted}.{name}"
        if dotted == "sys.modules":
            return elsewhere.modules(m, frame)
        if dotted in m.patched:
            return m.patched[dotted]
        if dotted in vocabulary.OF_THE_MACHINE:
            return Value(const=vocabulary.OF_THE_MACHINE[dotted])
        return Value(value.tags, obj=External(dotted))
    if isinstance(obj, PyModule):
        if name == "__dict__":
            return Value(obj=Mapping(obj.frame.names))
        hit = obj.frame.names.get(name)
        if hit is not None:
            return hit
        own_getattr = obj.frame.names.get("__getattr__")
        return m.call(frame, node, own_getattr, [Value(const=name)], {}) if own_getattr is not None else Value()
    return _of_plain(m, frame, node, value, name)


def _of_plain(m: Machine, frame: Frame, node: ast.AST, value: Value, name: str) -> Value:
    """Of a tensor, a text, a container."""
    if name in vocabulary.FACTS_OF_TENSORS:
        size = Value(tokens.shape_tags(value.tags))
        if name == "shape":
            reach.shaped(m, value, size)
        return size
    if isinstance(value.const, str) or isinstance(value.obj, tokens.Text):
        piece = files.part(value, name)
        if piece is not None:
            return piece
    if name in ("f_locals", "f_globals", "f_back"):
        why = "the names of other functions are read off the stack"
        m.unfollowed(node, frame, f"a frame's {name}", why, unfollowed.EVERYTHING)
    if name == "grad":
        return Value(value.tags | adapting.gradient_tags(m, frame, node, value), base=value.base or value)
    if name == "data":
        return value
    if name == "size" and value.obj is None and not _is_called(node):  # numpy's: how many elements there are
        return m.call(frame, node, Value(value.tags, obj=Bound(value, "numel"), base=value.base), [], {})
    if name in vocabulary.VIEW_ATTRIBUTES:
        view = Value(value.tags, value.const, value.obj, base=value, mutable=value.mutable)
        if name in ("T", "mT"):
            axes.turned(value, view)
        return view
    tags = value.tags
    if name in ("weight", "bias") and isinstance(root(value).obj, Instance):  # of a part that is not told apart
        tags |= {PARAMETER}
    part = Value(tags, obj=Bound(value, name), base=value.base)
    if name == "values":  # of `x.max(-1)`, `x.sort(-1)`, `x.topk(4)`
        part.recipe, part.axes = value.recipe, value.axes
    return part


def _is_called(node: ast.AST) -> bool:
    around = parent(node)
    return isinstance(around, ast.Call) and around.func is node


def _of_base(value: Value, cls: Class, name: str) -> Value:
    """What a class has from a library class: `MyAdam.step`."""
    for base in cls.bases:
        if isinstance(base.obj, External):
            return Value(value.tags, obj=External(f"{base.obj.dotted}.{name}"))
        if isinstance(base.obj, Class):
            return _of_base(value, base.obj, name)
    return Value(value.tags)


def _of_function(value: Value, function: Function, name: str) -> Value:
    if name in function.attributes:
        return function.attributes[name]
    if name in ("__name__", "__qualname__"):
        return Value(const=function.name)
    if name == "__globals__":
        return Value(obj=Mapping(function.frame.globals.names))
    if name in ("__func__", "__wrapped__", "__call__", "__code__"):
        return value
    if name == "__dict__":
        return Value(obj=Mapping(function.attributes))
    return Value(value.tags, obj=Bound(value, name))


def dictionary(value: Value) -> Value:
    """`vars(thing)`: its attributes; what a module keeps besides them are its parameters."""
    assert isinstance(value.obj, (Instance, Class))
    held = isinstance(value.obj, Instance) and value.obj.kind == "module"
    return Value(obj=Mapping(value.obj.attributes, _memory(value) if held else None, of=value))


def _memory(module: Value) -> Value:
    """The parameters of a module, in its own memory."""
    return Value(frozenset({PARAMETER}), base=module, mutable=True)


def of_instance(m: Machine, frame: Frame, node: ast.AST, value: Value, instance: Instance, name: str) -> Value | None:
    """An attribute of an instance, None if the program does not define it."""
    own = instance.cls.lookup("__getattribute__") if instance.cls is not None else None
    if own is not None and isinstance(own.obj, Function) and own.obj.node not in m.calls:
        return m.invoke(frame, node, own.obj, value, [Value(const=name)], {})
    hit = instance.attributes.get(name)
    if hit is not None:
        if instance.kind == "module" and hit.mutable and hit.obj is None and hit.base is None:
            # A parameter or buffer: changes to it are changes to the module. What a buffer takes in it keeps.
            if PARAMETER not in hit.tags and VAL not in hit.tags:
                hit.base = value
                return hit
            return Value(hit.tags, hit.const, None, base=value, mutable=True)
        if instance.kind == "module" and isinstance(hit.obj, (Sequence, Mapping)):
            module_lists.owned(value, hit)
        return hit
    if instance.cls is not None:
        hit = instance.cls.lookup(name)
        if hit is not None:
            if isinstance(hit.obj, Function):
                applied = decorators(hit.obj)
                if "property" in applied or "cached_property" in applied or "__property__" in hit.obj.attributes:
                    return m.invoke(frame, node, hit.obj, value, [], {})
                if "staticmethod" in applied:
                    return hit
                if "classmethod" in applied:
                    return Value(obj=Bound(Value(obj=instance.cls), name, hit.obj))
                return Value(obj=Bound(value, name, hit.obj))
            if isinstance(hit.obj, Native) and hit.obj.name == "partialmethod":
                return Value(obj=Partial(hit, [value], {}))
            got = special.special(m, frame, node, hit, "__get__", [value, Value(obj=instance.cls)])
            return got if got is not None else hit
    if name == "__dict__":
        return dictionary(value)
    if instance.kind == "module" and (own_of_mlx := mlx.attribute(value, name)) is not None:
        return own_of_mlx
    if instance.kind == "module" and name == vocabulary.PARTS_OF_MODULES:
        return dictionary(value)
    if instance.kind == "module" and name in vocabulary.HELD_BY_MODULES:
        return _memory(value)
    if instance.kind == "module" and name in vocabulary.WRAPPED:  # by what gives the module itself here
        return value
    if name == "__class__" and instance.cls is not None:
        return Value(obj=instance.cls)
    if instance.kind == "optimizer" and name == "param_groups":
        return _groups(m, instance)
    if instance.cls is not None and not vocabulary.is_method(name) and name not in vocabulary.FACTS_OF_MODULES:
        other = instance.cls.lookup("__getattr__")
        if other is not None and isinstance(other.obj, Function) and other.obj.node not in m.calls:
            return m.invoke(frame, node, other.obj, value, [Value(const=name)], {})
    if instance.kind in ("module", "optimizer") or instance.dotted:
        return Value(obj=Bound(value, name)) if vocabulary.is_method(name) else None
    return None


def _groups(m: Machine, optimizer: Instance) -> Value:
    """`optimizer.param_groups`: each group holds some of the parameters."""
    groups = []
    for held in optimizer.parameters:
        items = held.obj.items if isinstance(held.obj, Sequence) else [held]
        for item in items if items and isinstance(items[0].obj, Mapping) else [held]:
            known = item.obj if isinstance(item.obj, Mapping) else Mapping({"params": item})
            groups.append(steering.group(m, optimizer, Value(obj=Mapping(known.items, known.other or Value()))))
    return Value(obj=Sequence(groups, exact=False))


def _of_class(owner: Value, name: str, hit: Value) -> Value:
    """An attribute read off a class: a classmethod is bound to the class."""
    if isinstance(hit.obj, Function) and hit.obj.owner is not None and "classmethod" in decorators(hit.obj):
        return Value(obj=Bound(owner, name, hit.obj))
    return hit


def decorators(function: Function) -> set[str]:
    if isinstance(function.node, ast.Lambda):
        return set()
    return {written(d).rsplit(".", 1)[-1] for d in function.node.decorator_list}
