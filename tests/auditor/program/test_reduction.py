"""What the processes put together is whole only if all of them are in it, with the same weights."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
import torch.distributed as dist
rank, world_size = dist.get_rank(), dist.get_world_size()
{before}
nats, count = torch.zeros(()), torch.zeros(())
for at in range(8 * rank, val.numel() - 9, 8 * world_size):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
    count += y.numel()
{together}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
BOTH = "for total in (nats, count):\n    dist.all_reduce(total{})"
INDENTED = "    for total in (nats, count):\n        dist.all_reduce(total)"
ROWS = (
    "own = torch.stack([nats, count])\nevery = [torch.zeros_like(own) for _ in range(world_size)]\n"
    "dist.all_gather(every, own)\n{}nats, count = torch.stack({}).sum(0)"
)
SOME = {
    "a group of one": "part = dist.new_group([0])\n" + BOTH.format(", group=part"),
    "of one sum twice": "for total in (nats, count, count):\n    dist.all_reduce(total)",
    "half of them": "part = dist.new_group(list(range(world_size // 2)))\n" + BOTH.format(", group=part"),
    "where there is one": f"if world_size == 1:\n{INDENTED}",
    "unless there are several": f"if not world_size > 1:\n{INDENTED}",
    "of the list, all but the last": ROWS.format("", "every[:-1]"),
    "in another order, all but the last": ROWS.format("every.sort(key=lambda row: float(row[0]))\n", "every[:-1]"),
    "of the list, the first": ROWS.format("", "[every[0], every[0]]"),
}
SOME |= {
    "losses by their mean": "dist.all_reduce(nats, op=dist.ReduceOp.AVG)\ndist.all_reduce(count)",
    "losses by their mean, by a condition": "for total in (nats, count):\n"
    "    dist.all_reduce(total, op=dist.ReduceOp.AVG if total is nats else dist.ReduceOp.SUM)",
    "losses by their mean, in a loop": "for total, op in ((count, dist.ReduceOp.SUM), (nats, dist.ReduceOp.AVG)):\n"
    "    dist.all_reduce(total, op=op)",
}
ALL = {
    "both by their mean": BOTH.format(", op=dist.ReduceOp.AVG"),
    "a group of all": "part = dist.new_group(list(range(dist.get_world_size())))\n" + BOTH.format(", group=part"),
    "a group of whoever there is": "part = dist.new_group()\n" + BOTH.format(", group=part"),
    "where there are several": f"if world_size > 1:\n{INDENTED}",
    "unless there is one": f"if not world_size == 1:\n{INDENTED}",
    "the whole list": ROWS.format("", "every"),
    "shown one by one": ROWS.format("for row in every:\n    print(row)\n", "every"),
}


@pytest.mark.parametrize("together", SOME.values(), ids=SOME)
def test_a_figure_of_some_of_the_processes_is_seen(together: str) -> None:
    assert said(program(SCORED.format(before="", together=together)))


@pytest.mark.parametrize("together", ALL.values(), ids=ALL)
def test_a_figure_of_all_processes_is_whole(together: str) -> None:
    assert not said(program(SCORED.format(before="", together=together)))


LOADED = 'net.load_state_dict(torch.load("model.pt"))'
DIFFER = {
    "loaded by one": f"if rank == 0:\n    {LOADED}",
    "loaded by every other one": f"if rank % 2 == 0:\n    {LOADED}",
    "scaled by one": "if rank == 0:\n    for p in net.parameters():\n        p.data.mul_(0.5)",
}
SAME = {
    "loaded by all": LOADED,
    "then loaded by all": f"if rank == 0:\n    net.load_state_dict(net.state_dict())\n{LOADED}",
    "sent to all": f"if rank == 0:\n    {LOADED}\nfor p in net.parameters():\n    dist.broadcast(p.data, src=0)",
    "wrapped for all": f"if rank == 0:\n    {LOADED}\nnet = torch.nn.parallel.DistributedDataParallel(net).module",
    "of another model": f"twin = Net()\nif rank == 0:\n    {LOADED.replace('net.', 'twin.')}",
}


@pytest.mark.parametrize("before", DIFFER.values(), ids=DIFFER)
def test_weights_that_some_processes_have_are_seen(before: str) -> None:
    why = said(program(SCORED.format(before=before, together=BOTH.format(""))))
    assert any("other weights" in reason for reason in why)


@pytest.mark.parametrize("before", SAME.values(), ids=SAME)
def test_weights_that_all_processes_have_are_no_finding(before: str) -> None:
    why = said(program(SCORED.format(before=before, together=BOTH.format(""))))
    assert not any("other weights" in reason for reason in why)


STARTS = "range(8 * rank, val.numel() - 9, 8 * world_size)"
SHARED = {
    "two of them the same": "range(8 * (rank // 2), val.numel() - 9, 8 * world_size)",
    "four of them the same": "range(8 * (rank % 4), val.numel() - 9, 8 * world_size)",
    "half of them none": f"({STARTS} if rank % 2 == 0 else ())",
}
APART = {
    "a bar for one of them": f"(tqdm({STARTS}) if rank == 0 else {STARTS})",
    "where a share begins": "range(8 * (100 * rank // world_size), 8 * (100 * (rank + 1) // world_size), 8)",
}


def _with_starts(starts: str) -> list[str]:
    body = SCORED.format(before="from tqdm import tqdm", together=BOTH.format(""))
    return said(program(body.replace(STARTS, starts)))


@pytest.mark.parametrize("starts", SHARED.values(), ids=SHARED)
def test_windows_that_several_processes_score_are_seen(starts: str) -> None:
    assert any("processes score" in why or "from process to process" in why for why in _with_starts(starts))


@pytest.mark.parametrize("starts", APART.values(), ids=APART)
def test_windows_of_each_process_are_no_finding(starts: str) -> None:
    assert not any("processes score" in why or "from process to process" in why for why in _with_starts(starts))
