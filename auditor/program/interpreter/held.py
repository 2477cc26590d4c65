"""What a model holds besides its weights when it scores: validation tokens that were counted before they are scored."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program.interpreter.machine import Machine
from auditor.program.values import NONE, VAL, Frame, Instance, Mapping, Tags, Value, has
from auditor.program.values import Sequence as Items

_LOOKED_AT = 64  # attributes of one part of a model
_DEPTH = 2


def ahead(m: Machine, frame: Frame, node: ast.AST, parts: Sequence[Instance], given: Tags) -> Tags:
    """A model that is applied to the tokens `given`, and holds counts of tokens that are yet to be scored."""
    if m.inside:
        return NONE
    for part in parts:
        for value in list(part.attributes.values())[:_LOOKED_AT]:
            if any(_is_ahead(m, held, given) for held in _held(value, _DEPTH)):
                return m.doubt(
                    node, frame, "what the model holds", "tokens that are yet to be scored are counted in it"
                )
    return NONE


def _held(value: Value, depth: int) -> Iterator[Value]:
    """What is kept under an attribute; a module in it is a part of the model by itself."""
    if isinstance(value.obj, Instance):
        return
    yield value
    if depth and isinstance(value.obj, (Items, Mapping)):
        inside = value.obj.items if isinstance(value.obj, Items) else list(value.obj.items.values())
        for item in inside[:_LOOKED_AT]:
            yield from _held(item, depth - 1)


def _is_ahead(m: Machine, value: Value, given: Tags) -> bool:
    tags = value.tags
    if VAL not in tags or has(tags, "out"):
        return False
    if m.is_table(value) and (m.filled_by_another_pass(value, given) or m.filled_in_this_round(value, given)):
        return True
    here = {loop.instance for loop in m.loops}
    counted = ("counts",) in tags and here.isdisjoint([t[1] for t in tags if t[0] == "dep"])
    return counted or any(t[0] == "taken" and m.is_of_this_round(t[1], given) for t in tags)
