"""What a round of the stream's loop trains on ends where that round's score has ended."""

from __future__ import annotations

import pytest
from program_samples import pairs, program, said

CHUNKS = """
nats, count = torch.zeros(()), torch.zeros(())
for begin in range(0, val.numel() - 1, 64):
    end = min(begin + 64, val.numel() - 1)
    for at in range(begin, end, 8):
        stop = min(at + 8, end)
        with torch.no_grad():
            loss = F.cross_entropy(net.forward_logits(val[at:stop]).float(), val[at + 1:stop + 1], reduction="sum")
        nats += loss
        count += stop - at
    for at in range({first}, {last}, 8):
        stop = {stop}
        opt.zero_grad()
        net(val[at:stop], val[at + 1:stop + 1]).backward()
        opt.step()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
BEYOND = {
    "the next chunk": ("end", "end + 64", "min(at + 8, val.numel() - 1)"),
    "windows twice as long": ("begin", "end", "min(at + 16, val.numel() - 1)"),
    "a chunk that ends later": ("begin", "end + 8", "at + 8"),
}
WITHIN = {
    "the chunk": ("begin", "end", "min(at + 8, end)"),
    "the chunk in longer windows": ("begin", "end", "min(at + 16, end)"),
    "the chunk before": ("max(begin - 64, 0)", "begin", "min(at + 8, begin)"),
}


@pytest.mark.parametrize("waits", [True, False])
def test_gradients_that_wait_from_before_the_loop(waits: bool) -> None:
    """They go into the first step with those of what was scored, unless they are cleared before."""
    body = CHUNKS.format(first="begin", last="end", stop="min(at + 8, end)")
    ahead = "net(val[:8], val[1:9]).backward()\n"
    if waits:
        body = body.replace("        opt.zero_grad()\n", "")
    else:
        ahead += "opt.zero_grad()\n"
    assert any(not pair.score_first for pair in pairs(ahead + body)) is waits


@pytest.mark.parametrize(("first", "last", "stop"), BEYOND.values(), ids=BEYOND)
def test_training_on_what_is_yet_to_be_scored_is_seen(first: str, last: str, stop: str) -> None:
    why = said(program(CHUNKS.format(first=first, last=last, stop=stop)))
    assert any("behind what was scored" in reason for reason in why)


@pytest.mark.parametrize(("first", "last", "stop"), WITHIN.values(), ids=WITHIN)
def test_training_on_what_was_scored_is_no_finding(first: str, last: str, stop: str) -> None:
    assert not said(program(CHUNKS.format(first=first, last=last, stop=stop)))


ROUNDS = """
nats, count = torch.zeros(()), torch.zeros(())
{loop}
    end = min(begin + {size}, val.numel() - 1)
    with torch.no_grad():
        rows = F.cross_entropy(net.forward_logits(val[begin:end]).float(), val[begin + 1:end + 1], reduction="none")
    rows = rows{counted}
    nats += rows.sum()
    count += rows.numel()
    opt.zero_grad()
    net(val[begin:end], val[begin + 1:end + 1]).backward()
    opt.step()
    {step}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
FOR, WHILE = "for begin in range(0, val.numel() - 1, {}):", "begin = 0\nwhile begin < val.numel() - 1:"
OVERLAPPING = {
    "half a chunk on": (FOR.format(32), 64, "", ""),
    "a chunk and a half long": (FOR.format(64), 96, "", ""),
    "steps of a while": (WHILE, 64, "", "begin += 32"),
    "steps that are named": (WHILE, 64, "", "further = begin + 48\n    begin = further"),
    "back from the end": (WHILE, 64, "", "begin = end - 8"),
    "places in an array": ("for begin in np.arange(0, val.numel() - 1, 32):", 64, "", ""),
    "places in a list of a tensor": ("for begin in torch.arange(0, val.numel() - 1, 32).tolist():", 64, "", ""),
    "too little left out": (FOR.format(32), 64, "[8:]", ""),
}
APART = {
    "chunk by chunk": (FOR.format(64), 64, "", ""),
    "places in an array": ("for begin in np.arange(0, val.numel() - 1, 64):", 64, "", ""),
    "what is new counts": (FOR.format(32), 64, "[32:]", ""),
    "steps of a while": (WHILE, 64, "", "begin += 64"),
    "on from the end": (WHILE, 64, "", "begin = end"),
}


@pytest.mark.parametrize(("loop", "size", "counted", "step"), OVERLAPPING.values(), ids=OVERLAPPING)
def test_what_the_next_round_scores_is_trained_on(loop: str, size: int, counted: str, step: str) -> None:
    why = said(program(ROUNDS.format(loop=loop, size=size, counted=counted, step=step)))
    assert any("scored in the next round" in reason for reason in why)


@pytest.mark.parametrize(("loop", "size", "counted", "step"), APART.values(), ids=APART)
def test_chunks_that_do_not_overlap_are_no_finding(loop: str, size: int, counted: str, step: str) -> None:
    assert not said(program(ROUNDS.format(loop=loop, size=size, counted=counted, step=step)))


WAITING = """
waiting = []
nats, count = torch.zeros(()), torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    waiting.append((val[at:at + 8], val[at + 1:at + 9]))
    with torch.no_grad():
        nats += F.cross_entropy(net.forward_logits(val[at:at + 8]).float(), val[at + 1:at + 9], reduction="sum")
    count += 8
    {ahead}
    while waiting:
        x, y = waiting.pop(0)
        opt.zero_grad()
        net(x, y).backward()
        opt.step()
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""


def test_windows_that_wait_in_a_list_were_scored_before() -> None:
    assert not said(program(WAITING.format(ahead="pass")))
    ahead = "waiting.append((val[at + 8:at + 16], val[at + 9:at + 17]))"
    assert any("behind what was scored" in why for why in said(program(WAITING.format(ahead=ahead))))
