"""Marks stand at the blocks of a script, and change nothing of what it does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from auditor.probe.blocks import Mark, blocks

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/train_gpt.py")), ids=lambda p: p.parent.name)
def test_marks_are_at_the_blocks_and_change_nothing_else(path: Path) -> None:
    text = path.read_text("utf-8")
    mark = Mark("hook")
    marked = ast.fix_missing_locations(mark.visit(ast.parse(text)))
    assert sorted(mark.places) == sorted(block.place for block in blocks(ast.parse(text)))
    assert len(mark.places) > 20
    compile(marked, str(path), "exec")


def test_a_marked_script_does_what_it_did() -> None:
    text = '''
def f(xs):
    """Doc."""
    out = [g(x) if x else g(-1) for x in xs]
    try:
        assert out or g(0)
        for _ in range(0):
            out.append(9)
        else:
            out.append(len(out) and g(5))
    finally:
        pass
    return out

def g(x):
    if x > 2:
        return x
    elif x < 0:
        return None
    return 0

result = f([1, 5, 0])
'''

    class Hook:
        entered: list[int] = []  # noqa: RUF012

        def e(self, number: int) -> None:
            self.entered.append(number)

    plain: dict[str, object] = {}
    exec(text, plain)
    mark, hook = Mark("hook"), Hook()
    told: dict[str, object] = {"hook": hook}
    exec(compile(ast.fix_missing_locations(mark.visit(ast.parse(text))), "x", "exec"), told)
    assert told["result"] == plain["result"] == [0, 5, None, 5]
    assert getattr(told["f"], "__doc__", "") == "Doc."
    ran = {mark.places[number][0] for number in hook.entered}
    left_out = {place[0] for place in mark.places} - ran
    assert left_out == {6, 8}  # the loop over nothing, and what `or` did not come to
