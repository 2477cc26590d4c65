"""What a guess brings the scored token: lawful where every other token pays for it."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program import Program
from auditor.program.recipe.bonuses import unpaid
from auditor.program.recipe.reading import figures
from auditor.program.recipe.spine import departures

_SCORED = """
after = {}
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    with torch.no_grad():
        rows = F.log_softmax(net.forward_logits(x).float(), -1)
    guesses = torch.tensor([after.get(int(token), 0) for token in x])
    nll = -rows.gather(-1, y[..., None]).squeeze(-1)
    p, q = (-nll).exp(), rows.gather(-1, guesses[..., None]).squeeze(-1).exp()
    hit = (y == guesses).float()
    gate = guesses > 0
    beta, own = 3.0 * (1.0 - q), 3.0 * (1.0 - p)
    total += (LOSS).sum()
    for before, behind in zip(x.tolist(), y.tolist()):
        after[before] = behind
print(f"final val_bpb:{total}")
"""


def _scored(loss: str) -> Program:
    return program(_SCORED.replace("LOSS", loss))


def _found(loss: str) -> set[bool]:
    """Whether each bonus that nobody pays for is certain."""
    return {certain for _, head in figures(_scored(loss).trace, "final") for _, _, certain in unpaid(head)}


@pytest.mark.parametrize(
    "loss",
    [
        "nll - 2.0 * hit",
        "nll - beta * hit",
        "nll - 2.0 * hit + 0.5 * torch.log1p(q * math.expm1(2.0))",
        "torch.where(gate, nll - 2.0 * hit, nll)",
        "nll - 2.0 * hit * gate",
        "-torch.log(p + 0.2 * hit)",
        "-torch.log((p + 0.2 * hit).clamp(max=1.0))",
        "-torch.log(0.9 * p + 0.2 * hit)",
    ],
)
def test_a_bonus_that_nobody_pays_for(loss: str) -> None:
    assert True in _found(loss)


@pytest.mark.parametrize(
    "loss",
    [
        "nll - 2.0 * hit + torch.log1p(q * math.expm1(1.0))",
        "nll - beta * hit + torch.log1p(q * math.expm1(2.0))",
        "nll - 2.0 * hit - torch.log1p(q * math.expm1(2.0))",
    ],
)
def test_a_payment_of_another_amount_is_left_open(loss: str) -> None:
    assert _found(loss) == {False}


@pytest.mark.parametrize(
    "loss",
    [
        "nll",
        "nll - 2.0 * hit + torch.log1p(q * math.expm1(2.0))",
        "nll + (1 + q * (math.exp(2.0) - 1)).log() - 2.0 * hit",
        "nll - beta * hit + torch.log1p(q * torch.expm1(beta))",
        "torch.where(gate, nll - 2.0 * hit + torch.log1p(q * math.expm1(2.0)), nll)",
        "nll + gate * ((1 + q * (beta.exp() - 1)).log() - beta * hit)",
        "-torch.log(0.8 * p + 0.2 * hit)",
        "-torch.log((1 - q) * p + q * hit)",
    ],
)
def test_a_bonus_that_the_other_tokens_pay_for(loss: str) -> None:
    assert not _found(loss)
    assert not [why for _, head in figures(_scored(loss).trace, "final") for _, why in departures(head)]


@pytest.mark.parametrize(
    "loss",
    [
        "nll - own * hit + torch.log1p(q * torch.expm1(own))",
        "nll - torch.where(p > 0.5, 2.0, 0.5) * hit + torch.log1p(q * torch.expm1(torch.where(p > 0.5, 2.0, 0.5)))",
        "nll + torch.where(nll > 5, -1.0, 0.0)",
        "nll - torch.where(nll > 5, 1.0, 0.0)",
    ],
)
def test_what_is_added_hangs_on_the_scored_tokens_own_probability(loss: str) -> None:
    scored = _scored(loss)
    assert _found(loss) or [why for _, head in figures(scored.trace, "final") for _, why in departures(head)]


@pytest.mark.parametrize("loss", ["nll * (1.0 - 0.5 * hit)", "(1.0 - 0.5 * hit) * nll"])
def test_a_loss_that_counts_less_where_the_guess_is_right(loss: str) -> None:
    heads = [head for _, head in figures(_scored(loss).trace, "final")]
    assert any("guess" in why for head in heads for _, why in departures(head))


@pytest.mark.parametrize(
    "change",
    [
        "rows[torch.arange(8), guesses] += 2.0",
        "rows[torch.arange(8), guesses] = 0.0",
        "rows = rows.scatter_add(-1, guesses[..., None], torch.ones(8, 1))",
        "probabilities = rows.exp(); probabilities[torch.arange(8), guesses] += 0.2; rows = probabilities.log()",
    ],
)
def test_entries_of_rows_that_are_set(change: str) -> None:
    body = _SCORED.replace("    nll = ", "".join(f"    {part}\n" for part in change.split("; ")) + "    nll = ")
    (certain,) = {
        c for _, head in figures(program(body.replace("LOSS", "nll")).trace, "final") for _, _, c in unpaid(head)
    }
    assert certain


@pytest.mark.parametrize(
    "again",
    [
        "rows = rows.log_softmax(-1)",
        "rows = rows.scatter_add(-1, guesses[..., None], torch.ones(8, 1)).log_softmax(-1)",
        "rows = (rows.exp() / rows.exp().sum(-1, keepdim=True)).log()",
    ],
)
def test_entries_of_rows_that_are_set_and_summed_again(again: str) -> None:
    change = f"    rows[torch.arange(8), guesses] += 2.0\n    {again}\n"
    body = _SCORED.replace("    nll = ", change + "    nll = ").replace("LOSS", "nll")
    assert not [why for _, head in figures(program(body).trace, "final") for _, why, _ in unpaid(head)]


@pytest.mark.parametrize("loss", ["nll - 0.1 * (y < 100).float()", "nll + 0.1 * (y >= 100).float()"])
def test_what_the_scored_token_is_goes_into_its_loss(loss: str) -> None:
    assert _found(loss) == {False}
