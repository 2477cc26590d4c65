"""Distributions are over the vocabulary, and what stands at a position knows nothing of the whole window."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
MASKED = torch.ones(8, 8, dtype=torch.bool).triu(1)
total, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8][None], val[at + 1:at + 9][None]
    logits = net.forward_logits(x).float()
    {nll}
    total += nll.sum()
    count += nll.numel()
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""
LOSS = 'nll = F.cross_entropy({}.flatten(0, 1), y.flatten(), reduction="none")'
PICKED = "nll = -logp.gather(-1, y[..., None]).flatten()"

OVER_POSITIONS = {
    "function": f"logp = F.log_softmax(logits, dim=1)\n    {PICKED}",
    "method": f"logp = logits.log_softmax(-2)\n    {PICKED}",
    "normalizer": "nll = (logits.logsumexp(1).mean() - logits.gather(2, y[..., None])[..., 0]).flatten()",
    "loss": 'nll = F.cross_entropy(logits, y.expand(8, 8), reduction="none")',
    "written out": f"e = logits.exp()\n    logp = (e / e.sum(dim=1, keepdim=True)).log()\n    {PICKED}",
    "rows": f"rows = logits.view(-1, 8)\n    logp = rows.log_softmax(0)[None]\n    {PICKED}",
}
OVER_THE_VOCABULARY = {
    "function": f"logp = F.log_softmax(logits, dim=2)\n    {PICKED}",
    "method": f"logp = logits.log_softmax(-1)\n    {PICKED}",
    "normalizer": "nll = (logits.logsumexp(2) - logits.gather(2, y[..., None])[..., 0]).flatten()",
    "loss": 'nll = F.cross_entropy(logits.transpose(1, 2), y, reduction="none").flatten()',
    "written out": "e = (logits - logits.max()).exp()\n    "
    f"logp = (e / e.sum(dim=-1, keepdim=True)).log()\n    {PICKED}",
    "rows": f"rows = logits.view(-1, 8)\n    logp = rows.log_softmax(1)[None]\n    {PICKED}",
}


@pytest.mark.parametrize("nll", OVER_POSITIONS.values(), ids=OVER_POSITIONS)
def test_a_distribution_over_positions_is_none(nll: str) -> None:
    assert said(program(SCORED.format(nll=nll)))


@pytest.mark.parametrize("nll", OVER_THE_VOCABULARY.values(), ids=OVER_THE_VOCABULARY)
def test_one_over_the_vocabulary_is_one(nll: str) -> None:
    assert not said(program(SCORED.format(nll=nll)))


def test_rows_of_which_it_is_not_known_how_many_axes_they_have_are_taken_as_they_are_used() -> None:
    flat = SCORED.replace("[None]", "").format(nll="logp = F.log_softmax(logits, dim=1)\n    " + PICKED)
    assert not said(program(flat))


@pytest.mark.parametrize(
    ("of", "ahead"),
    [
        ("logits - 0.1 * logits.mean(dim=1, keepdim=True)", True),
        ("logits * (1 + logits.std())", True),
        ("logits + 0.1 * logits[:, -1:]", True),
        ("logits * (1 + 0.1 * x.float().mean())", True),
        ("logits * (1 + 0.1 * (x == 3).any())", True),
        ("F.layer_norm(logits.transpose(1, 2), (8,)).transpose(1, 2)", True),
        ("logits * (1 + logits.logsumexp(-1).argsort(dim=1).argsort(dim=1) / 8)[..., None]", True),
        ("logits + 0.1 * (logits @ logits.mT).softmax(-1) @ logits", True),
        ("(logits * 0.9 if logits.softmax(-1).mean() > 3 else logits)", True),
        ("logits + 0.1 * (logits @ logits.mT).masked_fill(MASKED, -1e9).softmax(-1) @ logits", False),
        ("logits - logits.amax(dim=-1, keepdim=True)", False),
        ("logits - logits.cumsum(dim=1) / 8", False),
        ("logits * (1 + 0.1 * logits.softmax(-1).amax(-1, keepdim=True))", False),
        ("logits * (1 + 0.1 * val[:at + 1].float().mean())", False),
    ],
)
def test_a_statistic_over_the_window_has_seen_what_follows(of: str, ahead: bool) -> None:
    assert bool(said(program(SCORED.format(nll=LOSS.format(f"({of})"))))) is ahead


def test_a_statistic_of_the_window_before_may_go_into_the_next() -> None:
    body = SCORED.replace("total, count", "heat = 0.0\ntotal, count", 1)
    body = body.format(nll=LOSS.format("(logits + heat)") + "\n    heat = logits.mean()")
    assert not said(program(body))


@pytest.mark.parametrize(("arm", "ahead"), [("logits = logits * 0.9", True), ("print(at)", False)])
def test_a_condition_on_a_statistic_over_the_window(arm: str, ahead: bool) -> None:
    nll = f"if logits.softmax(-1).max(-1).values.mean() > 0.3:\n        {arm}\n    " + LOSS.format("logits")
    assert bool(said(program(SCORED.format(nll=nll)))) is ahead


@pytest.mark.parametrize(("constant", "told"), [("math.log(2.0)", False), ("0.6", True), ("math.log(3.0)", False)])
def test_an_even_mixture_of_two_in_logarithms(constant: str, told: bool) -> None:
    nll = "one, two = F.log_softmax(logits, dim=-1), F.log_softmax(logits * 1.1, dim=-1)\n    "
    nll += f"logp = torch.logaddexp(one, two) - {constant}\n    {PICKED}"
    assert bool(said(program(SCORED.format(nll=nll)))) is told


@pytest.mark.parametrize(("constant", "told"), [("math.log(2.0)", False), ("0.6", True), ("math.log(3.0)", False)])
def test_an_even_mixture_in_logarithms(constant: str, told: bool) -> None:
    nll = "both = torch.stack([F.log_softmax(logits * k, dim=-1) for k in (0.9, 1.1)])\n    "
    nll += f"logp = torch.logsumexp(both, dim=0) - {constant}\n    {PICKED}"
    assert bool(said(program(SCORED.format(nll=nll)))) is told
