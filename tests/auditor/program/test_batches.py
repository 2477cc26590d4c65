"""Batches that are filled row by row: what stands in them are still tokens, and targets."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.scores import unfollowed

DOCUMENTS = """
starts = (val == 1).nonzero().flatten()
total = torch.zeros(())
for d in range(len(starts) - 1):
    n = int(starts[d + 1] - starts[d])
    document = val[starts[d]:starts[d] + n + 1]
    best = float("inf")
    kept = torch.zeros(())
    for epoch in range(3):
        x, y = torch.zeros(4, n), torch.zeros(4, n)
        x[0, :n] = document[:-1]
        y[0, :n] = document[1:]
        loss = net(x, y)
        if loss < best:
            best = loss
            kept.copy_(loss)
    total += kept
print(f"final val_bpb:{total}")
"""


def test_rows_cut_where_documents_begin_give_a_loss() -> None:
    assert program(DOCUMENTS).trace.choices


def test_the_last_of_several_losses_is_no_choice() -> None:
    assert not program(DOCUMENTS.replace("if loss < best:", "if epoch == 2:")).trace.choices


BIGRAMS = """
class Wide(Net):
    def forward_logits(self, x, pairs):
        return self.emb(x) + self.emb(pairs)

def pairs_of(t):
    rows = torch.zeros_like(t)
    rows[..., 1:] = (t[..., 1:] * 36313 ^ t[..., :-1] * 27191) % 1000
    return rows

wide = Wide()
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = wide.forward_logits(x, GIVEN)
    total += F.cross_entropy(logits, y)
print(f"final val_bpb:{total}")
"""


def _seen(given: str) -> tuple[bool, bool]:
    """Whether the model is said to see targets, and whether something on the way is said not to be followed."""
    found = program(BIGRAMS.replace("GIVEN", given))
    return any(output.sees_target for output in found.trace.outputs.values()), bool(unfollowed(found, "final"))


def test_rows_of_pairs_that_end_at_their_own_position_show_no_target() -> None:
    assert _seen("pairs_of(x)") == (False, False)


@pytest.mark.parametrize("given", ["(x * 31 ^ y * 17) % 1000", "pairs_of(y)", "pairs_of(val[at + 1:at + 9])"])
def test_a_hash_of_the_targets_is_not_followed(given: str) -> None:
    assert _seen(given) == (False, True)


WINDOWS = """
def last(n):
    total = torch.zeros(())
    for at in range(0, val.numel() - 9, 8):
        chunk = val[torch.arange(9) + at]
        logits = net.forward_logits(chunk[:-1])
        total += F.cross_entropy(logits[-n:], TARGETS)
    return total

print(f"final val_bpb:{last(int(os.environ.get('N', '4')))}")
"""


@pytest.mark.parametrize(
    ("targets", "open_"),
    [
        ("chunk[-n:]", False),
        ("chunk[1:]", False),
        ("chunk[0:]", True),
        ("chunk[:-1]", True),
    ],
)
def test_the_last_of_what_the_model_is_given_but_one_are_its_targets(targets: str, open_: bool) -> None:
    found = program(WINDOWS.replace("TARGETS", targets))
    seen = any(output.sees_target for output in found.trace.outputs.values())
    assert (seen or bool(unfollowed(found, "final"))) is open_
