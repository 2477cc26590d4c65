"""Scores of the very positions that the model was given: each has seen its token, or what is around it.

A score is of the next token where targets are cut one further than what the model is given, or logits are cut short.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.interpreter.machine import Machine
from auditor.program.syntax import is_library, literal
from auditor.program.tags import (
    HIDDEN,
    ONE_RATE,
    SHORTENED,
    TAIL,
    TARGET,
    TRIMMED,
    VAL,
    From,
    OfOutput,
    Reads,
    Tags,
    UpTo,
    has,
)
from auditor.program.trace import Output
from auditor.program.values import Frame, Instance, Value
from auditor.source.index import of_type


def scored(m: Machine, frame: Frame, node: ast.AST, logits: Tags, targets: Value) -> Tags:
    """Note on the output that made the logits what its targets tell; tags of a doubt where the model shifts itself."""
    tail = TAIL in targets.tags
    if VAL not in targets.tags or (TARGET in targets.tags and not tail) or TRIMMED in logits:
        return frozenset()
    positions = _positions(targets.tags)
    for number in (t.number for t in logits if isinstance(t, OfOutput)):
        output = _given(m, m.trace.outputs[number])
        if not positions or _positions(output.tags) != positions or TARGET in output.tags:
            continue
        if SHORTENED in output.tags and (tail or _ends_with_all(targets.tags)):
            continue
        if output.shifts:
            why = "targets stand at the positions that the model is given, and it shifts something inside"
            return m.doubt(node, frame, "what a token is predicted from", why)
        if HIDDEN in output.tags:
            output.hidden = "one rate" if ONE_RATE in output.tags else "holes"
        else:
            output.sees_target = True
    return frozenset()


def _given(m: Machine, output: Output) -> Output:
    """The output of the model itself, below what was made of it."""
    for _ in range(8):
        above = min(output.parents, default=None)
        if above is None:
            break
        output = m.trace.outputs[above]
    return output


def _ends_with_all(tags: Tags) -> bool:
    """`[-n:]`: the last ones, the very last among them."""
    begins = [t.position for t in tags if isinstance(t, From)]
    ends = has(tags, UpTo) or SHORTENED in tags
    return bool(begins) and all(p.from_the_end for p in begins) and not ends


def _positions(tags: Tags) -> Tags:
    return frozenset([t for t in tags if isinstance(t, Reads)])


def shifts_itself(m: Machine, parts: Iterable[Instance]) -> bool:
    """`x[:, :-1]`, `roll`, a mask without its diagonal in a method of the model: what it is given may move by one."""
    for cls in {id(part.cls): part.cls for part in parts if part.cls is not None}.values():
        if cls.node not in m.passes.shifting:
            m.passes.shifting[cls.node] = _shifts(cls.node)
        if m.passes.shifting[cls.node]:
            return True
    return False


def _shifts(cls: ast.ClassDef) -> bool:
    for call in of_type(cls, ast.Call):
        name = getattr(call.func, "attr", "")
        if name in ("roll", "narrow", "pad") or (name in ("tril", "triu") and _without_diagonal(name, call)):
            return True
    return any(isinstance(cut.upper, ast.UnaryOp) or (literal(cut.upper) or 0) < 0 for cut in of_type(cls, ast.Slice))


def _without_diagonal(name: str, call: ast.Call) -> bool:
    """`tril(-1)`; of what is masked away, `triu()`."""
    method = isinstance(call.func, ast.Attribute) and not is_library(call.func.value)
    given = [*(k.value for k in call.keywords if k.arg == "diagonal"), *call.args[0 if method else 1 :]]
    diagonal = literal(given[0]) if given else 0
    below = diagonal < 0 if diagonal is not None else isinstance(given[0], ast.UnaryOp)
    return below if name == "tril" else diagonal == 0
