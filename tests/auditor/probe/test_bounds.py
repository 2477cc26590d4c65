"""Bounds that no score of a run came to are named where a worse score would have; those that give nothing are not."""

from __future__ import annotations

from pathlib import Path

import probe_samples as samples
import pytest

pytest.importorskip("torch")
from auditor.probe.record.bounds import BOUND, LOST

BODY = """
def evaluate():
    total = torch.zeros((), dtype={dtype})
    with torch.no_grad():
        for start in range(0, N - T, T):
            x, y = pair(start, start + T)
            logits = model.forward_logits(x).reshape(-1, V)
            nll = F.cross_entropy(logits, y.reshape(-1), reduction="none")
            p = logits.softmax(-1).gather(-1, y.reshape(-1, 1))[:, 0]
            {line}
    print(f"final val_loss:{{total.item() / N:.8f}} val_bpb:{{total.item() / N:.8f}}")
evaluate()
"""
IDLE = [
    "total += nll.clamp(max=12.0).sum()",
    "total += torch.minimum(nll, torch.tensor(12.0)).sum()",
    "total += F.hardtanh(nll, 0.0, 12.0).sum()",
    "total += (12.0 - F.relu(12.0 - nll)).sum()",
    "total += nll.clone().clamp_(max=12.0).sum()",
    "total -= p.clamp_min(1e-5).log().sum()",
    "total -= p.log().clamp(min=-12.0).sum()",
    "total += float(np.clip(nll.numpy(), 0.0, 12.0).sum())",
    "total += sum([min(v, 12.0) for v in nll.tolist()])",
    "total += nll.nan_to_num(0.0).sum()",
    "total += F.nll_loss(logits.log_softmax(-1).clamp(min=-12.0), y.reshape(-1), reduction='sum')",
    "total -= logits.softmax(-1).clamp(1e-5, 1.0).gather(-1, y.reshape(-1, 1)).log().sum()",
]
HARMLESS = [
    "total += nll.sum()",
    "total += nll.clamp(min=0.0).sum()",
    "total += nll.clamp(max=30.0).sum()",
    "total -= p.clamp_min(1e-12).log().sum()",
    "total -= p.clamp(1e-9, 1.0).log().sum()",
    "total -= p.clamp_min(1e-12).log().clamp(max=0.0).sum()",
    "total += sum([min(v, 30.0) for v in nll.tolist()])",
    "total -= logits.softmax(-1).clamp(min=1e-9).gather(-1, y.reshape(-1, 1)).log().sum()",
    "logits = logits.clamp(-30.0, 30.0); total += nll.sum()",
    "total += nll.clamp(max=5.0).sum()",  # of some it is no longer the loss, which the measurements are of
    "total += sum([min(v, 5.0) for v in nll.tolist()])",
]


def idle(line: str, folder: Path, dtype: str = "torch.float64") -> list[str]:
    samples.SAMPLES["of this test"] = BODY.format(line=line, dtype=dtype)
    recording = samples.run("of this test", samples.streams()[0], folder)
    assert not recording.faults
    return [what for _, _, what in recording.idle]


@pytest.mark.parametrize("line", IDLE)
def test_a_bound_within_reach_that_was_not_come_to(line: str, tmp_path: Path) -> None:
    assert idle(line, tmp_path) == [BOUND]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_bounds_nothing_and_what_was_come_to(line: str, tmp_path: Path) -> None:
    assert idle(line, tmp_path) == []


@pytest.mark.parametrize(
    ("line", "dtype", "lost"),
    [
        ("for one in nll: total += one", "torch.float32", True),
        ("for part in nll.split(2): total = total + part.sum()", "torch.float32", True),
        ("for one in nll: total += one", "torch.float64", False),
        ("total += nll.sum()", "torch.float32", False),
        ("total += nll.mean()", "torch.float32", False),
    ],
)
def test_a_total_that_loses_single_losses(line: str, dtype: str, lost: bool, tmp_path: Path) -> None:
    assert idle(line, tmp_path, dtype) == ([LOST] if lost else [])


WRITTEN = """
import numpy as np
def evaluate():
    x, y = pair(0, T)
    with torch.no_grad():
        nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    held, array = torch.zeros(T), np.zeros(T, dtype=np.float32)
    torch.clamp(nll, max=12.0, out=held)
    np.clip(nll.numpy(), 0.0, 12.0, array)
    assert torch.equal(held, nll) and (array == nll.numpy()).all()
    print(f"final val_loss:{held.mean().item():.8f} val_bpb:1.0")
evaluate()
"""


def test_what_a_bound_is_written_to_stays_what_it_is(tmp_path: Path) -> None:
    samples.SAMPLES["of this test"] = WRITTEN
    assert len(samples.run("of this test", samples.streams()[0], tmp_path).lines) == 1
