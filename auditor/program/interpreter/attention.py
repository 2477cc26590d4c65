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
    frame = _evaluating(m, function)
    said = m.evaluate(frame, flag)
    if said.known and said.const:
        return
    why = "is_causal does not hold in evaluation" if said.known else "is_causal is computed, and could not be told"
    m.unfollowed(node, frame, "attention", why, {"losses"})


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
