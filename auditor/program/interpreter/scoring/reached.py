"""What a forward pass that is taken as one step runs: its functions, and what is known of each one's parameters."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from collections.abc import Sequence as Seq
from functools import partial

from auditor.program import vocabulary
from auditor.program.interpreter.libraries.elsewhere import import_unit
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import attention, callees, conditions, passed
from auditor.program.syntax import is_self
from auditor.program.values import Class, External, Function, Instance
from auditor.source.index import of_type, walk

_TOLD_APART = 48  # parts of a model that have the same forward pass


def reach_module(
    m: Machine, model: Instance, method: Function, parts: Seq[Instance], given: conditions.Told, *, scoring: bool
) -> None:
    """Mark what a forward pass that is taken as one step may run, and look at what mixes positions where it scores.

    These are the method, the functions and methods that it calls, and the `forward` of every module inside the model.
    `given`: what the call of the method is known to pass.
    """
    waiting: list[tuple[Function, list[Instance], conditions.Told]] = [(method, [model], given)]
    owners: dict[ast.AST, list[Instance]] = {}
    classes = {part.cls for part in parts if part.cls is not None}
    forwards = {cls: cls.forward() for cls in classes}
    for part in parts:
        hit = forwards[part.cls] if part.cls is not None else None
        if part is model and hit is not None and (hit.obj is method or not _calls_itself(method)):
            continue
        if hit is not None and isinstance(hit.obj, Function):
            if hit.obj.node not in owners:
                waiting.append((hit.obj, owners.setdefault(hit.obj.node, []), {}))
            owners[hit.obj.node].append(part)
    holding = callees.holding(parts)
    state = _state(m, model, parts) if scoring else None
    scored = passed.Scored(method, given, _led_to(m, method, classes, waiting, holding) if scoring else frozenset())
    sure: set[ast.AST] = {method.node, *owners}  # that run; others are named, and may
    while waiting:
        function, instances, given = waiting.pop()
        if scoring and function.node in owners and not given:
            given = scored.handed(function)
        first = m.first_reach(function.unit, function.node, sure=function.node in sure)
        key = (state, id(method.node), _constants(scored.given), _constants(given))
        looked_at = not scoring or (id(function.node), key) in m.looked_at
        if not first and looked_at:
            continue
        if not looked_at:
            m.looked_at.add((id(function.node), key))
            m.trace.in_models.add((function.unit.path, function.unit.layer, function.node.lineno))
            attention.by_hand(m, function, instances[:_TOLD_APART], given)
            attention.without(m, function, instances[:_TOLD_APART], given)
            attention.by_another_name(m, function, instances[:_TOLD_APART], given)
            _carried_by_kernels(m, function)
        for node in walk(function.node):
            if isinstance(node, ast.Call):
                if not looked_at:
                    attention.causal(m, function, node, instances[:_TOLD_APART], given)
                for called, of in callees.called(function, node, instances, holding):
                    told = conditions.handed_on(m, function, instances[:_TOLD_APART], given, node, called)
                    waiting.append((called, of, {} if looked_at else told))
                    sure |= {called.node} if function.node in sure else set()
        for called, of in callees.mentioned(function, instances, partial(import_unit, m)):
            waiting.append((called, of, {}))


def _constants(given: conditions.Told) -> Hashable:
    return frozenset([(name, value.const) for name, value in given.items()])


def _led_to(
    m: Machine, method: Function, classes: set[Class], waiting: Seq[tuple[Function, list[Instance], conditions.Told]],
    holding: callees.Held,
) -> frozenset[ast.AST]:  # fmt: skip
    """`_functions`, once for a method and the classes of the parts, while no name is given another function."""
    key = method.node, frozenset(classes), m.rebound
    if key not in m.passes.led_to:
        m.passes.led_to[key] = _functions(waiting, holding)
    return m.passes.led_to[key]


def _functions(
    waiting: Seq[tuple[Function, list[Instance], conditions.Told]], holding: callees.Held
) -> frozenset[ast.AST]:
    """All functions that the first of them lead to, with each method of the model: one may be called in other ways."""
    todo = [(function, instances) for function, instances, _ in waiting]
    todo += [one for held in holding.values() for one in held]
    found: set[ast.AST] = set()
    while todo:
        function, instances = todo.pop()
        if function.node in found:
            continue
        found.add(function.node)
        for call in of_type(function.node, ast.Call):
            todo.extend(callees.called(function, call, instances, holding))
    return frozenset(found)


def _calls_itself(method: Function) -> bool:
    """`self(x)`: a method that applies the whole model."""
    return any(is_self(call.func) for call in of_type(method.node, ast.Call))


def _state(m: Machine, model: Instance, parts: Seq[Instance]) -> Hashable:
    """What a forward pass may ask of the model: whether it is in training, the flags and names that its parts hold."""
    m.in_training = m.training.get(id(model), True)
    held = [(id(part), name, value.const) for part in parts for name, value in part.attributes.items()]
    flags = frozenset([flag for flag in held if isinstance(flag[-1], (bool, str))])
    return m.in_training, flags, bool(m.unsure), bool(m.off)


def _carried_by_kernels(m: Machine, function: Function) -> None:
    """Write down state that a kernel of an unknown library leaves in the model: what it holds is not known."""
    for node in of_type(function.node, ast.Assign):
        kept = any(isinstance(t, ast.Attribute) for target in node.targets for t in walk(target))
        for call in of_type(node.value, ast.Call) if kept else ():
            dotted = _foreign(function, call.func)
            if dotted:
                why = "it leaves a state in the model, over the end of a sequence, and its library is not known"
                m.unfollowed(call, function.frame, dotted, why, {"losses"})


def _foreign(function: Function, node: ast.expr) -> str:
    """The name of a function of a library that is not known, "" for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    value = function.frame.find(node.id) if isinstance(node, ast.Name) else None
    if value is None or not isinstance(value.obj, External):
        return ""
    dotted = ".".join([value.obj.dotted, *reversed(names)])
    return "" if dotted.partition(".")[0] in vocabulary.KNOWN else dotted
