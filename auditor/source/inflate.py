"""Decompression of untrusted bytes: streaming, so that a bomb costs no more than the bound it hits."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes that one payload may decompress to; a script is some 100 kB, a 16 MB artifact could hold a script that long."""

MAX_RATIO = 1_000
"""Times its compressed size that a payload of more than a megabyte may have: source text reaches about 10."""

MAX_WINDOW = 128 * 1024 * 1024
"""Bytes of dictionary or window that a decompressor may allocate."""


class InflateError(Exception):
    """Not decompressible, or beyond the bounds; the message is a phrase."""


def check_bounds(compressed: int, decompressed: int) -> None:
    if decompressed > MAX_OUTPUT:
        raise InflateError(f"decompresses to more than {MAX_OUTPUT:,} bytes")
    if decompressed > 1_000_000 and decompressed > MAX_RATIO * compressed:
        raise InflateError(f"decompresses to more than {MAX_RATIO:,} times its size")


def inflate_lzma(
    data: bytes,
    format: int = lzma.FORMAT_AUTO,
    memlimit: int | None = None,
    filters: Sequence[Mapping[str, Any]] | None = None,
) -> bytes:
    """`lzma.decompress` within the bounds: xz, lzma-alone, raw with filters; streams may be concatenated."""
    for item in filters or ():
        if int(item.get("dict_size", 0)) > MAX_WINDOW:
            raise InflateError("asks for a dictionary larger than is allocated")
    limit = None if format == lzma.FORMAT_RAW else 2 * MAX_WINDOW
    chain = None if filters is None else [dict(item) for item in filters]

    def step(rest: bytes) -> tuple[bytes, bytes, bool]:
        machine = lzma.LZMADecompressor(format, limit, chain)
        out = machine.decompress(rest, MAX_OUTPUT + 1)
        # A raw stream has no end mark that the format requires: what came out is what there is.
        return out, machine.unused_data, machine.eof or format == lzma.FORMAT_RAW

    return _streams(data, step)


def inflate_zlib(data: bytes, wbits: int = 15) -> bytes:
    """`zlib.decompress` within the bounds; negative wbits: raw deflate, 31: gzip members, 47: either."""

    def step(rest: bytes) -> tuple[bytes, bytes, bool]:
        machine = zlib.decompressobj(wbits)
        out = machine.decompress(rest, MAX_OUTPUT + 1)
        return out, machine.unused_data if wbits > 15 else b"", machine.eof

    return _streams(data, step)


def inflate_gzip(data: bytes) -> bytes:
    return inflate_zlib(data, 31)


def inflate_bz2(data: bytes) -> bytes:
    def step(rest: bytes) -> tuple[bytes, bytes, bool]:
        machine = bz2.BZ2Decompressor()
        return machine.decompress(rest, MAX_OUTPUT + 1), machine.unused_data, machine.eof

    return _streams(data, step)


def inflate_brotli(data: bytes) -> bytes:
    import brotli

    machine = brotli.Decompressor()
    out: list[bytes] = [machine.process(data, output_buffer_limit=1 << 20)]
    size = len(out[0])
    while not machine.is_finished():
        check_bounds(len(data), size)
        piece = machine.process(b"", output_buffer_limit=1 << 20)
        if not piece:
            raise InflateError("ends before the stream does")
        out.append(piece)
        size += len(piece)
    check_bounds(len(data), size)
    return b"".join(out)


def inflate_zstd(data: bytes) -> bytes:
    import zstandard

    machine = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    with machine.stream_reader(data, read_across_frames=True) as reader:
        out = bytes(reader.read(MAX_OUTPUT + 1))
    check_bounds(len(data), len(out))
    return out


def _streams(data: bytes, step: Callable[[bytes], tuple[bytes, bytes, bool]]) -> bytes:
    """All concatenated streams of `data`; what follows the first stream and is none itself is ignored."""
    out: list[bytes] = []
    size = 0
    rest = data
    while True:
        try:
            piece, rest, complete = step(rest)
        except (lzma.LZMAError, zlib.error, OSError, ValueError, MemoryError) as error:
            if out:
                break
            raise InflateError(f"does not decompress: {error}") from None
        out.append(piece)
        size += len(piece)
        check_bounds(len(data), size)
        if not complete:
            raise InflateError("ends before the stream does")
        if not rest or len(out) > 1000:
            break
    return b"".join(out)
