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


SLICES = {
    "in place": "logits[:, 2:].scatter_add_(2, x[:, 1:-1, None], torch.ones(1, 6, 1))",
    "where the last two are alike": "alike = (x[:, 2:-1] == x[:, 1:-2]).float()\n"
    "    logits[:, 3:].scatter_add_(2, x[:, 2:-1, None], alike[..., None])",
}
TARGETS = {
    "one further": "logits[:, :-1].scatter_add_(2, x[:, 1:, None], torch.ones(1, 7, 1))",
    "the targets": "logits.scatter_add_(2, y[..., None], torch.ones(1, 8, 1))",
    "some of the targets": "logits[:, 2:].scatter_add_(2, y[:, 2:, None], torch.ones(1, 6, 1))",
}


@pytest.mark.parametrize("added", SLICES.values(), ids=SLICES)
def test_slices_of_tokens_that_are_added_to_a_later_slice_leave_it_open(added: str) -> None:
    assert not sees_target(added)
    assert said(program(SCORED.format(added=added)))


@pytest.mark.parametrize("added", TARGETS.values(), ids=TARGETS)
def test_slices_of_tokens_that_are_added_to_their_own_place_are_seen(added: str) -> None:
    assert sees_target(added)


IN_FRONT = "logits = net.forward_logits(torch.cat([{first}, {second}], 1)).float()[:, -8:]"


@pytest.mark.parametrize(
    ("first", "second", "out_of_order"),
    [
        ("val[at + 8:at + 12][None]", "val[at:at + 8][None]", True),
        ("val[at - 4:at][None]", "val[at:at + 8][None]", False),
    ],
)
def test_tokens_are_given_to_the_model_in_their_order(first: str, second: str, out_of_order: bool) -> None:
    told = said(program(SCORED.format(added=IN_FRONT.format(first=first, second=second))))
    assert any("in front of those" in why for why in told) is out_of_order
