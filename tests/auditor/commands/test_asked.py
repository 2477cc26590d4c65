"""Pull requests as users write them; classes in --fail-on."""

from __future__ import annotations

import pytest

from auditor.commands.asked import Asked, Bar, asked, bar
from auditor.commands.process import UsageError
from auditor.findings import CLASSES, Outcome

KNOWN = [1, 5, 9, 1395, 1400, 1450]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["1395"], [1395]),
        (["#1395", "5"], [1395, 5]),
        (["https://github.com/openai/parameter-golf/pull/1395"], [1395]),
        (["github.com/openai/parameter-golf/pull/1395/files#diff"], [1395]),
        (["1395-1450"], [1395, 1400, 1450]),
        (["#1..#9"], [1, 5, 9]),
        (["5,9"], [5, 9]),
        (["all"], KNOWN),
        (["9", "1-9"], [9, 1, 5]),
        (["77"], [77]),  # not there: its report says so
    ],
)
def test_what_was_asked_for(words: list[str], numbers: list[int]) -> None:
    assert list(asked(words).among(KNOWN)) == numbers


@pytest.mark.parametrize("word", ["x", "0", "-1", "9-5", "https://example.org/pull/3", "12x", "1-", "0-5"])
def test_what_is_no_pull_request(word: str) -> None:
    with pytest.raises(UsageError):
        asked([word])


def test_one_is_one() -> None:
    assert asked(["7"]).one == 7
    assert asked(["7-7"]).one is None
    assert asked(["7", "8"]).one is None
    assert not Asked()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("violation", Bar(Outcome.VIOLATION, CLASSES)),
        ("disputed", Bar(Outcome.DISPUTED, CLASSES)),
        ("never", Bar(None, CLASSES)),
        ("score", Bar(Outcome.VIOLATION, ("score",))),
        ("budget,score", Bar(Outcome.VIOLATION, ("score", "budget"))),
        ("score,disputed", Bar(Outcome.DISPUTED, ("score",))),
    ],
)
def test_what_fails(text: str, wanted: Bar) -> None:
    assert bar(text) == wanted


@pytest.mark.parametrize("text", ["", "clean", "violation,disputed", "score,clean"])
def test_what_is_no_bar(text: str) -> None:
    with pytest.raises(UsageError):
        bar(text)
