"""What hangs on which tokens stand in the stream: those that count, how many differ, the entries that may be said."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program.coverage import scored_part
from auditor.program.scores import reports_of
from auditor.program.tags import Omitting

SCORED = """
from collections import Counter
{before}
total, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8][None], val[at + 1:at + 9][None]
    logits = net.forward_logits(x).float()
    {inside}
    nll = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
    {after}
    total += nll.sum()
    count += nll.numel()
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""


def _said(before: str = "pass", inside: str = "pass", after: str = "pass") -> list[str]:
    return said(program(SCORED.format(before=before, inside=inside, after=after)))


CHOSEN = {
    "where a mask holds": "val = val[torch.where(val != 5)[0]]",
    "what is not zero": "val = val[(val != 5).nonzero().flatten()]",
    "taken": "val = val.index_select(0, torch.nonzero(val < 7).squeeze(1))",
    "one by one": "val = torch.tensor([t for t in val.tolist() if t != 3])",
    "by a function": "val = torch.tensor(list(filter(lambda t: t != 3, val.tolist())))",
    "the widest rows": "rows = val.view(-1, 8)\nval = rows[rows.float().std(1).topk(90).indices].flatten()",
    "the first in order": "rows = val.view(-1, 8)\nval = rows[rows.float().std(1).argsort()[:90]].flatten()",
    "the least of a heap": "import heapq\nrows = list(val.view(-1, 8))\n"
    "val = torch.cat(heapq.nsmallest(90, rows, key=lambda row: row.unique().numel()))",
    "rows in order": "rows = sorted(val.view(-1, 8), key=lambda row: len(set(row.tolist())))[:90]\n"
    "val = torch.cat(rows)",
}
KEPT = {
    "where documents begin": "begins = (val == 1).nonzero().flatten().tolist()",
    "rows one after the other": "rows = list(val.view(-1, 8))\nval = torch.cat(rows)",
    "how many of each": "print(Counter(val.tolist()).most_common(3))",
}


@pytest.mark.parametrize("before", CHOSEN.values(), ids=CHOSEN)
def test_tokens_of_the_stream_are_chosen(before: str) -> None:
    assert any("what they are" in why or "what it holds" in why for why in _said(before))


@pytest.mark.parametrize("before", KEPT.values(), ids=KEPT)
def test_the_whole_stream_is_none_of_it(before: str) -> None:
    assert not _said(before)


AHEAD = {
    "how many differ": "logits = logits / (1.0 + 0.1 * len(set(y[0].tolist())))",
    "how many are unique": "logits = logits * y.unique().numel()",
    "how well they pack": "import zlib\n    logits = logits / len(zlib.compress(y.numpy().tobytes()))",
    "how often each": "for token, n in Counter(y[0].tolist()).items():\n        logits[..., token] += 0.1 * n",
}


@pytest.mark.parametrize("inside", AHEAD.values(), ids=AHEAD)
def test_what_the_targets_tell_goes_into_the_logits(inside: str) -> None:
    plain, told = (program(SCORED.format(before="pass", inside=i, after="pass")) for i in ("pass", inside))
    assert not any(output.sees_target for output in plain.trace.outputs.values())
    assert not said(plain)
    assert any(output.sees_target for output in told.trace.outputs.values()) or said(told)


ENTRIES = "allowed = torch.zeros(8, dtype=torch.bool)\n    allowed[val[at:{end}]] = True\n    "
MASKED = "logits = logits.masked_fill(~allowed, -1e9)"


@pytest.mark.parametrize(("end", "ahead"), [("at + 9", True), ("at + 12", True), ("at", False)])
def test_entries_of_which_later_tokens_tell(end: str, ahead: bool) -> None:
    why = _said(inside=ENTRIES.format(end=end) + MASKED)
    assert any("yet to be scored" in one for one in why) is ahead


DROPPED = "nll = torch.stack([v for v, t in zip(nll, y[0].tolist()) if {test}])"


@pytest.mark.parametrize(("test", "dropped"), [("t != 3", True), ("t < 7", True), ("t >= 0", False)])
def test_losses_are_kept_by_what_their_tokens_are(test: str, dropped: bool) -> None:
    assert any("what the tokens are" in why for why in _said(after=DROPPED.format(test=test))) is dropped


def test_documents_that_come_again_are_left_out() -> None:
    cut = "at = (val == 1).nonzero().flatten().tolist()\n"
    kept = "val = torch.tensor([t for d in {of} for t in d])"
    one = "tuple(val[a:b].tolist()) for a, b in zip(at, at[1:])"
    assert any("counts once" in why for why in _said(cut + kept.format(of=f"{{{one}}}")))
    assert not any("counts once" in why for why in _said(cut + kept.format(of=f"[{one}]")))


SHARDS = """
files = sorted(glob.glob("./data/fineweb_val_*.bin"))
{kept}
"""
READ = "torch.from_numpy(np.fromfile(f))"
LEFT = {
    "by a name": f'val = torch.cat([{READ} for f in files if "000001" not in f])',
    "names alone": f'files = [f for f in files if not f.endswith("1.bin")]\nval = torch.cat([{READ} for f in files])',
    "in a loop": "parts = []\nfor f in files:\n    if '000001' in f:\n        continue\n"
    f"    parts.append({READ})\nval = torch.cat(parts)",
}
ALL = {
    "by their kind": f'val = torch.cat([{READ} for f in files if f.endswith(".bin") and "val" in f])',
    "in a loop": "parts = []\nfor f in files:\n    if not os.path.exists(f):\n        continue\n"
    f"    parts.append({READ})\nval = torch.cat(parts)",
}


@pytest.mark.parametrize("kept", LEFT.values(), ids=LEFT)
def test_shards_are_left_out_by_their_names(kept: str) -> None:
    assert any("certain names" in why for why in _said(SHARDS.format(kept=kept)))


@pytest.mark.parametrize("kept", ALL.values(), ids=ALL)
def test_every_shard_is_read(kept: str) -> None:
    assert not _said(SHARDS.format(kept=kept))


SIDE = {
    "a global": ("HINTS.append({what})", "x = x + self.emb(HINTS[-1]) if HINTS else x"),
    "an attribute of a part": ("net.part.hint = {what}", "x = self.part(x)"),
    "an attribute of a thread": ("LOCAL.hint = {what}", "x = x + self.emb(LOCAL.hint)"),
    "a hook": ("net.part.register_forward_hook(lambda part, given, made: made + {what})", "x = self.part(x)"),
}
MODEL = """
import threading
HINTS, LOCAL = [], threading.local()
class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.hint = None
    def forward(self, x):
        return x if self.hint is None else x + self.hint
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.part = nn.Embedding(8, 8), Part()
    def forward_logits(self, tokens):
        x = self.emb(tokens)
        {inside}
        return x
net = Net()
total, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8][None], val[at + 1:at + 9][None]
    {before}
    nll = F.cross_entropy(net.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
    total += nll.sum()
    count += nll.numel()
    {after}
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""


@pytest.mark.parametrize(("before", "inside"), SIDE.values(), ids=SIDE)
def test_targets_that_reach_the_model_past_its_arguments(before: str, inside: str) -> None:
    told = said(program(MODEL.format(before=before.format(what="y"), inside=inside, after="pass")))
    assert any("yet to be scored" in why for why in told)
    other = before.format(what="torch.ones(8)")
    assert not said(program(MODEL.format(before=other, inside=inside, after="pass")))


AT = {
    "narrow": "val.narrow(0, at{on}, 8)",
    "narrowed": "torch.narrow(val, 0, at{on}, 8)",
    "strides": "val.as_strided((8,), (1,), at{on})",
}


@pytest.mark.parametrize("part", AT.values(), ids=AT)
@pytest.mark.parametrize(("on", "ahead"), [(" + 1", True), ("", False)])
def test_what_the_model_is_given_by_other_cuts(part: str, on: str, ahead: bool) -> None:
    inside = f"logits = net.forward_logits({part.format(on=on)}[None]).float()"
    followed = program(SCORED.format(before="pass", inside=inside, after="pass"))
    assert any(output.sees_target for output in followed.trace.outputs.values()) is ahead


def test_a_vocabulary_that_the_targets_have_cut() -> None:
    inside = "low = {of}.min()\n    logits = logits[..., low:]"
    assert any("yet to be scored" in why for why in _said(inside=inside.format(of="y")))
    assert not _said(inside="logits = logits[..., :1024]")


@pytest.mark.parametrize("some", ["itertools.islice(starts, 1000)", "random.sample(starts, 2000)"])
def test_windows_of_a_range_that_begins_by_rank(some: str) -> None:
    body = (
        "import itertools, random\nrank = torch.distributed.get_rank()\nstarts = range(rank * 8, val.numel() - 9, 8)\n"
    )
    text = body + SCORED.format(before="pass", inside="pass", after="pass")
    followed = program(text.replace("range(0, val.numel() - 9, 8):", f"{some}:"))
    part = scored_part(followed, "final")
    assert part is not None
    assert part.most == (8008 if "islice" in some else 16008)


@pytest.mark.parametrize(("some", "left"), [("order[:2000]", True), ("order", False), ("order[rank::8]", False)])
def test_windows_in_an_order_that_was_drawn(some: str, left: bool) -> None:
    order = "rank = torch.distributed.get_rank()\norder = torch.randperm((val.numel() - 9) // 8) * 8\n"
    text = order + SCORED.format(before="pass", inside="pass", after="pass")
    followed = program(text.replace("range(0, val.numel() - 9, 8):", f"({some}).tolist():"))
    assert any(isinstance(t, Omitting) for line in reports_of(followed.trace, "final") for t in line.tags) is left


HEATED = """
class Hot(Net):
    heat = 1.0
    def forward_logits(self, x):
        return self.emb(x) * self.heat
net = Hot()
def loss(heat):
    net.heat = heat
    return score(net, {on})
{fitted}
"""
FITTED = {
    "the least of a table": "losses = {{h: loss(h) for h in (0.8, 1.0)}}\nnet.heat = min(losses, key=losses.get)",
    "the least by a function": "net.heat = min((0.8, 1.0), key=loss)",
    "a library's search": "from scipy.optimize import minimize_scalar\nnet.heat = minimize_scalar(loss).x",
    "halves of an interval": "low, high = 0.5, 2.0\nfor _ in range(9):\n"
    "    low, high = (low, 1.0) if loss(low) < loss(high) else (1.0, high)\nnet.heat = low",
    "the best so far": "best = None\nfor h in (0.8, 1.0):\n    now = loss(h)\n"
    "    if best is None or now < best[0]:\n        best = (now, h)\nnet.heat = best[1]",
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
@pytest.mark.parametrize(("on", "ahead"), [("val", True), ("train", False)])
def test_numbers_that_losses_on_the_stream_have_chosen(fitted: str, on: str, ahead: bool) -> None:
    before = HEATED.format(on=on, fitted=fitted.replace("{{", "{").replace("}}", "}"))
    assert any("yet to be scored" in why for why in _said(before)) is ahead


@pytest.mark.parametrize(("on", "chosen"), [("val", True), ("train", False)])
def test_a_number_beside_the_model_that_losses_have_chosen(on: str, chosen: bool) -> None:
    before = f"losses = {{h: h * score(net, {on}) for h in (0.8, 1.0)}}\nheat = min(losses, key=losses.get)"
    why = _said(before, inside="logits = logits / heat")
    assert any("have chosen it" in one for one in why) is chosen


@pytest.mark.parametrize(("on", "chosen"), [("val", True), ("train", False)])
def test_a_seed_that_losses_have_chosen(on: str, chosen: bool) -> None:
    seeded = f"def first(seed):\n    torch.manual_seed(seed)\n    return score(Net(), {on})\n"
    seeded += "torch.manual_seed(min(range(8), key=first))\nnet = Net()"
    assert any("have chosen it" in why for why in _said(seeded)) is chosen


@pytest.mark.parametrize(
    ("asked", "left_out"),
    [
        ("if (y == 3).any(): continue", True),
        ("if (x > 5).all(): continue", True),
        ("if x.numel() == 0: continue", False),
    ],
)
def test_a_part_that_is_left_out_because_of_one_token(asked: str, left_out: bool) -> None:
    followed = program(SCORED.format(before="pass", inside=asked, after="pass"))
    assert any(isinstance(t, Omitting) for line in reports_of(followed.trace, "final") for t in line.tags) is left_out
