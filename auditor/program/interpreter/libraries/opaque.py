"""What a call that is not understood gives."""

from __future__ import annotations

import ast

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import NONE, From, Tags, UpTo
from auditor.program.values import External, Frame, Value


def opaque(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A call that is not understood: its result may hold whatever its arguments hold."""
    tags = deep_tags(function, 2) if not isinstance(function.obj, External) else NONE
    for value in (*args, *kwargs.values()):
        tags |= deep_tags(value)
    return Value(tags, mutable=True)


def without_spans(tags: Tags) -> Tags:
    """Where a model's input was cut says nothing of which of its outputs are scored."""
    return frozenset([t for t in tags if not isinstance(t, (From, UpTo))])
