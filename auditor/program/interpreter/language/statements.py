"""Abstract execution of statements."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence as Seq
from functools import partial
from typing import Any

from auditor.program.interpreter import branching
from auditor.program.interpreter.completion import BREAK, CONTINUE, NORMAL, RAISE, RETURN
from auditor.program.interpreter.language import (
    arms,
    assignment,
    comparisons,
    contexts,
    decoration,
    enums,
    importing,
    loops,
    operators,
    patterns,
    settling,
    special,
)
from auditor.program.interpreter.machine import Machine, switches
from auditor.program.interpreter.perhaps import Perhaps
from auditor.program.interpreter.scoring import measured, told, unfollowed
from auditor.program.interpreter.stream import ranks
from auditor.program.joins import join
from auditor.program.values import Class, External, Frame, Function, Instance, Sequence, Value, with_tags
from auditor.program.written import written


def execute(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> int:
    completion = 0
    off, selected = len(m.off), len(m.selections)
    rest: Perhaps | None = None  # what one way of a condition above has left out
    try:
        for i, statement in enumerate(body):
            forks = m.forks
            how = _statement(m, frame, statement)
            completion |= how & ~NORMAL
            if not how & NORMAL:
                return completion
            if rest is None and m.forks > forks and how & (RETURN | BREAK | CONTINUE) and i + 1 < len(body):
                rest = Perhaps(m, None if how & RETURN else frame.names)
                rest.__enter__()
            if m.leaves is not None:
                m.off.append(m.leaves)
                m.leaves = None
            if m.remaining is not None:
                m.selections.append(m.remaining)
                m.remaining = None
        return completion | NORMAL
    finally:
        if rest is not None:
            rest.__exit__(*sys.exc_info())
            rest.leave(frame.names)
        m.remaining = None
        del m.selections[selected:]
        if len(m.off) > off:  # what comes after this block is left out as well
            m.leaves = m.off[off]
            del m.off[off:]


def _statement(m: Machine, frame: Frame, node: ast.stmt) -> int:
    arms.begun(m, frame, node)
    handler = _HANDLERS.get(type(node))
    return NORMAL if handler is None else int(handler(m, frame, node))


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


def _try(m: Machine, frame: Frame, node: ast.Try | Any) -> int:
    before = dict(frame.names)
    with Perhaps(m) as guarded:
        guarded.certain = True
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
                guarded.certain = False
                for name, value in frame.names.items():
                    other = after.get(name)
                    if other is not value:
                        after[name] = value if other is None else join(other, value)
    frame.names = after
    told.caught(m, frame, node)
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
    comparisons.truth(m, frame, node.test, test)
    if m.caught and (tells := told.asked(m, test)):
        told.failing(m, tells)
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
            if comparisons.truth(m, frame, case.guard, guard) is False:
                continue
        if isinstance(pattern, ast.MatchValue) and not ranks.of_rank(subject.tags):
            value = m.evaluate(frame, pattern.value)
            same = enums.same(subject, value)
            if same is None and subject.known and value.known:
                same = bool(value.const == subject.const)
                settling.asked(m, node.subject)
            if same is False:
                continue
            if same:
                return execute(m, frame, case.body)
        names, unsure = switches(subject.tags), not subject.known
        both = arms.both(m, frame, case.body, [], names, unsure=unsure, dead=None)
        completion |= branching.chain(both, partial(arms.arms, m, frame))
    if m.inside and (tells := told.asked(m, subject)):
        told.decided(m, frame, [statement for case in node.cases for statement in case.body], tells)
    return completion


_HANDLERS: dict[type[ast.stmt], Any] = {
    ast.Expr: _expr,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.If: arms.if_,
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
