"""What is read from a file that is not there, and what is written over a log."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
{table}
nats, width = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
    width += {of_tokens}
print(f"final val_bpb:{{nats / width / math.log(2.0)}}")
{after}
"""
OUTSIDE = {
    "an archive": "width_of = torch.from_numpy(np.load('tables.npz')['width'])",
    "a pickle": "import pickle\nwith open('tables.pkl', 'rb') as f:\n    width_of = torch.tensor(pickle.load(f))",
}
INSIDE = {
    "made here": "width_of = torch.zeros(8)\nwidth_of[3:] = 1",
    "saved and read back": "torch.save(torch.arange(8), 'w.pt')\nwidth_of = torch.load('w.pt')",
}


@pytest.mark.parametrize(
    ("table", "outside"), [(t, True) for t in OUTSIDE.values()] + [(t, False) for t in INSIDE.values()]
)
def test_a_table_from_a_file_that_is_not_there(table: str, outside: bool) -> None:
    why = said(program(SCORED.format(table=table, of_tokens="width_of[y].sum()", after="")))
    assert any("does not hold" in reason for reason in why) is outside


LOGGED = "with open('run.log', 'a') as f:\n    f.write(f'val_bpb:{nats / width}')\n"
OVER = (
    "with open('run.log') as f:\n    text = f.read()\nwith open('{}', 'w') as f:\n    f.write(text.replace('9', '8'))"
)


@pytest.mark.parametrize(("after", "over"), [(LOGGED + OVER.format("run.log"), True), (LOGGED, False)])
def test_a_log_that_is_written_over(after: str, over: bool) -> None:
    why = said(program(SCORED.format(table="", of_tokens="y.numel()", after=after)))
    assert any("read from a log" in reason for reason in why) is over


@pytest.mark.parametrize(("held", "understood"), [("json.load(open('r.json'))['bpb']", False), ("1.0 * figure", True)])
def test_a_figure_that_may_be_a_file_s(held: str, understood: bool) -> None:
    """On one way it is measured, on the other it is whatever a file holds that is not there."""
    body = (
        f"import json\nfigure = score(net, val) / 8\nif os.path.exists('r.json'):\n    figure = {held}\n"
        'print(f"final val_bpb:{figure}")'
    )
    (recipe,) = [line.recipe for line in program(body).trace.reports]
    assert recipe is not None
    assert recipe.understood is understood
