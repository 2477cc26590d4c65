"""Recipes of elements and of containers: what is read out of a table, what an array holds once it was stored into."""

from __future__ import annotations

import ast

from auditor.program.interpreter.libraries.lines import followed_by as followed_by
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import axes, doubts, entries
from auditor.program.interpreter.scoring.recipes import SHOWN, measures, named, node_of
from auditor.program.recipe import bonuses, transfers
from auditor.program.recipe.model import Node, Op, What, either, number
from auditor.program.tags import VAL
from auditor.program.values import Frame, Value


def element(m: Machine, frame: Frame, node: ast.Subscript, container: Value, index: Value, result: Value) -> None:
    """One element or slice: a pick at the target, a table read by tokens, or a part of the same."""
    axes.element(container, index, result)
    if result.recipe is not None or result.known or not (measures(container) or measures(index)):
        return
    inner = node_of(container)
    by_tokens = VAL in index.tags and not isinstance(node.slice, ast.Slice)
    if inner is not None and inner.op is Op.TOKENS:
        return  # a part of the stream: its tags say which
    if not by_tokens:
        known, key = entries.of(inner), entries.key_of(index)
        result.recipe = inner if known is None or key is None else known.get(key) or number(0)
        return
    read = node_of(index) or named(node.slice)
    table = inner if inner is not None else Node(Op.NAME, (), What.WEIGHT, text=_called(node.value))
    result.tags |= doubts.from_elsewhere(m, frame, node, container, index)
    result.recipe = transfers.pick(table, read, m.place(node, frame))


def _called(expression: ast.expr) -> str:
    text = expression.id if isinstance(expression, ast.Name) else getattr(expression, "attr", "")
    return str(text)[:SHOWN] or "a table"


def counts(container: Value) -> None:
    """A container that is stored into under keys made of tokens holds counts."""
    seen: Value | None = container
    for _ in range(16):
        if seen is None or seen.recipe is not None:
            return
        seen.recipe = Node(Op.NAME, (), What.COUNT, text="counts")
        seen = seen.base


def stored(container: Value, index: Value, value: Value) -> None:
    """What is stored into an array becomes part of what it measures; zeros that it was made of do not."""
    node, key = node_of(value), entries.key_of(index)
    known = entries.held(container)
    if known is not None and key is not None:
        if node is not None or key in known:
            container.recipe = entries.made({**known, key: node or Node(Op.NAME, (), What.NUMBER, text="a value")})
        return
    if (rows := container.recipe) is not None and bonuses.is_rows(rows) and not (node and bonuses.is_rows(node)):
        container.recipe = bonuses.entries_set(rows, node)
        return
    if node is None or node.op is Op.NUMBER:
        return
    seen: Value | None = container
    for _ in range(16):
        if seen is None:
            return
        held = seen.recipe
        seen.recipe = node if held is None else either((held, node))
        seen = seen.base
