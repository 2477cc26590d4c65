"""Abstract execution of statements: three-valued branches, loops in two iterations, joined returns."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from functools import partial
from typing import Any

from auditor.program.interpreter import branching
from auditor.program.interpreter.branching import Arms
from auditor.program.interpreter.completion import BREAK, CONTINUE, NORMAL, RAISE, RETURN
from auditor.program.interpreter.language import (
    assignment,
    contexts,
    decoration,
    enums,
    importing,
    loops,
    operators,
    patterns,
    special,
)
from auditor.program.interpreter.machine import MAX_STEPS, TOO_LONG, Branch, Budget, Machine, Pending, switches
from auditor.program.interpreter.scoring import measured, selection, steering, told, unfollowed
from auditor.program.interpreter.stream import ranks, reach, skipping
from auditor.program.joins import join
from auditor.program.tags import CLOCK, NONE, GatedBy, OfSwitch, Tags, UnsetSwitch, has
from auditor.program.values import Class, External, Frame, Function, Instance, Sequence, Value, with_tags
from auditor.program.written import written


def execute(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> int:
    completion = 0
    off, selected = len(m.off), len(m.selections)
    try:
        for statement in body:
            how = _statement(m, frame, statement)
            completion |= how & ~NORMAL
            if not how & NORMAL:
                return completion
            if m.leaves is not None:
                m.off.append(m.leaves)
                m.leaves = None
            if m.remaining is not None:
                m.selections.append(m.remaining)
                m.remaining = None
        return completion | NORMAL
    finally:
        m.remaining = None
        del m.selections[selected:]
        if len(m.off) > off:  # what comes after this block is left out as well
            m.leaves = m.off[off]
            del m.off[off:]


def _statement(m: Machine, frame: Frame, node: ast.stmt) -> int:
    _begun(m, frame, node)
    handler = _HANDLERS.get(type(node))
    return NORMAL if handler is None else int(handler(m, frame, node))


def _begun(m: Machine, frame: Frame, node: ast.stmt) -> None:
    m.steps += 1
    if m.steps > MAX_STEPS:
        raise Budget(TOO_LONG)
    m.at = frame.unit, node
    m.reach(frame.unit, node)


def _expr(m: Machine, frame: Frame, node: ast.Expr) -> int:
    value = m.evaluate(frame, node.value)
    if isinstance(node.value, ast.Call):
        special.leave(m, frame, node, value)
    dotted = value.obj.dotted if isinstance(value.obj, External) else ""
    return RAISE if dotted in ("sys.exit()", "os._exit()") else NORMAL


def _assign(m: Machine, frame: Frame, node: ast.Assign) -> int:
    value = _added_to_itself(m, frame, node) or m.evaluate(frame, node.value)
    for target in node.targets:
        assignment.assign(m, frame, target, value)
    return NORMAL


def _added_to_itself(m: Machine, frame: Frame, node: ast.Assign) -> Value | None:
    """`total = total + term` is a sum over the loop as `total += term` is; None for any other assignment."""
    target, added = node.targets[0], node.value
    if not m.loops or not isinstance(added, ast.BinOp) or not isinstance(added.op, ast.Add):
        return None
    if not isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)) or type(added.left) is not type(target):
        return None
    if written(added.left) != written(target):
        return None
    current, term = m.evaluate(frame, added.left), m.evaluate(frame, added.right)
    value = operators.binary(m, frame, added, added.op, current, term)
    step = ast.copy_location(ast.AugAssign(target, added.op, added.right), node)
    total = measured.augmented(m, frame, step, current, term)
    if total is not None:
        value.recipe = total
    return value


def _annotated(m: Machine, frame: Frame, node: ast.AnnAssign) -> int:
    if node.value is not None:
        assignment.assign(m, frame, node.target, m.evaluate(frame, node.value))
    return NORMAL


def _augmented(m: Machine, frame: Frame, node: ast.AugAssign) -> int:
    assignment.augmented(m, frame, node)
    return NORMAL


def _return(m: Machine, frame: Frame, node: ast.Return) -> int:
    value = m.evaluate(frame, node.value) if node.value is not None else Value(const=None)
    # `if raw is None: return default`: a constant that a switch has selected is made of that switch.
    frame.returns.append(with_tags(value, frame.gates | frame.settled if value.known else frame.gates))
    return RETURN


def _if(m: Machine, frame: Frame, node: ast.If) -> int:
    """Each `elif` is within the one before it: they may be thousands, and are not run within each other's calls."""
    return branching.chain(_arms(m, frame, node), partial(_arms, m, frame))


def _arm(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> Arms:
    if len(body) == 1 and isinstance(body[0], ast.If):
        _begun(m, frame, body[0])
        return (yield body[0])
    return execute(m, frame, body)


def _arms(m: Machine, frame: Frame, node: ast.If) -> Arms:
    test = m.evaluate(frame, node.test)
    known = operators.truth(m, frame, node.test, test)
    names = switches(test.tags)
    reach.stopped(m, frame, node, by_clock=known is None and CLOCK in test.tags)
    key = (frame.unit.path, frame.unit.layer, node.lineno)
    forced = m.forced.get(key)
    if forced is not None:
        known = forced
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
    gates = frozenset([t for t in test.tags if isinstance(t, GatedBy)]) - frame.gates
    frame.gates |= gates
    with m.selecting(test, node, frame), ranks.apart(m, test.tags):
        how = yield from _both(
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


def _both(
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
    running = m.branch(names, unsure=unsure, dormant=dead is True, key=key, way=True)
    with (
        running,
        m.arm() as written,
        ranks.alone(m, told, True),
        branching.way(m, frame, test, names, True),
        branching.entered(m, key, True, dead),
    ):
        first = yield from _arm(m, frame, body)
    after_body, heap, between = frame.names, branching.undo(written), m.summed
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
    branching.merge(m, heap, other, first_raises=first == RAISE, second_raises=second == RAISE)
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


def _try(m: Machine, frame: Frame, node: ast.Try | Any) -> int:
    before = dict(frame.names)
    m.caught += bool(node.handlers)
    completion = execute(m, frame, node.body)
    m.caught -= bool(node.handlers)
    if completion & NORMAL and node.orelse:
        completion = (completion & ~NORMAL) | execute(m, frame, node.orelse)
    after = frame.names
    for handler in node.handlers:
        frame.names = {**before}
        if handler.name:
            frame.names[handler.name] = m.raised if m.raised is not None else Value()
        how = execute(m, frame, handler.body)
        completion |= how
        if how & NORMAL:
            for name, value in frame.names.items():
                other = after.get(name)
                if other is not value:
                    after[name] = value if other is None else join(other, value)
    frame.names = after
    if node.handlers:
        completion |= 0 if completion & NORMAL else completion
    if node.finalbody:
        how = execute(m, frame, node.finalbody)
        if not how & NORMAL:
            return how
    return completion


def _raise(m: Machine, frame: Frame, node: ast.Raise) -> int:
    if node.exc is not None:
        kind = m.evaluate(frame, node.exc.func) if isinstance(node.exc, ast.Call) else None
        if kind is not None and isinstance(kind.obj, External) and isinstance(node.exc, ast.Call):
            given = [m.evaluate(frame, a) for a in node.exc.args if not isinstance(a, ast.Starred)]
            m.raised = Value(obj=Instance(None, {"args": Value(obj=Sequence(given))}))
        else:
            m.raised = m.evaluate(frame, node.exc)
    return RAISE


def _function(m: Machine, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    function = Function(node, frame.unit, frame, frame.owner, node.name)
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if isinstance(default, ast.Call):  # it runs once, here
            m.evaluate(frame, default)
    value = Value(obj=function)
    for decorator in reversed(node.decorator_list):
        value = decoration.decorate(m, frame, decorator, value)
    scope = frame.nonlocal_names.get(node.name, frame)
    scope.names[node.name] = value
    return NORMAL


def _class(m: Machine, frame: Frame, node: ast.ClassDef) -> int:
    cls = Class(node.name, [m.evaluate(frame, b) for b in node.bases], {}, frame.unit, node)
    cls.dataclass = any("dataclass" in written(d) for d in node.decorator_list)
    inner = Frame(frame.unit, frame, frame.globals)
    inner.owner = cls
    value = Value(obj=cls)
    frame.names[node.name] = value
    execute(m, inner, node.body)
    cls.attributes.update(inner.names)
    if enums.is_enumeration(cls):
        enums.make_members(cls)
    decoration.created(m, frame, node, value, cls)
    for decorator in reversed(node.decorator_list):
        value = decoration.decorate(m, frame, decorator, value)
    frame.names[node.name] = value
    return NORMAL


def _global(m: Machine, frame: Frame, node: ast.Global) -> int:
    for name in node.names:
        frame.nonlocal_names[name] = frame.globals
    return NORMAL


def _nonlocal(m: Machine, frame: Frame, node: ast.Nonlocal) -> int:
    for name in node.names:
        scope = frame.parent
        while scope is not None and name not in scope.names:
            scope = scope.parent
        if scope is not None:
            frame.nonlocal_names[name] = scope
    return NORMAL


def _delete(m: Machine, frame: Frame, node: ast.Delete) -> int:
    for target in node.targets:
        if isinstance(target, ast.Name):
            gone = frame.names.pop(target.id, None)
            if gone is not None:
                special.leave(m, frame, node, gone)
        elif isinstance(target, ast.Subscript):
            special.special(
                m, frame, node, m.evaluate(frame, target.value), "__delitem__", [m.evaluate(frame, target.slice)]
            )
        elif isinstance(target, ast.Attribute):
            _delete_attribute(m, frame, node, m.evaluate(frame, target.value), target.attr)
    return NORMAL


def _delete_attribute(m: Machine, frame: Frame, node: ast.AST, owner: Value, name: str) -> None:
    special.special(m, frame, node, owner, "__delattr__", [Value(const=name)])
    cls = owner.obj.cls if isinstance(owner.obj, Instance) else None
    held = cls.lookup(name) if cls is not None else None
    if held is not None and isinstance(held.obj, Function) and "__delete__" in held.obj.attributes:
        m.call(frame, node, held.obj.attributes["__delete__"], [owner], {})
    elif held is not None:
        special.special(m, frame, node, held, "__delete__", [owner])
    elif isinstance(owner.obj, Instance):
        gone = owner.obj.attributes.get(name)
        if gone is not None:
            special.leave(m, frame, node, gone)


def _assert(m: Machine, frame: Frame, node: ast.Assert) -> int:
    test = m.evaluate(frame, node.test)
    operators.truth(m, frame, node.test, test)
    if m.caught and m.is_of_loss(test):
        why = "where it fails, what follows is left out"
        m.unfollowed(node, frame, "an assertion on losses that is caught", why, {unfollowed.LOSSES})
    return NORMAL


def _match(m: Machine, frame: Frame, node: ast.Match) -> int:
    subject = m.evaluate(frame, node.subject)
    completion = NORMAL
    for case in node.cases:
        pattern = case.pattern
        patterns.captured(m, frame, pattern, subject)
        if case.guard is not None:
            guard = m.evaluate(frame, case.guard)
            if operators.truth(m, frame, case.guard, guard) is False:
                continue
        if isinstance(pattern, ast.MatchValue) and not ranks.of_rank(subject.tags):
            value = m.evaluate(frame, pattern.value)
            same = enums.same(subject, value)
            if same is None and subject.known and value.known:
                same = bool(value.const == subject.const)
            if same is False:
                continue
            if same:
                return execute(m, frame, case.body)
        names, unsure = switches(subject.tags), not subject.known
        both = _both(m, frame, case.body, [], names, unsure=unsure, dead=None)
        completion |= branching.chain(both, partial(_arms, m, frame))
    return completion


_HANDLERS: dict[type[ast.stmt], Any] = {
    ast.Expr: _expr,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.If: _if,
    ast.For: loops.for_,
    ast.AsyncFor: loops.for_,
    ast.While: loops.while_,
    ast.With: contexts.with_,
    ast.AsyncWith: contexts.with_,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: importing.import_,
    ast.ImportFrom: importing.import_from,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Delete: _delete,
    ast.Match: _match,
    ast.Break: lambda m, frame, node: BREAK,
    ast.Continue: lambda m, frame, node: CONTINUE,
    ast.Raise: _raise,
    ast.Assert: _assert,
}
