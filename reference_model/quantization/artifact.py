"""The artifact: quantized matrices and what else a model stores, in one string of bytes, and back.

Layout, integers little-endian::

    8 bytes   magic and version
    4 bytes   CRC-32 of everything after these 12 bytes
    table     for each tensor of the state_dict, by sorted name, a byte: bits of its codes, 0 where it is not quantized
              for each stream 4 bytes: its length
    streams   one Brotli stream per quantized matrix: its codes, int8, row by row
              and a last one: the scales of all matrices, then all other tensors, float16, byte-shuffled

Names and shapes are the model's, which has to be there to be loaded into: they are not stored, and so need not be
believed. A stream for each matrix costs about 20 bytes more than one for all. For that they are compressed at the same
time, a changed matrix is compressed again without the others, and the window need not be larger than a matrix. Byte
shuffle (Alted, "Why Modern CPUs Are Starving", 2010; as in Blosc and HDF5): all first bytes of the numbers, then all
second ones, so that the exponents stand together. Brotli: Alakuijala and Szabadka, RFC 7932.

Nothing is unpickled or executed on the way back, no stream is unpacked far beyond what the model holds, and a weight is
int8 code x float16 scale in float32, which is exact, so that every platform restores the same bits.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise

import brotli
import numpy as np
import torch
from torch import Tensor

from reference_model.quantization.gptq import Quantized

MAGIC = b"GOLFQNT\x02"
_START = len(MAGIC) + 4  # where the checksum's part begins


class ArtifactError(ValueError):
    """What was given is not an artifact of this format and model, or not a whole one."""


def workers() -> int:
    """Threads that this process may keep busy with compression."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pack(quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], quality: int = 10) -> bytes:
    """The artifact. Raises ValueError for a name in both mappings and for a plain tensor that is not float16."""
    return assemble(quantized, plain, pack_codes(quantized, quality), quality)


def pack_codes(matrices: Mapping[str, Quantized], quality: int = 10) -> dict[str, bytes]:
    """The stream of each matrix; largest first on the threads, so that none is left alone at the end."""
    raw = {name: matrix.codes.cpu().numpy().tobytes() for name, matrix in matrices.items()}
    largest = sorted(raw, key=lambda name: -len(raw[name]))
    with ThreadPoolExecutor(workers()) as pool:
        return dict(zip(largest, pool.map(lambda name: _compress(raw[name], quality), largest), strict=True))


def assemble(
    quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], streams: Mapping[str, bytes], quality: int = 10
) -> bytes:
    """The artifact from what :func:`pack_codes` gave for the same matrices."""
    if quantized.keys() & plain.keys() or any(tensor.dtype != torch.float16 for tensor in plain.values()):
        raise ValueError("a tensor is either quantized or float16")
    matrices, others = sorted(quantized), sorted(plain)
    halves = [*(quantized[name].scales for name in matrices), *(plain[name].flatten() for name in others)]
    numbers = torch.cat(halves).cpu().numpy() if halves else np.empty(0)
    shuffled = numbers.astype("<f2").view(np.uint8).reshape(-1, 2).T.tobytes()
    packed = [*(streams[name] for name in matrices), _compress(shuffled, quality)]
    bits = bytes(quantized[name].bits if name in quantized else 0 for name in sorted([*matrices, *others]))
    body = b"".join([bits, np.array([len(stream) for stream in packed], "<u4").tobytes(), *packed])
    return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def unpack(blob: bytes, model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict on the CPU: quantized matrices as float32, other tensors as float16.

    ``model`` is the state_dict to be filled; only its names and shapes are looked at. Bit-identical on every platform.
    Safe on bytes from anywhere: raises ArtifactError for whatever :func:`pack` does not write for such a model.
    """
    names = sorted(model)
    bits = dict(zip(names, blob[_START:], strict=False))
    if blob[: len(MAGIC)] != MAGIC or len(bits) < len(names):
        raise ArtifactError("this does not begin as an artifact of this format does")
    if zlib.crc32(blob[_START:]) != int.from_bytes(blob[len(MAGIC) : _START], "little"):
        raise ArtifactError("the artifact is damaged or cut short: its checksum differs")
    matrices, others = [name for name in names if bits[name]], [name for name in names if not bits[name]]
    first = _START + len(names)
    begin = first + 4 * (len(matrices) + 1)
    sizes = [int.from_bytes(blob[at : at + 4], "little") for at in range(first, begin, 4)]
    fitting = all(model[name].ndim == 2 and 2 <= bits[name] <= 8 for name in matrices)
    if not fitting or begin + sum(sizes) != len(blob):
        raise ArtifactError("the artifact is not of this model")
    streams = [blob[start:stop] for start, stop in pairwise(accumulate(sizes, initial=begin))]
    counts = [*(len(model[name]) for name in matrices), *(model[name].numel() for name in others)]
    planes = np.frombuffer(_inflate(streams[-1], 2 * sum(counts)), np.uint8).reshape(2, -1)
    numbers = np.ascontiguousarray(planes.T).view("<f2").astype(np.float16).flatten()
    halves = torch.from_numpy(numbers).split(counts)
    restored: dict[str, Tensor] = {}
    for name, stream, scales in zip(matrices, streams[:-1], halves[: len(matrices)], strict=True):
        codes = np.frombuffer(_inflate(stream, model[name].numel()), np.int8).reshape(model[name].shape)
        if np.abs(codes.astype(np.int16)).max(initial=0) >= 2 ** (bits[name] - 1):
            raise ArtifactError(f"{name} has codes that {bits[name]} bits don't hold")
        restored[name] = Quantized(torch.from_numpy(codes.copy()), scales, bits[name], math.nan).dequantize()
    for name, part in zip(others, halves[len(matrices) :], strict=True):
        restored[name] = part.reshape(model[name].shape)
    return restored


def _compress(data: bytes, quality: int) -> bytes:
    """With the smallest window that holds all of it (to 16 bytes): a larger one only costs time."""
    window = min(max((max(len(data), 1) - 1).bit_length(), 10), 24)
    packed: bytes = brotli.compress(data, quality=quality, lgwin=window)
    return packed


def _inflate(data: bytes, size: int) -> bytes:
    """Decompresses to exactly ``size`` bytes, never to many more."""
    machine = brotli.Decompressor()
    try:
        out: bytes = machine.process(data, output_buffer_limit=size + 1)
    except brotli.error as error:
        raise ArtifactError(f"a stream of the artifact is damaged: {error}") from None
    if len(out) != size or not machine.is_finished():
        raise ArtifactError(f"a stream of the artifact does not hold {size:,} bytes")
    return out
