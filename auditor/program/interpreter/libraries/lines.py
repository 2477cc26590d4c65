"""Lines with figures in them, as recipes."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from auditor.program.interpreter.scoring.recipes import node_of
from auditor.program.interpreter.stream.tokens import MAX_TEXT
from auditor.program.recipe.model import Node, Op, What, sees_of, unknown
from auditor.program.values import Mapping, Value
from auditor.program.values import Sequence as Items


def put_together(left: Value, right: Value, a: Node, b: Node, op: ast.operator) -> Node:
    """Two texts one after the other, or `"..." % (figure, ...)`."""
    if isinstance(op, ast.Mod) and isinstance(left.const, str):
        return line(left.const, right.obj.items if isinstance(right.obj, Items) else [right])
    return line("{}{}", [left, right])


_HOLE = re.compile(r"\{[^{}]*\}|%[-+ #0]*[\d.*]*[a-zA-Z]")


def line(template: str, figures: Sequence[Value]) -> Node:
    """A text with figures in it; `template` as the code has it, holes written as `{:.4f}` or `%.4f`."""
    made = Node(Op.LINE, (), What.TEXT)
    left = list(figures)
    end = 0
    for hole in _HOLE.finditer(template):
        made = followed_by(made, template[end : hole.start()])
        end = hole.end()
        if left:
            made = followed_by(made, left.pop(0))
    return followed_by(made, template[end:])


_MOST_FIGURES = 128  # of one line; lines can be put together from lines, and double


def followed_by(before: Node, part: Value | str) -> Node:
    """A line and what stands behind it: constant text, a figure, or another line. One that is too long is *other*."""
    if before.op is not Op.LINE:
        return before
    if isinstance(part, str) or isinstance(part.const, str):
        inputs = before.inputs
        text = (part if isinstance(part, str) else part.const).replace("{}", "{ }")
    else:
        node = node_of(part) or Node(Op.NAME, (), What.NUMBER, text="a value")
        whole = node.op is Op.LINE
        inputs, text = (*before.inputs, *(node.inputs if whole else (node,))), node.text if whole else "{}"
    if len(inputs) > _MOST_FIGURES or len(before.text) + len(text) > MAX_TEXT:
        return unknown(inputs, "a line that is too long")
    return Node(Op.LINE, inputs, What.TEXT, sees=sees_of(inputs), text=before.text + text)


def saved(values: Sequence[Value]) -> Node | None:
    """What is written to a file under names: `{"val_bpb": figure}`."""
    for value in values:
        if isinstance(value.obj, Mapping):
            named = [(str(k), v) for k, v in value.obj.items.items() if isinstance(k, str)]
            return line(" ".join(f"{name.replace('%', ' ')}: {{}}" for name, _ in named), [v for _, v in named])
    return line(" ".join(["{}"] * len(values)), values)
