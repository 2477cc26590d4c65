"""What a model holds besides its weights when it scores: tokens, or counts of them, before they are scored."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import rounds
from auditor.program.interpreter.stream.tokens import Text
from auditor.program.tags import BY_LOSS, NONE, PARAMETER, VAL, AdaptedBy, InRound, OfOutput, Tags, Taken, has
from auditor.program.trace import SEES_LATER
from auditor.program.values import Class, External, Frame, Function, Instance, Mapping, PyModule, Value
from auditor.program.values import Sequence as Items
from auditor.source.index import of_type

_LOOKED_AT = 64  # attributes of one part of a model
_DEPTH = 2


def ahead(m: Machine, frame: Frame, node: ast.AST, parts: Sequence[Instance], given: Tags) -> Tags:
    """A model that is applied to the tokens `given`, and knows of tokens that are yet to be scored."""
    if m.inside:
        return NONE
    for part in parts:
        for value in list(part.attributes.values())[:_LOOKED_AT]:
            if any(_is_ahead(m, held, given) for held in _held(value, _DEPTH)):
                return m.doubt(node, frame, "what the model holds", _WHY, against=SEES_LATER)
    for cls in {part.cls for part in parts if part.cls is not None}:
        for method in cls.attributes.values():
            if isinstance(method.obj, Function) and _reads_ahead(m, method.obj, given):
                return m.doubt(node, frame, "what the code of the model reads", _WHY, against=SEES_LATER)
    for hook in m.hooks:
        hooked = hook.kind == "forward" and any(hook.of.obj is part for part in parts)
        if hooked and isinstance(hook.function.obj, Function) and _reads_ahead(m, hook.function.obj, given):
            return m.doubt(node, frame, "what a hook of the model reads", _WHY, against=SEES_LATER)
        kept = hook.function.obj.attributes.values() if isinstance(hook.function.obj, Instance) else ()
        if hooked and any(_is_ahead(m, held, given) for value in list(kept)[:_LOOKED_AT] for held in _held(value, 1)):
            return m.doubt(node, frame, "what a hook of the model holds", _WHY, against=SEES_LATER)
    return NONE


def _reads_ahead(m: Machine, function: Function, given: Tags) -> bool:
    return any(_is_ahead(m, held, given) for value in _named(m, function) for held in _held(value, _DEPTH))


_WHY = "tokens that are yet to be scored are in it"


def _named(m: Machine, function: Function) -> Iterator[Value]:
    """What a function reads that is neither given to it nor made there."""
    if function.node not in m.names_outside:
        own = {a.arg for a in of_type(function.node, ast.arg)}
        names = {(n.id, isinstance(n.ctx, ast.Store)) for n in of_type(function.node, ast.Name)}
        own |= {name for name, stored in names if stored}
        m.names_outside[function.node] = tuple(sorted({name for name, _ in names} - own))
    for name in m.names_outside[function.node]:
        value = function.frame.find(name)
        if value is None or isinstance(value.obj, _CODE):
            continue
        if isinstance(value.obj, Instance):
            yield from list(value.obj.attributes.values())[:_LOOKED_AT] if value.obj.kind == "namespace" else ()
        else:
            yield value


_CODE = (Class, External, Function, PyModule)


def _held(value: Value, depth: int) -> Iterator[Value]:
    """What is kept under an attribute; a module in it is a part of the model by itself."""
    if isinstance(value.obj, Instance):
        return
    yield value
    if depth and isinstance(value.obj, (Items, Mapping)):
        inside = value.obj.items if isinstance(value.obj, Items) else [*value.obj.items.values()]
        if isinstance(value.obj, Mapping) and value.obj.other is not None:
            inside = [value.obj.other, *inside]
        for item in inside[:_LOOKED_AT]:
            yield from _held(item, depth - 1)


def _is_ahead(m: Machine, value: Value, given: Tags) -> bool:
    tags = value.tags
    if BY_LOSS not in tags and VAL not in tags:
        return False
    here = {loop.instance for loop in m.loops}
    plain = value.known or isinstance(value.obj, Text)  # a path, a number
    kept = here.isdisjoint([t.loop for t in tags if isinstance(t, InRound)])
    weight = PARAMETER in tags or has(tags, AdaptedBy)  # in which order it was changed is another question
    if kept and not weight and (BY_LOSS in tags or (VAL in tags and has(tags, OfOutput))):
        return True
    if VAL not in tags or has(tags, OfOutput):
        return False
    if m.is_table(value) and (m.filled_by_another_pass(value, given) or m.filled_in_this_round(value, given)):
        return True
    if rounds.in_hand(m, tags):
        return True
    return (kept and not plain) or any(isinstance(t, Taken) and m.is_of_this_round(t.rounds, given) for t in tags)
