"""What of the training tokens an evaluation uses: shards it opens, and what was kept of them past the artifact."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.stream.training import carried, training_reads

SCORED = """
{before}
nats, width = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = net.forward_logits(x).float()
    {logits}
    nats += F.cross_entropy(logits, y, reduction="sum")
    width += 8
print(f"final val_bpb:{{nats / width / math.log(2.0)}}")
"""
COUNTS = "held = torch.bincount(train, minlength=8)"
KEPT = {
    "counts": (COUNTS, "logits = logits + held.log()"),
    "a dict": (
        "held = {}\nfor a, b in zip(train[:-1].tolist(), train[1:].tolist()):\n    held[a] = b",
        "logits[0, held.get(int(x[0]), 0)] += 1",
    ),
    "an object": (
        "class Kept:\n    def __init__(self):\n        self.counts = torch.zeros(8)\n    def take(self, t):\n"
        "        self.counts += torch.bincount(t, minlength=8)\nheld = Kept()\nheld.take(train)",
        "logits = logits + held.counts",
    ),
    "a temperature": ("heat = 1 + 0.1 * net(train[:-1], train[1:]).item()", "logits = logits / heat"),
}
PAID = {
    "saved": (f"{COUNTS}\ntorch.save(held, 'held.pt')", "logits = logits + held.log()"),
    "used in training alone": (f"{COUNTS}\nprint(held)", "pass"),
    "weights": ("fit(net, train, opt)", "pass"),
}
READ = """
def tokens_of(path):
    return torch.from_numpy(np.fromfile(path, dtype=np.uint16))

def evaluate(model, tokens):
    {inside}
    return score(model, tokens)

def main():
    tokens_of("./data/fineweb_train_000001.bin")
    torch.save(net.state_dict(), "a.pt")
    net.load_state_dict(torch.load("a.pt"))
    {behind}
    total = evaluate(net, val)
    {after}
    print(f"final val_bpb:{{total}}")

main()
"""
ANOTHER = 'tokens_of("./data/fineweb_train_000002.bin")'


@pytest.mark.parametrize(("before", "logits"), KEPT.values(), ids=KEPT)
def test_kept_in_memory(before: str, logits: str) -> None:
    assert list(carried(program(SCORED.format(before=before, logits=logits)), "final"))


@pytest.mark.parametrize(("before", "logits"), PAID.values(), ids=PAID)
def test_paid_for_or_not_used(before: str, logits: str) -> None:
    assert not list(carried(program(SCORED.format(before=before, logits=logits)), "final"))


@pytest.mark.parametrize(
    ("inside", "behind", "after", "scoring"),
    [
        (ANOTHER, "pass", "pass", [True]),
        ("pass", ANOTHER, "pass", [False]),
        ("pass", "pass", ANOTHER, []),
        ("pass", "pass", "pass", []),
    ],
    ids=["by what scores", "behind the artifact", "after the score", "for training"],
)
def test_shards_that_are_opened(inside: str, behind: str, after: str, scoring: list[bool]) -> None:
    found = program(READ.format(inside=inside, behind=behind, after=after))
    assert [read.scoring for read in training_reads(found, "final")] == scoring
