"""Compressors at their quickest setting: how well the small model packs is of no account, and the best take seconds."""

from __future__ import annotations

import functools
import lzma
import zlib
from typing import Any


def install() -> None:
    """Caps the levels of what compresses; what reads stays as it is."""
    _zlib_and_lzma()
    _brotli()
    _zstandard()


def _zlib_and_lzma() -> None:
    deflate, pack = zlib.compress, lzma.compress

    @functools.wraps(deflate)
    def quick(data: Any, /, level: int = -1, wbits: int = 15) -> bytes:
        return deflate(data, 1, wbits)

    @functools.wraps(pack)
    def quick_lzma(
        data: Any, format: int = lzma.FORMAT_XZ, check: int = -1, preset: int | None = None, filters: Any = None
    ) -> bytes:
        if filters is None:
            return pack(data, format, check, 0)
        return pack(data, format, check, None, filters)

    zlib.compress = quick
    lzma.compress = quick_lzma


def _brotli() -> None:
    try:
        import brotli
    except ImportError:
        return
    compress = brotli.compress

    @functools.wraps(compress)
    def quick(string: bytes, *args: Any, **options: Any) -> bytes:
        result: bytes = compress(string, quality=1)
        return result

    brotli.compress = quick


def _zstandard() -> None:
    try:
        import zstandard as module
    except ImportError:
        return
    zstandard: Any = module
    compressor = zstandard.ZstdCompressor

    def quick(level: int = 3, *args: Any, **options: Any) -> Any:
        return compressor(1) if not options else compressor(level=1, **options)

    zstandard.ZstdCompressor = quick
