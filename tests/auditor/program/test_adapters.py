"""Rows of a batch that share what each of them was trained on."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.findings import Outcome
from auditor.judgement.gather import gather
from rules.examples.folders import folder
from rules.examples.lora import lora_per_row
from rules.order.cross_sample_leak import RULE

OWN = lora_per_row("clone()")


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [
        ("self.A.mean(dim=0, keepdim=True)", Outcome.DISPUTED),
        ("self.A.roll(shifts=1, dims=0)", Outcome.DISPUTED),
        ("torch.flip(self.A, (0,))", Outcome.DISPUTED),
        ("self.A[:1]", Outcome.DISPUTED),
        ("self.A[torch.randperm(len(self.A))]", Outcome.DISPUTED),
        ("torch.einsum('ij,jrd->ird', self.weights, self.A)", Outcome.DISPUTED),
        ("torch.einsum('brd,b->brd', self.A, self.gain)", Outcome.PASS),
        ("self.A.mean(-1, keepdim=True)", Outcome.PASS),
        ("self.A[:, :4]", Outcome.PASS),
        ("self.A.float()", Outcome.PASS),
    ],
)
def test_the_rows_of_a_factor(factor: str, outcome: Outcome) -> None:
    script = OWN.replace("self.A.clone()", factor)
    assert script != OWN
    assert RULE.check(gather(loaded(folder(script)), {}, strict=True)).outcome is outcome


def test_the_rows_of_a_part_of_the_model_are_experts() -> None:
    """What the model holds has a row for each expert or layer, not for each row of a batch."""
    script = lora_per_row("mean(0)").replace(
        "super().__init__()\n        self.A",
        "super().__init__()\n        self.table = nn.Embedding(4, 4)\n        self.A",
    )
    assert "Embedding(4" in script
    assert RULE.check(gather(loaded(folder(script)), {}, strict=True)).outcome is Outcome.PASS
