"""What a condition of a module comes to: parameters, names around a function; by what is passed, not called."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from rules.examples.folders import folder
from rules.examples.scripts import script

_MODEL = """
class Inner(nn.Module):
    def forward(self, x, a1=None):
        if TEST:
            x = x + self.g * torch.roll(x, 1, dims=1)
        return x


class Outer(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.parts = nn.ModuleList([Inner() for _ in range(2)])

    def forward(self, x, a2):
        for part in self.parts:
            x = part(xARGUMENT)
        return x


def make(args):
    return Outer(args)


MADE = make(None)
"""


def _active(test: str, argument: str = "", before: str = "") -> list[bool | None]:
    model = before + _MODEL.replace("TEST", test).replace("ARGUMENT", argument)
    facts = gather(loaded(folder(script(model=model))), {}, strict=True)
    return [smear.active for smear in facts.code.smears]


@pytest.mark.parametrize(
    ("test", "argument", "active"),
    [
        ("a1 is not None", "", False),  # no call passes it
        ("a1 is not None", ", a1=a2", None),  # one does, and what it is is not known
        ("a1 is not None", ", a2", None),
        ("a1 is None", ", None", True),
    ],
)
def test_what_a_module_is_given_reaches_its_forward_pass(test: str, argument: str, active: bool | None) -> None:
    assert _active(test, argument) == [active]


def test_a_name_that_is_not_known_is_no_attribute_of_the_same_spelling() -> None:
    settings = "class Settings:\n    smear_enabled = False\n\n\n"
    loop = "any(smear_enabled for smear_enabled in self.held)"
    assert _active(loop, before=settings) == [None]
