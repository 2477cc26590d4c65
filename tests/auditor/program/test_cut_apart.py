"""The bytes that a figure divides by are those of the tokens whose losses it adds up, and of none in their context."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
import sentencepiece as spm
tokenizer = spm.SentencePieceProcessor(model_file="pieces.model")
width = torch.tensor([len(tokenizer.id_to_piece(i).encode()) for i in range(8)])
sums = F.pad(width[val[1:]].cumsum(0), (1, 0))
nats, octets = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 1, 32):
    begin, end = max(0, at + 32 - 64), min(at + 32, val.numel() - 1)
    x, y = val[begin:end], val[begin + 1:end + 1]
    loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    nats += loss[at - begin:].sum()
    octets += {octets}
print(f"final val_bpb:{{nats / octets / math.log(2.0)}}")
"""
WHOLE = {
    "a table": "width[y].sum()",
    "the text": "len(tokenizer.decode(y.tolist()).encode())",
    "sums that go on": "sums[end] - sums[begin]",
}
SAME = {
    "a table": "width[y[at - begin:]].sum()",
    "the text": "len(tokenizer.decode(y[at - begin:].tolist()).encode())",
    "sums that go on": "sums[end] - sums[at]",
    "tokens read again": "width[val[at + 1:end + 1]].sum()",
}


@pytest.mark.parametrize("octets", WHOLE.values(), ids=WHOLE)
def test_the_bytes_of_the_context(octets: str) -> None:
    assert any("its bytes are not" in why for why in said(program(SCORED.format(octets=octets))))


@pytest.mark.parametrize("octets", SAME.values(), ids=SAME)
def test_the_bytes_of_what_is_scored(octets: str) -> None:
    assert not said(program(SCORED.format(octets=octets)))


STEPPED = """
nats, count = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 1, {step}):
    begin, end = max(0, at + 32 - 64), min(at + 32, val.numel() - 1)
    x, y = val[begin:end], val[begin + 1:end + 1]
    loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    nats += loss[at - begin:].sum()
    count += loss[at - begin:].numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""


def test_a_part_that_each_window_has_of_its_own_beside_how_far_windows_stand_apart() -> None:
    assert any("50% of each window" in why for why in said(program(STEPPED.format(step=64))))
    assert not said(program(STEPPED.format(step=32)))
