"""How far numbers reach that bound each other."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from auditor.program.extent import STREAM, Extents
from auditor.program.positions import Position
from auditor.program.values import Value
from rules.examples.folders import folder


def test_numbers_that_are_made_of_each_other_are_worked_out_once() -> None:
    """Twenty numbers, each bounded by two that are made of the one before: a million ways down, twenty numbers."""
    extents = Extents()
    before = Value()
    extents.bound(before, STREAM)
    for _ in range(20):
        number = Value()
        for more in (1, 2):
            extents.bound(number, Position(more, frozenset({(before, 1)})))
        before = number
    asked = 0
    worked_out = Extents._of_value

    def counted(self: Extents, *given: object) -> float | None:
        nonlocal asked
        asked += 1
        return worked_out(self, *given)  # type: ignore[arg-type]

    Extents._of_value = counted  # type: ignore[method-assign]
    try:
        reach = extents.at(Position(0, frozenset({(before, 1)})), 1000.0)
    finally:
        Extents._of_value = worked_out  # type: ignore[method-assign]
    assert reach == 1020
    assert asked < 100


def test_a_number_that_bounds_itself_is_not_bounded_by_that() -> None:
    extents, number = Extents(), Value()
    extents.bound(number, Position(1, frozenset({(number, 1)})))
    assert extents.at(Position(0, frozenset({(number, 1)}))) is None
    extents.bound(number, Position(7))
    assert extents.at(Position(0, frozenset({(number, 1)}))) == 7


@pytest.mark.parametrize("limit", ["float('inf')", "float('nan')", "1e999", "9" * 400, "-1e999"])
def test_a_clock_without_a_number_of_seconds_ends_no_audit(limit: str) -> None:
    script = str(folder()["train_gpt.py"])
    before, loop, after = script.partition("            begin = max(0, ")
    assert loop
    stop = f"            if time.time() - began > {limit}:\n                break\n"
    text = before.replace("    model.eval()\n", "    model.eval()\n    began = time.time()\n", 1) + stop + loop + after
    gather(loaded({**folder(), "train_gpt.py": text}), {}, strict=True)
