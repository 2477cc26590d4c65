"""What is looked up for tokens and added to later logits has seen nothing that those have not."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
table = torch.full((8, 8), -1)
nats, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8][None], val[at + 1:at + 9][None]
    logits = net.forward_logits(x).float()
    {added}
    nats += F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum")
    count += y.numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
PAIR = "found = table[x[:, :-1], x[:, :-1]]"
TWO = "found = table[x[:, :-2], x[:, 1:-1]]"
WHERE = "\n    row, t = (found >= 0).nonzero(as_tuple=True)\n    "


def sees_target(added: str) -> bool:
    found = program(SCORED.format(added=added))
    return any(output.sees_target for output in found.trace.outputs.values())


def test_one_token_back_is_context() -> None:
    added = f"{PAIR}{WHERE}logits[row, t + 1, found[row, t]] += 0.5"
    assert not sees_target(added)
    assert not said(program(SCORED.format(added=added)))


@pytest.mark.parametrize("index", ["[row, t + 2, found[row, t]]", "[row, 2 + t, found[row, t]]"])
def test_two_tokens_that_are_added_further_on_leave_it_open(index: str) -> None:
    added = f"{TWO}{WHERE}logits{index} += 0.5"
    assert not sees_target(added)
    assert said(program(SCORED.format(added=added)))


def test_at_the_same_positions_they_are_the_targets() -> None:
    assert said(program(SCORED.format(added=f"{TWO}{WHERE}logits[row, t, found[row, t]] += 0.5"))) or sees_target(
        f"{TWO}{WHERE}logits[row, t, found[row, t]] += 0.5"
    )
