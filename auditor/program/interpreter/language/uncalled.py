"""Methods that nothing was seen to call: Python, or a library, may call them, so what they would change is said.

These are special methods, and all methods of what inherits from a class of a library.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import fields

from auditor.program.interpreter.language import callbacks
from auditor.program.interpreter.machine import MAX_STEPS, Machine
from auditor.program.interpreter.scoring import unfollowed
from auditor.program.trace import Trace
from auditor.program.values import Frame, Function, Instance, Value

_WHY = "nothing was seen to call it, Python may, and it trains on validation tokens"


def written_down(m: Machine) -> None:
    """At the end of a run: of objects that were made, of classes that libraries use, and functions of modules."""
    for owner, name, function in list(_special(m)):
        if m.steps > MAX_STEPS // 2:
            return
        if not _ran(m, function) and _trains(m, owner, function):
            place = Frame(function.unit)
            m.unfollowed(function.node, place, f"the method {name}", _WHY, unfollowed.EVERYTHING, any_time=True)


def _special(m: Machine) -> Iterator[tuple[Value | None, str, Function]]:
    for value in m.made.values():
        if not isinstance(value.obj, Instance) or value.obj.cls is None:
            continue
        for cls in value.obj.cls.order():
            for name, held in cls.attributes.items():
                if _is_special(name) and isinstance(held.obj, Function):
                    yield value, f"{cls.name}.{name}", held.obj
    for cls in m.derived:
        owner = m.made.get(cls) or Value(obj=Instance(cls))
        for name, held in cls.attributes.items():
            if isinstance(held.obj, Function):
                yield owner, f"{cls.name}.{name}", held.obj
    for frame in m.modules.values():
        for name, held in frame.names.items():
            if _is_special(name) and isinstance(held.obj, Function):
                yield None, name, held.obj


def _is_special(name: str) -> bool:
    """`__missing__`, and `_missing_` of an enumeration."""
    return len(name) > 2 and name.startswith("_") and name.endswith("_") and name != "__init__"


def _ran(m: Machine, function: Function) -> bool:
    body = function.node.body
    first = body if isinstance(body, ast.expr) else body[0]
    return first.lineno in m.lines.get((function.unit.path, function.unit.layer), {})


def _trains(m: Machine, owner: Value | None, function: Function) -> bool:
    """Whether running it adapts weights; what the trial leaves in the trace is taken back."""
    before, lines = m.trace, m.lines
    m.trace = Trace(**{f.name: copy.copy(getattr(before, f.name)) for f in fields(Trace)})
    m.lines = {key: dict(seen) for key, seen in lines.items()}
    needed = callbacks.positional(Value(obj=function)) or 0
    given = [Value() for _ in range(needed - (owner is not None))]
    try:
        with m.branch(frozenset(), unsure=True, dormant=False):
            m.invoke(Frame(function.unit), function.node, function, owner, given, {})
        return len(m.trace.adapts) > len(before.adapts)
    finally:
        m.trace, m.lines = before, lines
