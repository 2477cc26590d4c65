"""The artifact and the pruning that makes it fit, against what they promise, on bytes from anywhere."""

from __future__ import annotations

import base64
import hashlib
import pickle
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import brotli  # noqa: E402

from reference_model.quantization import artifact, gptq, prune  # noqa: E402

Tensor = torch.Tensor


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


# A 3 x 8 matrix of 6 bits, a 2 x 4 table of 8, and plain tensors, packed by this package on x86-64.
GOLDEN = (
    "M^8*fQBG6>Z=D#I000I600<ob000dD001ul001Fe00jU41N`{?^ac6=00sC41^^8Q2n_ZM2<-zQ8~_A7fi2|W$A3fvA*28VAt50V"
    "LI7rF&1L`q000000000004OLZAs_%UHaI#wz`ne=06088KsW;"
)
GOLDEN_SHA256 = "db3e4a94778ee2551cfc92ab9b291791f8d6052f020ac5b237d97bc8e3e7c379"
