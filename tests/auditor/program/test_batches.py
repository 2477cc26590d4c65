"""Batches that are filled row by row: what stands in them are still tokens, and targets."""

from __future__ import annotations

from program_samples import program

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
