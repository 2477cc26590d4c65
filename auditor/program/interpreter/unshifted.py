"""Scores of the very positions that the model was given: each has seen its token, or what is around it.

A score is of the next token where targets are cut one further than what the model is given, or logits are cut short.
"""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import Machine
from auditor.program.trace import Output
from auditor.program.values import HIDDEN, ONE_RATE, TARGET, TRIMMED, VAL, Frame, Tags, Value
from auditor.source.index import of_type


def scored(m: Machine, frame: Frame, node: ast.AST, logits: Tags, targets: Value) -> Tags:
    """Note on the output that made the logits what its targets tell; tags of a doubt where the model shifts itself."""
    if VAL not in targets.tags or TARGET in targets.tags or TRIMMED in logits:
        return frozenset()
    positions = _positions(targets.tags)
    for number in (t[1] for t in logits if t[0] == "out"):
        output = _given(m, m.trace.outputs[number])
        if not positions or _positions(output.tags) != positions or TARGET in output.tags:
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


def _positions(tags: Tags) -> Tags:
    return frozenset(t for t in tags if t[0] == "reads")


def shifts_itself(method: ast.AST) -> bool:
    """`x[:, :-1]`, `roll` in a forward pass: what it is given may move by one."""
    if any(getattr(call.func, "attr", "") in ("roll", "narrow") for call in of_type(method, ast.Call)):
        return True
    return any(isinstance(cut.upper, ast.UnaryOp) for cut in of_type(method, ast.Slice))
