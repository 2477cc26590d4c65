"""Whether attention is causal while a model scores, where a call says so by an expression."""

from __future__ import annotations

import ast

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.values import Frame, Function, Instance, Value


def causal(m: Machine, function: Function, node: ast.Call) -> None:
    """Write down attention whose `is_causal` does not hold, or may not hold, when the model is not in training."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in vocabulary.ATTENTION:
        return
    options = {k.arg: k.value for k in node.keywords}
    flag = options.get("is_causal", options.get("causal"))
    if flag is None or isinstance(flag, ast.Constant):
        return
    if isinstance(flag, ast.Name) and _always_given(function, flag.id):
        return
    frame = _evaluating(m, function)
    said = m.evaluate(frame, flag)
    if said.known and said.const:
        return
    why = "is_causal does not hold in evaluation" if said.known else "is_causal is computed, and could not be told"
    m.unfollowed(node, frame, "attention", why, {"losses"})


def _always_given(function: Function, parameter: str) -> bool:
    """Whether every call of a wrapper that the file shows by its name gives it a true constant for that parameter."""
    spec = function.node.args
    positional = [p.arg for p in (*spec.posonlyargs, *spec.args)]
    if function.unit.tree is None or parameter not in (*positional, *(p.arg for p in spec.kwonlyargs)):
        return False
    own = getattr(function.node, "name", "")
    given = [
        next((k.value for k in call.keywords if k.arg == parameter), None)
        or next((a for name, a in zip(positional, call.args, strict=False) if name == parameter), None)
        for call in ast.walk(function.unit.tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == own
    ]
    return bool(given) and all(isinstance(value, ast.Constant) and value.value for value in given)


def _evaluating(m: Machine, function: Function) -> Frame:
    """The function's scope with its defaults, and a module that is not in training."""
    frame = Frame(function.unit, function.frame, function.frame.globals)
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    for parameter in (*positional, *spec.kwonlyargs):
        frame.names[parameter.arg] = Value()
    given = zip(reversed(positional), reversed(spec.defaults), strict=False)
    for parameter, default in (*given, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)):
        if default is not None:
            frame.names[parameter.arg] = m.evaluate(function.frame, default)
    if positional and function.owner is not None:
        own = Instance(function.owner, {"training": Value(const=False)})
        frame.names[positional[0].arg] = Value(obj=own)
    return frame
