"""Loops: each is run through in two abstract rounds, the first and one that stands for all the others."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import partial

from auditor.program import vocabulary
from auditor.program.interpreter.around import NOTHING, Around
from auditor.program.interpreter.completion import BREAK, CONTINUE, NORMAL, RAISE, RETURN
from auditor.program.interpreter.language import assignment, comparisons, counters, special
from auditor.program.interpreter.language.iteration import UNROLL, apart, iterations, rounds
from auditor.program.interpreter.language.settling import Settling
from auditor.program.interpreter.machine import Machine, switches
from auditor.program.interpreter.perhaps import Perhaps
from auditor.program.interpreter.scoring import beyond, selection, steering, told
from auditor.program.interpreter.stream import reach
from auditor.program.numbers import position_of
from auditor.program.tags import NONE, InRound
from auditor.program.values import UNKNOWN, Frame, Sequence, Value, with_tags
from auditor.source.index import of_type


def for_(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor) -> int:
    iterable = special.iterable(m, frame, node, m.evaluate(frame, node.iter))
    with Perhaps(m, frame.names) as rounds_:
        # Of some it is known whether there is a round.
        rounds_.certain = _all_told(iterable) or isinstance(iterable.const, range)
        completion = _loop(m, frame, node, iterable)
    rounds_.leave(frame.names)
    return completion


def _loop(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor, iterable: Value) -> int:
    completion = 0
    finished = True
    instance = 0
    stepped: counters.Counters | None = None
    for element in _elements(m, frame, node, iterable):
        instance = m.loops[-1].instance
        if m.extents.elements.get(instance, element) is not element:
            m.extents.earlier.setdefault(instance, []).append(position_of(m.extents.elements[instance]))
        m.extents.elements[m.loops[-1].instance] = element
        if isinstance(iterable.const, range):
            m.ranges[m.loops[-1].instance] = iterable.const
        if m.loops[-1].iteration > 1:
            _filled(m, frame, node)
        if m.loops[-1].iteration > 1 and not _all_told(iterable):
            _widened(m, frame, node)
        if stepped is None and not _all_told(iterable):
            stepped = counters.of_for(m, frame, node, instance)
        if stepped is not None:
            stepped.begin(m.loops[-1].iteration)
        assignment.assign(m, frame, node.target, element)
        how = m.execute(frame, node.body)
        if stepped is not None:
            beyond.walked(m, instance, stepped.over(), shorter=stepped.shorter)
        m.leaves = None
        completion |= how & (RETURN | RAISE)
        if not how & (NORMAL | CONTINUE):
            finished = bool(how & BREAK)
            break
    if stepped is not None:
        stepped.left()
        _widened(m, frame, node)
    told.looped(m, frame, node, instance, told.rounds_of(m, frame, node))
    if finished and node.orelse:
        return completion | m.execute(frame, node.orelse)
    return completion | (NORMAL if finished else 0)


def _all_told(iterable: Value) -> bool:
    """Whether a loop is run through element by element."""
    if isinstance(iterable.obj, Sequence):
        return iterable.obj.exact and apart(iterable.obj.items)
    short = isinstance(iterable.const, (str, bytes, tuple, list)) and len(iterable.const) <= UNROLL
    return short or (isinstance(iterable.const, range) and len(iterable.const) <= 1)


def _widened(m: Machine, frame: Frame, loop: ast.For | ast.AsyncFor) -> None:
    """`count += 1024`: after rounds that stand for others, the count is not what the followed rounds have made it."""
    counted = {step.target.id for step in of_type(loop, ast.AugAssign) if isinstance(step.target, ast.Name)}
    for name in counted & frame.names.keys():
        value = frame.names[name]
        if isinstance(value.const, (int, float)) and not isinstance(value.const, bool):
            frame.names[name] = Value(value.tags)


def _elements(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor, iterable: Value) -> Iterator[Value]:
    """The elements that a loop is followed for, the last one once more where that round decided something."""
    decisions, loop, element = m.decisions, None, None
    told_ = _all_told(iterable)
    settling = Settling(m, frame, node, () if told_ else counters.stepping(m, node).names)
    for element in iterations(m, frame, node, iterable, partial(_between, m, node, iterable)):
        decisions, loop = m.decisions, m.loops[-1]
        yield element
        settling.over()
    if element is None or loop is None:
        return
    if steering.once_more(m, loop.instance, decisions):
        with m.iteration(loop.instance, loop.iteration, node):
            yield element
    number = loop.iteration
    while not told_ and settling.goes_on(but=_targets(node)):
        number += 1
        with m.iteration(loop.instance, number, node):
            yield _of_round(element, loop.instance, number)
        settling.over()


def _of_round(element: Value, loop: int, number: int) -> Value:
    """Another element of the same kind: what is done with it is done in another round."""
    tags = frozenset([t for t in element.tags if not (isinstance(t, InRound) and t.loop == loop)])
    const = UNKNOWN if element.known else element.const
    other = Value(tags, const, element.obj, element.base, element.mutable, element.recipe, element.position or element)
    return with_tags(other, frozenset({InRound(loop, number)}))


def _between(m: Machine, node: ast.For | ast.AsyncFor, iterable: Value, last: Value) -> list[Value]:
    """The numbers of a range between its first and its last one, where the loop asks which it has; of many, any."""
    numbers = iterable.const[1:-1] if isinstance(iterable.const, range) else ()
    if not numbers or not _targets(node) & m.asked_names:
        return []
    if len(numbers) > _FEW:
        return [Value(last.tags)]
    return [Value(last.tags, number) for number in numbers]


_FEW = 6


def _targets(node: ast.For | ast.AsyncFor) -> set[object]:
    return {part.id for part in of_type(node.target, ast.Name)}


def while_(m: Machine, frame: Frame, node: ast.While) -> int:
    with Perhaps(m, frame.names) as block:
        completion = _while(m, frame, node, block)
    block.leave(frame.names)
    return completion


def _while(m: Machine, frame: Frame, node: ast.While, block: Perhaps) -> int:
    """`block`: its rounds, of which there may be none."""
    instance = m.fresh_loop()
    names = counters.stepping(m, node).names
    stepped = counters.of_while(m, frame, node, instance)
    claims = _claims(node)
    completion = 0
    broken = False
    asks, by_loss = NONE, None
    for k in _rounds(m, frame, node, instance, names):
        with m.iteration(instance, k, node):
            test = m.evaluate(frame, node.test)
            known = comparisons.truth(m, frame, node.test, test)
            block.certain |= k == 1 and known is True
            asks |= told.asked(m, test)
            by_loss = test if known is None and m.is_of_loss(test) else by_loss
        of_test = switches(test.tags)
        if known is False and not (m.explore and of_test):
            break
        with m.iteration(instance, k, node), m.branch(of_test, unsure=False, dormant=known is False):
            stepped.begin(k)
            if k > 1:
                reach.walked(m, frame, node, stepped.numbers)
                _filled(m, frame, node)
            with m.claiming(frame, claims, InRound(instance, k)), _selecting(m, frame, node, test):
                how = m.execute(frame, node.body)
        beyond.walked(m, instance, stepped.over() if k > 1 else [], shorter=stepped.shorter)
        completion |= how & (RETURN | RAISE)
        if not how & (NORMAL | CONTINUE):
            if how & BREAK:
                broken = True
                break
            return completion
    told.looped(m, frame, node, instance, asks)
    if by_loss is not None:
        selection.chosen(m, frame, node, by_loss)
    if instance in m.trained:  # by what the condition asks when the body has run
        for part in of_type(node.test, ast.Name, ast.Attribute):
            steering.ends(m, frame, node, m.evaluate(frame, part), instance)
    stepped.left()
    if node.orelse and not broken:
        return completion | m.execute(frame, node.orelse)
    return completion | NORMAL


def _selecting(m: Machine, frame: Frame, node: ast.While, test: Value) -> Around:
    """While a loop runs for as long as a loss says; a flag that the loop itself sets ends it, and selects nothing."""
    return m.selecting(test, node, frame) if m.is_of_loss(test) else NOTHING


def _rounds(m: Machine, frame: Frame, node: ast.While, instance: int, counters: Collection[str]) -> Iterator[int]:
    """The first round and one for all others, and more of them while these do not stand for what comes next."""
    decisions = m.decisions
    settling = Settling(m, frame, node, counters)
    for k in (1, 2)[: rounds(m, frame, node)]:
        decisions = m.decisions
        yield k
        settling.over()
    if steering.once_more(m, instance, decisions):
        yield 2
    k = 2
    while settling.goes_on(but=counters):
        k += 1  # a round of its own: what it trains on is not what the second one has scored
        yield k
        settling.over()


def _filled(m: Machine, frame: Frame, loop: ast.For | ast.AsyncFor | ast.While) -> None:
    """What a list holds that the loop adds to now and then is not known after the first round, even if that did not."""
    adding = [
        c.func
        for c in of_type(loop, ast.Call)
        if isinstance(c.func, ast.Attribute) and c.func.attr in vocabulary.ADDS_TO
    ]
    for name in {function.value.id for function in adding if isinstance(function.value, ast.Name)}:
        held = frame.find(name)
        if held is not None and isinstance(held.obj, Sequence) and not held.obj.items:
            held.obj.exact = False


def _claims(node: ast.While) -> frozenset[str]:
    """Names that the loop takes from outside in each round and ends on: a batch claimed from a shared queue."""
    tested: set[str] = set()
    for child in of_type(node, ast.If):
        if any(isinstance(n, ast.Break) for n in child.body):
            tested |= {n.id for n in of_type(child.test, ast.Name)}
    taken = {
        target.id
        for child in of_type(node, ast.Assign)
        if isinstance(child.value, ast.Call)
        for target in child.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(tested & taken)
