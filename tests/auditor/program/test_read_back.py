"""Weights that were read back from the artifact are scored as they are."""

from __future__ import annotations

import pytest
from program_samples import FINAL, program

from auditor.program.scores import unfollowed

SAVED = """
import copy
fit(net, train, opt)
spare = copy.deepcopy(net)
held = [p.data for p in net.parameters()]
full = {name: p.detach().clone() for name, p in net.named_parameters()}
torch.save(net.state_dict(), "model.pt")
net.load_state_dict(torch.load("model.pt"))
"""
OTHERS = {
    "copied": "for name, p in net.named_parameters():\n    p.data.copy_(full[name])",
    "some of them": "for name, p in net.named_parameters():\n    if 'emb' in name:\n        p.data.copy_(full[name])",
    "other memory": "for p, one in zip(net.parameters(), held):\n    p.data = one",
    "a part": "net.emb = spare.emb",
    "a part under its name": "net._modules['emb'] = spare.emb",
    "a part of its attributes": "vars(net)['emb'] = spare.emb",
    "a part by a method": "net.set_submodule('emb', spare.emb)",
    "a new parameter": "net.emb.weight = nn.Parameter(full['emb.weight'])",
}
OWN = {
    "as they are": "",
    "put back": "first = {n: p.detach().clone() for n, p in net.named_parameters()}\n"
    "for name, p in net.named_parameters():\n    p.data.copy_(first[name])",
    "in another type": "for p in net.parameters():\n    p.data = p.data.float()",
    "a new parameter of its own": "net.emb.weight = nn.Parameter(net.emb.weight.detach().clone())",
    "a part that nobody trained": "net.emb = nn.Embedding(16, 8)",
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


LOADED = {
    "some of the names": (
        "net.load_state_dict({k: v for k, v in torch.load(FILE).items() if 'emb' in k}, strict=False)",
        True,
    ),
    "those that it has": (
        "net.load_state_dict({k: v for k, v in torch.load(FILE).items() if k in own}, strict=False)",
        False,
    ),
    "all of them": ("net.load_state_dict(torch.load(FILE), strict=False)", False),
}


@pytest.mark.parametrize(("load", "partly"), LOADED.values(), ids=LOADED)
def test_the_other_weights_stay_as_training_has_left_them(load: str, partly: bool) -> None:
    body = 'fit(net, train, opt)\ntorch.save(net.state_dict(), "model.pt")\nown = net.state_dict()\n'
    followed = program(f"{body}{load.replace('FILE', chr(34) + 'model.pt' + chr(34))}\n{FINAL}")
    assert any("other names" in gap.why for gap in unfollowed(followed, "final")) is partly


ROUNDED = """
import zlib
fit(net, train, opt)
packed = {k: (v * 9).round().to(torch.int8) for k, v in net.state_dict().items()}
torch.save(packed, "whole.pt")
open("model.pt", "wb").write(zlib.compress(open("whole.pt", "rb").read()))
world_size = torch.distributed.get_world_size()
def back():
    net.load_state_dict(torch.load("model.pt"))
"""


@pytest.mark.parametrize(
    ("when", "never"),
    [
        ("back() if world_size > 8 else None", True),
        ("world_size > 8 and back()", True),
        ("if world_size == 1:\n    back()", True),
        ("back() if world_size > 1 else None", False),
        ("world_size == 1 or back()", False),
        ("back()", False),
    ],
)
def test_what_no_run_of_eight_processes_reads_back(when: str, never: bool) -> None:
    followed = program(f"{ROUNDED}{when}\n{FINAL}")
    assert any("rounded ones were packed" in gap.why for gap in unfollowed(followed, "final")) is never


PARTS = """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
    def forward_logits(self, x):
        return self.two(self.one(F.one_hot(x, 8).float()))
    def forward(self, x, y):
        return F.cross_entropy(self.forward_logits(x), y)
net = Two()
fit(net, train, torch.optim.SGD(net.parameters(), lr=0.1))
torch.save(net.state_dict(), "model.pt")
whole = torch.load("model.pt")
"""


@pytest.mark.parametrize(
    ("load", "partly"),
    [
        ("net.one.load_state_dict({'weight': whole['one.weight']})", True),
        ("held = {k: v.clone() for k, v in net.one.state_dict().items()}\nnet.load_state_dict(whole)\n"
         "net.one.load_state_dict(held)", True),
        ("net.one.load_state_dict(whole['one'])\nnet.two.load_state_dict(whole['two'])", False),
        ("for name, p in net.named_parameters():\n    p.data.copy_(whole[name])", False),
        ("net.load_state_dict(whole)", False),
    ],
)  # fmt: skip
def test_parts_of_a_model_that_are_not_read_back(load: str, partly: bool) -> None:
    gaps = unfollowed(program(f"{PARTS}{load}\n{FINAL}"), "final")
    assert any("others of its parts" in gap.why or "in memory" in gap.why for gap in gaps) is partly
