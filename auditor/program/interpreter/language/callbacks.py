"""Functions that are handed over to be called: by `reduce` and `sorted`, executors, threads and contexts."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program import vocabulary
from auditor.program.holdings import contents, deep_tags
from auditor.program.interpreter.language import special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.perhaps import Perhaps
from auditor.program.interpreter.stream import skipping
from auditor.program.interpreter.stream.tokens import Text
from auditor.program.tags import LOGGED, NONE, InRound
from auditor.program.values import (
    Bound,
    Either,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Native,
    Partial,
    Sequence,
    Value,
    union,
    with_tags,
)

_SPELLED = 32  # letters of a name that is put together


def callable_of_program(value: Value) -> bool:
    """Whether calling the value runs code of the program."""
    obj = value.obj
    if isinstance(obj, Bound):
        return obj.function is not None
    if isinstance(obj, Partial):
        return callable_of_program(obj.function)
    if isinstance(obj, Instance):
        return obj.kind == "object" and special.find(value, "__call__") is not None
    if isinstance(obj, Either):
        return any(callable_of_program(option) for option in obj.options)
    return isinstance(obj, (Function, Native))


def future(value: Value) -> Value:
    """What an executor gives for a call: `result()` of it is the call's result."""
    return Value(value.tags, obj=Instance(None, {"result": value}, kind="future"))


def per_element(m: Machine, frame: Frame, node: ast.AST, function: Value, columns: Seq[Value], *, star: bool) -> Value:
    """The function called for each element of the iterables."""
    written = _written(columns[0]) if len(columns) == 1 and isinstance(function.obj, External) else []
    if written:
        made = [m.call(frame, node, function, [value], {}) for value in written]  # `map(chr, (118, 97, 108))`
        return Value(union(*made), obj=Sequence(made))
    rows = [elements(special.iterable(m, frame, node, column)) for column in columns]
    if not rows or not all(rows):
        return Value(obj=Sequence([], exact=bool(rows)))
    found = []
    instance = m.fresh_loop()
    for k in range(min(len(row) for row in rows)):
        given = [row[k] for row in rows]
        if star and isinstance(given[0].obj, Sequence):
            given = list(given[0].obj.items)
        with m.iteration(instance, k + 1, node):
            marked = [_with_loop(value, instance, k + 1) for value in given]
            found.append(m.call(frame, node, function, marked, {}))
    return Value(union(*found), obj=Sequence(found, exact=False))


def _written(column: Value) -> list[Value]:
    """The elements of a short text or list of constants."""
    if isinstance(column.const, str) and len(column.const) <= _SPELLED:
        return [Value(column.tags, letter) for letter in column.const]
    items = column.obj.items if isinstance(column.obj, Sequence) and column.obj.exact else []
    return items if len(items) <= _SPELLED and all(item.known for item in items) else []


def _with_loop(value: Value, instance: int, k: int) -> Value:
    if value.obj is not None and not isinstance(value.obj, Sequence):
        return value
    base = value if value.mutable and value.base is None else value.base
    return Value(value.tags | {InRound(instance, k)}, value.const, value.obj, base, value.mutable)


def reduced(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`functools.reduce(f, iterable, initial)`."""
    if len(args) < 2:
        return Value(union(*args))
    items = elements(special.iterable(m, frame, node, args[1]))
    total = args[2] if len(args) > 2 else (items.pop(0) if items else Value())
    instance = m.fresh_loop()
    for k, item in enumerate(items, start=1):
        with m.iteration(instance, k, node):
            total = m.call(frame, node, args[0], [total, _with_loop(item, instance, k)], {})
    return total


def accumulated(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`itertools.accumulate(iterable, f, initial=)`."""
    function = args[1] if len(args) > 1 else kwargs.get("func")
    if function is None or not args:
        return Value(union(*args))
    initial = [kwargs["initial"]] if "initial" in kwargs else []
    total = reduced(m, frame, node, [function, args[0], *initial], {})
    return Value(total.tags, obj=Sequence([total, total], exact=False))


def filtered(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`filter(f, iterable)`: the elements of which f is not known to be false."""
    if len(args) < 2:
        return Value(union(*args))
    source = special.iterable(m, frame, node, args[1])
    kept = []
    for item in elements(source):
        if args[0].known and args[0].const is None:
            kept.append(item)
            continue
        said = m.call(frame, node, args[0], [item], {})
        if not (said.known and not said.const):
            tags = skipping.kept(m, frame, node, said, [(item,)]) if isinstance(node, ast.Call) else NONE
            kept.append(with_tags(item, tags))
    return Value(source.tags, obj=Sequence(kept, exact=False))


def keyed(m: Machine, frame: Frame, node: ast.AST, items: Seq[Value], kwargs: dict[str, Value]) -> list[Value]:
    """The key function of `sorted`, `min`, `max` runs for each element: what it gives."""
    key = kwargs.get("key")
    of_a_table = key is not None and isinstance(key.obj, Bound) and isinstance(key.obj.receiver.obj, Mapping)
    if key is None or not (callable_of_program(key) or of_a_table):
        return []
    return [m.call(frame, node, key, [item], {}) for item in items]


def run_in_thread(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`Thread(target=f, args=...)`, `Timer(seconds, f, args)`: the function is run where the thread is made."""
    positional = next((a for a in args if isinstance(a.obj, Sequence)), Value())  # whatever stands before it
    target = kwargs.get("target") or kwargs.get("function") or next((a for a in args if callable_of_program(a)), None)
    given = kwargs.get("args", positional)
    named = kwargs.get("kwargs")
    passed = list(given.obj.items) if isinstance(given.obj, Sequence) else []
    extra = (
        {str(k): v for k, v in named.obj.items.items()} if named is not None and isinstance(named.obj, Mapping) else {}
    )
    made = Value()
    if target is not None and callable_of_program(target):
        m.starved = False
        made = m.call(frame, node, target, passed, extra)
        thread = Value(union(*args, *kwargs.values()) | deep_tags(made), mutable=True)
        if m.starved:  # it waits for what is put into a queue later
            m.waiting.append((thread, Value(obj=Partial(target, [], extra)), passed))
        return thread
    return Value(union(*args, *kwargs.values()), mutable=True)


def joined(m: Machine, thread: Value | None = None) -> None:
    """A thread that has waited is waited for, or all that are left at the end: what it was to do is there by now."""
    due = [entry for entry in m.waiting if thread is None or entry[0] is thread]
    m.waiting = [entry for entry in m.waiting if entry not in due]
    for _, function, passed in due:
        assert m.sources.entry is not None
        frame = Frame(m.sources.entry)
        m.call(frame, m.sources.entry.tree or ast.Pass(), function, passed, {})


def handed(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """A function of the program among the arguments of a call that is not followed: it is taken to be called.

    It gets the arguments that follow it, as executors, contexts and event loops do, and for what it needs beyond them
    something made of what the call is given (the rows of a loader); None where there is none.
    """
    everything = [*args, *kwargs.values()]
    at = next((i for i, value in enumerate(everything) if value.obj is not None and callable_of_program(value)), None)
    if at is None:
        return None
    function = everything[at]
    if name in vocabulary.OF_TREES:
        columns = [Value(tree.tags, obj=Sequence(list(contents(tree, 3)))) for tree in args[at + 1 :]]
        return per_element(m, frame, node, function, columns, star=False)
    if name in vocabulary.PER_ELEMENT:
        return per_element(m, frame, node, function, args[at + 1 :], star=name in vocabulary.STARRED)
    taken = positional(function)
    packed = next(filter(None, (_packed(value, taken) for value in everything[at + 1 :])), None)
    if packed is not None:  # `plan.enter(0, 1, function, (one, other))`
        return m.call(frame, node, function, packed, {})
    rest = args[at + 1 :] if at < len(args) else args[:taken]  # `json.dumps(thing, default=f)`
    if taken is not None and len(rest) < taken:  # it gets something that is not told here
        others = union(*[value for value in everything if value is not function])
        rest = [*rest, *[Value(others, mutable=bool(others)) for _ in range(taken - len(rest))]]
    named = {k: v for k, v in kwargs.items() if v is not function} if at < len(args) else {}
    with Perhaps(m):  # it may be called when something happens that does not
        made = m.call(frame, node, function, rest, _accepted(function, named))
    # A handler that ends the process does so when something happens, not here.
    return Value(made.tags) if isinstance(made.obj, External) and made.obj.dotted.endswith("()") else made


def _packed(given: Value, taken: int | None) -> list[Value]:
    """The elements of a tuple of the arguments that a function takes, where it takes several."""
    held = given.obj
    fits = taken is not None and taken > 1 and isinstance(held, Sequence) and held.exact and len(held.items) >= taken
    return list(held.items) if fits and isinstance(held, Sequence) else []


def _node(function: Value) -> ast.arguments | None:
    obj = function.obj
    if isinstance(obj, Bound) and obj.function is not None:
        return obj.function.node.args
    return obj.node.args if isinstance(obj, Function) else None


def positional(function: Value) -> int | None:
    """How many positional arguments the function needs."""
    spec = _node(function)
    if spec is None:
        return None
    own = 1 if isinstance(function.obj, Bound) else 0
    return max(0, len(spec.posonlyargs) + len(spec.args) - len(spec.defaults) - own)


def _accepted(function: Value, named: dict[str, Value]) -> dict[str, Value]:
    spec = _node(function)
    if spec is None:
        return {}
    known = {a.arg for a in (*spec.args, *spec.kwonlyargs)}
    return {k: v for k, v in named.items() if k in known or spec.kwarg is not None}


def called_back(m: Machine, frame: Frame, node: ast.AST, value: Value) -> None:
    """An object of the program is given to a library, which calls its methods when something happens."""
    for name in vocabulary.CALLED_BACK:
        hit = special.find(value, name)
        if hit is not None and isinstance(hit.obj, Function) and hit.obj.node not in m.calls:
            taken = len(hit.obj.node.args.args) - 1 - len(hit.obj.node.args.defaults)
            if name == "emit":
                m.handlers.append(value)
            line = Value(frozenset({LOGGED}), obj=Text("{}"))
            record = Instance(None, {"msg": line, "message": line, "args": Value()}, kind="namespace")
            given = [line if name == "write" else Value(obj=record)] if taken > 0 else []
            special.special(m, frame, node, value, name, [*given, *[Value() for _ in range(taken - 1)]])


def emitted(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> None:
    """A line goes to the program's own handlers of logs, with what is put into it, and `extra`."""
    extra = kwargs.get("extra")
    held = dict(extra.obj.items) if extra is not None and isinstance(extra.obj, Mapping) else {}
    rest = Value(union(*args[1:]), obj=Sequence(list(args[1:])))
    for handler in m.handlers if held or args[1:] else ():
        record = Instance(None, {"msg": args[0], "message": args[0], "args": rest} | held, kind="namespace")
        special.special(m, frame, node, handler, "emit", [Value(obj=record)])


def entered(m: Machine, frame: Frame, node: ast.AST, args: list[Value]) -> Value:
    """`stack.enter_context(manager)`: entered now, left when the stack is."""
    if not args:
        return Value()
    made = special.special(m, frame, node, args[0], "__enter__", [])
    special.special(m, frame, node, args[0], "__exit__", [Value(const=None)] * 3)
    if made is not None:
        return made
    if isinstance(args[0].obj, Sequence) and args[0].obj.items:
        return args[0].obj.items[0]
    return args[0]


def resumed(m: Machine, generator: Value) -> None:
    """`next(steps)`: a generator whose body trains goes on, now that gradients are there."""
    obj = generator.obj
    if isinstance(obj, Sequence) and obj.resume is not None:
        obj.resume()


def when_left(m: Machine, stack: Value, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`stack.callback(function, ...)`: it runs when the stack is left."""
    m.exits.append((stack, args[0], args[1:], kwargs))
    return args[0]


def left(m: Machine, frame: Frame, node: ast.AST, stack: Value) -> None:
    """A stack of contexts is left, or closed: what was handed to it runs, the last first."""
    mine = [entry for entry in m.exits if entry[0] is stack or (stack.obj is not None and entry[0].obj is stack.obj)]
    m.exits = [entry for entry in m.exits if entry not in mine]
    for _, function, args, kwargs in reversed(mine):
        m.call(frame, node, function, args, kwargs)
