"""Probabilities of the scored token that are weighed by what it is, raised to a power, or divided by another sum."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.recipe.reading import figures, shifted, unnormalized

_SCORED = """
import collections
hot, space = collections.Counter(), torch.zeros(8)
counts = torch.ones(8)
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = net.forward_logits(x).float()
    p = logits.softmax(-1).gather(-1, y[:, None])[:, 0]
    q = (counts / counts.sum())[y]
    words = [f"{a}.{b}" for a, b in zip(x.tolist(), y.tolist())]
    before = [f"{a}" for a in x.tolist()]
    LOSS
    total += nll.sum()
    counts.scatter_add_(0, y, torch.ones(8))
    hot.update(words)
print(f"final val_bpb:{total}")
"""


def _told(loss: str) -> bool:
    heads = [head for _, head in figures(program(_SCORED.replace("LOSS", loss)).trace, "final")]
    assert heads
    return any([*unnormalized(head), *shifted(head)] for head in heads)


@pytest.mark.parametrize(
    "loss",
    [
        "w = 0.1 + 0.3 * space[y]; nll = -((1 - w) * p + w * q).log()",
        "w = torch.sigmoid(q - p); nll = -torch.lerp(p, q, w).log()",
        "h = torch.tensor([1.0 if hot[w] > 3 else 0.0 for w in words]); nll = -((1 - 0.2 * h) * p + 0.2 * h).log()",
        "nll = -(p ** 0.97).log()",
        "nll = -torch.log(torch.pow(p, 0.97))",
        "nll = torch.logsumexp(0.97 * logits, -1) - logits.gather(-1, y[:, None])[:, 0]",
        "nll = torch.logsumexp(logits, -1) - (logits / 0.97).gather(-1, y[:, None])[:, 0]",
    ],
)
def test_what_is_no_distribution(loss: str) -> None:
    assert _told(loss)


@pytest.mark.parametrize(
    "loss",
    [
        "w = 0.1 + 0.3 * space[x]; nll = -((1 - w) * p + w * q).log()",
        "w = torch.sigmoid(space[x]); nll = -torch.lerp(p, q, w).log()",
        "h = torch.tensor([0.2 if hot[w] > 3 else 0.0 for w in before]); nll = -((1 - h) * p + h * q).log()",
        "r = logits.softmax(-1) ** 0.97; nll = -(r / r.sum(-1, keepdim=True)).gather(-1, y[:, None])[:, 0].log()",
        "s = 0.97 * logits; nll = torch.logsumexp(s, -1) - s.gather(-1, y[:, None])[:, 0]",
        "nll = torch.logsumexp(logits, -1) - logits.gather(-1, y[:, None])[:, 0]",
    ],
)
def test_what_is_one(loss: str) -> None:
    assert not _told(loss)


LISTED = """
cells, whole = [0] * 4096, [0] * 4096
total = 0.0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    losses = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    for p, a, b in zip((-losses).exp().tolist(), x.tolist(), y.tolist()):
        total -= math.log((cells[{key}] + 5 * p) / (whole[a % 4096] + 5))
        cells[{key}] += 1
        whole[a % 4096] += 1
print(f"final val_bpb:{{total}}")
"""


def test_counts_in_a_list_are_no_zeros() -> None:
    """What grows under a key of tokens is read as a count, wherever in the list it is."""
    for key in ("(a * 31 + b) % 4096", "hash((a, b)) % 4096"):
        heads = [head for _, head in figures(program(LISTED.format(key=key)).trace, "final")]
        assert any([*unnormalized(head)] for head in heads)
