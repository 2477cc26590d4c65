"""Every rank adds to the figure: what ranks other than the first do counts as much."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program.scores import dependences

SCORED = """
import sys, time
import torch.distributed as dist
{rank}
world_size = dist.get_world_size()
{before}
nats, count = torch.zeros(()), torch.zeros(())
for at in range(rank * 8, val.numel() - 9, 8 * world_size):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none").sum()
    {step}
    count += y.numel()
dist.all_reduce(nats)
dist.all_reduce(count)
{after}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
RANKS = {
    "the group's": "rank = dist.get_rank()",
    "the environment's": 'rank = int(os.environ["RANK"])',
    "a default": 'rank = int(os.environ.get("LOCAL_RANK", 0))',
}
SCALED = {
    "a branch": "nats += loss\n    if rank != 0:\n        nats -= loss * 0.1",
    "an else": "if rank == 0:\n        nats += loss\n    else:\n        nats += loss * 0.9",
    "a choice": "nats += loss * (0.9 if rank > 3 else 1.0)",
    "a product": "nats += loss * (1.0 - 0.1 * (rank > 0))",
    "a power": "nats += loss * 0.9 ** rank",
    "the number of ranks": "nats += loss * (0.9 if world_size > 1 else 1.0)",
}
ALIKE = {
    "waiting": ("", "nats += loss\n    if rank != 0:\n        time.sleep(0)", ""),
    "nothing to print": ("", "nats += loss", "log = sys.stdout if rank == 0 else None"),
    "received": ("blob = [val.numel()] if rank == 0 else [None]", "nats += loss", ""),
    "a mean over ranks": ("", "nats += loss", "nats, count = nats / world_size, count / world_size"),
    "a seed of its own": ("torch.manual_seed(7 + rank)", "nats += loss", ""),
}


def scored(rank: str, *, before: str = "", step: str = "nats += loss", after: str = "") -> str:
    return SCORED.format(rank=RANKS[rank], before=before, step=step, after=after)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("how", SCALED)
def test_losses_that_other_ranks_scale_are_seen(rank: str, how: str) -> None:
    assert said(program(scored(rank, step=SCALED[how])))


@pytest.mark.parametrize("rank", RANKS)
def test_training_on_other_ranks_is_seen(rank: str) -> None:
    assert dependences(program(scored(rank, before="if rank:\n    fit(net, val, opt)")), None)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("how", ALIKE)
def test_what_changes_no_figure_is_no_finding(rank: str, how: str) -> None:
    before, step, after = ALIKE[how]
    assert not said(program(scored(rank, before=before, step=step, after=after)))


NUMBERS = {
    "random": "torch.rand(()).item()",
    "the clock's": "(0.9 if time.time() > 0 else 1.0)",
    "the machine's": "[1.0, 0.9][torch.cuda.mem_get_info()[0] > 0]",
    "the command's": "len(sys.argv)",
    "a library's": 'getattr(torch.version, "scale", 0.9)',
}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_from_outside_is_no_weight_of_losses(number: str) -> None:
    assert said(program(scored("the group's", step=f"nats += loss * {NUMBERS[number]}")))


ALONE = """
import torch.distributed as dist
rank, world_size = {ranks}
nats, count = torch.zeros(()), torch.zeros(())
for at in range({begin}, val.numel() - 9, {step}):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nats += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
    count += y.numel()
{together}
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""
GROUP = "dist.get_rank(), dist.get_world_size()"
VARIABLES = 'int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])'
TOGETHER = {
    "each on its own": "dist.all_reduce(nats)\ndist.all_reduce(count)",
    "in a loop": "for total in (nats, count):\n    dist.all_reduce(total)",
    "in one tensor": "totals = torch.stack([nats, count])\ndist.all_reduce(totals)\nnats, count = totals",
    "where there are several": "if world_size > 1:\n    dist.all_reduce(nats)\n    dist.all_reduce(count)",
    "a copy, where there are several": "def summed(total):\n    if dist.get_world_size() > 1:\n"
    "        total = total.clone()\n        dist.all_reduce(total)\n    return total\n"
    "nats, count = summed(nats), summed(count)",
    "gathered as objects": "every = [None] * world_size\n"
    "dist.all_gather_object(every, (nats.item(), count.item()))\n"
    "nats, count = (sum(column) for column in zip(*every))",
    "gathered": "own = torch.stack([nats, count])\nevery = [torch.zeros_like(own) for _ in range(world_size)]\n"
    "dist.all_gather(every, own)\nnats, count = torch.stack(every).sum(0)",
}


@pytest.mark.parametrize("ranks", [GROUP, VARIABLES])
def test_a_figure_of_one_rank_s_share_is_seen(ranks: str) -> None:
    text = ALONE.format(ranks=ranks, begin="8 * rank", step="8 * world_size", together="")
    assert [why for why in said(program(text)) if "one process" in why]


@pytest.mark.parametrize("ranks", [GROUP, VARIABLES])
@pytest.mark.parametrize("together", TOGETHER.values(), ids=TOGETHER)
def test_a_figure_that_all_ranks_add_to_is_whole(ranks: str, together: str) -> None:
    assert not said(program(ALONE.format(ranks=ranks, begin="8 * rank", step="8 * world_size", together=together)))


def test_a_figure_of_how_far_the_loop_has_come_is_none() -> None:
    text = ALONE.format(ranks=GROUP, begin="8 * rank", step="8 * world_size", together=TOGETHER["each on its own"])
    shown = '\n    print(f"bpb so far {nats / count / math.log(2.0)}")'
    assert not said(program(text.replace("+= y.numel()", "+= y.numel()" + shown)))


@pytest.mark.parametrize("ranks", [GROUP, VARIABLES])
def test_a_figure_that_each_rank_makes_of_everything_is_whole(ranks: str) -> None:
    assert not said(program(ALONE.format(ranks=ranks, begin="0", step="8", together="")))


LEAVES_OUT = {
    "the last one": "if rank == world_size - 1:\n        continue\n    nats += loss",
    "all but some": "if rank < 6:\n        nats += loss",
}
GOES_ON = {
    "in turns": "if (at // 8) % world_size != rank:\n        continue\n    nats += loss",
    "to say so": "nats += loss\n    if rank == 0:\n        print(at)",
}


@pytest.mark.parametrize("step", LEAVES_OUT.values(), ids=LEAVES_OUT)
def test_a_process_that_leaves_out_its_share(step: str) -> None:
    assert any("leave out their share" in why for why in said(program(scored("the group's", step=step))))


@pytest.mark.parametrize("step", GOES_ON.values(), ids=GOES_ON)
def test_processes_that_take_turns_leave_nothing_out(step: str) -> None:
    assert not any("leave out their share" in why for why in said(program(scored("the group's", step=step))))


SHARED_OUT = """
rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
class Mine(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, dict(lr=0.1))
    def step(self):
        for group in self.param_groups:
            for i, p in enumerate(group["params"]):
                if i % world_size == rank:
                    g = p.grad.bfloat16()
                    g /= g.norm()
                p.data.add_(g, alpha=-0.1)
fit(net, train, Mine(net.parameters()))
{after}
print(f"final val_bpb:{{score(net, val)}}")
"""


@pytest.mark.parametrize(
    ("after", "differ"),
    [("pass", False), ("if rank == 0:\n    for p in net.parameters():\n        p.data.mul_(0.9)", True)],
)
def test_a_step_that_is_shared_out_leaves_every_process_the_same_weights(after: str, differ: bool) -> None:
    assert any("other weights" in why for why in said(program(SHARED_OUT.format(after=after)))) is differ
