"""The artifact: quantized and plain tensors in one string of bytes, and back.

Layout, integers little-endian::

    8 bytes   magic and version
    4 bytes   length of the packed header
    4 bytes   CRC-32 of everything after these 16 bytes
    header    Brotli of a JSON object: what the streams hold, in order, and how long each is
    streams   one Brotli stream per quantized matrix: its codes, int8, row by row
              and a last one: all scales, then all plain tensors, each byte-shuffled

A stream for each matrix costs about 20 bytes more than one for all. For that they are compressed at the same time, a
changed matrix is compressed again without the others, and the window need not be larger than a matrix. Byte shuffle
(Alted, "Why Modern CPUs Are Starving", 2010; as in Blosc and HDF5): all first bytes of an array's numbers, then all
second ones, so that the exponents stand together. Brotli: Alakuijala and Szabadka, RFC 7932.

Nothing is unpickled or executed on the way back: the header is checked, sizes are bounded before they are allocated,
and a weight is int8 code x float16 scale in float32, which is exact, so that every platform restores the same bits.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import brotli
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .gptq import Quantized

MAGIC = b"GOLFQNT\x01"
MOST_UNPACKED = 1 << 31  # bytes that all streams together may unpack to
_MOST_HEADER = 1 << 20  # bytes, likewise
_LENGTH_CRC = struct.Struct("<II")
_DTYPES: dict[str, torch.dtype] = {  # how plain tensors are stored; numpy has no bfloat16: its bits travel as integers
    "<f2": torch.float16, "<f4": torch.float32, "<f8": torch.float64, "bfloat16": torch.bfloat16,
    "|i1": torch.int8, "|u1": torch.uint8, "<i2": torch.int16, "<i4": torch.int32, "<i8": torch.int64,
    "|b1": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


class ArtifactError(ValueError):
    """What was given is not an artifact of this format, or not a whole one."""


def workers() -> int:
    """Threads that this process may keep busy with compression."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def pack(quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], quality: int = 10) -> bytes:
    """The artifact. Raises ValueError for a name in both mappings and for a plain tensor of a type it can't store."""
    return assemble(quantized, plain, pack_codes(list(quantized.values()), quality), quality)


def pack_codes(matrices: Sequence[Quantized], quality: int = 10) -> list[bytes]:
    """The stream of each matrix; largest first on the threads, so that none is left alone at the end."""
    raw = [matrix.codes.contiguous().cpu().numpy().tobytes() for matrix in matrices]
    order = sorted(range(len(raw)), key=lambda index: -len(raw[index]))
    with ThreadPoolExecutor(workers()) as pool:
        packed = dict(zip(order, pool.map(lambda index: _compress(raw[index], quality), order), strict=True))
    return [packed[index] for index in range(len(raw))]


def assemble(
    quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], streams: Sequence[bytes], quality: int = 10
) -> bytes:
    """The artifact from what :func:`pack_codes` gave for the same matrices."""
    twice = quantized.keys() & plain.keys()
    if twice:
        raise ValueError(f"both quantized and plain: {', '.join(sorted(twice))}")
    scales = [matrix.scales.cpu().numpy().astype("<f2") for matrix in quantized.values()]
    rest = [_shuffle(np.concatenate(scales)) if scales else b"", *map(_plain_bytes, plain.values())]
    last = _compress(b"".join(rest), quality)
    header = {
        "quantized": [[name, *matrix.codes.shape, matrix.bits] for name, matrix in quantized.items()],
        "plain": [[name, _stored_as(name, tensor), list(tensor.shape)] for name, tensor in plain.items()],
        "packed": [len(stream) for stream in (*streams, last)],
    }
    packed = _compress(json.dumps(header, separators=(",", ":")).encode(), 11)
    body = b"".join([packed, *streams, last])
    return MAGIC + _LENGTH_CRC.pack(len(packed), zlib.crc32(body)) + body


def unpack(blob: bytes) -> dict[str, Tensor]:
    """A state_dict on the CPU: quantized matrices as float32, plain tensors as they were stored.

    Bit-identical on every platform. Safe on bytes from anywhere: raises ArtifactError for whatever :func:`pack` does
    not write.
    """
    matrices, plain = read(blob)
    return {**{name: matrix.dequantize() for name, matrix in matrices.items()}, **plain}


def read(blob: bytes) -> tuple[dict[str, Quantized], dict[str, Tensor]]:
    """What :func:`pack` was given, but for the matrices' errors, which are not stored (NaN)."""
    header, streams = _split(blob)
    shapes = [(name, rows, columns, bits) for name, rows, columns, bits in header["quantized"]]
    rest = memoryview(_inflate(streams[-1], _last_size(header)))
    scales = _unshuffle(rest, sum(rows for _, rows, _, _ in shapes), "<f2")
    used = scales.nbytes
    matrices: dict[str, Quantized] = {}
    first = 0
    for (name, rows, columns, bits), stream in zip(shapes, streams[:-1], strict=True):
        codes = np.frombuffer(_inflate(stream, rows * columns), dtype=np.int8).reshape(rows, columns)
        if codes.size and not -(2 ** (bits - 1)) < int(codes.min()) <= int(codes.max()) < 2 ** (bits - 1):
            raise ArtifactError(f"{name} has codes that {bits} bits don't hold")
        own = scales[first : first + rows]
        matrices[name] = Quantized(torch.from_numpy(codes.copy()), torch.from_numpy(own.copy()), bits, math.nan)
        first += rows
    plain: dict[str, Tensor] = {}
    for name, kind, shape in header["plain"]:
        count = math.prod(shape)
        array = _unshuffle(rest[used:], count, "<i2" if kind == "bfloat16" else kind)
        used += array.nbytes
        tensor = torch.from_numpy(array.copy())
        plain[name] = (tensor.view(torch.bfloat16) if kind == "bfloat16" else tensor).reshape(shape)
    return matrices, plain


def _split(blob: bytes) -> tuple[dict[str, list[list]], list[bytes]]:  # type: ignore[type-arg]
    """The checked header and the packed streams."""
    at = len(MAGIC) + _LENGTH_CRC.size
    if blob[: len(MAGIC)] != MAGIC or len(blob) < at:
        raise ArtifactError("this does not begin as an artifact of this format does")
    length, checksum = _LENGTH_CRC.unpack_from(blob, len(MAGIC))
    if zlib.crc32(memoryview(blob)[at:]) != checksum:
        raise ArtifactError("the artifact is damaged or cut short: its checksum differs")
    end = at + length
    try:
        header = json.loads(_inflate(blob[at:end], None))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"the artifact's header is not readable: {error}") from None
    if not _is_header(header):
        raise ArtifactError("the artifact's header does not say what it should")
    sizes = header["packed"]
    if end + sum(sizes) != len(blob):
        raise ArtifactError(f"the artifact has {len(blob):,} bytes where its header says {end + sum(sizes):,}")
    total = _last_size(header) + sum(rows * columns for _, rows, columns, _ in header["quantized"])
    if total > MOST_UNPACKED:
        raise ArtifactError(f"the artifact would unpack to {total:,} bytes")
    starts = [end + sum(sizes[:index]) for index in range(len(sizes))]
    return header, [blob[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _is_header(header: object) -> bool:
    if not isinstance(header, dict):
        return False
    quantized, plain, packed = (header.get(name) for name in ("quantized", "plain", "packed"))
    if not (isinstance(quantized, list) and isinstance(plain, list) and isinstance(packed, list)):
        return False
    if not all(isinstance(entry, list) and len(entry) == 4 and _are_counts(entry[1:]) for entry in quantized):
        return False
    if not all(isinstance(entry, list) and len(entry) == 3 and isinstance(entry[2], list) and _are_counts(entry[2])
               and isinstance(entry[1], str) and entry[1] in _DTYPES for entry in plain):
        return False
    names = [entry[0] for entry in (*quantized, *plain)]
    return (all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
            and all(2 <= entry[3] <= 8 for entry in quantized)
            and _are_counts(packed) and len(packed) == len(quantized) + 1)


def _are_counts(values: list[object]) -> bool:
    return all(type(value) is int and 0 <= value <= MOST_UNPACKED for value in values)


def _last_size(header: Mapping[str, list[list]]) -> int:  # type: ignore[type-arg]
    scales = 2 * sum(rows for _, rows, _, _ in header["quantized"])
    return int(scales + sum(_DTYPES[kind].itemsize * math.prod(shape) for _, kind, shape in header["plain"]))


def _stored_as(name: str, tensor: Tensor) -> str:
    if tensor.dtype not in _NAMES:
        raise ValueError(f"{name} is {tensor.dtype}, which the artifact can't hold")
    return _NAMES[tensor.dtype]


def _plain_bytes(tensor: Tensor) -> bytes:
    tensor = tensor.detach().cpu().contiguous()
    array = (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return _shuffle(array.astype(array.dtype.newbyteorder("<")))


def _shuffle(array: NDArray[np.generic]) -> bytes:
    """All first bytes, then all second bytes, ..."""
    return np.frombuffer(array.tobytes(), dtype=np.uint8).reshape(-1, array.itemsize).T.tobytes()


def _unshuffle(data: memoryview, count: int, kind: str) -> NDArray[np.generic]:
    """``count`` numbers of a little-endian type from the beginning of ``data``, in the platform's own byte order."""
    dtype = np.dtype(kind)
    planes = np.frombuffer(data[: count * dtype.itemsize], dtype=np.uint8).reshape(dtype.itemsize, count)
    return np.frombuffer(planes.T.tobytes(), dtype=dtype).astype(dtype.newbyteorder("="))


def _compress(data: bytes, quality: int) -> bytes:
    """With the smallest window that holds all of it (to 16 bytes): a larger one only costs time."""
    window = min(max((max(len(data), 1) - 1).bit_length(), 10), 24)
    packed: bytes = brotli.compress(data, quality=quality, lgwin=window)
    return packed


def _inflate(data: bytes, size: int | None) -> bytes:
    """Decompresses to exactly ``size`` bytes (None: any number that a header may have), never to many more."""
    most = _MOST_HEADER if size is None else size
    machine = brotli.Decompressor()
    parts: list[bytes] = []
    have = 0
    try:
        while not machine.is_finished() and have <= most:
            parts.append(machine.process(b"" if parts else data, output_buffer_limit=1 << 20))
            have += len(parts[-1])
            if not parts[-1] and not machine.is_finished():
                raise ArtifactError("a stream of the artifact ends too early")
    except brotli.error as error:
        raise ArtifactError(f"a stream of the artifact is damaged: {error}") from None
    if have > most or (size is not None and have != size):
        raise ArtifactError(f"a stream of the artifact holds {'over ' * (have > most)}{have:,} bytes, not {most:,}")
    return b"".join(parts)
