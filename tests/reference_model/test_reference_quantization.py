"""GPTQ against its slow, obvious form; pruning, the artifact and calibration against what they promise."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import pickle
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import brotli  # noqa: E402
import quantization  # noqa: E402
import record_script  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from reference_model import config  # noqa: E402
from reference_model.model.network import GPT, Linear  # noqa: E402
from reference_model.quantization import artifact, gptq, hessian, prune  # noqa: E402

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


def sample(std: float = 0.08, matrices: int = 5, rows: int = 40, columns: int = 64) -> dict[str, gptq.Quantized]:
    torch.manual_seed(8)
    quantized = {f"m{i}": gptq.quantize(torch.randn(rows, columns) * std, None) for i in range(matrices)}
    return {"table": gptq.round_rows(torch.randn(30, 16)), **quantized}


PLAIN = {name: tensor.half() for name, tensor in {
    "scalar": torch.tensor(0.5), "half": torch.linspace(-2, 2, 9), "gate": torch.linspace(0, 1, 6).view(2, 3),
    "none": torch.zeros(0, 3),
}.items()}  # fmt: skip


def state_of(quantized: dict[str, gptq.Quantized], plain: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict of the same names and shapes, as a model that is to be filled has one."""
    return {
        **{name: torch.zeros(matrix.codes.shape) for name, matrix in quantized.items()},
        **{name: torch.zeros(tensor.shape) for name, tensor in plain.items()},
    }


def restored_of(quantized: dict[str, gptq.Quantized], plain: dict[str, Tensor]) -> dict[str, Tensor]:
    return artifact.unpack(artifact.pack(quantized, plain), state_of(quantized, plain))


def bits_of(tensors: dict[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    return {
        name: (
            t.dtype,
            tuple(t.shape),
            t.contiguous().view(torch.uint8).numpy().tobytes() if t.ndim and t.numel() else t.tolist(),
        )
        for name, t in tensors.items()
    }


def test_the_artifact_gives_back_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was unpickled")

    for owner, name in ((pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(owner, name, refused)
    quantized = sample()
    expected = {**{name: matrix.dequantize() for name, matrix in quantized.items()}, **PLAIN}
    assert bits_of(restored_of(quantized, PLAIN)) == bits_of(expected)
    for some, plain in ((quantized, {}), ({}, PLAIN), ({}, {})):
        assert restored_of(some, plain).keys() == some.keys() | plain.keys()


def test_the_order_of_the_names_does_not_matter() -> None:
    quantized = sample()
    turned = dict(reversed(quantized.items()))
    assert artifact.pack(turned, dict(reversed(PLAIN.items()))) == artifact.pack(quantized, PLAIN)


def test_an_artifact_of_another_platform_is_read_to_the_same_bits() -> None:
    """Written once, on x86-64 Linux; the digest is over little-endian float32."""
    shapes = {"matrix": (3, 8), "table": (2, 4), "scalar": (), "half": (9,), "gate": (2, 3), "none": (0, 3)}
    model = {name: torch.zeros(shape) for name, shape in shapes.items()}
    restored = artifact.unpack(base64.b85decode(GOLDEN), model)
    digest = hashlib.sha256()
    for name, tensor in sorted(restored.items()):
        digest.update(name.encode() + tensor.float().numpy().astype("<f4").tobytes())
    assert digest.hexdigest() == GOLDEN_SHA256


def test_bytes_of_numbers_are_shuffled_by_position() -> None:
    import numpy as np

    numbers = torch.tensor([1.0, -2.0, 0.333], dtype=torch.float16)
    blob = artifact.pack({}, {"a": numbers})
    low, high = numbers.numpy().astype("<f2").view(np.uint8).reshape(-1, 2).T
    assert brotli.decompress(blob[12 + 1 + 4 :]) == low.tobytes() + high.tobytes()


def test_damaged_bytes_are_refused() -> None:
    quantized = sample(matrices=2)
    blob, model = artifact.pack(quantized, PLAIN), state_of(quantized, PLAIN)
    generator = random.Random(9)
    for _ in range(150):
        damaged = bytearray(blob)
        damaged[generator.randrange(len(blob))] ^= 1 << generator.randrange(8)
        for bad in (bytes(damaged), blob[: generator.randrange(len(blob))], blob + b"x"):
            with pytest.raises(artifact.ArtifactError):
                artifact.unpack(bad, model)


def forged(bits: bytes, *streams: bytes, sizes: Sequence[int] | None = None) -> bytes:
    """For a model with a matrix "a" [2, 3] and a vector "b" [4]."""
    lengths = [len(stream) for stream in streams] if sizes is None else sizes
    body = b"".join([bits, struct.pack(f"<{len(lengths)}I", *lengths), *streams])
    return artifact.MAGIC + struct.pack("<I", zlib.crc32(body)) + body


FORGED_MODEL = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}
CODES, REST = brotli.compress(bytes(6)), brotli.compress(bytes(12))
BOMB = brotli.compress(bytes(1 << 26))


def test_what_is_forged_for_the_tests_would_be_taken_if_it_were_right() -> None:
    assert artifact.unpack(forged(b"\x06\x00", CODES, REST), FORGED_MODEL).keys() == {"a", "b"}


@pytest.mark.parametrize("blob", [
    b"", b"PK\x03\x04", artifact.MAGIC, forged(b""), forged(b"\x06"), forged(b"\x06\x00"),
    forged(b"\x06\x00", CODES), forged(b"\x06\x00", CODES, REST, REST),
    forged(b"\x06\x00", CODES, REST, sizes=(len(CODES), len(REST) + 1)),
    forged(b"\x06\x00", CODES, REST, sizes=(1 << 31, len(REST))),
    forged(b"\x01\x00", CODES, REST), forged(b"\x09\x00", CODES, REST), forged(b"\xff\x00", CODES, REST),
    forged(b"\x06\x06", CODES, REST, REST),  # the vector as a matrix
    forged(b"\x06\x00", BOMB, REST), forged(b"\x06\x00", CODES, BOMB), forged(b"\x06\x00", b"xyz", REST),
    forged(b"\x06\x00", brotli.compress(bytes(5)), REST), forged(b"\x06\x00", CODES[:-1], REST),
])  # fmt: skip
def test_forged_artifacts_are_refused(blob: bytes) -> None:
    with pytest.raises(artifact.ArtifactError):
        artifact.unpack(blob, FORGED_MODEL)


def test_another_model_s_artifact_is_refused() -> None:
    quantized = sample(matrices=2)
    blob, model = artifact.pack(quantized, PLAIN), state_of(quantized, PLAIN)
    without = {name: tensor for name, tensor in model.items() if name != "m1"}
    for other in ({**model, "m0": torch.zeros(40, 65)}, {**model, "more": torch.zeros(1)}, without):
        with pytest.raises(artifact.ArtifactError):
            artifact.unpack(blob, other)


def test_a_bomb_is_not_unpacked_beyond_what_the_model_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = 0, brotli.Decompressor

    class Counting:
        def __init__(self) -> None:
            self.machine = real()
            self.is_finished = self.machine.is_finished

        def process(self, data: bytes, output_buffer_limit: int) -> Any:
            nonlocal made
            out = self.machine.process(data, output_buffer_limit=output_buffer_limit)
            made += len(out)
            return out

    monkeypatch.setattr(artifact.brotli, "Decompressor", Counting)
    with pytest.raises(artifact.ArtifactError, match="does not hold 6 bytes"):
        artifact.unpack(forged(b"\x06\x00", BOMB, REST), FORGED_MODEL)
    assert made < 1 << 20


def test_codes_beyond_their_bits_are_refused() -> None:
    quantized = sample(matrices=1)
    wide = {**quantized, "table": replace(quantized["table"], bits=6)}
    with pytest.raises(artifact.ArtifactError, match="6 bits"):
        restored_of(wide, {})


def test_what_the_artifact_cannot_hold_is_refused() -> None:
    for plain in ({"z": torch.zeros(1)}, {"m0": torch.zeros(1).half()}):
        with pytest.raises(ValueError, match="either quantized or float16"):
            artifact.pack(sample(matrices=1), plain)


def one_by_one(quantized: dict[str, gptq.Quantized], count: int) -> dict[str, Tensor]:
    """The slow, obvious pruning: a list of every +/-1 with its cost, sorted."""
    codes = {name: matrix.codes.clone() for name, matrix in quantized.items()}
    costs = [
        (matrix.scales[row].item() ** 2, name, row, column)
        for name, matrix in quantized.items()
        if matrix.bits == 6
        for row, column in (matrix.codes.abs() == 1).nonzero().tolist()
    ]
    for _, name, row, column in sorted(costs, key=lambda cost: cost[0])[:count]:
        codes[name][row, column] = 0
    return codes


@pytest.mark.parametrize("std", [0.08, 1.0])  # scales at their floor, and all different
@pytest.mark.parametrize("count", [0, 1, 37, 500, 10**9])
def test_the_cheapest_go_first(std: float, count: int) -> None:
    quantized = sample(std, matrices=3)
    pruned, expected = prune.prune(quantized, count), one_by_one(quantized, count)
    for name, matrix in pruned.items():
        assert torch.equal(matrix.codes, expected[name]), name
        if torch.equal(expected[name], quantized[name].codes):
            assert matrix is quantized[name]


class Compressions:
    """Counts the matrices that are compressed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(prune, "pack_codes", self.pack_codes)

    def pack_codes(self, matrices: dict[str, gptq.Quantized], quality: int) -> dict[str, bytes]:
        self.count += len(matrices)
        return artifact.pack_codes(matrices, quality)


@pytest.mark.parametrize("std", [0.08, 1.0])
@pytest.mark.parametrize("share", [0.9999, 0.997, 0.985, 0.975])
def test_pruning_stops_soon_after_the_limit_is_kept(std: float, share: float) -> None:
    quantized = sample(std, matrices=14, rows=96, columns=128)
    code, whole = 1000, len(artifact.pack(quantized, PLAIN))
    limit = code + int(share * whole)
    fitted = prune.fit(quantized, PLAIN, code, limit)
    assert code + len(fitted.blob) <= limit
    assert 0 < fitted.pruned < fitted.prunable
    assert fitted.unpruned_bytes == whole
    fewer = prune.prune(quantized, fitted.pruned - max(fitted.pruned // 5, 200))
    assert fitted.pruned < 200 or code + len(artifact.pack(fewer, PLAIN)) > limit - limit // 2000
    restored = artifact.unpack(fitted.blob, state_of(quantized, PLAIN))
    assert torch.equal(restored["m0"], fitted.quantized["m0"].dequantize())
    alike = prune.prune(quantized, fitted.pruned)
    assert all(torch.equal(matrix.codes, alike[name].codes) for name, matrix in fitted.quantized.items())


@pytest.mark.parametrize("spare", [0, 1, 100_000])
def test_what_fits_is_not_pruned_and_compressed_once(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quantized = sample(matrices=14, rows=96)
    blob = artifact.pack(quantized, PLAIN)
    compressions = Compressions(monkeypatch)
    fitted = prune.fit(quantized, PLAIN, 500, 500 + len(blob) + spare)
    assert fitted.blob == blob
    assert fitted.pruned == 0
    assert fitted.unpruned_bytes == len(blob)
    assert compressions.count == len(quantized)


def test_a_pruned_matrix_alone_is_compressed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    quantized = sample(matrices=24, rows=96)
    limit = int(0.997 * len(artifact.pack(quantized, {})))
    compressions = Compressions(monkeypatch)
    assert prune.fit(quantized, {}, 0, limit).pruned > 0
    assert compressions.count <= 1.5 * len(quantized)


@pytest.mark.parametrize("quantized", [sample(), {"table": gptq.round_rows(torch.randn(30, 16))}, {}])
def test_a_model_that_cannot_fit_is_refused_with_the_figures(quantized: dict[str, gptq.Quantized]) -> None:
    smallest = len(artifact.pack(prune.prune(quantized, 10**9), {}))
    ones = sum(int((m.codes.abs() == 1).sum()) for m in quantized.values() if m.bits == 6)
    with pytest.raises(prune.DoesNotFit) as refusal:
        prune.fit(quantized, {}, 90_000, 90_000)
    for figure in (90_000, smallest, 90_000 + smallest, ones):
        assert f"{figure:,}" in str(refusal.value)


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


# A 3 x 8 matrix of 6 bits, a 2 x 4 table of 8, and plain tensors, packed by this package on x86-64.
GOLDEN = (
    "M^8*fQBG6>Z=D#I000I600<ob000dD001ul001Fe00jU41N`{?^ac6=00sC41^^8Q2n_ZM2<-zQ8~_A7fi2|W$A3fvA*28VAt50V"
    "LI7rF&1L`q000000000004OLZAs_%UHaI#wz`ne=06088KsW;"
)
GOLDEN_SHA256 = "db3e4a94778ee2551cfc92ab9b291791f8d6052f020ac5b237d97bc8e3e7c379"
