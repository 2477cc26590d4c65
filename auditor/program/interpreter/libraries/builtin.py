"""Python's built-in functions on abstract values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from auditor.program.holdings import deep_tags
from auditor.program.interpreter import perhaps
from auditor.program.interpreter.language import callbacks, comparisons, containers, special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.libraries import files
from auditor.program.interpreter.libraries.builtin_objects import OBJECTS
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import adapting, content, doubts, effects, recalled, unfollowed
from auditor.program.interpreter.stream import ordering, reach, tokens
from auditor.program.numbers import made_of
from auditor.program.recipe.model import Node, Op, What
from auditor.program.tags import COUNTS, DISTINCT, NONE, SORTED, VAL, InRound, OfSwitch
from auditor.program.values import UNKNOWN, Frame, Instance, Mapping, Sequence, Value, union, with_dependence


def _range(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    tags = union(*args)
    if args and all(isinstance(a.const, int) and not isinstance(a.const, bool) for a in args):
        try:
            span = range(*[a.const for a in args])
            len(span)
        except (ValueError, OverflowError):
            span = None
        if span is not None:
            return Value(tags, span)
    # The first element is not singled out: a cache is empty and a guard skips there, which is not the rule.
    # Between places at which certain tokens stand there are places, and no tokens.
    between = VAL in tags and any(a.recipe is not None and a.recipe.plain for a in args)
    places = Node(Op.NAME, (), What.POSITIONS, text="positions") if between else None
    elements_ = [Value(tags, recipe=places), Value(tags, recipe=places)]
    for element in elements_ if args else ():
        reach.ranged(m, args, element)
    numbers = Sequence(elements_, exact=False)
    if len(args) < 3 or (isinstance(args[2].const, int) and args[2].const > 0):
        m.extents.ascending.add(numbers)
    return Value(tags, obj=numbers)


def _len(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else Value()
    own = special.special(m, frame, node, value, "__len__", [])
    if own is not None:
        return own
    if DISTINCT in value.tags or (VAL in value.tags and COUNTS in value.tags and isinstance(value.obj, Mapping)):
        return Value(value.tags - {DISTINCT, COUNTS})
    if VAL in value.tags and value.recipe is not None and value.recipe.what is What.PIECE:
        return Value(value.tags)  # how long the text of tokens is: as much of it as these are
    tags = frozenset([t for t in value.tags if isinstance(t, (InRound, OfSwitch))])
    if isinstance(value.obj, Sequence) and value.obj.exact and perhaps.is_sure(m, value.obj):
        return Value(tags, len(value.obj.items))
    if value.known and isinstance(value.const, (str, tuple, list, range, bytes)):
        return Value(tags, len(value.const))
    length = Value(tags)
    reach.measured(m, value, length, rows=True)
    return length


_CONVERSIONS: dict[Any, tuple[str, ...]] = {
    int: ("__int__", "__index__", "__trunc__"),
    float: ("__float__",),
    str: ("__str__", "__repr__"),
}


def _convert(kind: Callable[[Any], Any]) -> Callable[..., Value]:
    def convert(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if not args:
            return Value(const={int: 0, float: 0.0, str: "", bool: False}.get(kind))  # type: ignore[call-overload]
        value = args[0]
        for name in _CONVERSIONS.get(kind, ()):
            own = special.special(m, frame, node, value, name, [])
            if own is not None:
                return own
        if value.known and isinstance(value.const, (str, int, float, bool)):
            try:
                return Value(value.tags, kind(value.const))
            except (ValueError, TypeError, OverflowError):
                return Value(value.tags)
        if isinstance(value.obj, Instance):  # a subclass of float holds its number
            return Value(deep_tags(value), mutable=True)
        line = value.recipe is not None and value.recipe.what is What.TEXT
        if kind in (int, float) and (line or isinstance(value.obj, tokens.Text)):
            return Value(value.tags | doubts.read_off(m, frame, node, value))
        if (kind is int or (kind is float and not value.mutable)) and value.obj is None:
            return Value(value.tags, position=value.position or value)
        if kind is str:
            return Value(value.tags, obj=tokens.Text(tokens.text_of(value)))
        if kind is bool:
            known = comparisons.truth(m, frame, ast.Constant(None), value)
            return Value(value.tags, UNKNOWN if known is None else known)
        return Value(value.tags)

    return convert


def _character(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`chr(118)`"""
    code = args[0].const if args else UNKNOWN
    if isinstance(code, int) and 0 <= code < _CODES:
        return Value(args[0].tags, chr(code))
    return Value(union(*args), mutable=True)


def _code(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`ord("v")`"""
    letter = args[0].const if args else UNKNOWN
    if isinstance(letter, str) and len(letter) == 1:
        return Value(args[0].tags, ord(letter))
    return Value(union(*args), mutable=True)


_CODES = 0x110000


def _bytes(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    own = special.special(m, frame, node, args[0], "__bytes__", []) if args else None
    return own if own is not None else Value(unfollowed.deep(args), mutable=True)


def _enumerate(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args:
        args = [special.iterable(m, frame, node, args[0]), *args[1:]]
    items = elements(args[0]) if args else []
    exact = bool(args) and isinstance(args[0].obj, Sequence) and args[0].obj.exact and len(args[0].obj.items) <= 4
    pairs = []
    for i, item in enumerate(items):
        count = Value(const=i) if exact or i == 0 else Value()
        m.extents.counts.add(count)
        pairs.append(Value(item.tags, obj=Sequence([count, item])))
    numbered = Sequence(pairs, exact)
    m.extents.ascending.add(numbered)
    return Value(union(*items), obj=numbered)


def _zip(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    args = [special.iterable(m, frame, node, a) for a in args]
    columns = [elements(a) for a in args]
    if not columns or not all(columns):
        return Value(obj=Sequence([]))
    n = min(len(c) for c in columns)
    exact = all(isinstance(a.obj, Sequence) and a.obj.exact for a in args)
    shortest = min((n for n in map(_known_length, args) if n is not None), default=None)
    if shortest is not None and shortest > n:
        columns = [[reach.first(m, item, Value(const=shortest), NONE) for item in column] for column in columns]
    rows = [Value(union(*[c[i] for c in columns]), obj=Sequence([c[i] for c in columns])) for i in range(n)]
    return Value(union(*args), obj=Sequence(rows, exact))


def _known_length(iterable: Value) -> int | None:
    if isinstance(iterable.const, (range, str, bytes, tuple, list)):
        return len(iterable.const)
    return len(iterable.obj.items) if isinstance(iterable.obj, Sequence) and iterable.obj.exact else None


def _map(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) < 2:
        return Value()
    return callbacks.per_element(m, frame, node, args[0], args[1:], star=False)


def _sorted(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = _list(m, frame, node, args, kwargs)
    assert isinstance(value.obj, Sequence)
    by = ordering.by_key(m, frame, node, elements(value), kwargs)
    for other in elements(value)[1:]:
        special.compare(m, frame, node, ast.Lt(), other, elements(value)[0])
    if kwargs.get("reverse", Value()).const is True:
        value.obj.items.reverse()
    adapting.kept_by_loss(m, frame, node, value.obj.items[:8])
    marked = doubts.in_order(m, frame, node, value.obj, by if "key" in kwargs else None) | (by & {SORTED})
    return Value(value.tags | marked, obj=value.obj) if marked else value


def _reversed(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    own = special.special(m, frame, node, args[0], "__reversed__", []) if args else None
    if own is not None:
        return own
    value = _list(m, frame, node, args, kwargs)
    if isinstance(value.obj, Sequence) and value.obj.exact:
        value.obj.items.reverse()
    return value


def _list(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value(obj=Sequence([]))
    value = special.iterable(m, frame, node, args[0])
    if isinstance(value.obj, Sequence):
        for item in value.obj.items[:8]:
            special.special(m, frame, node, item, "__hash__", [])
        return Value(value.tags, obj=Sequence(list(value.obj.items), value.obj.exact))
    items = elements(value)
    exact = value.known and isinstance(value.const, (tuple, list, str)) and len(value.const) <= 4
    return Value(value.tags, obj=Sequence(items, exact))


def _set(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return content.once_each(m, frame, node, _list(m, frame, node, args, kwargs))


def _bytearray(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Bytes that grow, as a list does; of given ones a copy."""
    return Value(args[0].tags, args[0].const, mutable=True) if args else Value(obj=Sequence([]))


def _dict(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    mapping = Mapping(dict(kwargs))
    if args and isinstance(args[0].obj, Mapping):
        mapping.items = {**args[0].obj.items, **kwargs}
        mapping.other = args[0].obj.other
    elif args and isinstance(args[0].obj, Sequence):
        made = Value(obj=mapping)
        for pair in args[0].obj.items:
            if isinstance(pair.obj, Sequence) and len(pair.obj.items) == 2:
                containers.store_key(made, *pair.obj.items)
    return Value(union(*args, *kwargs.values()), obj=mapping)


def _parts(value: Value) -> list[Value]:
    """What is compared: the value, or the first element of a pair."""
    return value.obj.items[:1] if isinstance(value.obj, Sequence) else [value]


def _extreme(function: Callable[..., Any], text: str) -> Callable[..., Value]:
    def extreme(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        candidates = elements(special.iterable(m, frame, node, args[0])) if len(args) == 1 else args
        by = union(*callbacks.keyed(m, frame, node, candidates, kwargs))
        for other in candidates[1:]:
            special.compare(m, frame, node, ast.Lt(), candidates[0], other)
        adapting.kept_by_loss(m, frame, node, candidates)
        tags = union(*candidates) | by
        if candidates and not by and all(isinstance(c.const, (int, float)) for c in candidates) and len(args) > 1:
            return Value(tags, function(c.const for c in candidates))
        if text == "min":
            chosen = effects.chooses(m, frame, node, candidates, "min")
            tags |= chosen or doubts.lowest(m, frame, node, [c for value in candidates for c in _parts(value)])
            tags |= doubts.capped(m, frame, node, candidates)
        return Value(tags, position=made_of(text, candidates, ordered=False) if len(args) > 1 else None)

    return extreme


def _open(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return files.opened(m, frame, node, args, kwargs)


def _one(name: str) -> Callable[..., Value]:
    """A function of one argument that a special method may answer."""

    def run(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        own = special.special(m, frame, node, args[0], name, args[1:]) if args else None
        return own if own is not None else Value(union(*args), mutable=name != "__hash__")

    return run


def _text(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    own = special.text(m, frame, node, args[0]) if args else None
    return own if own is not None else _convert(str)(m, frame, node, args, kwargs)


def _format(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    spec = args[1] if len(args) > 1 else Value(const="")
    own = special.text(m, frame, node, args[0], spec) if args else None
    return own if own is not None else Value(union(*args), obj=tokens.Text("{}"))


def _isinstance(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2:
        special.special(m, frame, node, args[1], "__instancecheck__", [args[0]])
    return Value()


def _sum(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(union(*[Value(deep_tags(a, 2)) for a in args]), mutable=True)


def _first(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value()
    own = special.special(m, frame, node, args[0], "__next__", [])
    if own is not None:
        return own
    callbacks.resumed(m, args[0])
    items = elements(args[0])
    taken = items[0] if items else Value(args[0].tags)
    if m.loops and (taken.obj is None or isinstance(taken.obj, Sequence)):  # the next round gets another one
        loop = m.loops[-1]
        m.walked(taken.tags, frozenset({InRound(loop.instance, loop.iteration)}))
        tags = frozenset({InRound(loop.instance, loop.iteration)}) | recalled.walked(m, frame, node, taken)
        return with_dependence(taken, tags)
    return taken


BUILTINS: dict[str, Callable[..., Value]] = {
    **OBJECTS,
    "builtins.range": _range,
    "builtins.len": _len,
    "builtins.int": _convert(int),
    "builtins.float": _convert(float),
    "builtins.str": _convert(str),
    "builtins.bool": _convert(bool),
    "builtins.bytes": _bytes,
    "builtins.chr": _character,
    "builtins.ord": _code,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.bytearray": _bytearray,
    "builtins.list": _list,
    "builtins.tuple": _list,
    "builtins.sorted": _sorted,
    "builtins.reversed": _reversed,
    "builtins.filter": callbacks.filtered,
    "builtins.format": _format,
    "builtins.repr": _text,
    "builtins.abs": _one("__abs__"),
    "builtins.round": _one("__round__"),
    "builtins.hash": _one("__hash__"),
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "tqdm.tqdm": _list,
    "builtins.dict": _dict,
    "builtins.min": _extreme(min, "min"),
    "builtins.max": _extreme(max, "max"),
    "builtins.sum": _sum,
    "builtins.open": _open,
    "builtins.isinstance": _isinstance,
    "builtins.next": _first,
}
