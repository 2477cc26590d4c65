"""Which weights an optimizer is given decides nothing: lists and dicts of them are the model's, as unknown ones are."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

from auditor.program.scores import unfollowed

WIDE = """
class Wide(Net):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(4)]).to("cuda")
        self.named = nn.ModuleDict()
        self.named["late"] = nn.Linear(8, 8)
        self.given = nn.ModuleDict({"late": nn.Linear(8, 8)})
        self.ups = nn.ParameterList([nn.Parameter(torch.zeros(8, 8))])
        self.ups.append(nn.Parameter(torch.zeros(8, 8)))
        self.downs = nn.ParameterDict()
        for at in range(2):
            self.downs[str(at)] = nn.Parameter(torch.zeros(8, 8))
    def side(self):
        for at in range(2):
            yield f"down_{at}", self.downs[str(at)]
    def forward_logits(self, x):
        x = self.emb(x)
        for block in self.blocks:
            x = block(x) + F.linear(x, self.ups[0]) + F.linear(x, self.downs["1"])
        return self.given["late"](self.named["late"](x))

net = Wide()
chosen = {}
"""

GIVEN = [
    "net.blocks.parameters()",
    "[p for _, p in net.blocks.named_parameters()]",
    "[p for part in net.blocks.children() for p in part.parameters()]",
    "[p for part in net.blocks.modules() if isinstance(part, nn.Linear) for p in part.parameters()]",
    "[p for name, part in net.blocks.named_children() for p in part.parameters()]",
    '[{"params": list(net.blocks.parameters()), "lr": 0.1}]',
    "net.named.parameters()",
    "[p for part in net.named.values() for p in part.parameters()]",
    "[part.weight for _, part in net.given.items()]",
    "[net.ups[0]]",
    "list(net.ups)",
    "net.ups.parameters()",
    '[net.downs["0"]]',
    "net.downs.values()",
    "[p for _, p in net.side()]",
    "net.blocks.state_dict().values()",
    'chosen["late"]',  # which nothing was seen to put there
]


@pytest.mark.parametrize("given", GIVEN)
def test_what_an_optimizer_is_given(given: str) -> None:
    body = f"{WIDE}\nfit(net, TOKENS, torch.optim.SGD({given}, lr=0.1))\n{FINAL}"
    assert pairs(body.replace("TOKENS", "val"))
    legal = body.replace("TOKENS", "train")
    assert not pairs(legal)
    assert not unfollowed(program(legal), "final")
