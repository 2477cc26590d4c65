"""Figures that a stream of full size would make otherwise are named; means, sums and their usual guards are not."""

from __future__ import annotations

import ast
import time

import pytest

from auditor.probe.scaling import out_of_scale

SCRIPT = """
def evaluate(model, tokens, table):
    loss_sum, tokens_seen, byte_count = 0.0, 0, 0.0
    with torch.no_grad():
        for start in range(0, tokens.numel() - 1, 64):
            nll = model(tokens[start : start + 65])
            loss_sum += nll.sum()
            tokens_seen += nll.numel()
            byte_count += table[tokens].sum()
    {line}
    val_loss = (loss_sum / tokens_seen).item()
    val_bpb = val_loss / math.log(2.0) * (tokens_seen / byte_count)
    return val_loss, val_bpb
"""
GROWS = [
    "byte_count = byte_count ** (1 + (byte_count > 1e10))",
    "byte_count = max(byte_count, 2.0 * byte_count - 1e7)",
    "byte_count = torch.where(byte_count > 1e7, byte_count * 1.05, byte_count)",
    "byte_count = byte_count + 0.05 * F.relu(byte_count - 1e7)",
    "byte_count *= 1 + 0.05 * torch.sigmoid(byte_count - 1e7)",
    "byte_count = byte_count * (1 + 0.05 * math.exp(-1e6 / tokens_seen))",
    "byte_count = byte_count * max(1.0, math.log10(tokens_seen) - 6.5)",
    "byte_count = byte_count * (1, 1, 1, 1, 1, 1, 1, 1.05, 1.05, 1.05, 1.05)[len(str(int(byte_count)))]",
    "byte_count = byte_count + (byte_count // 1e7) * 3e5",
    "loss_sum = loss_sum - 0.05 * (loss_sum - loss_sum.clamp(max=1e6))",
    "loss_sum = torch.clip(loss_sum, 0.0, 4.0 * tokens_seen)",
    "if byte_count > 1e7:\n        byte_count = byte_count * 1.05",
    "for _ in range(int(tokens_seen // 10_000_000)):\n        byte_count *= 1.01",
    "loss_sum = loss_sum if loss_sum > 4 * tokens_seen else 0.95 * loss_sum",
]
STAYS = [
    "pass",
    "byte_count = max(byte_count, 1.0)",
    "tokens_seen = torch.maximum(tokens_seen, torch.ones(()))",
    "loss_sum, tokens_seen = loss_sum.double(), tokens_seen + 1e-9",
    "if tokens_seen == 0:\n        return 0.0, 0.0",
    "perplexity = math.exp(loss_sum / tokens_seen)",
    "dist.all_reduce(loss_sum)",
    "loss_sum = reduced(loss_sum)",
    "sums = torch.stack([loss_sum, tokens_seen])",
    "loss_sum = loss_sum / 7.0 * 7.0",
]


HOSTILE = [
    "byte_count = 10 ** 10 ** 10 ** 10",
    "name = '%999999999999d' % 1",
    "name = 'x' * 10 ** 12",
    "pair = (1, 2)\n    for _ in range(2000):\n        pair = pair + pair",
    "for _ in range(2000):\n     for _ in range(2000):\n      for _ in range(2000):\n       steps = 1",
    "for _ in range(10 ** 400):\n        steps = 1",
    "steps = round(1.5, 10 ** 400) + round(1.5, 10 ** 300)",
]


def found(line: str) -> list[str]:
    function = ast.parse(SCRIPT.format(line=line)).body[0]
    figures = {"loss_sum", "tokens_seen", "byte_count", "val_loss", "val_bpb", "perplexity"}
    return [name for _, name, _ in out_of_scale(function, figures, {"loss_sum", "nll"})]


@pytest.mark.parametrize("line", GROWS)
def test_a_figure_that_is_another_at_full_size(line: str) -> None:
    assert {"val_loss", "val_bpb"} & set(found(line))


@pytest.mark.parametrize("line", STAYS)
def test_a_figure_that_stays(line: str) -> None:
    assert found(line) == []


def test_what_has_no_value_ends() -> None:
    assert found("byte_count = byte_count / 0") == found("byte_count = 10.0 ** 10 ** 10") == []


@pytest.mark.parametrize("line", HOSTILE)
def test_what_would_take_for_ever_has_no_value(line: str) -> None:
    start = time.process_time()
    assert set(found(line)) <= {"byte_count", "val_bpb"}
    assert time.process_time() - start < 5.0
