"""Which positions of a window count, beside how far windows overlap."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program.recipe.formula import formula
from auditor.program.recipe.reading import figures, unnormalized
from auditor.program.scores import reports_of

SCORED = """
import torch.distributed as dist
rank, world = dist.get_rank(), dist.get_world_size()
total, length = val.numel() - 1, 64
nats, count = torch.zeros(()), torch.zeros(())
for at in range(rank * {stride}, total - length, world * {stride}):
    x, y = val[at:at + length], val[at + 1:at + length + 1]
    nll = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    {kept}
    count += kept.numel()
    nats += kept.sum()
for total in (nats, count):
    dist.all_reduce(total)
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
LAST = {
    "a slice": "kept = nll[length - {stride}:]",
    "by its own length": "kept = nll[nll.numel() - {stride}:]",
    "half, by its own length": "kept = nll[nll.numel() // 2:]",
    "from the end": "kept = nll[-{stride}:]",
    "a slice of the output": "kept = F.cross_entropy(net.forward_logits(x)[length - {stride}:].float(), "
    "y[length - {stride}:], reduction='none')",
    "narrowed": "kept = nll.narrow(0, length - {stride}, {stride})",
    "a mask": "kept = nll[torch.arange(length) >= length - {stride}]",
    "a mask as a factor": "kept = nll * (torch.arange(length) >= 32)",
    "a mask the other way round": "kept = nll[32 <= torch.arange(length)]",
    "a choice by a mask": "kept = torch.where(torch.arange(length) >= 32, nll, torch.zeros_like(nll))",
    "the negation of one": "kept = nll[~(torch.arange(length) < 32)]",
}
BY_PLACE = {
    "behind a token": "kept = nll[x != 17]",
    "every other one": "kept = nll[torch.arange(length) % 2 == 0]",
    "a part in the middle": "kept = nll[16:48]",
    "the first ones": "kept = nll[torch.arange(length) < 48]",
}
PIECES = {
    "one of two": "kept = nll.chunk(2)[1]",
    "the first of two": "kept = nll.split(32)[0]",
    "a row": "kept = nll.view(2, -1)[1]",
}
PRODUCTS = {
    "an operator": "kept = (nll @ torch.linspace(1, 0.9, 64))[None]",
    "a function": "kept = torch.dot(nll, torch.linspace(1, 0.9, 64))[None]",
    "letters": "kept = torch.einsum('t,t->', nll, torch.linspace(1, 0.9, 64))[None]",
}
WHOLE = {
    "those that are tokens": "kept = torch.where(y >= 0, nll, torch.zeros_like(nll))",
    "the only row": "kept = nll[None][0]",
    "all pieces": "kept = torch.cat([piece * 1 for piece in nll.split(16)])",
}
IGNORED = """
nats, count = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 65, {stride}):
    x, y = val[at:at + 64], val[at + 1:at + 65].clone()
    y[:32] = -100
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum", ignore_index=-100)
    count += (y >= 0).sum()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
OWN = {
    "from where the last window ended": "kept = nll[max(0, at - {stride}) - at:] if False else nll",
    "those of a window's own": "kept = nll[torch.arange(at, at + length) >= at]",
}


def scored(kept: str, stride: int) -> list[str]:
    return said(program(SCORED.format(kept=kept.format(stride=32), stride=stride)))


@pytest.mark.parametrize("kept", LAST.values(), ids=LAST)
def test_windows_that_stand_apart_leave_out_what_the_part_does(kept: str) -> None:
    assert [why for why in scored(kept, 64) if "50% of each window" in why]


@pytest.mark.parametrize("kept", LAST.values(), ids=LAST)
def test_windows_that_overlap_as_far_leave_out_nothing(kept: str) -> None:
    assert not scored(kept, 32)


@pytest.mark.parametrize("kept", BY_PLACE.values(), ids=BY_PLACE)
def test_parts_that_are_told_by_the_place(kept: str) -> None:
    assert scored(kept, 64)


@pytest.mark.parametrize("kept", PIECES.values(), ids=PIECES)
def test_pieces_of_which_one_counts(kept: str) -> None:
    assert scored(kept, 64)


@pytest.mark.parametrize("kept", PRODUCTS.values(), ids=PRODUCTS)
def test_products_with_other_numbers_are_not_understood(kept: str) -> None:
    followed = program(SCORED.format(kept=kept, stride=64))
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    assert not written.understood


@pytest.mark.parametrize("kept", WHOLE.values(), ids=WHOLE)
def test_pieces_that_all_count(kept: str) -> None:
    assert not scored(kept, 64)


@pytest.mark.parametrize(("stride", "part"), [(64, True), (32, False)])
def test_targets_that_are_left_out(stride: int, part: bool) -> None:
    assert bool(said(program(IGNORED.format(stride=stride)))) is part


@pytest.mark.parametrize("kept", OWN.values(), ids=OWN)
def test_bounds_of_a_window_s_own_are_no_part(kept: str) -> None:
    assert not scored(kept, 64)


GAPS = """
nats, count = torch.zeros(()), torch.zeros(())
for chunk in range(0, val.numel() - 9, 4096):
    for at in range(chunk, chunk + {chunk}, 8):
        x, y = val[at:at + 8], val[at + 1:at + 9]
        nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
        count += y.numel()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""


@pytest.mark.parametrize(("chunk", "gaps"), [(4096, False), (4088, True), (4000, True)])
def test_tokens_between_the_chunks_are_missed(chunk: int, gaps: bool) -> None:
    found = [why for why in said(program(GAPS.format(chunk=chunk))) if "between its windows" in why]
    assert bool(found) is gaps


@pytest.mark.parametrize(
    ("kept", "chosen"),
    [
        (WHOLE["those that are tokens"], False),
        ("kept = torch.where(y > 3, nll, F.cross_entropy(-net.forward_logits(x), y, reduction='none'))", True),
    ],
)
def test_a_choice_between_a_loss_and_nothing_is_no_mixture(kept: str, chosen: bool) -> None:
    followed = program(SCORED.format(kept=kept, stride=64))
    assert bool([node for _, head in figures(followed.trace, "final") for node in unnormalized(head)]) is chosen
