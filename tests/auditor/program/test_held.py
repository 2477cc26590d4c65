"""A model that scores may hold what was counted over tokens before they are scored."""

from __future__ import annotations

import pytest
from program_samples import HEAD, program, said

MODEL = HEAD.replace(
    "        self.emb = nn.Embedding(8, 8)\n",
    "        self.emb = nn.Embedding(8, 8)\n        self.register_buffer('seen', torch.zeros(8))\n"
    "        self.on = False\n",
).replace(
    "        return self.emb(x)\n",
    "        logits = self.emb(x)\n        return logits + (self.seen + 1).log() if self.on else logits\n",
)
SCORED = """
{before}
nats, count = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
    count += y.numel()
    {after}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
AHEAD = {
    "added up": "net.seen += torch.bincount(val, minlength=8)\nnet.on = True",
    "copied": "net.seen.copy_(torch.bincount(val, minlength=8))\nsetattr(net, 'on', True)",
    "scattered": "net.seen.scatter_add_(0, val, torch.ones(val.numel()))\nnet.on = True",
    "assigned": "net.seen = torch.bincount(val, minlength=8)\nnet.on = True",
    "tokens themselves": "net.seen = val[:64].unique()\nnet.on = True",
    "what follows each token": "net.after = dict(zip(val[:-1].tolist(), val[1:].tolist()))",
    "in pieces": "for piece in val.split(64):\n    net.seen += torch.bincount(piece, minlength=8)\nnet.on = True",
}
BEHIND = {
    "of training tokens": ("net.seen += torch.bincount(train, minlength=8)\nnet.on = True", ""),
    "tokens that were scored": ("net.last = None", "net.last = y"),
    "tokens of a training shard": ("net.first = train[:64]", ""),
    "a count of steps": ("net.seen += 1", ""),
    "of what was scored": ("net.on = True", "net.seen += torch.bincount(y, minlength=8)"),
}


@pytest.mark.parametrize("before", AHEAD.values(), ids=AHEAD)
def test_counts_of_tokens_that_are_yet_to_be_scored_are_seen(before: str) -> None:
    why = said(program(SCORED.format(before=before, after=""), head=MODEL))
    assert any("yet to be scored" in reason for reason in why)


@pytest.mark.parametrize(("before", "after"), BEHIND.values(), ids=BEHIND)
def test_other_counts_are_no_finding(before: str, after: str) -> None:
    why = said(program(SCORED.format(before=before, after=after), head=MODEL))
    assert not any("yet to be scored" in reason for reason in why)


NAMED = HEAD.replace("class Net(", "PRIOR = []\nSCALE = {'logits': 2.0}\n\nclass Net(").replace(
    "        return self.emb(x)\n",
    "        logits = self.emb(x) * SCALE['logits']\n        return logits + PRIOR[0] if PRIOR else logits\n",
)


@pytest.mark.parametrize(("held", "ahead"), [("val", True), ("train", False)])
def test_counts_in_a_name_that_the_model_reads(held: str, ahead: bool) -> None:
    before = f"PRIOR.append(torch.bincount({held}, minlength=8).float().log1p())"
    why = said(program(SCORED.format(before=before, after=""), head=NAMED))
    assert any("yet to be scored" in reason for reason in why) is ahead
