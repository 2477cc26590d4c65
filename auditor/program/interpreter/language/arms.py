"""Both arms of an `if`: which of them run, what each leaves, and what hangs on the condition."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from functools import partial

from auditor.program.interpreter import branching
from auditor.program.interpreter.branching import Arms
from auditor.program.interpreter.completion import BREAK, CONTINUE, NORMAL, RAISE, RETURN
from auditor.program.interpreter.language import (
    assignment,
    comparisons,
)
from auditor.program.interpreter.machine import MAX_STEPS, TOO_LONG, Branch, Budget, Machine, Pending, switches
from auditor.program.interpreter.perhaps import Perhaps, left_by_both, put_back
from auditor.program.interpreter.scoring import selection, steering, told
from auditor.program.interpreter.stream import ranks, reach, skipping
from auditor.program.joins import join
from auditor.program.tags import CLOCK, NONE, GatedBy, OfSwitch, Tags, UnsetSwitch, has
from auditor.program.values import Frame, Value


def begun(m: Machine, frame: Frame, node: ast.stmt) -> None:
    m.steps += 1
    if m.steps > MAX_STEPS:
        raise Budget(TOO_LONG)
    m.at = frame.unit, node
    m.reach(frame.unit, node)


def if_(m: Machine, frame: Frame, node: ast.If) -> int:
    """Each `elif` is within the one before it: they may be thousands, and are not run within each other's calls."""
    return branching.chain(arms(m, frame, node), partial(arms, m, frame))


def _arm(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> Arms:
    if len(body) == 1 and isinstance(body[0], ast.If):
        begun(m, frame, body[0])
        return (yield body[0])
    return m.execute(frame, body)


def arms(m: Machine, frame: Frame, node: ast.If) -> Arms:
    test = m.evaluate(frame, node.test)
    known = comparisons.truth(m, frame, node.test, test)
    names = switches(test.tags)
    reach.stopped(m, frame, node, by_clock=known is None and CLOCK in test.tags)
    key = (frame.unit.path, frame.unit.layer, node.lineno)
    forced = m.forced.get(key)
    if forced is not None:
        known = forced
        _flag_is(m, frame, node.test, forced)
    elif known is not None and ranks.of_rank(test.tags) and not ranks.alike(node.orelse if known else node.body):
        known = None  # other ranks go the other way
    explored = m.explore and names and not _asks_whether_set(node.test)
    if known is not None and not explored:
        taken = node.body if known else node.orelse
        m.trace.switched |= bool(names)
        if names:
            frame.settled |= frozenset(OfSwitch(name) for name in names)
            m.trace.taken[key] = known if m.trace.taken.get(key, known) is known else None
        before = dict(frame.names)
        m.decided.append((key, known, names))
        summed = m.summed
        around = m.branch(names, unsure=False, dormant=False), branching.way(m, frame, node.test, names, known)
        with around[0], around[1], ranks.apart(m, test.tags):
            how = yield from _arm(m, frame, taken)
        m.decided.pop()
        if m.loops and m.summed > summed and ranks.tells(m, node.test, test):
            m.arms = (m.summed - summed, 0) if known else (0, m.summed - summed)
            for target, tags in skipping.by_process(m, frame, node, one_leaves=False):
                assignment.mark(m, frame, target, tags)
        if how == RAISE:
            # A run that printed a score has passed its checks, whatever is known of the configuration here.
            frame.names = before
            return NORMAL
        return how
    unsure = known is None and has(test.tags, UnsetSwitch)
    told.returned(m, frame, node, test)
    chosen = selection.keeps_the_lower(m, frame, node, test) if known is None else None
    gates = frozenset([t for t in test.tags if isinstance(t, GatedBy)]) - frame.gates if test.tags else NONE
    frame.gates |= gates
    with m.selecting(test, node, frame), ranks.apart(m, test.tags):
        how = yield from both(
            m,
            frame,
            node.body,
            node.orelse,
            names,
            unsure=unsure,
            dead=None if known is None else not known,
            key=key,
            test=node.test,
            told=test.tags,
        )
    frame.gates -= gates
    told.by_statistics(m, frame, node, test)
    if told_by := told.asked(m, test):
        told.decided(m, frame, [*node.body, *node.orelse], told_by)
        told.ended(m, m.ended[0] | m.ended[1], told_by)
    _left_by_loss(m, frame, node, test)
    selection.chosen(m, frame, node, test)
    for target, tags in skipping.after_arms(m, frame, node, test, m.left) if known is None else ():
        assignment.mark(m, frame, target, tags)
    if gates:
        selection.depends(m, frame, node, gates)
    if chosen is not None:
        targets, tags = chosen
        for target in targets:
            assignment.mark(m, frame, target, tags)
    return how


def _flag_is(m: Machine, frame: Frame, test: ast.expr, holds: bool) -> None:
    """A flag that a log has shown to be so is so wherever else it is asked for."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, holds = test.operand, not holds
    if not isinstance(test, (ast.Name, ast.Attribute)):
        return
    held = m.evaluate(frame, test)
    if isinstance(held.const, bool) and held.const is not holds:
        assignment.assign(m, frame, test, Value(held.tags, holds))


def _left_by_loss(m: Machine, frame: Frame, node: ast.If, test: Value) -> None:
    """One arm ends something because of a validation loss: a loop, or what is left of the block."""
    one, other = m.ended
    if not steering.by_loss(m, test) or bool(one & NORMAL) == bool(other & NORMAL):
        return
    how = other if one & NORMAL else one
    if how & BREAK and m.loops:
        steering.ends(m, frame, node, test, m.loops[-1].instance)
    elif how & (RETURN | CONTINUE) and m.is_of_loss(test):
        m.remaining = Pending(test.tags, m.place(node, frame), test.tags)


def _asks_whether_set(test: ast.expr) -> bool:
    """`raw is None`, `"TTT" in os.environ`: how a switch is read, not a way that the program may take."""
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn))


def both(
    m: Machine,
    frame: Frame,
    body: Seq[ast.stmt],
    orelse: Seq[ast.stmt],
    names: frozenset[str],
    *,
    unsure: bool,
    dead: bool | None,
    key: Branch | None = None,
    test: ast.expr | None = None,
    told: Tags = NONE,
) -> Arms:
    """Run both branches and join what they leave; `dead` names the one that does not really run, if known."""
    before, summed = dict(frame.names), m.summed
    with Perhaps(m, attributes=False) as block:
        running = m.branch(names, unsure=unsure, dormant=dead is True, key=key, way=True)
        with (
            running,
            m.arm() as written,
            ranks.alone(m, told, True),
            branching.way(m, frame, test, names, True),
            branching.entered(m, key, True, dead),
        ):
            first = yield from _arm(m, frame, body)
        after_body, heap, between = frame.names, branching.undo(written, frame), m.summed
        flags = put_back(m)
        frame.names = before
        running = m.branch(names, unsure=unsure, dormant=dead is False, key=key, way=False)
        with (
            running,
            m.arm() as other,
            ranks.alone(m, told, False),
            branching.way(m, frame, test, names, False),
            branching.entered(m, key, False, dead),
        ):
            second = yield from _arm(m, frame, orelse)
        m.arms = (between - summed, m.summed - between)
        m.left = (_ends_round(first), _ends_round(second))
        m.ended = (first, second)
        m.forks += (
            dead is None and bool((first | second) & NORMAL) and bool((first | second) & (RETURN | BREAK | CONTINUE))
        )
        left_by_both(flags)
        block.certain = RAISE in m.ended or dead is not None
        branching.merge(
            m, frame, heap, other, first_raises=first == RAISE, second_raises=second == RAISE, certain=block.certain
        )
    live, way = (first, False) if dead is False else (second, True)
    m.leaves = (
        (names or frozenset({"?"}), key, way) if dead is not None and live != RAISE and not live & NORMAL else None
    )
    if not first & NORMAL and not first & (BREAK | CONTINUE):
        return first | second
    if not second & NORMAL and not second & (BREAK | CONTINUE):
        frame.names = after_body
        return first | second
    merged = dict(frame.names)
    for name, value in after_body.items():
        there = frame.names.get(name)
        if there is not value:  # most names are none of the arms' business
            merged[name] = value if there is None else join(value, there)
    frame.names = merged
    return first | second


def _ends_round(how: int) -> bool:
    return bool(how & (BREAK | CONTINUE)) and not how & NORMAL
