"""Attention under conditions: what holds while the model scores decides, whatever held before."""

from __future__ import annotations

import pytest
from program_samples import FINAL, HEAD, program

MODEL = """
class Attending(Net):
    def __init__(self):
        super().__init__()
        self.causal, self.kind = True, "causal"
    def forward_logits(self, x, wide=False):
        q = self.emb(x)
        {body}
        return y

net = Attending()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
fit(net, train, opt)
"""
ARMS = """if {test}:
            y = F.scaled_dot_product_attention(q, q, q, is_causal=True)
        else:
            y = F.scaled_dot_product_attention(q, q, q)"""
LEAVES = """if not ({test}):
            return F.scaled_dot_product_attention(q, q, q)
        y = F.scaled_dot_product_attention(q, q, q, is_causal=True)"""
NAMED = "plain = {test}\n        " + ARMS.replace("{test}", "plain")
CHOSEN = """y = (F.scaled_dot_product_attention(q, q, q, is_causal=True) if {test}
            else F.scaled_dot_product_attention(q, q, q))"""
TOLD = "y = F.scaled_dot_product_attention(q, q, q, is_causal={test})"


def _open(body: str, test: str, before: str) -> bool:
    found = program(MODEL.format(body=body.format(test=test)) + before + "\n" + FINAL)
    return bool(found.trace.open_attention)


@pytest.mark.parametrize("body", [ARMS, LEAVES, NAMED, CHOSEN, TOLD], ids=["arms", "leaves", "named", "chosen", "told"])
@pytest.mark.parametrize(
    ("test", "before", "sees_later"),
    [
        ("self.causal", "", False),
        ("self.causal", "net.causal = False", True),
        ("self.kind == 'causal'", "", False),
        ("self.kind == 'causal'", "setattr(net, 'kind', 'open')", True),
        ("not self.training", "net.eval()", False),
        ("not self.training", "", True),  # the model was never put out of training
        ("not (self.training and self.causal)", "net.eval()", False),
        ("self.training", "net.eval()", True),
    ],
)
def test_what_holds_while_it_scores(body: str, test: str, before: str, sees_later: bool) -> None:
    assert _open(body, test, before) is sees_later


@pytest.mark.parametrize(
    ("passed", "sees_later"), [("", False), (", False", False), (", wide=True", True), (", wide=len(x) > 4", True)]
)
def test_a_parameter_is_what_the_scoring_call_passes(passed: str, sees_later: bool) -> None:
    head = HEAD.replace("model.forward_logits(x)", f"model.forward_logits(x{passed})").replace(
        "def forward_logits(self, x)", "def forward_logits(self, x, wide=False)"
    )
    found = program(MODEL.format(body=ARMS.format(test="not wide")) + "\n" + FINAL, head=head)
    assert bool(found.trace.open_attention) is sees_later


def test_what_only_training_comes_to_is_not_looked_at() -> None:
    assert not _open(ARMS.replace("else:", "elif self.training:"), "self.causal and not self.training", "net.eval()")


PARTS = """
class Attention(nn.Module):
    def forward(self, x, is_causal=True):
        {attend}

class Attending(Net):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Attention() for _ in range(2)])
    def hidden(self, x, is_causal=True):
        h = self.emb(x)
        for i in range(2):
            h = self.blocks[i](h, {handed})
        return h
    def forward_logits(self, x, causal=True):
        return self.hidden(x, is_causal=causal)

net = Attending()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
net.hidden(train[:8].view(1, -1), is_causal=False).sum().backward()
opt.step()
"""


@pytest.mark.parametrize(
    "attend",
    [
        "return F.scaled_dot_product_attention(x, x, x, is_causal=is_causal)",
        "if is_causal:\n            return F.scaled_dot_product_attention(x, x, x, is_causal=True)\n"
        "        return F.scaled_dot_product_attention(x, x, x)",
    ],
)
@pytest.mark.parametrize(
    ("handed", "passed", "sees_later"),
    [
        ("is_causal=is_causal", "", False),  # training alone passes that it is open
        ("is_causal=is_causal", ", causal=True", False),
        ("is_causal=is_causal", ", causal=False", True),
        ("is_causal=i == 0", "", True),
        ("is_causal=False", "", True),
        ("False", "", True),
    ],
)
def test_what_training_alone_passes_is_no_matter(attend: str, handed: str, passed: str, sees_later: bool) -> None:
    head = HEAD.replace("model.forward_logits(x)", f"model.forward_logits(x{passed})")
    found = program(PARTS.format(attend=attend, handed=handed) + FINAL, head=head)
    assert bool(found.trace.open_attention) is sees_later
