"""Hooks: functions that run with a module's forward pass, with a gradient, with an optimizer's step."""

from __future__ import annotations

import ast

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.hook import Hook
from auditor.program.interpreter.language.callbacks import callable_of_program, positional
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import NONE, Tags
from auditor.program.values import Frame, Function, Instance, Native, Value


def hooked(m: Machine, node: ast.AST, receiver: Value, name: str, args: list[Value]) -> Value | None:
    """A hook is registered: its handle; None where the method registers none."""
    if not name.endswith("hook") or not name.lstrip("_").startswith("register_"):
        return None
    function = next((value for value in args if callable_of_program(value)), None)
    if function is None:
        return None
    hook = Hook(_kind(name), receiver, function, node)
    m.hooks.append(hook)

    def remove(m: Machine, frame: Frame, node: ast.AST, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if not m.unsure and not m.off:
            # Two abstract handles stand for all that a loop registers: removed in a loop, all of them are gone.
            m.hooks[:] = [h for h in m.hooks if h is not hook and not (m.loops and h.at is hook.at)]
        return Value(const=None)

    return Value(obj=Instance(None, {"remove": Value(obj=Native("remove", remove))}, kind="namespace"))


def _kind(name: str) -> str:
    if "state_dict" in name:
        return "load" if "load" in name else "save"
    if "step" in name:
        return "before step" if "pre" in name else "step"
    if "forward" in name:
        return "forward"
    if name == "register_comm_hook":
        return "bucket"
    return "value" if name == "register_hook" else "gradient"


def run_hooks(m: Machine, frame: Frame, node: ast.AST, kind: str, of: object, given: list[Value]) -> Tags:
    """Run what is hooked to an event; `of` is the object that it happens to, None where it may be any.

    What they give, which stands for what a forward pass has given.
    """
    made = NONE
    for hook in list(m.hooks):
        if hook.kind != kind or (of is not None and hook.of.obj is not None and hook.of.obj is not of):
            continue
        function = hook.function
        own_node = function.obj.node if isinstance(function.obj, Function) else None
        if own_node is not None and own_node in m.calls:
            continue
        own = [hook.of] if kind == "gradient" else given
        need = positional(function)
        made |= deep_tags(m.call(frame, node, function, own[:need] if need is not None else own, {}))
    return made
