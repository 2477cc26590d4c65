"""Functions of the standard library that go through things one after the other: itertools, queues, samples."""

from __future__ import annotations

import ast
from collections.abc import Callable

from auditor.program.interpreter.language import callbacks, special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import reach
from auditor.program.joins import bounded
from auditor.program.values import Frame, Sequence, Value, union

Handler = Callable[[Machine, Frame, ast.AST, list[Value], dict[str, Value]], Value]


def _chain(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = [item for a in args for item in elements(special.iterable(m, frame, node, a))]
    return Value(union(*args), obj=Sequence(bounded(items), exact=False))


def _chain_all(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return _chain(m, frame, node, elements(args[0]) if args else [], kwargs)


def _pairwise(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if args else []
    pairs = [Value(union(a, b), obj=Sequence([a, b])) for a, b in zip(items, items[1:] or items, strict=False)]
    return Value(union(*args), obj=Sequence(pairs * 2 if len(pairs) == 1 else pairs, exact=False))


def _filter_false(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) > 1 and callbacks.callable_of_program(args[0]):
        callbacks.keyed(m, frame, node, elements(args[1]), {"key": args[0]})
    return args[1] if len(args) > 1 else Value()


def _grouped(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    items = elements(args[0]) if args else []
    callbacks.keyed(m, frame, node, items, {"key": args[1]} if len(args) > 1 else kwargs)
    group = Value(union(*items), obj=Sequence([Value(), Value(union(*items), obj=Sequence(items, exact=False))]))
    return Value(union(*items), obj=Sequence([group], exact=False))


def _starmap(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return callbacks.per_element(m, frame, node, args[0], args[1:2], star=True) if len(args) > 1 else Value()


def _queue(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Value(obj=Sequence([], exact=False))


def _deque(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value(obj=Sequence([], exact=False))
    source = special.iterable(m, frame, node, args[0])
    if isinstance(source.obj, Sequence):
        return Value(source.tags, obj=Sequence(list(source.obj.items), source.obj.exact))
    return Value(source.tags, obj=Sequence(elements(source), exact=False))


def _iter(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and callbacks.callable_of_program(args[0]):
        found = [m.call(frame, node, args[0], [], {}) for _ in range(2)]
        return Value(union(*found), obj=Sequence(found, exact=False))
    value = special.iterable(m, frame, node, args[0]) if args else Value()
    if isinstance(value.obj, Sequence):
        return Value(value.tags, obj=Sequence(list(value.obj.items), value.obj.exact))
    return Value(value.tags, value.const, value.obj, value.base, value.mutable)


def _count(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`count(start, step)`: a range without an end."""
    start = args[0] if args else kwargs.get("start", Value(const=0))
    step = args[1] if len(args) > 1 else kwargs.get("step", Value(const=1))
    numbers = [Value(union(start, step)) for _ in range(2)]
    for number in numbers:
        reach.counted(m, start, step, number)
    return Value(union(start, step), obj=Sequence(numbers, exact=False))


def _islice(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """The first elements of an iterable; those of a range end there."""
    if len(args) != 2:
        return same(m, frame, node, args, kwargs)
    source = special.iterable(m, frame, node, args[0])
    items = elements(source)
    return reach.first_of(m, source, items, args[1])


def _take_while(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    kept = callbacks.filtered(m, frame, node, args, kwargs)
    if len(args) < 2 or not isinstance(kept.obj, Sequence):
        return kept
    return Value(kept.tags, obj=Sequence([reach.while_true(m, args[0], i) for i in kept.obj.items], exact=False))


def _sample(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`random.sample(windows, 200)`"""
    source = special.iterable(m, frame, node, args[0]) if args else Value()
    return reach.first_of(m, source, elements(source), args[1] if len(args) > 1 else kwargs.get("k"))


def same(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return Value()
    source = special.iterable(m, frame, node, args[0])
    return Value(source.tags, source.const, source.obj, source.base, source.mutable)


FUNCTIONS: dict[str, Handler] = {
    "functools.reduce": callbacks.reduced,
    "itertools.count": _count,
    "itertools.accumulate": callbacks.accumulated,
    "itertools.starmap": _starmap,
    "itertools.filterfalse": _filter_false,
    "itertools.takewhile": _take_while,
    "itertools.dropwhile": callbacks.filtered,
    "itertools.groupby": _grouped,
    "itertools.chain": _chain,
    "itertools.chain.from_iterable": _chain_all,
    "itertools.cycle": same,
    "itertools.islice": _islice,
    "itertools.pairwise": _pairwise,
    "more_itertools.pairwise": _pairwise,
    "builtins.iter": _iter,
    "queue.Queue": _queue,
    "queue.SimpleQueue": _queue,
    "queue.LifoQueue": _queue,
    "queue.PriorityQueue": _queue,
    "multiprocessing.Queue": _queue,
    "multiprocessing.SimpleQueue": _queue,
    "collections.deque": _deque,
    "collections.UserList": _deque,
    "random.sample": _sample,
    "random.choices": _sample,
}
