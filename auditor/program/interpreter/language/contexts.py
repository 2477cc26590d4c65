"""`with`: contexts that are entered and left, and generators that the block runs inside of."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program.interpreter.language import assignment, callbacks, special
from auditor.program.interpreter.machine import Machine
from auditor.program.values import Bound, Frame, Function, Instance, Sequence, Value
from auditor.program.written import written


def with_(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith) -> int:
    generator = _generator_of(m, frame, node.items[0].context_expr)
    return _inside(m, frame, node, generator) if generator is not None else _entered(m, frame, node, node.items)


def _generator_of(m: Machine, frame: Frame, made: ast.expr) -> ast.AST | None:
    """The generator that a context manager is made of."""
    if not isinstance(made, ast.Call) or not isinstance(made.func, (ast.Name, ast.Attribute)):
        return None
    function = m.evaluate(frame, made.func).obj
    function = function.function if isinstance(function, Bound) else function
    if not isinstance(function, Function) or isinstance(function.node, ast.Lambda) or function.node in m.calls:
        return None
    applied = {written(d).rsplit(".", 1)[-1] for d in function.node.decorator_list}
    return function.node if applied & {"contextmanager", "asynccontextmanager"} else None


def _inside(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith, generator: ast.AST) -> int:
    """The block runs where the generator yields: what comes behind the `yield` comes after it."""
    first, rest = node.items[0], node.items[1:]
    ends: list[int] = []
    calls, functions = list(m.calls), list(m.functions)

    def block(yielded: Value) -> None:
        inner_calls, inner_functions = m.calls, m.functions
        m.calls, m.functions = calls, functions
        try:
            if first.optional_vars is not None:
                assignment.assign(m, frame, first.optional_vars, yielded)
            ends.append(_entered(m, frame, node, rest))
        finally:
            m.calls, m.functions = inner_calls, inner_functions

    m.contexts.append((generator, block))
    depth = len(m.contexts)
    m.evaluate(frame, first.context_expr)
    if not ends:  # it was not stepped into as far as its `yield`
        del m.contexts[depth - 1 :]
        block(Value())
    return ends[0]


def _entered(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith, items: Seq[ast.withitem]) -> int:
    entered: list[Value] = []
    for item in items:
        value = m.evaluate(frame, item.context_expr)
        entered.append(value)
        for name in ("__enter__", "__aenter__"):
            own = special.special(m, frame, node, value, name, [])
            value = value if own is None else own
        if item.optional_vars is not None:
            if isinstance(value.obj, Sequence) and len(value.obj.items) == 1:
                value = value.obj.items[0]  # a generator as a context manager: `with` binds what it yields
            assignment.assign(m, frame, item.optional_vars, value)
    how = m.execute(frame, node.body)
    for value in reversed(entered):
        if isinstance(value.obj, Instance) and value.obj.kind == "capture":
            graph = value.obj.attributes["graph"]
            m.captured[id(graph)] = graph, frame, node.body
        for name in ("__exit__", "__aexit__"):
            special.special(m, frame, node, value, name, [Value(const=None)] * 3)
        if m.exits:
            callbacks.left(m, frame, node, value)
    return how
