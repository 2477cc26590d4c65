"""How much of the stream is scored, and by what parts of it are left out, however the code says it."""

from __future__ import annotations

import pytest
from program_samples import program

from auditor.program.coverage import bounded_list, scored_part
from auditor.program.scores import reported_events
from auditor.program.tags import Omitting
from auditor.program.trace import Omission

LOOP = """
def walk(tokens):
    total = 0.0
    n = tokens.numel() - 1
    {head}
        x, y = tokens[at:at + 8], tokens[at + 1:at + 9]
        with torch.no_grad():
            nll = F.cross_entropy(net.forward_logits(x), y, reduction="none").sum()
        {before}
        total += nll
        {after}
    return total
print(f"final val_bpb:{{walk({tokens})}}")
"""


def _walk(head: str, *, before: str = "pass", after: str = "pass", tokens: str = "val") -> str:
    return LOOP.format(head=head, before=before, after=after, tokens=tokens)


PARTS = {
    "a range that ends early": _walk("for at in range(0, min(n, 50_000), 8):"),
    "a setting": _walk('cap = int(os.environ.get("CAP", 50_000))\n    for at in range(0, min(cap, n), 8):'),
    "a constant range": _walk("for at in range(0, 40_000, 8):"),
    "left by its element": _walk("for at in range(0, n, 8):\n        if at > 9_000: break"),
    "left by a counter": _walk("k = 0\n    for at in range(0, n, 8):\n        if k >= 5_000: break", after="k += 1"),
    "left by an index": _walk("for k, at in enumerate(range(0, n, 8)):\n        if k == 5_000: break"),
    "sliced": _walk("import itertools\n    for at in itertools.islice(range(0, n, 8), 5_000):"),
    "the first of a list": _walk("for at in list(range(0, n, 8))[:5_000]:"),
    "beside a shorter range": _walk("for at, _ in zip(range(0, n, 8), range(5_000)):"),
    "as long as it is below": _walk(
        "import itertools\n    for at in itertools.takewhile(lambda i: i < 40_000, range(0, n, 8)):"
    ),
    "drawn": _walk("import random\n    for at in random.sample(range(0, n, 8), 5_000):"),
    "left by a count of tokens": _walk(
        "seen = 0\n    for at in range(0, n, 8):\n        if seen > 4e4: break", after="seen += y.numel()"
    ),
    "while": _walk("at = 0\n    while at < min(n, 50_000):", after="at += 8"),
    "while, by rounds": _walk("at = k = 0\n    while at < n and k < 5_000:", after="at += 8\n        k += 1"),
    "the stream itself is cut": _walk("for at in range(0, n, 8):", tokens="val[:60_000]"),
    "its end": _walk("for at in range(0, n, 8):", tokens="val[-60_000:]"),
    "narrowed": _walk("for at in range(0, n, 8):", tokens="val.narrow(0, 0, 60_000)"),
    "half of it": _walk("for at in range(0, n // 2, 8):"),
    "half of it, by its bits": _walk("for at in range(0, n >> 1, 8):"),
    "its second half": _walk("for at in range(0, n, 8):", tokens="val[val.numel() // 2:]"),
    "every third part": _walk("for at in range(0, n, 24):"),
    "every fourth chunk": _walk("for a in range(0, n, 256):\n      for at in range(a, min(a + 64, n), 8):"),
    "half of each chunk": _walk("for a in range(0, n, 64):\n      for at in range(a, min(a + 64, n), 16):"),
    "half, by the processes": _walk('w = 2 * int(os.environ["WORLD_SIZE"])\n    for at in range(0, n, 8 * w):'),
    "left by the number of its chunk": _walk("for at in range(0, n, 8):\n        if at // 8 >= 5_000: break"),
    "some rows": "rows = val[: val.numel() // 9 * 9].view(-1, 9)\ntotal = 0.0\n"
    "for i in range(min(rows.size(0), 700)):\n"
    "    total += F.cross_entropy(net.forward_logits(rows[i][:-1]), rows[i][1:])\n"
    'print(f"final val_bpb:{total}")',
}
WHOLE = {
    "all of it": _walk("for at in range(0, n, 8):"),
    "a limit beyond its end": _walk("for at in range(0, min(n, 10 ** 9), 8):"),
    "one process's share": _walk(
        'rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])\n'
        "    for at in range(n * rank // world, n * (rank + 1) // world, 8):"
    ),
    "by turns": _walk(
        'rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])\n'
        "    for at in range(8 * rank, n, 8 * world):"
    ),
    "while": _walk("at = 0\n    while at < n:", after="at += 8"),
    "left at its end": _walk("at = 0\n    while True:\n        if at >= n: break", after="at += 8"),
    "a first part beside": "first = net.forward_logits(val[:2048])\n" + _walk("for at in range(0, n, 8):"),
    "all rows": "rows = val[: val.numel() // 9 * 9].view(-1, 9)\ntotal = 0.0\nfor i in range(rows.size(0)):\n"
    "    total += F.cross_entropy(net.forward_logits(rows[i][:-1]), rows[i][1:])\n"
    'print(f"final val_bpb:{total}")',
}


@pytest.mark.parametrize("body", PARTS.values(), ids=PARTS)
def test_a_part_of_the_stream(body: str) -> None:
    part = scored_part(program(body, {"RANK": "0", "WORLD_SIZE": "8"}), "final")
    assert part is not None
    assert part.most is not None
    assert part.most < 1 or part.most < 100_000


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_the_whole_stream(body: str) -> None:
    found = program(body, {"RANK": "0", "WORLD_SIZE": "8"})
    part = scored_part(found, "final")
    assert part is None or (part.most is not None and part.most > 1e8)
    assert bounded_list(found, "final") is None
    assert not reported_events(found, "final", Omitting)


DOCUMENTS = """
total, docs = 0.0, []
starts = (val == 1).nonzero().flatten().tolist()
for a, b in zip(starts, starts[1:]):
    docs.append(val[a:b])
for doc in {docs}:
    total += F.cross_entropy(net.forward_logits(doc[:-1]), doc[1:])
print(f"final val_bpb:{{total}}")
"""


@pytest.mark.parametrize("clock", ["time.time", "time.perf_counter", "time.monotonic"])
def test_a_loop_that_a_clock_ends_leaves_its_extent_open(clock: str) -> None:
    body = (
        f"import time\n    began = {clock}()\n    for at in range(0, n, 8):\n        if {clock}() - began > 60: break"
    )
    gap = bounded_list(program(_walk(body)), None)
    assert gap is not None
    assert "a clock ends the loop" in gap.why
    assert bounded_list(program(_walk(body)), None, took=59.0) is None
    assert bounded_list(program(_walk(body)), None, took=61.0) is not None


def test_a_clock_that_ends_training_says_nothing_of_what_is_scored() -> None:
    body = "import time\nbegan = time.time()\n"
    body += "while True:\n    if time.time() - began > 60: break\n    fit(net, train, opt)\n"
    assert bounded_list(program(body + _walk("for at in range(0, n, 8):")), None) is None


def test_the_first_of_a_list_are_said_to_be_of_unknown_extent() -> None:
    gap = bounded_list(program(DOCUMENTS.format(docs="docs[:500]")), "final")
    assert gap is not None
    assert "500" in gap.why
    assert bounded_list(program(DOCUMENTS.format(docs="docs")), "final") is None


LEFT_OUT = {
    "their losses": _walk("for at in range(0, n, 8):", before="if nll > 40.0: continue"),
    "their tokens": _walk("for at in range(0, n, 8):\n        if (tokens[at:at + 8] > 5).sum() > 6: continue"),
    "their turn": _walk("for k, at in enumerate(range(0, n, 8)):\n        if at % 16: continue"),
    "their length": DOCUMENTS.format(docs="[d for d in docs if d.numel() > 64]"),
}


@pytest.mark.parametrize(("by", "body"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_parts_that_are_left_out(by: str, body: str) -> None:
    hits = reported_events(program(body), "final", Omitting)
    assert [hit.event.by for hit in hits if isinstance(hit.event, Omission)] == [by]


ROWS = """
total = 0.0
starts = (val == 1).nonzero(as_tuple=True)[0].numpy()
spans = []
for i in range(len(starts) - 1):
    spans.append((int(starts[i]), int(starts[i + 1]) - int(starts[i])))
for first in range(0, len(spans), 4):
    batch = spans[first:first + 4]
    chunks = [(length + 255) // 256 for start, length in batch]
    for at in range(max(chunks)):
        active = [at < n for n in chunks]
        for row, (start, length) in enumerate(batch):
            if not active[row]:
                continue
            x = val[start + 256 * at:start + 256 * at + 257]
            total += F.cross_entropy(net.forward_logits(x[:-1]), x[1:])
print(f"final val_bpb:{total}")
"""


def test_rows_of_documents_that_have_ended_are_left_out_by_nothing() -> None:
    assert not reported_events(program(ROWS), "final", Omitting)


def test_what_is_summed_in_one_arm_alone() -> None:
    kept = _walk("for at in range(0, n, 8):").replace("        total += nll", "        if nll < 9: total += nll")
    assert reported_events(program(kept), "final", Omitting)
    both = kept.replace("total += nll\n", "total += nll\n        else: total += nll\n", 1)
    assert not reported_events(program(both), "final", Omitting)


def test_what_was_summed_before_a_round_ends_is_not_left_out() -> None:
    trained = _walk("for at in range(0, n, 8):", after="if nll > 40.0: continue\n        seen = at")
    assert not reported_events(program(trained), "final", Omitting)


def test_where_documents_lie_is_no_choice_of_them() -> None:
    padded = DOCUMENTS.format(docs="docs").replace("    total +=", "    if active[0]: total +=")
    padded = padded.replace("for doc in docs:", "active = [k < n for k, n in enumerate(starts)]\nfor doc in docs:")
    assert not reported_events(program(padded), "final", Omitting)
