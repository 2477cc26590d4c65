"""Between the losses of the tokens and the figure: sums, means, changes of unit, and what is none of these."""

from __future__ import annotations

import pytest
from program_samples import program, said

from auditor.program import Program
from auditor.program.recipe.formula import formula
from auditor.program.scores import reports_of

SCORED = """
bias = torch.zeros(8)
marked = torch.zeros(8, dtype=torch.bool)
marked[3] = True
total, count, size = torch.zeros(()), 0, 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    logits = net.forward_logits(x)
    nll = {nll}
    total += {term}
    count += {counted}
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""
_PICKED = ".gather(-1, y[:, None])[:, 0]"
LOSS = 'F.cross_entropy(logits.float(), y, reduction="none")'


def scored(nll: str = LOSS, term: str = "nll.sum()", counted: str = "nll.numel()") -> Program:
    return program(SCORED.format(nll=nll, term=term, counted=counted))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"nll": LOSS.replace("logits.float()", "logits.float() / 0.9")},
        {"nll": LOSS.replace("logits.float()", "logits.clamp(-30, 30)")},
        {"nll": "-logits.log_softmax(-1).gather(-1, y[:, None])[:, 0].clamp(min=-30)"},
        {"term": "nll[1:].double().sum()", "counted": "nll[1:].numel()"},
        {"nll": LOSS.replace("logits.float(), y", "logits.float()[1:], y[1:]")},
        {"term": "nll.mean() * y.numel()", "counted": "y.numel()"},
        {"term": "(nll * (y >= 0)).sum()", "counted": "(y >= 0).sum()"},
        {"term": "torch.where(y >= 0, nll, torch.zeros_like(nll)).sum()"},
        {"nll": f"-torch.maximum(logits.softmax(-1), torch.tensor(1e-9)){_PICKED}.log()"},
    ],
)
def test_a_mean_of_losses_is_one(parts: dict[str, str]) -> None:
    assert not said(scored(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {"term": "nll[::2].sum()"},
        {"nll": 'F.cross_entropy(logits.float(), y, torch.linspace(1.0, 0.9, 8), reduction="none")'},
        {"nll": 'F.cross_entropy(net.forward_logits(x.flip(0)).float(), y.flip(0), reduction="none")'},
        {"nll": 'F.cross_entropy(net.forward_logits(torch.flip(x, (0,))).float(), y, reduction="none")'},
        {"term": "(nll.sum() if nll.mean() < 3 else total * 0)"},
        {"nll": LOSS.replace("logits.float(), y", "logits.float()[::2], y[::2]")},
        {"term": "nll[:-1].sum()"},
        {"term": "torch.where(nll > 6, 0.0, nll).sum()"},
        {"term": "(nll * (y != 3)).sum()"},
        {"term": "torch.where(marked[y], torch.zeros_like(nll), nll).sum()"},
        {"term": "(nll * bias[y]).sum()"},
        {"term": "torch.minimum(nll.sum(), 3.0 * torch.ones(()))"},
        {"term": "y.numel() / (1 / nll).mean()"},
        {"term": "nll.log().mean().exp() * y.numel()"},
        {"term": "-torch.log(torch.exp(-nll).mean()) * y.numel()"},
        {"term": "nll.sum() - 0.01 * y.numel()"},
        {"nll": LOSS.replace("logits.float()", "logits + torch.bincount(val, minlength=8).float().log1p()")},
        {"term": "nll.sum() * (0.9 if count > 10**6 else 1.0)"},
        {"term": "nll.sum() * (1.0, 0.9)[count > 10**6]"},
        {"term": "nll.sum() * {False: 1.0, True: 0.9}[count > 10**6]"},
        {"counted": "nll.numel() * 1.1"},
        {"counted": "nll.numel() + 2"},
        {"nll": "-logits.log_softmax(-1).gather(-1, y[:, None])[:, 0].clamp(min=-5)"},
        {"nll": "-0.9 * logits.log_softmax(-1).gather(-1, y[:, None])[:, 0]"},
        {"nll": LOSS.replace("logits.float()", "logits + bias[y][:, None]")},
        {"nll": f"torch.stack([{LOSS}, {LOSS.replace('logits', '2 * logits')}]).amin(0)"},
        {"nll": f"-torch.logsumexp(-torch.stack([{LOSS}, {LOSS.replace('logits', '2 * logits')}]), 0)"},
        {"nll": LOSS.replace("y, r", "torch.where(y == 3, -100, y), r")},
        {"nll": LOSS.replace("logits.float()", "logits.masked_fill(torch.bincount(val, minlength=8) < 1, -1e9)")},
        {"term": "nll.sum() * torch.tensor([0.9, 1.0])"},
        {"term": "nll.sum() * 0.9995"},
        {"nll": f"-torch.maximum(logits.softmax(-1), (2 * logits).softmax(-1)){_PICKED}.log()"},
    ],
)
def test_what_is_no_mean_of_losses_is_said(parts: dict[str, str]) -> None:
    assert said(scored(**parts))


REDUCED = """
import torch.distributed as dist
dist.all_reduce(total, op=dist.ReduceOp.{op})
print(f"final val_bpb:{{total / count / math.log(2.0)}}")
"""


@pytest.mark.parametrize(("op", "is_sum"), [("SUM", True), ("AVG", True), ("MIN", False), ("MAX", False)])
def test_over_the_processes_losses_are_summed(op: str, is_sum: bool) -> None:
    body = SCORED.format(nll=LOSS, term="nll.sum()", counted="nll.numel()").rpartition("print(")[0]
    assert bool(said(program(body + REDUCED.format(op=op)))) is not is_sum


def test_counts_of_what_was_scored_before_are_no_counts_ahead() -> None:
    body = SCORED.replace("bias = torch.zeros(8)", "counts = torch.zeros(8)")
    nll = LOSS.replace("logits.float()", "logits + counts.log1p()")
    body = body.format(nll=nll, term="nll.sum()", counted="nll.numel()\n    counts += torch.bincount(y, minlength=8)")
    assert not any("yet to be scored" in why for why in said(program(body)))


STACKED = """
totals = torch.zeros(2)
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nll = F.cross_entropy(net.forward_logits(x), y, reduction="none")
    totals += torch.stack([nll.sum(), torch.tensor(float(y.numel()))])
print(f"final val_bpb:{totals[0] / totals[1] / math.log(2.0)}")
"""


def test_totals_in_one_tensor_are_not_told_apart() -> None:
    """What stands beside the losses in one tensor is no loss that they are divided by."""
    written = formula(reports_of(program(STACKED).trace, "final")[-1])
    assert written is not None
    assert not written.departures


def test_an_assertion_that_is_caught_leaves_tokens_out() -> None:
    caught = "    try:\n        assert nll.max() < 9\n    except AssertionError:\n        continue\n"
    assert said(
        program(
            SCORED.replace("    total +=", f"{caught}    total +=").format(
                nll=LOSS, term="nll.sum()", counted="nll.numel()"
            )
        )
    )
    assert not said(
        program(
            SCORED.replace("    total +=", "    assert nll.max() < 9\n    total +=").format(
                nll=LOSS, term="nll.sum()", counted="nll.numel()"
            )
        )
    )


def test_a_constant_in_the_place_of_the_figure_is_seen() -> None:
    printed = SCORED.replace('f"final val_bpb:', 'f"final val_bpb:1.0812 loss:')
    assert any(
        "stands in the code" in why
        for why in said(program(printed.format(nll=LOSS, term="nll.sum()", counted="nll.numel()")))
    )


APART = """
total, size = torch.zeros(()), torch.zeros(())
sp = sentencepiece.SentencePieceProcessor("x.model")
octets = torch.tensor([len(sp.id_to_piece(i).encode()) for i in range(8)])
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    nll = F.cross_entropy(net.forward_logits(x), y, reduction="none")
    {also}
    total += nll{losses}.sum()
    size += octets[y]{octets}.sum()
print(f"final val_bpb:{{total / size / math.log(2.0)}}")
"""


@pytest.mark.parametrize(
    ("losses", "octets", "also", "apart"),
    [
        ("", "", "pass", False),
        ("[1:]", "[1:]", "pass", False),
        ("[1:]", "", "pass", True),
        ("", "", "nll[0] = 0.0", True),
        ("", "", "dist.all_reduce(size)", False),
        ("", "", "dist.all_reduce(total)\n    dist.all_reduce(total)", True),
    ],
)
def test_losses_and_bytes_are_of_the_same_tokens(losses: str, octets: str, also: str, apart: bool) -> None:
    body = "import sentencepiece, torch.distributed as dist\n" + APART.format(losses=losses, octets=octets, also=also)
    assert bool(said(program(body))) is apart


@pytest.mark.parametrize(
    ("tokens", "ahead"),
    [("y", True), ("val", True), ("x", True), ("val[:at + 1]", False)],
    ids=["these targets", "the stream", "the window", "what was before it"],
)
def test_entries_that_are_lowered_by_what_tokens_there_are(tokens: str, ahead: bool) -> None:
    made = f"keep = torch.zeros(8, dtype=torch.bool)\n    keep.index_fill_(0, {tokens}.unique(), True)"
    body = SCORED.replace("    nll = ", f"    {made}\n    logits[:, ~keep] -= 2\n    nll = ")
    why = said(program(body.format(nll=LOSS, term="nll.sum()", counted="nll.numel()")))
    assert any("yet to be scored" in reason for reason in why) is ahead


@pytest.mark.parametrize(("moved", "whole"), [("torch.expm1(-{})", True), ("torch.expm1(-{}) + 0.01", False)])
def test_a_probability_that_is_moved_by_something_is_not_taken_for_one(moved: str, whole: bool) -> None:
    followed = scored(nll=f"-torch.log1p({moved.format(LOSS)})")
    written = formula(reports_of(followed.trace, "final")[-1])
    assert written is not None
    assert written.understood is whole
