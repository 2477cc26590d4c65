"""The two arms of a branch: which way each goes, and what they leave on the heap."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator

from auditor.program.interpreter.around import NOTHING, Around, OnTop
from auditor.program.interpreter.kept import Journal
from auditor.program.interpreter.machine import Branch, Machine
from auditor.program.interpreter.perhaps import names_of, reconsidered
from auditor.program.joins import join
from auditor.program.values import Frame, Instance, Value
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


Left = dict[tuple[int, str], Value | None]
"""What an arm has left in attributes, and in names outside of the function that it stands in."""


def undo(journal: Journal, frame: Frame | None = None) -> tuple[Journal, Left]:
    """Put attributes and names back to what they were before the arm; what the arm had left in them.

    `frame`: whose own names are kept by whoever runs the arms.
    """
    left = {}
    for key, (holder, before) in journal.items():
        if holder is frame:
            continue
        names = names_of(holder)
        left[key] = names.get(key[1])
        if before is None:
            names.pop(key[1], None)
        else:
            names[key[1]] = before
    return journal, left


def merge(
    m: Machine,
    frame: Frame,
    first: tuple[Journal, Left],
    second: Journal,
    *,
    first_raises: bool,
    second_raises: bool,
    certain: bool,
) -> None:
    """After both arms an attribute, or a name of the module, may hold what either left.

    `self.gate = None` in one arm hides no gate. `frame`: whose names are joined by whoever has run the arms.
    `certain`: one of them is known not to count.
    """
    journal, left = first
    for key in {**journal, **second}:
        holder, before = journal.get(key) or second[key]
        if holder is frame:
            continue
        one = left.get(key, before)
        other = names_of(holder).get(key[1])
        if first_raises:
            one = other
        elif second_raises:
            other = one
        held = [value for value in (one, other) if value is not None]
        value = join(held[0], held[1]) if len(held) > 1 else held[0] if held else None
        if value is not None and isinstance(holder, Instance):
            m.write_attribute(holder, key[1], value)
        elif value is not None:
            m.rebinds(other, value)
            names_of(holder)[key[1]] = value
        if before is None and (key in journal) != (key in second) and not certain:
            reconsidered(m, holder, key[1], None)
