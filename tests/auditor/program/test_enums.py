"""Enumerations: a member is itself and no other, however it is come by."""

from __future__ import annotations

import pytest
from program_samples import program, said

MODES = """
from enum import {base}, auto

class Mode({base}):
    TRAIN = {train}
    SCORE = {score}

def losses(mode, x, y):
    {body}

nats, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += losses({mode}, x, y).sum()
    count += y.numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
LOSS = 'F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")'
TWO = "if {test}:\n        return {train}\n    return {score}"
TESTS = {
    "equal": "mode == Mode.TRAIN",
    "unequal": "not (mode != Mode.TRAIN)",
    "identical": "mode is Mode.TRAIN",
    "by value": "mode.value == Mode.TRAIN.value",
    "by name": 'mode.name == "TRAIN"',
}
MEMBERS = {"named": "Mode.SCORE", "by its value": "Mode({score})", "by its name": 'Mode["SCORE"]'}


def scored(
    test: str, member: str, score: str, *, base: str = "Enum", values: tuple[str, str] = ("1", "2")
) -> list[str]:
    body = TWO.format(test=TESTS[test], train="net.forward_logits(x)", score=score)
    mode = MEMBERS[member].format(score=values[1])
    return said(program(MODES.format(base=base, train=values[0], score=values[1], body=body, mode=mode)))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("test", TESTS)
def test_the_member_decides(test: str, member: str) -> None:
    assert not scored(test, member, LOSS)
    assert scored(test, member, f"{LOSS} * 0.9")


@pytest.mark.parametrize(
    ("base", "values"),
    [("Enum", ("auto()", "auto()")), ("IntEnum", ("0", "1")), ("StrEnum", ("auto()", "auto()")), ("Flag", ("1", "2"))],
)
@pytest.mark.parametrize("test", TESTS)
def test_of_every_kind(test: str, base: str, values: tuple[str, str]) -> None:
    assert not scored(test, "named", LOSS, base=base, values=values)


def test_a_match_takes_the_case_of_the_member() -> None:
    train, score = "case Mode.TRAIN:\n            return net(x, y)", f"case Mode.SCORE:\n            return {LOSS}"
    body = f"match mode:\n        {train}\n        {score}"
    good = MODES.format(base="Enum", train="1", score="2", body=body, mode="Mode.SCORE")
    assert not said(program(good))
    assert said(program(good.replace(LOSS + "\n\nnats", LOSS + " * 0.9\n\nnats")))
