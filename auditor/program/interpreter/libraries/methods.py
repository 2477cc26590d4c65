"""Methods of abstract objects: modules, optimizers, containers, strings, tensors."""

from __future__ import annotations

import ast
from typing import Any

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags
from auditor.program.interpreter import perhaps
from auditor.program.interpreter.language import assignment, containers, special
from auditor.program.interpreter.language.iteration import elements, varied
from auditor.program.interpreter.libraries import (
    files,
    indirect,
    library,
    module_lists,
    objects,
    opaque,
    paths,
    printed,
    tensors,
)
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import count_tables, doubts, effects, recalled, steering, unfollowed
from auditor.program.interpreter.stream import ordering, skipping, sliced, tokens
from auditor.program.joins import MAX_ELEMENTS, bounded, join
from auditor.program.tags import LOGGED, NONE, SORTED, InRound, OfSwitch
from auditor.program.values import (
    Bound,
    Class,
    External,
    File,
    Frame,
    Function,
    Instance,
    Mapping,
    Sequence,
    Value,
    union,
    with_dependence,
    with_tags,
)
from auditor.source.methods import GROWING, longest


def method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    obj = receiver.obj
    if name == indirect.UNNAMED:
        touches = unfollowed.touched([receiver, *args, *kwargs.values()])
        if touches:
            m.unfollowed(node, frame, "a method", "its name could not be computed", touches)
        return opaque.opaque(m, frame, node, receiver, args, kwargs)
    if obj is None and not receiver.known and LOGGED not in receiver.tags:  # as most
        return tensors.tensor_method(m, frame, node, receiver, name, args, kwargs)
    if isinstance(receiver.obj, Bound) and receiver.obj.name == "super":
        return _super_call(m, frame, node, receiver, name, args, kwargs)
    if isinstance(obj, Instance):
        return objects.instance_method(m, frame, node, receiver, obj, name, args, kwargs)
    if isinstance(obj, File):
        return _file_method(m, frame, node, receiver, obj, name, args)
    if isinstance(obj, (Sequence, Mapping)):
        of_modules = module_lists.method(m, frame, node, receiver, name, args, kwargs)
        if of_modules is not None:
            return of_modules
    if isinstance(obj, Sequence):
        if name == "sort":
            by = ordering.by_key(m, frame, node, obj.items[:8], kwargs)
            receiver.tags |= doubts.in_order(m, frame, node, obj, by if "key" in kwargs else None) | (by & {SORTED})
        return _sequence_method(m, frame, node, receiver, obj, name, args)
    if isinstance(obj, Mapping):
        given = [*args, Value(obj=Mapping(dict(kwargs)))] if name == "update" and kwargs else args
        return _mapping_method(m, frame, node, receiver, obj, name, given)
    if isinstance(receiver.const, str) or isinstance(obj, tokens.Text) or (obj is None and LOGGED in receiver.tags):
        if name == "format":
            for value in (*args, *kwargs.values()):
                special.text(m, frame, node, value, Value(const=""))
        made = paths.method(m, frame, node, receiver, name, args)
        if made is None and name in ("translate", "removeprefix", "removesuffix"):
            made = Value(receiver.tags)
        if made is not None:
            return with_tags(made, doubts.edited(m, frame, node, receiver, name, args))
    if isinstance(receiver.const, str):
        return _string_method(receiver, name, args)
    if name == "join" and args and isinstance(receiver.const, bytes):
        return Value(receiver.tags | deep_tags(args[0], 2))
    if isinstance(obj, External):
        return library.call(m, frame, node, f"{obj.dotted}.{name}", args, kwargs)
    return tensors.tensor_method(m, frame, node, receiver, name, args, kwargs)


def _super_call(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    assert isinstance(receiver.obj, Bound)
    parent = receiver.base
    if parent is not None and isinstance(parent.obj, Class):
        hit = parent.obj.lookup(name)
        if hit is not None and isinstance(hit.obj, Function):
            return m.invoke(frame, node, hit.obj, receiver.obj.receiver, args, kwargs)
    owner = receiver.obj.receiver
    if name == "__init__":
        if isinstance(owner.obj, Instance) and owner.obj.kind == "optimizer" and (args or "params" in kwargs):
            owner.obj.parameters = list(args[:1]) or [kwargs["params"]]
        return Value(const=None)
    if name in ("__new__", "__init_subclass__", "__set_name__", "__enter__", "__exit__", "__del__"):
        return owner
    if name in ("__setattr__", "__getattr__", "__getattribute__") and args and isinstance(args[0].const, str):
        if name == "__setattr__" and len(args) > 1:
            assignment.store_attribute(m, frame, node, owner, args[0].const, args[1])
            return Value(const=None)
        return m.attribute(frame, node, owner, args[0].const)
    if isinstance(owner.obj, Instance) and owner.obj.kind in ("module", "optimizer"):
        return objects.instance_method(m, frame, node, owner, owner.obj, name, args, kwargs)
    unfollowed.call(m, frame, node, f"super().{name}", "a method of a library class", [owner, *args, *kwargs.values()])
    return opaque.opaque(m, frame, node, owner, args, kwargs)


def _file_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, file: File, name: str, args: list[Value]
) -> Value:
    if name in ("readinto", "readinto1") and args:
        assignment.mutate(m, args[0], files.read(m, frame, receiver))
        return Value()
    if name in ("read", "readline", "read1", "readall", "getvalue"):
        return files.read(m, frame, receiver)
    if name in ("readlines", "splitlines"):
        line = Value(receiver.tags | m.disk)
        return Value(line.tags, obj=Sequence([line, line], exact=False))
    if name in ("write", "writelines"):
        tags = frozenset(t for v in args for t in deep_tags(v))
        printed.over(m, frame, node, file.path, tags)
        files.written(m, file.path, tags)
        printed.keep(m, tags)
        printed.report(m, frame, node, args, {})
        return Value(const=None)
    return Value(receiver.tags, mutable=True)


def _sequence_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, seq: Sequence, name: str, args: list[Value]
) -> Value:
    perhaps.about_to_change(m, seq)
    if name in ("append", "add", "appendleft", "insert", "put", "put_nowait") and args:
        effects.accumulated(m, frame, node, args[-1])
        m.changed(None, args[-1])
        args = [*args[:-1], with_tags(args[-1], skipping.of_rounds(m, args[-1]))]
        if m.loops:
            seq.exact = False
        if len(seq.items) >= MAX_ELEMENTS:
            seq.exact = False
        seq.items[:] = bounded([*seq.items, args[-1]])
        receiver.tags |= deep_tags(args[-1], 1)
    elif name in ("extend", "update", "extendleft", "__iadd__") and args:
        m.changed(None, args[0])
        items = args[0].obj.items if isinstance(args[0].obj, Sequence) else elements(args[0])
        seq.items[:] = bounded([*seq.items, *items])
        seq.exact = False
        receiver.tags |= deep_tags(args[0], 1)
    elif name in ("__add__", "__radd__", "union", "__or__") and args:
        others = args[0].obj.items if isinstance(args[0].obj, Sequence) else elements(args[0])
        return Value(receiver.tags | deep_tags(args[0]), obj=Sequence(bounded([*seq.items, *others]), exact=False))
    elif name in ("decode", "split", "splitlines", "strip"):  # the lines of what a program has printed
        return receiver
    elif name == "throw" and seq.resume is not None and args:
        m.raised = args[0]
        seq.resume()
    elif name in ("send", "__next__") and seq.resume is not None:
        m.sent = args[0] if args else None
        try:
            seq.resume()
        finally:
            m.sent = None
    elif name in ("pop", "popleft", "get", "get_nowait") and seq.items:
        return _taken(m, receiver, seq, name, args)
    elif name in ("get", "get_nowait"):
        m.starved = True
    elif name == "clear":
        m.changes += 1
        seq.items.clear()
        receiver.tags = frozenset([t for t in receiver.tags if isinstance(t, OfSwitch)])
        seq.exact = not m.unsure
    elif name == "copy":
        return Value(receiver.tags, obj=Sequence(list(seq.items), seq.exact))
    elif name == "__setitem__" and len(args) > 1:
        assignment.put(receiver, args[0], args[1])
    elif name in ("count", "index", "remove") and args:
        for item in varied(seq.items):
            special.compare(m, frame, node, ast.Eq(), item, args[0])
    elif name == "reverse" and seq.exact:
        seq.items.reverse()
    elif name in ("rotate", "sort", "reverse"):
        steps = args[0].const if args else 1
        if name == "rotate" and seq.exact and isinstance(steps, int) and seq.items:
            at = -steps % len(seq.items)
            seq.items[:] = [*seq.items[at:], *seq.items[:at]]
        elif name != "sort":
            seq.exact = False
    elif name in ("zero_grad", "step"):
        for item in list(seq.items):
            m.call(frame, node, m.attribute(frame, node, item, name), args, {})
    elif name not in vocabulary.ASKS_CONTAINERS:  # of another kind of list: it may keep what it is given
        receiver.tags |= union(*args)
        seq.items.extend(args)
        seq.exact = seq.exact and not args
    if name == "__iadd__":
        return receiver
    return Value(NONE if name in vocabulary.GIVES_NONE else receiver.tags)


def _taken(m: Machine, receiver: Value, seq: Sequence, name: str, args: list[Value]) -> Value:
    """An element that is taken out: the next round of the loop gets another one."""
    last = name == "pop" and not (args and args[0].const == 0)
    if seq.exact and not m.loops and not m.unsure:
        return seq.items.pop() if last else seq.items.pop(0)
    if seq.exact and len(seq.items) > 1 and not m.unsure:
        taken = seq.items.pop() if last else seq.items.pop(0)
    else:
        taken = seq.items[-1] if last else seq.items[0]
        for item in () if sliced.alike(m, seq.items[:16]) else seq.items[1:16]:
            taken = join(taken, item)
        seq.exact = False
    if m.loops and (taken.obj is None or isinstance(taken.obj, Sequence)):
        loop = m.loops[-1]
        return with_dependence(taken, frozenset({InRound(loop.instance, loop.iteration)}))
    return taken


def _mapping_method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, mapping: Mapping, name: str, args: list[Value]
) -> Value:
    perhaps.about_to_change(m, mapping)
    if mapping.of is not None and name in ("__setitem__", "update"):
        held = args[0].obj if args else None
        given = {args[0].const: args[1]} if len(args) > 1 else held.items if isinstance(held, Mapping) else {}
        for key, value in given.items():
            assignment.store_attribute(m, frame, node, mapping.of, str(key), value)
        return Value(const=None)
    if name in ("get", "pop", "setdefault") and args:
        looked = count_tables.read(m, frame, node, receiver, args[0])
        looked |= recalled.read(m, frame, node, receiver, args[0])
        if name == "setdefault":
            kept = args[1] if len(args) > 1 else Value(const=None)
            count_tables.write(m, receiver, args[0], kept)
            if not (args[0].known and args[0].const in mapping.items):
                _as_key(mapping, args[0])
                containers.store_key(receiver, args[0], kept)
        if args[0].known and args[0].const in mapping.items:
            return mapping.items[args[0].const]
        kind = containers.kept_apart(args[0])
        if kind is not None and not looked:
            return mapping.items.get(kind, args[1] if len(args) > 1 else Value(const=None))
        hit = mapping.other
        if hit is None:
            hit = args[1] if len(args) > 1 else Value(receiver.tags)
            for item in varied(list(mapping.items.values())) if not args[0].known else ():
                hit = join(item, hit)
        hit = containers.one_of(hit, args[0])
        return Value(hit.tags | looked | args[0].tags, base=hit) if looked else hit
    if name in ("items", "keys", "values"):
        pairs = [(Value(const=k), v) for k, v in mapping.items.items()]
        if mapping.other is not None:
            pairs.append((mapping.key or Value(), mapping.other))
        exact = mapping.other is None
        if name == "items":
            return Value(
                receiver.tags, obj=Sequence([Value(union(k, v), obj=Sequence([k, v])) for k, v in pairs], exact)
            )
        return Value(receiver.tags, obj=Sequence([k if name == "keys" else v for k, v in pairs], exact))
    if name == "__setitem__" and len(args) > 1:
        count_tables.write(m, receiver, args[0], args[1])
        containers.store_key(receiver, args[0], args[1])
    if name in ("__or__", "__ror__", "new_child"):
        made = Value(receiver.tags, obj=Mapping(dict(mapping.items), mapping.other, mapping.makes, mapping.key))
        m.call(frame, node, Value(obj=Bound(made, "update")), args, {})
        return made
    if name == "fromkeys" and args:
        made = Value(obj=Mapping())
        for key in elements(args[0]):
            containers.store_key(made, key, args[1] if len(args) > 1 else Value(const=None))
        return with_tags(made, union(*args))
    if name == "__missing__" and args and mapping.makes is not None:
        _as_key(mapping, args[0])
        containers.store_key(receiver, args[0], m.call(frame, node, mapping.makes, [], {}))
    for source in args if name in ("update", "__ior__") else ():
        for value in source.obj.items.values() if isinstance(source.obj, Mapping) else ():
            steering.stored(m, receiver, value)
        m.changed(None, source)
        if isinstance(source.obj, Mapping):
            mapping.items.update(source.obj.items)
            if source.obj.other is not None:
                mapping.other = source.obj.other if mapping.other is None else join(mapping.other, source.obj.other)
        elif isinstance(source.obj, Sequence):
            for pair in source.obj.items:
                if isinstance(pair.obj, Sequence) and len(pair.obj.items) == 2:
                    containers.store_key(receiver, *pair.obj.items)
        else:
            count_tables.write(m, receiver, source)
        receiver.tags |= deep_tags(source, 1)
    if name == "__ior__":
        return receiver
    if name == "copy":
        return Value(receiver.tags, obj=Mapping(dict(mapping.items), mapping.other))
    if name == "clear" and not m.unsure:
        m.changes += 1
        mapping.items.clear()
        mapping.other = None
        receiver.tags = NONE
    return Value(deep_tags(receiver, 2))


def _as_key(mapping: Mapping, key: Value) -> None:
    """What a key holds is among what the dictionary holds."""
    if not key.known:
        mapping.key = key if mapping.key is None else join(mapping.key, key)


def _string_method(receiver: Value, name: str, args: list[Value]) -> Value:
    text = receiver.const
    if name == "join" and args and isinstance(args[0].obj, Sequence) and args[0].obj.exact:
        parts = [i.const for i in args[0].obj.items]
        if all(isinstance(p, str) for p in parts):
            between = [piece for part in parts for piece in (text, part)][1:]
            return tokens.made(receiver.tags | args[0].tags, between, exact=True)
    if name in vocabulary.STRING and all(isinstance(a.const, (str, int, tuple)) for a in args):
        given = [a.const for a in args]
        try:
            if name in GROWING and longest(text, name, given) > max(tokens.MAX_TEXT, len(text)):
                return Value(receiver.tags)
            result: Any = getattr(text, name)(*given)
        except (TypeError, ValueError, IndexError, OverflowError):
            return Value(receiver.tags)
        if isinstance(result, list):
            return Value(receiver.tags, obj=Sequence([Value(receiver.tags, r) for r in result[:64]]))
        if isinstance(result, str):
            return files.path_value(receiver.tags, result, known=True)
        return Value(receiver.tags, result)
    return Value(receiver.tags | union(*args))
