"""The two arms of a branch: which way each goes, and what they leave on the heap."""

from __future__ import annotations

import ast

from auditor.program.interpreter.machine import NOTHING, Around, Journal, Machine, OnTop
from auditor.program.values import Frame, Value, join
from auditor.program.written import written


def way(m: Machine, frame: Frame, test: ast.expr | None, names: frozenset[str], holds: bool) -> Around:
    """While an arm runs under a condition on switches: events in it know which way the condition went."""
    if test is None or not names:
        return NOTHING
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, holds = test.operand, not holds
    return OnTop(m.ways, (f"{','.join(sorted(names))}: {written(test)}", holds))


def undo(journal: Journal) -> tuple[Journal, dict[tuple[int, str], Value | None]]:
    """Put the attributes back to what they were before the arm; what the arm had left in them."""
    left = {}
    for key, (instance, before) in journal.items():
        left[key] = instance.attributes.get(key[1])
        if before is None:
            instance.attributes.pop(key[1], None)
        else:
            instance.attributes[key[1]] = before
    return journal, left


def merge(
    m: Machine,
    first: tuple[Journal, dict[tuple[int, str], Value | None]],
    second: Journal,
    *,
    first_raises: bool,
    second_raises: bool,
) -> None:
    """After both arms an attribute may hold what either left: `self.gate = None` in one arm hides no gate."""
    journal, left = first
    for key in {**journal, **second}:
        instance, before = journal.get(key) or second[key]
        one = left.get(key, before)
        other = instance.attributes.get(key[1])
        if first_raises:
            one = other
        elif second_raises:
            other = one
        held = [value for value in (one, other) if value is not None]
        if held:
            m.write_attribute(instance, key[1], held[0] if len(held) == 1 else join(held[0], held[1]))
