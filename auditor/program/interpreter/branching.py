"""The two arms of a branch: which way each goes, and what they leave on the heap."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator

from auditor.program.interpreter.around import NOTHING, Around, Journal, OnTop
from auditor.program.interpreter.machine import Branch, Machine
from auditor.program.interpreter.perhaps import reconsidered
from auditor.program.joins import join
from auditor.program.values import Frame, Value
from auditor.program.written import written


def way(m: Machine, frame: Frame, test: ast.expr | None, names: frozenset[str], holds: bool) -> Around:
    """While an arm runs under a condition on switches: events in it know which way the condition went."""
    if test is None or not names:
        return NOTHING
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, holds = test.operand, not holds
    return OnTop(m.ways, (f"{','.join(sorted(names))}: {written(test)}", holds))


def entered(m: Machine, key: Branch | None, holds: bool, dead: bool | None) -> Around:
    """While the arm runs that switches take, with what the arms before it have set, were they to run or not."""
    return NOTHING if key is None or dead is not (not holds) else OnTop(m.entered, (key, holds))


Arms = Generator[ast.If, int, int]
"""Gives every `if` that is the whole of an arm, is sent how that one completed, and returns how both arms did."""


def chain(first: Arms, arms: Callable[[ast.If], Arms]) -> int:
    """Run arms and those within them to their end, and say how they completed.

    Every `elif` is within the one before it, and there may be thousands: calls within calls would not go so deep.
    """
    running, how, error = [first], None, None
    while running:
        try:
            following = running[-1].send(how) if error is None else running[-1].throw(error)  # type: ignore[arg-type]
        except StopIteration as ended:
            running.pop()
            how, error = ended.value, None
        except BaseException as raised:
            running.pop()
            how, error = None, raised
        else:
            running.append(arms(following))
            how = error = None
    if error is not None:
        raise error
    return how  # type: ignore[return-value]


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
    certain: bool,
) -> None:
    """After both arms an attribute may hold what either left: `self.gate = None` in one arm hides no gate.

    `certain`: one of them is known not to count.
    """
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
        if before is None and (key in journal) != (key in second) and not certain:
            reconsidered(m, instance, key[1], None)
