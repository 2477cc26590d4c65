"""GPTQ against its slow, obvious form, and against the record's; the Hessians that it is given."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import calibration  # noqa: E402
import quantization  # noqa: E402
import record_script  # noqa: E402
import sides  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from reference_model import config  # noqa: E402
from reference_model.model.network import GPT, Linear  # noqa: E402
from reference_model.quantization import gptq, hessian  # noqa: E402

Tensor = torch.Tensor


def second_moments(columns: int, dead: Sequence[int] = ()) -> Tensor:
    inputs = torch.randn(3 * columns, columns, dtype=torch.float64) * (0.2 + 2 * torch.rand(columns))
    inputs[:, 1:] += 0.6 * inputs[:, :-1].clone()
    inputs[:, list(dead)] = 0.0
    return inputs.t() @ inputs / len(inputs)


def obvious_gptq(
    weight: Tensor, moments: Tensor, bits: int, damp: float, quantiles: Sequence[float]
) -> tuple[Any, ...]:
    """One column after the other; the inverse Hessian is shrunk by elimination after each, never factored."""
    limit = 2 ** (bits - 1) - 1
    moments = moments.clone()
    dead = moments.diagonal() == 0
    moments[dead, dead] = 1.0
    moments += damp * moments.diagonal().mean() * torch.eye(len(moments), dtype=moments.dtype)
    order = sorted(range(len(moments)), key=lambda column: -moments[column, column].item())
    best: tuple[float, Any, Any] | None = None
    for quantile in quantiles:
        scales = (torch.quantile(weight.abs(), quantile, dim=1) / limit).clamp_min(1 / limit).half()
        wide = scales.to(weight.dtype)
        work, codes = weight.clone(), torch.zeros(weight.shape, dtype=torch.int8)
        work[:, dead] = 0.0
        target = work.clone()
        inverse = torch.linalg.inv(moments)
        for column in order:
            code = torch.clamp(torch.round(work[:, column] / wide), -limit, limit)
            codes[:, column] = code.to(torch.int8)
            error = (work[:, column] - code * wide) / inverse[column, column]
            work -= torch.outer(error, inverse[column])
            inverse = inverse - torch.outer(inverse[:, column], inverse[column]) / inverse[column, column]
        difference = (target - codes * wide[:, None]).square().mean().item()
        if best is None or difference < best[0]:
            best = difference, codes, scales
    assert best is not None
    return best


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 12),
    columns=st.integers(1, 40),
    block=st.integers(1, 48),
    std=st.sampled_from([0.05, 0.3, 2.0]),
    bits=st.sampled_from([3, 6]),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_gptq_is_the_obvious_one(seed: int, rows: int, columns: int, block: int, std: float, bits: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(rows, columns, dtype=torch.float64) * std
    moments = second_moments(columns, dead=[0] if seed % 3 == 0 and columns > 2 else [])
    quantiles = (0.9, 0.97, 1.0)
    error, codes, scales = obvious_gptq(weight, moments, bits, 0.01, quantiles)
    fast = gptq.quantize(weight, moments, bits, block, 0.01, quantiles)
    assert torch.equal(fast.codes, codes)
    assert torch.equal(fast.scales, scales)
    assert math.isclose(fast.error, error, rel_tol=1e-6, abs_tol=1e-15)


def test_single_precision_gives_the_same_codes() -> None:
    torch.manual_seed(3)
    weight, moments = torch.randn(48, 96, dtype=torch.float64) * 0.3, second_moments(96)
    _, codes, scales = obvious_gptq(weight, moments, 6, 0.01, gptq.CLIP_QUANTILES)
    fast = gptq.quantize(weight.float(), moments.float(), block=32)
    assert torch.equal(fast.scales, scales)
    assert (fast.codes != codes).float().mean() < 0.002


def test_gptq_changes_the_output_less_than_rounding_does() -> None:
    torch.manual_seed(4)
    weight, moments = torch.randn(64, 64) * 0.1, second_moments(64).float()

    def damage(quantized: gptq.Quantized) -> float:
        change = weight - quantized.dequantize()
        return float((change @ moments * change).sum())

    assert damage(gptq.quantize(weight, moments)) < 0.7 * damage(gptq.quantize(weight, None))


def test_without_a_usable_hessian_values_are_rounded_to_the_nearest_code() -> None:
    torch.manual_seed(5)
    weight = torch.randn(16, 24) * 0.2
    indefinite = -torch.eye(24)
    for moments in (None, indefinite, torch.eye(24)):
        quantized = gptq.quantize(weight, moments)
        nearest = torch.clamp(torch.round(weight / quantized.scales.float()[:, None]), -31, 31)
        assert torch.equal(quantized.codes, nearest.to(torch.int8))


@pytest.mark.parametrize("columns", [7, 512, 2048])
def test_row_quantiles_are_torch_s(columns: int) -> None:
    magnitudes = torch.rand(9, columns)
    mine = gptq._row_quantiles(magnitudes, gptq.CLIP_QUANTILES)
    for row, quantile in zip(mine, gptq.CLIP_QUANTILES, strict=True):
        assert torch.equal(row, torch.quantile(magnitudes, quantile, dim=1))


def test_matrices_with_shared_inputs_and_threads_change_nothing() -> None:
    torch.manual_seed(6)
    shared, own = second_moments(32).float(), second_moments(48).float()
    shapes = {"q": (16, 32), "o": (8, 48), "k": (8, 32), "free": (4, 9)}
    weights = {name: torch.randn(shape) * 0.4 for name, shape in shapes.items()}
    hessians = {"q": shared, "k": shared, "o": own}
    found = gptq.quantize_all(weights, hessians, workers=2, block=16)
    assert list(found) == list(weights)
    for name, weight in weights.items():
        alone = gptq.quantize(weight, hessians.get(name), block=16)
        assert torch.equal(found[name].codes, alone.codes)
        assert torch.equal(found[name].scales, alone.scales)


def test_arguments_are_left_alone() -> None:
    torch.manual_seed(7)
    weight, moments = torch.randn(6, 20), second_moments(20, dead=[3]).float()
    before = weight.clone(), moments.clone()
    gptq.quantize(weight, moments)
    gptq.round_rows(weight)
    assert torch.equal(weight, before[0])
    assert torch.equal(moments, before[1])


@pytest.mark.parametrize(("weight", "moments", "words"), [
    (torch.full((2, 2), math.nan), None, "not finite"),
    (torch.full((2, 2), 1e9), None, "float16"),
    (torch.zeros(3), None, "matrices"),
    (torch.zeros(2, 3), torch.eye(4), "does not belong"),
])  # fmt: skip
def test_what_cannot_be_quantized_is_refused(weight: Tensor, moments: Tensor | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gptq.quantize(weight if weight.ndim == 2 else weight[None, None], moments)


def tiny_model() -> GPT:
    torch.manual_seed(10)
    model = GPT(replace(config.small().model, vocab_size=64, model_dim=32, rope_dims=4, ve_dim=8, xsa_last_n=2))
    for parameter in model.parameters():
        parameter.data.add_(torch.randn(parameter.shape), alpha=0.1)
    return model


@pytest.mark.parametrize("recurrent", [False, True])
def test_hessians_are_the_inputs_second_moments(recurrent: bool) -> None:
    model = tiny_model()
    model.set_recurrence(recurrent)
    batches = [torch.randint(64, (2, 12)) for _ in range(3)]
    expected: dict[str, Tensor] = {}
    for name, layer in model.quantizable().items():
        if isinstance(layer, Linear):

            def add(module: Any, inputs: Any, output: Any, name: str = name) -> None:
                for x in inputs[0].reshape(-1, inputs[0].shape[-1]):
                    expected[name] = expected.get(name, 0) + torch.outer(x, x).detach() / 3

            layer.register_forward_hook(add)
    for ids in batches:
        model.logits(ids)
    runs = model.train()
    for layer in runs.modules():
        layer._forward_hooks.clear()
    found = hessian.collect_hessians(model, batches)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert found.keys() == expected.keys()
    for name, moments in found.items():
        torch.testing.assert_close(moments, expected[name], rtol=1e-4, atol=1e-4)


def test_hessians_are_averaged_over_ranks_and_need_batches() -> None:
    model, batches = tiny_model().eval(), [torch.randint(64, (1, 8))]
    alone = hessian.collect_hessians(model, batches)
    doubled = hessian.collect_hessians(model, batches, reduce=lambda total: total.mul_(2), world=2, min_numel=2000)
    assert not model.training
    assert doubled.keys() < alone.keys()
    for name, moments in doubled.items():
        torch.testing.assert_close(moments, alone[name])
    with pytest.raises(ValueError, match="batch"):
        hessian.collect_hessians(model, [])


def test_the_operations_of_calibration_are_one_pass_and_its_hessians() -> None:
    """Weights once for each visit of their layer; of the Hessians every entry, for each matrix's inputs once."""
    run = config.small()
    side = sides.Ours(replace(run, train=replace(run.train, compile_model=False)), torch.device("cpu"))
    side.set_recurrence(True)
    tokens, visits, model = 128, 8, run.model
    found = sides.operations(side, torch.zeros(1, tokens, dtype=torch.int64))
    attention, mlp = model.model_dim * (2 * model.model_dim + 2 * model.kv_dim), 2 * model.model_dim * model.mlp_dim
    values = model.ve_dim * model.kv_dim
    assert found["products"] == 2 * tokens * (visits * (attention + mlp) + values)
    assert found["attention"] == 2 * tokens**2 * model.model_dim * visits
    inputs = visits * (3 * model.model_dim**2 + model.mlp_dim**2)
    assert found["Hessians"] == 2 * tokens * inputs


@pytest.mark.clone
@pytest.mark.skipif(not os.environ.get("GOLF_CLONE"), reason="GOLF_CLONE names no clone with pull-request heads")
def test_what_is_reserved_for_calibration_is_twice_what_it_takes(capfd: pytest.CaptureFixture[str]) -> None:
    assert calibration.main(["--clone", os.environ["GOLF_CLONE"]]) == 0
    said = capfd.readouterr().out  # the record's side is a process of its own, which writes to the descriptor
    found = re.search(r"pace: ([0-9.]+) s, and ([0-9.]+) s for the sum; reserved: ([0-9.]+) s", said)
    assert found is not None
    batches, summed, reserved = map(float, found.groups())
    assert 2 * (batches + summed) < reserved < 3 * (batches + summed)


def test_the_benchmark_runs_by_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    small = quantization.random_model(layers=1, width=32, vocabulary=64)
    monkeypatch.setattr(quantization, "random_model", lambda *args: small)
    assert quantization.main(["--ours-only", "--repeat", "2"]) == 0
    printed = capsys.readouterr().out
    assert "6 matrices" in printed
    assert "artifact bytes" in printed


@pytest.mark.clone
@pytest.mark.skipif(not os.environ.get("GOLF_CLONE"), reason="GOLF_CLONE names no clone with pull-request heads")
def test_the_record_quantizes_the_same(tmp_path: Path) -> None:
    """At this size of the weights some row scales are at their floor and some depend on the clipping candidate."""
    source = record_script.from_clone(Path(os.environ["GOLF_CLONE"]))
    if source is None:
        pytest.skip("the clone has no such head")
    model = quantization.random_model(layers=1, std=0.3, width=368, vocabulary=600)
    _, ours, fitted = quantization.run_ours(model, len(source.encode()), quantization.LIMIT)
    times, theirs, log = quantization.run_record(model, source, tmp_path)
    codes, scales, count = quantization.differing(ours, theirs)
    assert scales == 0
    assert codes <= 2e-4 * count  # the order of float32 additions
    assert len(fitted.blob) <= times.artifact_bytes
    assert any("6 layers with full GPTQ" in line for line in log)
