"""How much probability a mixture has over the vocabulary, where constants say it."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.recipe.mass import more_than_one
from auditor.program.recipe.reading import figures

_SCORED = """
counts = torch.zeros(8, 8)
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = net.forward_logits(x).float()
    p, logp = logits.softmax(-1), logits.log_softmax(-1)
    q = (counts[x] + 0.5) / (counts[x] + 0.5).sum(-1, keepdim=True)
    one = F.one_hot(x, 8).float()
    nll = -(LOGARITHM).gather(-1, y[..., None])
    total += nll.sum()
    counts.index_put_((x, y), torch.ones(8), accumulate=True)
print(f"final val_bpb:{total}")
"""


def _masses(logarithm: str) -> list[float | None]:
    followed = program(_SCORED.replace("LOGARITHM", logarithm))
    heads = [head for _, head in figures(followed.trace, "final")]
    assert heads
    return [mass if mass is None else round(mass, 3) for head in heads for _, mass in more_than_one(head)]


@pytest.mark.parametrize(
    ("logarithm", "mass"),
    [
        ("(p + 0.2 * one).log()", 1.2),
        ("(0.9 * p + 0.3 * q).log()", 1.2),
        ("(0.5 * p + 0.4 * q + 0.2 * one).log()", 1.1),
        ("torch.logaddexp(logp, q.log() + math.log(0.3))", 1.3),
        ("((p + q) / 1.5).log()", 1.333),
        ("torch.logaddexp(logp, q.log()) - 0.5", 2.0),
    ],
)
def test_weights_that_come_to_more_than_one(logarithm: str, mass: float) -> None:
    assert set(_masses(logarithm)) == {mass}


@pytest.mark.parametrize(
    "logarithm",
    [
        "(0.8 * p + 0.2 * one).log()",
        "(0.7 * p + 0.2 * q + 0.1 * one).log()",
        "((p + q) / 2).log()",
        "(p + 1e-9).log()",
        "torch.logaddexp(logp + math.log(0.7), q.log() + math.log(0.3))",
        "torch.logaddexp(logp, q.log()) - math.log(2.0)",
        "torch.logaddexp(logp, torch.load('rows.pt')) - math.log(2.0)",
        "torch.logaddexp(logp + math.log(0.7), torch.load('rows.pt'))",
        "logp",
    ],
)
def test_weights_that_do_not(logarithm: str) -> None:
    assert _masses(logarithm) == []


def test_what_is_added_to_all_of_a_distribution() -> None:
    assert set(_masses("torch.logaddexp(logp, torch.load('rows.pt'))")) == {None}
