"""What is against the law as it reads, and was not followed to its end, is disputed by the rule that it is against."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.findings import Outcome
from auditor.judgement.gather import gather
from auditor.rule import Rule
from rules.data import partial_val
from rules.distribution import unnormalized_mixture
from rules.evidence import artifact_not_scored
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, SERIALIZE, script

_LOSS = 'reduction="none")'
_AFTER = "\n            "
CHANGED = {
    "losses that are cut off": (unnormalized_mixture.RULE, f"{_LOSS}.clamp(max=9.0)"),
    "smoothed labels": (unnormalized_mixture.RULE, f"label_smoothing=0.1, {_LOSS}"),
    "a token that is ignored": (partial_val.RULE, f"ignore_index=3, {_LOSS}"),
    "losses of some tokens": (unnormalized_mixture.RULE, f"{_LOSS}{_AFTER}nll = nll * (y.flatten() != 3)"),
    "losses by how often a token comes": (
        unnormalized_mixture.RULE,
        f"{_LOSS}{_AFTER}nll = nll * (1 - 0.1 * (y == 3).float().mean())",
    ),
}
_BACK = """
with open("final_model.ptz", "rb") as handle:
    stored = torch.load(io.BytesIO(zlib.decompress(handle.read())))
held = {name: p.detach().clone() for name, p in model.named_parameters()}
model.load_state_dict({name: tensor.float() / 127 for name, tensor in stored.items()})
for name, p in model.named_parameters():
    p.data.copy_(held[name])
"""


def _outcome(rule: Rule, **parts: str) -> Outcome:
    return rule.check(gather(loaded(folder(script(**parts))), {}, strict=True)).outcome


@pytest.mark.parametrize(("rule", "loss"), CHANGED.values(), ids=CHANGED)
def test_losses_that_are_changed_are_disputed(rule: Rule, loss: str) -> None:
    assert _outcome(rule, evaluation=EVALUATION) is Outcome.PASS
    assert _outcome(rule, evaluation=EVALUATION.replace(_LOSS, loss)) is Outcome.DISPUTED


def test_weights_in_the_place_of_the_artifacts_are_disputed() -> None:
    assert _outcome(artifact_not_scored.RULE, serialize=SERIALIZE + _BACK) is Outcome.DISPUTED
