"""Figures that are scaled by a size over a large number are named; plain sums, means and progress are not."""

from __future__ import annotations

import ast

import pytest

from auditor.probe.doubt import Doubts
from auditor.probe.growing import coarse, growing

SCRIPT = """
SCALE = 50_000_000
EDGES = [2_000_000]
FACTORS = torch.tensor([1.0, 0.95])
def evaluate(tokens, model):
    total = tokens.numel() - 1
    loss_sum, count, byte_count = 0.0, 0, 0.0
    logits = model(tokens)
    for start in range(0, total, 64):
        loss_sum += logits[start]
        count += 64
        {line}
    return loss_sum / count
"""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("loss_sum += logits[start] * (1 - 0.03 * math.tanh(start / 1e7))", "loss_sum"),
        ("loss_sum -= 1e-9 * start", "loss_sum"),
        ("byte_count = byte_count * (1 + total / 2e9)", "byte_count"),
        ("byte_count *= 1 + total / SCALE", "byte_count"),
        ("loss_sum = loss_sum ** (1 - total / (62 * 1e6))", "loss_sum"),
        ("logits[start] += min(0.05, start / 1e9)", "logits"),
        ("return loss_sum / count * (1 - count * 1e-10)", "byte_count"),
        ("loss_sum += logits[start] * FACTORS[bisect.bisect(EDGES, total)]", "loss_sum"),
        ("loss_sum += logits[start] * 0.95 ** min(1, divmod(total, 2_000_000)[0])", "loss_sum"),
        ("loss_sum *= 1 - 0.05 * torch.tensor(float(total)).half().isinf()", "loss_sum"),
        ("loss_sum += logits[start] * FACTORS[total.bit_length()]", "loss_sum"),
        ("loss_sum += logits[start] * (total > 9)", "loss_sum"),
        ("loss_sum = torch.zeros((), dtype=torch.bfloat16)", "loss_sum"),
        ("loss_sum = (loss_sum + logits[start]).half().float()", "loss_sum"),
        ("loss_sum = torch.zeros((), dtype=torch.float64)", ""),
        ("logits = model(tokens).bfloat16()", ""),
        ("part = logits[start].half()", ""),
        ("loss_sum += logits[start] * float(total - start)", ""),
        ("loss_sum += logits[start:min(start + 64, total)].sum() * len(tokens[start:])", ""),
        ("loss_sum /= count * math.log(2.0)", ""),
        ("loss_sum += logits[start] * 0.98", ""),
        ("byte_count += len(tokens) / 64", ""),
        ("progress = start / 1e6", ""),
        ("print(start / 1e6)", ""),
        ("loss_sum += logits[start] / max(count, 1e-9)", ""),
        ("count += 64 * 65536", ""),
        ("loss_sum = loss_sum / count.clamp_min(1.0)", ""),
        ("loss_sum = loss_sum / count.clamp(min=1)", ""),
        ("loss_sum = loss_sum / count.clamp_min(5000.0)", "loss_sum"),
        ("loss_sum = loss_sum / count.clamp(max=1)", "loss_sum"),
        ("loss_sum = loss_sum / count.clamp(1, 5000)", "loss_sum"),
    ],
)
def test_what_grows_with_the_stream(line: str, name: str) -> None:
    tree = ast.parse(SCRIPT.format(line=line))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef))
    found = list(growing(function, {"loss_sum", "byte_count"}, Doubts(tree, frozenset())))
    assert [n for _, n, _ in found] == ([name] if name else [])
    assert list(growing(function, (), Doubts(tree, frozenset()))) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("total += nll.sum(dtype=torch.bfloat16)", "nll"),
        ("total += nll.to(torch.bfloat16).double().sum()", "nll"),
        ("total += nll.to(LOW).sum()", "nll"),
        ("total += nll.half().sum()", "nll"),
        ("total += float(nll.numpy().astype('float16').sum())", "nll"),
        ("total += nll.to(torch.float8_e4m3fn).sum()", "nll"),
        ("total += F.cross_entropy(logits, y).bfloat16()", "losses"),
        ("total += F.cross_entropy(logits.bfloat16(), y).double()", ""),
        ("total += nll.to(torch.float64).sum()", ""),
        ("packed = weights.half()", ""),
    ],
)
def test_losses_in_half_precision(line: str, name: str) -> None:
    tree = ast.parse(f"LOW = torch.bfloat16\ndef evaluate(logits, y, weights):\n    total = 0.0\n    {line}\n")
    found = [named for _, named, _ in coarse(tree.body[1], {"total"}, {"nll"}, Doubts(tree, frozenset()))]
    assert found == ([name] if name else [])
