"""Count tables: which look-ups hold the token that is scored, and what their counts decide."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program, said

from auditor.program.recipe.formula import formula
from auditor.program.scores import reports_of, unfollowed
from auditor.program.tags import GatedBy, LookedUp
from auditor.program.trace import Lookup, Order

LOOP = """
full, seen_in, names = np.zeros(64), np.zeros(64), {{}}
tables = [np.zeros(64) for _ in range(3)]
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    with torch.no_grad():
        logp = F.log_softmax(net.forward_logits(x), dim=-1)
    p = logp.gather(-1, y[:, None]).exp()
{mix}
    total -= torch.log(p).sum()
    full[key] += 1
    tables[order][key] += 1
    names[(x[0].item(), y[0].item())] = 1
print(f"final val_bpb:{{total}}")
"""


def reported(mix: str) -> list[tuple[Lookup, bool]]:
    """The look-ups that the printed figure depends on, and whether their count gates what is mixed in."""
    body = "\n".join("    " + line for line in ["key, order = x * 31 % 64, 0", *mix.splitlines()])
    trace = program(LOOP.format(mix=body)).trace
    tags = trace.reports[-1].tags
    return [(look, GatedBy(n) in tags) for n, look in trace.lookups.items() if LookedUp(n) in tags]


TARGET_KEYS = {
    "context and target in one hash": "key = (x * 31 ^ y * 17) % 64\np = 0.9 * p + 0.1 * full[key]",
    "in two steps": "head = x * 31\nkey = (head + y) % 64\np = 0.9 * p + 0.1 * full[key]",
    "in one of several tables": (
        "for order in range(3):\n    key = (x * 31 ^ y * 17 + order) % 64\n    p = 0.9 * p + 0.1 * tables[order][key]"
    ),
    "targets by the positions that follow": (
        "where = np.arange(at + 1, at + 8 + 1)\nkey = (x * 31 ^ val[where] * 17) % 64\np = 0.9 * p + 0.1 * full[key]"
    ),
}


@pytest.mark.parametrize("mix", TARGET_KEYS.values(), ids=TARGET_KEYS)
def test_a_hash_that_holds_the_target(mix: str) -> None:
    assert any(look.hashed for look, _ in reported(mix))


CONTEXT_KEYS = {
    "the context's hash": "p = 0.9 * p + 0.1 * full[key]",
    "positions of the context": (
        "where = np.arange(at, at + 8)\nkey = val[where] * 31 % 64\np = 0.9 * p + 0.1 * full[key]"
    ),
    "the target beside the context's hash": "p = 0.9 * p + 0.1 * full[key, y]",
}


@pytest.mark.parametrize("mix", CONTEXT_KEYS.values(), ids=CONTEXT_KEYS)
def test_a_hash_of_the_context_alone(mix: str) -> None:
    assert not any(look.hashed for look, _ in reported(mix))


GATED = {
    "by where": "n = names.get((x[0].item(), y[0].item()), 0)\np = torch.where(n > 0, 0.9 * p + 0.1 * n, p)",
    "by an if": "n = names.get((x[0].item(), y[0].item()), 0)\nif n > 0:\n    p = 0.9 * p + 0.1 * n",
}


@pytest.mark.parametrize("mix", GATED.values(), ids=GATED)
def test_a_count_that_decides_whether_it_is_mixed_in(mix: str) -> None:
    assert any(gate for _, gate in reported(mix))


def test_a_smoothed_count_decides_nothing() -> None:
    found = reported("n = names.get((x[0].item(), y[0].item()), 0)\np = 0.9 * p + 0.1 * (n + 1) / 72")
    assert found
    assert not any(gate for _, gate in found)


KEPT = """
store = {{}}
for path, stream in (("fineweb_train.bin", train), ("fineweb_val.bin", val)):
    store[path] = stream
fit(net, store["fineweb_{which}.bin"], opt)
print(f"final val_bpb:{{score(net, val)}}")
"""


def test_streams_that_are_kept_by_path_stay_apart() -> None:
    assert pairs(KEPT.format(which="train")) == []
    assert {d.order for d in pairs(KEPT.format(which="val"))} == {Order.OTHER_PASS}


CLIMB = """
best = float("inf")
for _ in range(5):
    noise = torch.randn(8, 8)
    net.emb.weight.data.add_(noise)
    loss = score(net, {stream})
    if loss < best:
        best = loss
    else:
        net.emb.weight.data.sub_(noise)
print(f"final val_bpb:{{score(net, val)}}")
"""


def test_weights_that_a_validation_loss_chooses_are_adapted_to_it() -> None:
    assert pairs(CLIMB.format(stream="val"))
    assert pairs(CLIMB.format(stream="train")) == []


SEEN = """
seen = torch.ones(8, 8)
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    {before}
    logits = net.forward_logits(x)
    rows = seen[x] / seen[x].sum(-1, keepdim=True)
    p = 0.9 * logits.softmax(-1) + 0.1 * rows
    total -= p.gather(-1, y[:, None]).log().sum()
    {after}
print(f"final val_bpb:{{total}}")
"""
TAKEN = "seen.index_put_((x, y), torch.ones(8), accumulate=True)"


@pytest.mark.parametrize(("before", "after", "ahead"), [(TAKEN, "pass", True), ("pass", TAKEN, False)])
def test_counts_of_the_tokens_that_are_scored_with_them(before: str, after: str, ahead: bool) -> None:
    trace = program(SEEN.format(before=before, after=after)).trace
    assert any(look.ahead and look.mixed for look in trace.lookups.values()) is ahead


CUT = """
total = torch.zeros(())
keep = torch.zeros(8, dtype=torch.bool)
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    {before}
    logits = net.forward_logits(x).masked_fill(~keep, -1e9)
    total += F.cross_entropy(logits, y, reduction="sum")
    {after}
print(f"final val_bpb:{{total}}")
"""


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("keep[y.unique()] = True", "pass", True), ("pass", "keep[y.unique()] = True", False)],
)
def test_a_vocabulary_that_the_targets_tell(before: str, after: str, told: bool) -> None:
    gaps = unfollowed(program(CUT.format(before=before, after=after)), "final")
    assert any("entries of the model's output" in gap.what for gap in gaps) is told


CACHE = """
from pathlib import Path
held: dict[str, np.memmap] = {}
def shard(path):
    key = str(path)
    if key not in held:
        held[key] = np.memmap(path, mode="r", dtype="<u2", offset=1024)
    return torch.from_numpy(held[key])
def read(pattern):
    return torch.cat([shard(Path(p)) for p in sorted(glob.glob(pattern))])
val, train = read("./data/fineweb_val_*.bin"), read("./data/fineweb_train_*.bin")
"""


def test_shards_that_are_kept_under_their_paths_are_no_counts() -> None:
    body = f"{CACHE}\nfit(net, KIND, opt)\n{FINAL}"
    found = program(body.replace("KIND", "train"))
    assert not said(found)
    assert "counts" not in str(formula(reports_of(found.trace, "final")[-1]))
    assert pairs(body.replace("KIND", "val"))


@pytest.mark.parametrize("key", ['f"fineweb_val_{y[0]}.bin"', 'f"{x[0]}-{y[0]}"', 'str(y[0].item()) + ".bin"'])
def test_counts_under_texts_are_counts(key: str) -> None:
    assert reported(f"key = {key}\np = p + names.get(key, 0.0)\nnames[key] = names.get(key, 0.0) + 1.0")
