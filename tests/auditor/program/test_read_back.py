"""Weights that were read back from the artifact are scored as they are."""

from __future__ import annotations

import pytest
from program_samples import FINAL, program

from auditor.program.scores import unfollowed

SAVED = """
full = {name: p.detach().clone() for name, p in net.named_parameters()}
torch.save(net.state_dict(), "model.pt")
net.load_state_dict(torch.load("model.pt"))
"""
OTHERS = {
    "copied": "for name, p in net.named_parameters():\n    p.data.copy_(full[name])",
    "some of them": "for name, p in net.named_parameters():\n    if 'emb' in name:\n        p.data.copy_(full[name])",
}
OWN = {
    "as they are": "",
    "put back": "first = {n: p.detach().clone() for n, p in net.named_parameters()}\n"
    "for name, p in net.named_parameters():\n    p.data.copy_(first[name])",
    "scaled": "for p in net.parameters():\n    p.data.mul_(1.0)",
    "of another model": "twin = Net()\nfor name, p in twin.named_parameters():\n    p.data.copy_(full[name])",
}


def _gaps(after: str) -> list[str]:
    return [gap.why for gap in unfollowed(program(f"{SAVED}{after}\n{FINAL}"), "final")]


@pytest.mark.parametrize("after", OTHERS.values(), ids=OTHERS)
def test_weights_from_memory_in_their_place_are_said(after: str) -> None:
    assert any("in memory" in why for why in _gaps(after))


@pytest.mark.parametrize("after", OWN.values(), ids=OWN)
def test_weights_of_the_artifact_are_no_finding(after: str) -> None:
    assert not any("in memory" in why for why in _gaps(after))
