"""What is scored stands one further than what the model was given, however windows are cut."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program import Program

SCORED = """
import os
n = {n}
total = torch.zeros(())
for start in range(0, val.numel() - 9, 8):
    chunk = {chunk}
    logits = {logits}
    previous, targets = {tokens}
    total += F.cross_entropy(logits.float(), targets, reduction="none").sum()
print(f"final val_bpb:{{total / math.log(2.0)}}")
"""
CHUNK = "val[start:start + 9]"
GIVEN = "net.forward_logits(chunk[:-1])[-n:]"
TOKENS = "chunk[-n - 1:-1], chunk[-n:]"


def scored(*, n: str = "4", chunk: str = CHUNK, logits: str = GIVEN, tokens: str = TOKENS) -> Program:
    return program(SCORED.format(n=n, chunk=chunk, logits=logits, tokens=tokens))


def sees(followed: Program) -> bool:
    return any(output.sees_target for output in followed.trace.outputs.values())


@pytest.mark.parametrize("n", ["4", 'int(os.environ.get("STRIDE", 4))'])
@pytest.mark.parametrize("chunk", [CHUNK, "val[torch.tensor([start])[:, None] + torch.arange(9)][0]"])
@pytest.mark.parametrize("tokens", [TOKENS, "chunk[8 - n:8], chunk[8 - n + 1:]", "chunk[:-1][-n:], chunk[1:][-n:]"])
def test_the_end_of_a_window_is_scored(n: str, chunk: str, tokens: str) -> None:
    assert not sees(scored(n=n, chunk=chunk, tokens=tokens))


@pytest.mark.parametrize(
    ("logits", "tokens"),
    [
        ("net.forward_logits(chunk)[-n:]", TOKENS),
        (GIVEN, "chunk[-n - 1:-1], chunk[:-1][-n:]"),
        (GIVEN, "chunk[-n:], chunk[-n - 1:-1]"),
    ],
)
def test_the_positions_that_the_model_was_given_are_scored(logits: str, tokens: str) -> None:
    assert sees(scored(logits=logits, tokens=tokens))


def test_a_suffix_of_the_inputs_is_no_target() -> None:
    followed = scored(
        chunk="val[start:start + 8]", logits="net.forward_logits(chunk)", tokens="chunk[-n:], val[start + 1:start + 9]"
    )
    assert not sees(followed)
