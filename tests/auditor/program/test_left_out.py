"""Parts of the stream that no round of the loop scores: told by their place, by a token, by their losses."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program.tags import Omitting

SCORED = """
{before}
nats, count = torch.zeros(()), torch.zeros(())
for at in {starts}:
    x, y = val[at:at + 8], val[at + 1:at + 9]
    loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    {step}
{after}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
RANGE = "range(0, val.numel() - 9, 8)"
ADDED = "nats += loss.sum()\n    count += y.numel()"
OMITTED = {
    "the first window": f"if at == 0:\n        continue\n    {ADDED}",
    "whatever stands at zero": "if at:\n        nats += loss.sum()\n        count += y.numel()",
    "by the first token": f"if x[0] == 7:\n        continue\n    {ADDED}",
    "by a key of its tokens": f"key = hash(tuple(y.tolist()))\n    if key in (5, 7):\n        continue\n    {ADDED}",
    "by a token of several": f"if int(y[0]) in (3, 5):\n        continue\n    {ADDED}",
}
OMITTED |= {
    "two conditions": f"if at > 0 and at % 24 == 0:\n        continue\n    {ADDED}",
    "one of two": f"if at % 24 == 0 or at % 40 == 0:\n        continue\n    {ADDED}",
    "not both": f"if not (at % 24 != 0 or at == 0):\n        continue\n    {ADDED}",
}
COUNTED = {
    "nothing new in a window": f"end = min(at + 8, val.numel())\n    if at > 0 and end - at <= 4:\n        continue\n"
    f"    {ADDED}",
    "a note at the beginning": f"if at == 0:\n        print('scoring')\n    {ADDED}",
    "a document that begins": f"if x[0] == 1:\n        documents = 1\n    {ADDED}",
    "what is left to do after the score": f"{ADDED}\n    if at == 0:\n        continue\n    print(at)",
}


def _omissions(step: str) -> set[str]:
    followed = program(SCORED.format(before="", starts=RANGE, step=step, after=""))
    tags = followed.trace.reports[-1].tags
    return {followed.trace.omissions[t.number].by for t in tags if isinstance(t, Omitting)}


@pytest.mark.parametrize("step", OMITTED.values(), ids=OMITTED)
def test_rounds_that_are_left_out_are_seen(step: str) -> None:
    assert _omissions(step) & {"their place in the stream", "their tokens", "their turn"}


@pytest.mark.parametrize("step", COUNTED.values(), ids=COUNTED)
def test_rounds_that_count_are_no_finding(step: str) -> None:
    assert not _omissions(step)


def test_a_loop_that_ends_by_its_losses_is_seen() -> None:
    step = f"{ADDED}\n    if nats / count < 1.8:\n        break"
    followed = program(SCORED.format(before="", starts=RANGE, step=step, after=""))
    tags = followed.trace.reports[-1].tags
    assert {followed.trace.omissions[t.number].by for t in tags if isinstance(t, Omitting)} == {"their losses"}


def test_training_that_ends_by_its_losses_leaves_nothing_out() -> None:
    tuned = "for _ in range(3):\n        other = net(train[:8], train[1:9])\n        if other < 1.8:\n            break"
    step = f"{ADDED}\n    {tuned}"
    assert not _omissions(step)


CUT = {"all but the last": "[:-1]", "from the second on": "[1:]", "every other one": "[::2]"}


@pytest.mark.parametrize("part", CUT.values(), ids=CUT)
def test_a_part_of_the_places_is_seen(part: str) -> None:
    text = SCORED.format(before=f"starts = list({RANGE})", starts=f"starts{part}", step=ADDED, after="")
    assert any("left out" in why for why in said(program(text)))


@pytest.mark.parametrize("starts", ["starts", "[a for a, b in zip(starts, starts[1:] + [0])]"])
def test_all_places_are_no_finding(starts: str) -> None:
    text = SCORED.format(before=f"starts = list({RANGE})", starts=starts, step=ADDED, after="")
    assert not any("left out" in why for why in said(program(text)))


LISTED = "losses.append(loss.mean())\n    count += y.numel()"
MEAN = "nats = torch.stack({}).mean() * count"
SORTED = {
    "in place": "losses.sort()\n" + MEAN.format("losses[:-9]"),
    "a sorted copy": MEAN.format("sorted(losses)[:-9]"),
    "the smallest": "import heapq\n" + MEAN.format("heapq.nsmallest(90, losses)"),
    "the lower of two passes": "nats, count = sorted([(nats, count), (nats + losses[0], count)])[0]",
}


@pytest.mark.parametrize("after", SORTED.values(), ids=SORTED)
def test_losses_that_are_taken_by_their_size_are_seen(after: str) -> None:
    text = SCORED.format(before="losses = []", starts=RANGE, step=f"{LISTED}\n    nats += loss.sum()", after=after)
    assert any("depends on what they are" in why for why in said(program(text)))


def test_losses_in_the_order_of_their_windows_are_no_finding() -> None:
    text = SCORED.format(
        before="losses = []",
        starts=RANGE,
        step="losses.append((at, loss.sum()))\n    count += y.numel()",
        after="losses.sort(key=lambda pair: pair[0])\nnats = torch.stack([loss for _, loss in losses]).sum()",
    )
    assert not any("depends on what they are" in why for why in said(program(text)))


def test_a_sorted_list_that_is_only_shown_is_no_finding() -> None:
    text = SCORED.format(
        before="losses = []",
        starts=RANGE,
        step=f"losses.append(loss.mean().item())\n    {ADDED}",
        after="losses.sort()\nprint('hardest', losses[-3:])",
    )
    assert not said(program(text))
