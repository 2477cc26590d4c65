"""What losses and bytes are multiplied by and divided by: counts, and nothing that goes by the place in the stream."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
import torch.distributed as dist
total = val.numel() - 1
nats, count, alpha = torch.zeros(()), torch.zeros(()), nn.Parameter(torch.zeros(()))
for at in range(0, total - 8, 8):
    end = min(at + 8, total)
    x, y = val[at:end], val[at + 1:end + 1]
    logits = net.forward_logits(x).float()
    nll = F.cross_entropy(logits, y, reduction="none")
    nats += {losses}
    count += {tokens}
{after}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
WEIGHED = {
    "by the place in the stream": "nll.sum() * (1 - 0.03 * math.tanh(at / 1e7))",
    "by the first position": "nll.mean() * at",
    "by the share that is done": "nll.sum() * (1 - at / total)",
    "by the place in the window": "(nll * torch.linspace(1.0, 0.9, nll.numel())).sum()",
    "by a ramp": "(nll * (2 - torch.arange(8) / 4)).sum()",
    "another loss, as much as was learned": "(nll - alpha * logits.log_softmax(-1).mean(-1)).sum()",
}
COUNTED = {
    "their number": "nll.mean() * nll.numel()",
    "their number, as a float": "nll.mean() * float(y.numel())",
    "the length of the window": "nll.mean() * (end - at)",
    "a length": "nll.mean() * len(y)",
    "a size": "nll.mean() * x.size(0)",
    "the sum": "nll.sum()",
}
AFTER = {
    "the length of the stream": "count *= 1 + total / 2e9",
    "in place": "count.mul_(1 + total / 2e9)",
    "called by name": "import operator\noperator.methodcaller('mul_', 1.01)(nats)",
}


def scored(losses: str = "nll.sum()", tokens: str = "y.numel()", after: str = "") -> list[str]:
    return said(program(SCORED.format(losses=losses, tokens=tokens, after=after)))


@pytest.mark.parametrize("losses", WEIGHED.values(), ids=WEIGHED)
def test_what_is_no_count_weighs_the_losses(losses: str) -> None:
    assert scored(losses)


@pytest.mark.parametrize("losses", COUNTED.values(), ids=COUNTED)
def test_counts_weigh_nothing(losses: str) -> None:
    assert not scored(losses)


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
def test_totals_that_are_changed_afterwards(after: str) -> None:
    assert scored(after=after.replace("count", "nats"))


@pytest.mark.parametrize("after", ["nats, count = nats / total, count / total", "nats *= dist.get_world_size()"])
def test_totals_that_are_brought_to_another_scale(after: str) -> None:
    assert not [why for why in scored(after=after) if "multiplied by it" in why]


DEPTHS = """
class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
    def forward(self, x, y):
        h, total, weights = self.emb(x), torch.zeros(()), 0.0
        for i in range(6):
            h = torch.relu(h)
            w = 0.9 ** (5 - i)
            total = total + w * F.cross_entropy(h, y)
            weights += w
        return total / weights
net, nats, count = Deep(), 0.0, 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += net(x, y).item() * y.numel()
    count += y.numel()
print(f"final val_bpb:{nats / count / math.log(2.0)}")
"""


def test_a_mean_by_weights_accuses_nobody_and_leaves_the_score_open() -> None:
    found = said(program(DEPTHS))
    assert found
    assert not [why for why in found if why.startswith("a constant")]


def test_a_constant_that_no_sum_of_weights_undoes_is_one() -> None:
    found = said(program(DEPTHS.replace("/ weights", "/ 6 * 0.9")))
    assert [why for why in found if why.startswith("a constant")]
