"""However a forward pass gets to a function that moves positions, it is looked at."""

from __future__ import annotations

import pytest
from mixing_samples import MODEL, sees
from program_samples import FINAL, program

HELD = """
import functools
def moved(x):
    return x + x.roll({by}, 1)
class Steps:
    @staticmethod
    def moved(x):
        return x + x.roll({by}, 1)
    @classmethod
    def of_class(cls, x):
        return x + x.roll({by}, 1)
class Mover:
    def moved(self, x):
        return x + x.roll({by}, 1)
class Part(nn.Module):
    def forward(self, x):
        return x + x.roll({by}, 1)
table = {{"moved": moved}}
steps = [moved]
mover = Mover()
part = Part()
partial = functools.partial(moved)
"""
CALLS = {
    "by its name": "moved(x)",
    "as a static method": "Steps.moved(x)",
    "as a class method": "Steps.of_class(x)",
    "out of a table": 'table["moved"](x)',
    "out of a list": "steps[0](x)",
    "of an object beside the model": "mover.moved(x)",
    "a part that no attribute holds": "part(x)",
    "with arguments to come": "partial(x)",
    "in a module beside": "beside.moved(x)",
}


def _sees(call: str, by: int) -> list[str]:
    text = f"import beside\n{HELD.format(by=by)}{MODEL.format(body=f'x = {call}', part='None')}{FINAL}"
    return sees(program(text, beside=f"def moved(x):\n    return x + x.roll({by}, 1)\n"))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_it_moves_is_seen(call: str) -> None:
    assert _sees(call, -1) == ["what is brought forward"]
    assert _sees(call, 1) == []
