"""What a call is given: arguments by place and by name, and those behind stars."""

from __future__ import annotations

import ast

from auditor.program.interpreter.language import binding, special
from auditor.program.interpreter.language.iteration import elements
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import entries, unfollowed
from auditor.program.values import UNKNOWN, Frame, Mapping, Sequence, Value

Arguments = tuple[list[Value], dict[str, Value]]


def given(m: Machine, frame: Frame, node: ast.Call, function: Value) -> Arguments:
    args: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            value = special.iterable(m, frame, node, m.evaluate(frame, argument.value))
            args.extend(_spread(m, frame, node, value, binding.room(function) - len(args)))
        else:
            args.append(m.evaluate(frame, argument))
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = m.evaluate(frame, keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value.obj, Mapping):
            kwargs.update({str(k): v for k, v in value.obj.items.items()})
            if value.obj.other is not None:
                _mixed_up(m, frame, node, [*args, *kwargs.values(), value.obj.other])
    return args, kwargs


def _mixed_up(m: Machine, frame: Frame, node: ast.Call, given: list[Value]) -> None:
    """Arguments of which it is not known which parameter each of them is for."""
    unfollowed.call(m, frame, node, "a call with a star", "which argument is which is not known", given)


def _spread(m: Machine, frame: Frame, node: ast.Call, value: Value, room: int) -> list[Value]:
    """The elements behind a star; where nobody knows how many there are, as many as the function may take."""
    items = list(value.obj.items) if isinstance(value.obj, Sequence) else elements(value)[:1]
    if (isinstance(value.obj, Sequence) and value.obj.exact) or value.known or not items:
        return items
    if len(items) > 1:
        _mixed_up(m, frame, node, items)
    if value.obj is None:
        items[0].recipe = entries.at(value.recipe, 0)
    for place in range(len(items), room):
        last = items[-1]
        recipe = entries.at(value.recipe, place) if value.obj is None else last.recipe
        items.append(Value(last.tags, UNKNOWN, last.obj, last.base, last.mutable, recipe))
    return items
