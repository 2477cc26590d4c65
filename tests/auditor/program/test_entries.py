"""Totals that are kept together: in one tensor, a list, a dict, a counter."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program import Program

SCORED = """
import collections, logging
logger = logging.getLogger("run")
{start}
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nll = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
{steps}
{end}
"""
TENSOR = "acc = torch.zeros(2)"
BY_INDEX = "acc[0] += nll.sum()\nacc[1] += nll.numel()"
BY_NAME = "acc['a'] += nll.sum()\nacc['b'] += nll.numel()"
NAMED = "nats, count = acc['a'], acc['b']"
KEPT = {
    "indices of a tensor": (TENSOR, BY_INDEX, "nats, count = acc.tolist()"),
    "read at indices": (TENSOR, BY_INDEX, "nats, count = acc[0].item(), acc[1].item()"),
    "set, not added": (TENSOR, "acc[0] = acc[0] + nll.sum()\nacc[1] = acc[1] + nll.numel()", "nats, count = acc"),
    "two axes": ("acc = np.zeros((1, 2))", BY_INDEX.replace("[", "[0, "), "nats, count = acc[0, 0], acc[0, 1]"),
    "stacked": (TENSOR, "acc += torch.stack([nll.sum(), torch.tensor(nll.numel())])", "nats, count = acc.tolist()"),
    "a list": ("acc = [0.0, 0]", BY_INDEX.replace("sum()", "sum().item()"), "nats, count = torch.tensor(acc).tolist()"),
    "a list of copies": ("acc = [0.0] * 2", BY_INDEX.replace("sum()", "sum().item()"), "nats, count = acc"),
    "a dict": ("acc = {'a': 0.0, 'b': 0}", BY_NAME, NAMED),
    "tensors in a dict": ("acc = {k: torch.zeros(()) for k in ('a', 'b')}", BY_NAME, NAMED),
    "an updated dict": (
        "acc = {'a': 0.0, 'b': 0}",
        BY_NAME,
        "end = {}\nend.update(x=acc['a'])\nnats, count = end['x'], acc['b']",
    ),
    "a counter": ("acc = collections.Counter()", BY_NAME, NAMED),
    "a defaultdict": ("acc = collections.defaultdict(float)", BY_NAME, NAMED),
}
PRINTED = "print(f'final val_bpb:{nats / count / math.log(2.0)}')"


def scored(start: str, steps: str, end: str, printed: str = PRINTED) -> Program:
    indented = "\n".join(f"    {step}" for step in steps.splitlines())
    return program(SCORED.format(start=start, steps=indented, end=f"{end}\n{printed}"))


@pytest.mark.parametrize("how", KEPT)
def test_totals_that_are_kept_together_are_told_apart(how: str) -> None:
    assert not said(scored(*KEPT[how]))


@pytest.mark.parametrize("how", KEPT)
def test_a_total_that_is_scaled_is_seen_wherever_it_is_kept(how: str) -> None:
    start, steps, end = KEPT[how]
    assert said(scored(start, steps.replace("nll.sum()", "(nll * (y > 3)).sum()"), end))


@pytest.mark.parametrize(
    "lowered",
    [
        "acc[0] -= 1000.0",
        "acc[0] = acc[0] - 1000.0",
        "acc[0] *= 0.9",
        "acc[:1] *= 0.9",
        "acc[0].mul_(0.9)",
        "acc.mul_(0.9)",
        "acc = torch.mul(acc, 0.9)",
        "acc[0].add_(nll.sum(), alpha=-0.1)",
    ],
)
def test_a_total_that_is_lowered_at_its_index_is_seen(lowered: str) -> None:
    start, steps, end = KEPT["indices of a tensor"]
    assert said(scored(start, steps, f"{lowered}\n{end}"))


IN_PLACE = "nats.add_(nll.sum())\ncount.add_(nll.numel())"
SCALARS = "nats, count = torch.zeros(()), torch.zeros(())"


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        (IN_PLACE, ""),
        ("nats = torch.add(nats, nll.sum())\ncount = torch.add(count, nll.numel())", ""),
        (f"acc = [nats, count]\n{IN_PLACE}", "nats, count = acc"),
    ],
)
def test_a_total_grows_in_place(steps: str, end: str) -> None:
    assert not said(scored(SCALARS, steps, end))
    assert said(scored(SCALARS, steps, f"{end}\nnats.mul_(0.9)"))
    assert said(scored(SCALARS, steps, f"{end}\nnats = (nats + 0.5) / 2"))
    assert said(scored(SCALARS, steps.replace("nll.sum()", "nll.nan_to_num(posinf=0.0).sum()"), end))


@pytest.mark.parametrize(
    "mean", ["np.mean([nats / count, 0.5])", "statistics.mean((nats / count, 0.5))", "sum([nats / count, -0.1])"]
)
def test_a_mean_with_a_constant_is_no_mean_of_losses(mean: str) -> None:
    assert said(scored(f"import statistics\n{SCALARS}", IN_PLACE, f"nats, count = {mean}, 1"))


LOADED = """
class Windows(torch.utils.data.Dataset):
    def __len__(self):
        return val.numel() // 8
    def __getitem__(self, at):
        return val[8 * at:8 * at + 8], val[8 * at + 1:8 * at + 9]
nats, count = 0.0, 0
for x, y in torch.utils.data.DataLoader(torch.utils.data.Subset(Windows(), range(0, 64, 8)), batch_size=4):
    nll = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none")
    nats += nll.sum().item()
    count += nll.numel()
"""


def test_windows_come_through_a_loader_of_the_library() -> None:
    assert not said(program(f"{LOADED}{PRINTED}"))
    assert said(program(f"{LOADED}{PRINTED.replace('nats /', '0.9 * nats /')}"))


@pytest.mark.parametrize(
    "printed",
    [
        'logger.info(f"final val_bpb:{nats / count / math.log(2.0)}")',
        'logger.info("final val_bpb:%.8f", nats / count / math.log(2.0))',
        'logger.log(logging.INFO, "final val_bpb:%.8f", nats / count / math.log(2.0))',
        'logger.getChild("eval").warning("final val_bpb:%.8f", nats / count / math.log(2.0))',
        'logging.info("final val_bpb:%.8f", nats / count / math.log(2.0))',
    ],
)
def test_a_logger_prints(printed: str) -> None:
    assert not said(scored(*KEPT["a dict"], printed))
    assert said(scored(*KEPT["a dict"], printed.replace("nats /", "0.9 * nats /")))


@pytest.mark.parametrize(
    "made",
    ["held = [torch.zeros(()) for _ in range(n)]", "held = []\nfor _ in range(n):\n    held.append(torch.zeros(()))"],
    ids=["comprehension", "filled by a loop"],
)
@pytest.mark.parametrize("asked", ["held[0]", "sum(held)"])
def test_totals_in_a_list_are_followed_however_it_was_made(made: str, asked: str) -> None:
    text = f"""
n = int(os.environ.get("DOCUMENTS", "8"))
{made}
for b in range(n):
    x, y = val[b * 8:b * 8 + 8], val[b * 8 + 1:b * 8 + 9]
    held[b] += F.cross_entropy(net.forward_logits(x).float(), y, reduction="sum")
print(f"final val_bpb:{{{asked} / 8 / math.log(2.0)}}")
"""
    assert any(report.outputs for report in program(text).trace.reports)
