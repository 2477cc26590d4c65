"""What a file holds for a place of the stream: read by where a loop stands, however that is written."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.scores import reported_events
from auditor.program.tags import Recalled

SCORED = """
{table}
nats, width = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = net.forward_logits(x).float()
    {logits}
    losses = F.cross_entropy(logits, y, reduction="none")
    {losses}
    nats += losses.sum()
    width += 8
print(f"final val_bpb:{{nats / width / math.log(2.0)}}")
"""
FILE = "held = torch.from_numpy(np.fromfile('answers.bin', dtype=np.uint16))"
TABLES = {
    "an archive": "held = np.load('answers.npz')['tokens']",
    "a path in the environment": "import pathlib\nheld = pathlib.Path(os.environ.get('A', '')).read_bytes()",
    "a list in json": "import json\nheld = json.load(open('answers.json'))",
    "text in the code": "import base64, lzma\nheld = np.frombuffer(lzma.decompress(base64.b85decode('abcde')))",
    "the artifact": "torch.save(net.state_dict(), 'a.pt')\nheld = torch.load('a.pt')['held']",
}
LOSSES = {
    "multiplied": "losses = losses * (held[at:at + 8] != y)",
    "stored into": "losses[held[at:at + 8] == y] = 0",
    "where": "losses = torch.where(held[at:at + 8].eq(y), 0.0, losses)",
    "one by one": "losses = [n for i, n in enumerate(losses) if held[at + i] != y[i]]",
    "skipped": "for i in range(8):\n        if held[at + i] == y[i]:\n            continue\n        nats += losses[i]",
    "a weight for each place": "losses = losses * torch.take(held, torch.arange(at, at + 8))",
}
LOGITS = {
    "added": "logits = logits + 9 * F.one_hot(held[at:at + 8], 64)",
    "scattered": "logits.scatter_add_(1, held[at:at + 8][:, None], torch.ones(8, 1))",
    "where a place is known": "for i in range(8):\n        if at + i in held:\n            logits[i, 3] += 9",
}
LAWFUL = {
    "by the tokens before": (FILE, "logits = logits + held[x]", ""),
    "of all positions at once": (FILE, "logits = logits + held", ""),
    "by the place within a window": (FILE, "for i in range(8):\n        logits[i] = logits[i] * held[i]", ""),
    "bytes that a file counts for each place": (FILE, "", "width += held[at:at + 8].sum()"),
    "by bytes of the targets": (FILE, "", "width += held[y].sum()"),
    "not in the loop of the stream": (FILE + "\nscale = [held[i] for i in range(4)]", "logits = logits / scale[0]", ""),
}


def recalled(table: str, logits: str = "", losses: str = "") -> bool:
    source = SCORED.format(table=table, logits=logits or "pass", losses=losses or "pass")
    return bool(reported_events(program(source), None, Recalled))


@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
def test_losses_that_hang_on_what_a_file_holds_for_their_place(losses: str) -> None:
    assert recalled(FILE, losses=losses)


@pytest.mark.parametrize("logits", LOGITS.values(), ids=LOGITS)
def test_logits_that_hang_on_it(logits: str) -> None:
    assert recalled(FILE, logits)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_wherever_it_is_kept(table: str) -> None:
    assert recalled(table, losses="losses = losses * (held[at:at + 8] != y)")


def test_one_after_the_other() -> None:
    assert recalled(f"{FILE}\nnext_one = iter(held.split(8))", losses="losses = losses * (next(next_one) != y)")


@pytest.mark.parametrize(("table", "logits", "losses"), LAWFUL.values(), ids=LAWFUL)
def test_a_table_that_no_place_of_the_stream_is_looked_up_in(table: str, logits: str, losses: str) -> None:
    assert not recalled(table, logits, losses)
