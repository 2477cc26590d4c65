"""How much of the validation stream a program goes through: slices that end early, ranges and loops that are cut."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq

from auditor.program import vocabulary
from auditor.program.extent import STREAM, finite
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.numbers import made_of, position_of
from auditor.program.positions import FunctionOf, Position
from auditor.program.tags import (
    BEYOND,
    CLOCK,
    NONE,
    RANK,
    TARGET,
    VAL,
    Few,
    Gaps,
    InRound,
    OfOutput,
    OfSwitch,
    Rows,
    Tag,
    Tags,
    Within,
    has,
)
from auditor.program.trace import ByClock
from auditor.program.values import Frame, Function, Value, with_tags
from auditor.program.values import Sequence as Items
from auditor.source.index import of_type, parent, walk

_HEADER = 1024  # elements; a constant slice up to there is a header, a first window, or some of a list
_WHOLE = 0.97  # share of the stream from which on it is all of it
_COUNT = 4096  # elements that a file is read by, at a time
_SPARE = 1.1  # times as far apart as they are long: parts between which so much is left out that it is a part


def of_stream(m: Machine, value: Value) -> bool:
    """Whether a value is the whole stream, or a cut of it: no output, nothing that a loop has in hand."""
    tags = value.tags
    if VAL not in tags or isinstance(value.obj, tokens.Text) or has(tags, OfOutput):
        return False
    here = {loop.instance for loop in m.loops}
    return here.isdisjoint([t.loop for t in tags if isinstance(t, InRound)])


def measured(m: Machine, stream: Value, result: Value, *, rows: bool) -> None:
    """`result` is the length of the stream, or its number of rows."""
    if VAL not in stream.tags or stream.obj is not None or result.known:
        return
    if of_stream(m, stream):
        m.extents.bound(result, _length(stream, rows=rows))
    else:
        m.extents.lengths.add(result)


def shaped(m: Machine, stream: Value, result: Value) -> None:
    """`result` is the stream's shape."""
    if of_stream(m, stream) and stream.obj is None:
        m.extents.shapes[result] = _length(stream, rows=True)


def _length(stream: Value, *, rows: bool) -> Position:
    length = STREAM
    for tag in stream.tags:
        if isinstance(tag, Within):
            share = tag.bound < 1
            length = made_of("Mult", [_number(STREAM), Value(const=tag.bound)]) if share else Position(int(tag.bound))
    for tag in stream.tags if rows else ():
        if isinstance(tag, Rows):
            length = made_of("FloorDiv", [_number(length), Value(const=tag.length)])
    return length


def _number(position: Position) -> Value:
    return Value(position=position)


def ranged(m: Machine, args: Seq[Value], element: Value) -> None:
    """`element` stands for any element of `range(*args)`."""
    start, stop = (args[0], args[1]) if len(args) > 1 else (Value(const=0), args[0])
    last = position_of(stop).plus(Position(1), -1)
    if last is not None:
        m.extents.bound(element, last)
    if len(args) > 2:
        m.extents.within[element] = (position_of(start), position_of(stop), position_of(args[2]))
    # `rank * length` of the first process, too
    if start.const == 0 and all(isinstance(t, OfSwitch) or t == RANK for t in start.tags):
        m.extents.steps[element] = position_of(args[2]) if len(args) > 2 else Position(1)


def counted(m: Machine, start: Value, step: Value, element: Value) -> None:
    """`element` stands for any number from a start on, in steps."""
    m.extents.within[element] = (position_of(start), STREAM, position_of(step))
    if start.const == 0 and not start.tags:
        m.extents.steps[element] = position_of(step)


def numbered(m: Machine, iterable: Value, elements: Seq[Value]) -> None:
    """The elements of `arange(...)`, of a list that it was made, and of what holds the same numbers otherwise."""
    made = iterable.position if isinstance(iterable.position, Value) else iterable
    for element in elements if made in m.extents.aranges else ():
        ranged(m, m.extents.aranges[made], element)


def reshaped(m: Machine, stream: Value, args: Seq[Value]) -> Tags:
    """`stream.view(-1, length)`: rows of that length."""
    dims = args[0].obj.items if args and isinstance(args[0].obj, Items) else list(args)
    if not of_stream(m, stream) or len(dims) != 2:
        return NONE
    length = m.extents.at(position_of(dims[1]))
    return frozenset({Rows(length)}) if length is not None and length > 1 else NONE


def cut(m: Machine, container: Value, index: Value, tags: Tags) -> Tags:
    """The tags of a slice or element of the stream: how far into it that can be."""
    if not of_stream(m, container) or container.obj is not None or has(index.tags, OfOutput):
        return tags
    rows = next((t.length for t in container.tags if isinstance(t, Rows)), None)
    told = any(isinstance(t, Within) or t == BEYOND for t in container.tags)
    if told and rows is None:
        return tags
    found = _covered(m, index, rows or 1, looped=has(index.tags, InRound))
    if found is None:
        return tags
    kept = frozenset([t for t in tags if not (isinstance(t, Rows) or t == BEYOND)])
    if isinstance(found, Gaps):
        return kept | {BEYOND, found}
    if found == BEYOND and has(kept, Within):
        return kept
    if isinstance(found, Within) and any(isinstance(t, Within) and t.bound <= found.bound for t in kept):
        return kept
    return kept | {found}


def _covered(m: Machine, index: Value, row: float, *, looped: bool) -> Tag | None:
    if isinstance(index.obj, tokens.Axes):
        return None
    if not isinstance(index.obj, tokens.Cut):
        if index.known or index.obj is not None or VAL in index.tags or index.mutable:
            return None
        lower = position_of(index)
        upper: Position | None = lower.plus(Position(1))
    else:
        bounds = (index.obj.lower, index.obj.upper)
        lower, upper = (None if b is None or (b.known and b.const is None) else position_of(b) for b in bounds)  # type: ignore[assignment]
        if lower is not None and lower.from_the_end:
            size = m.extents.at(lower)
            left = None if size is None else finite(-size * row)
            return None if size is None or left is None or -size <= _HEADER else Within(int(left))
        if upper is None:
            return _rest(m, lower)
        if upper.from_the_end:
            return None
    if upper is None:
        return BEYOND
    thin = _thinned(m, lower, upper) if lower is not None else None
    if thin is not None:
        return Within(thin) if _SPARE * thin < 1 else Gaps(thin)
    end = m.extents.end(upper, row)
    if end is None or _WHOLE <= end < 1:
        return BEYOND
    if end < 1:
        return Within(end)
    if end <= _HEADER and not looped:
        return None
    return Within(int(end))


def _rest(m: Machine, lower: Position | None) -> Tag | None:
    """`stream[n:]`: what is left of it."""
    first = m.extents.end(lower) if lower is not None else None
    if first is None or not 1 - _WHOLE < first < 1:
        return None
    return Within(1 - first)


def _thinned(m: Machine, lower: Position, upper: Position) -> float | None:
    """The share of the stream that is read where parts are further apart than they are long."""
    elements = m.extents.depends(lower)
    if len(elements) != 1:
        return None
    element = elements.pop()
    begin, stop, step = m.extents.within.get(element, (_ZERO, None, m.extents.steps.get(element, _ZERO)))
    share = _of_steps(m, element, step, lower, upper)
    if stop is not None and m.extents.depends(begin) and element not in m.extents.steps:
        around = _thinned(m, begin, stop)  # a range within each round of another one
        share = around if share is None else share * (around or 1)
    return share


_ZERO = Position()
_FAR = 1 << 25  # tokens


def _of_steps(m: Machine, element: Value, step: Position, lower: Position, upper: Position) -> float | None:
    """The share that is read where an element of a range goes on by a step."""
    length = m.extents.at(step, alone=True)
    if length is None or length <= 0:
        return None
    at = 1000 if 1001 * length < _FAR else 8  # well within the stream, and beyond the first window
    here, there = {element: at * length}, {element: (at + 1) * length}
    begin, after = (m.extents.at(lower, fixed=fixed, alone=True) for fixed in (here, there))
    end = m.extents.at(upper, fixed=here, alone=True)
    if begin is None or after is None or end is None or end <= begin or after - begin <= (end - begin) + 1:
        return None
    return (end - begin) / (after - begin)


def read(kwargs: Mapping[str, Value]) -> Tags:
    """`fromfile(path, count=n)`: the first ones of a file."""
    count = kwargs.get("count")
    if count is None or not isinstance(count.const, int) or count.const <= _COUNT or VAL in count.tags:
        return NONE
    return frozenset({Within(count.const)})


def narrowed(m: Machine, stream: Value, args: Seq[Value]) -> Tags:
    """`stream.narrow(0, 0, n)`."""
    if len(args) != 3 or not of_stream(m, stream) or args[1].const != 0:
        return NONE
    end = m.extents.end(position_of(args[2]))
    return NONE if end is None or (end <= _HEADER and end >= 1) or _WHOLE <= end < 1 else frozenset({Within(end)})


def stopped(m: Machine, frame: Frame, node: ast.If, *, by_clock: bool) -> None:
    """`if i >= 1500: break`: from here on the loop's elements are below it."""
    if not m.loops or not node.body or not isinstance(node.body[-1], (ast.Break, ast.Return)):
        return
    sizes = _sizes(m, frame, node.test)
    if by_clock and not m.off:
        seconds = (limit.const for number, limit in sizes if CLOCK in number.tags)
        known = (finite(limit) for limit in seconds if isinstance(limit, (int, float)))
        m.trace.ended[m.loops[-1].instance] = ByClock(int(max((k for k in known if k is not None), default=0)))
    for number, limit in sizes:
        _counted(m, node, node.test, number, limit)
        for term, most in _below(position_of(number), limit):
            m.extents.bound(term, most)


def _below(number: Position, limit: Value) -> Iterator[tuple[Value, Position]]:
    """The numbers that a limit bounds: `at`, and `at` of `at // length`."""
    for term, factor in number.terms:
        if factor == 1 and isinstance(term, Value) and not term.known:
            yield term, position_of(limit)
        elif (
            factor == 1
            and isinstance(term, FunctionOf)
            and term.function in ("FloorDiv", "Div")
            and len(term.operands) == 2
        ):
            of, by = term.operands
            yield from _below(of, _number(made_of("Mult", [limit, _number(by)])))


def _counted(m: Machine, node: ast.stmt, test: ast.expr, number: Value, limit: Value) -> None:
    """A counter beside the loop's own element: of rounds, or of tokens."""
    loop: ast.AST | None = node
    while loop is not None and not isinstance(loop, (ast.For, ast.While)):
        loop = parent(loop)
    names = {n.id for n in of_type(test, ast.Name)}
    steps = (
        [s for s in of_type(loop, ast.AugAssign) if isinstance(s.target, ast.Name) and s.target.id in names]
        if loop is not None
        else []
    )
    terms = {term for term, _ in position_of(number).terms}
    if not steps and not terms & m.extents.counts:
        return
    instance = m.loops[-1].instance
    end = m.extents.at(position_of(limit))
    rounds = all(isinstance(s.value, ast.Constant) and s.value.value == 1 for s in steps)
    if end is not None and end > 1 and isinstance(limit.const, (int, float)):
        m.trace.ended[instance] = Few(int(end)) if rounds else Within(int(end))
    element = m.extents.elements.get(instance)
    for item in _parts(element) if element is not None else ():
        step = m.extents.steps.get(item)
        if step is not None:
            m.extents.bound(item, made_of("Mult", [limit, _number(step)]) if rounds else position_of(limit))


def _parts(element: Value) -> list[Value]:
    """The numbers that a loop has in hand: its element, or those of a pair."""
    held = element.obj.items if isinstance(element.obj, Items) else [element]
    return [
        term for value in held for term, factor in position_of(value).terms if isinstance(term, Value) and factor == 1
    ]


def walked(m: Machine, frame: Frame, loop: ast.While, counters: Seq[Value]) -> None:
    """`while at < limit`: the counter stays below it; where it counts rounds, no other counter goes further."""
    negated = ast.UnaryOp(ast.Not(), loop.test)
    for number, limit in _sizes(m, frame, negated):
        if number not in counters:
            _counted(m, loop, loop.test, number, limit)
            continue
        m.extents.bound(number, position_of(limit))
        steps = dict(_steps(m, frame, loop, counters))
        step = steps.get(number)
        if not (isinstance(step, ast.Constant) and step.value == 1) or m.extents.at(position_of(limit)) is None:
            continue
        for other, by in steps.items():
            if other is not number and _plain(by):
                m.extents.bound(other, made_of("Mult", [limit, m.evaluate(frame, by)]))


def _steps(m: Machine, frame: Frame, loop: ast.While, counters: Seq[Value]) -> Iterator[tuple[Value, ast.expr]]:
    """The counters that are stepped as such, and by what: `at += 64`, `state["at"] += 64`."""
    for step in of_type(loop, ast.AugAssign):
        if _plain(step.target):
            number = m.evaluate(frame, step.target)
            if number in counters:
                yield number, step.value


def _sizes(m: Machine, frame: Frame, test: ast.expr) -> list[tuple[Value, Value]]:
    """The comparisons `number >= limit` that a condition is, or is one of several of, as (number, limit)."""
    turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    inner = test.operand if isinstance(test, ast.UnaryOp) and turned else test
    if isinstance(inner, ast.BoolOp):
        joined = (ast.And if turned else ast.Or) is type(inner.op)
        parts = inner.values if joined else []
    else:
        parts = [inner]
    found = []
    for part in parts:
        if not isinstance(part, ast.Compare) or len(part.ops) != 1:
            continue
        sides = [part.left, part.comparators[0]]
        op = part.ops[0]
        if isinstance(op, (ast.Lt, ast.LtE)) is not turned:
            sides.reverse()
        elif not isinstance(op, (ast.Lt, ast.LtE) if turned else (ast.Gt, ast.GtE, ast.Eq)):
            continue
        if all(_plain(side) for side in sides):
            found.append((m.evaluate(frame, sides[0]), m.evaluate(frame, sides[1])))
    return found


def _plain(node: ast.expr) -> bool:
    """Whether evaluating an expression once more does nothing."""
    return all(
        getattr(call.func, "id", getattr(call.func, "attr", "")) in vocabulary.COMPUTED
        for call in walk(node)
        if isinstance(call, ast.Call)
    ) and not any(isinstance(n, (ast.NamedExpr, ast.Await, ast.Yield)) for n in walk(node))


def while_true(m: Machine, function: Value, item: Value) -> Value:
    """An element of `takewhile(lambda i: i < limit, numbers)`: below the limit."""
    body = function.obj.node.body if isinstance(function.obj, Function) else None
    step = m.extents.steps.get(item)
    if step is None or not isinstance(function.obj, Function) or not isinstance(body, ast.expr):
        return item
    scope = Frame(function.obj.unit, function.obj.frame, function.obj.frame.globals)
    element = Value(item.tags)
    m.extents.steps[element] = step
    m.extents.bound(element, position_of(item))
    scope.names.update({a.arg: element for a in function.obj.node.args.args[:1]})
    for number, limit in _sizes(m, scope, ast.UnaryOp(ast.Not(), body)):
        if number is element:
            m.extents.bound(element, position_of(limit))
    return element


def of_list(m: Machine, container: Value, upper: Value | None, items: Seq[Value]) -> Tags:
    """`documents[:1000]`, `islice(windows, 1000)`: the first elements of what the stream was cut into."""
    if upper is None or not isinstance(upper.const, int) or isinstance(upper.const, bool) or upper.const < 2:
        return NONE
    texts = any(isinstance(i.obj, tokens.Text) or isinstance(i.const, str) for i in items)
    if texts or TARGET in upper.tags or not of_stream(m, container):
        return NONE
    return frozenset({Few(upper.const)})


def first_of(m: Machine, source: Value, items: Seq[Value], count: Value | None, tags: Tags = NONE) -> Value:
    """The first `count` elements of an iterable, or as many drawn from it; those of a range end there."""
    few = tags | of_list(m, source, count, items)
    bounded = count is not None and m.extents.at(position_of(count)) is not None
    found = [first(m, item, count, few) if count is not None and bounded else with_tags(item, few) for item in items]
    return Value(source.tags | few, obj=Items(found, exact=False))


def first(m: Machine, item: Value, count: Value, few: Tags) -> Value:
    """An element of the first `count` ones: of a range it is a number below theirs, else what they are is not known."""
    step = m.extents.steps.get(item)
    if step is None:
        return with_tags(item, few)
    element = Value(item.tags | few, position=None)
    m.extents.bound(element, made_of("Mult", [count, _number(step)]))
    m.extents.steps[element] = step
    return element
