"""Minimal tokenizer files: a SentencePiece model, a TokenMonster vocabulary, a table of bytes per token."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence

from auditor.program.bytes.tokenizers import MONSTER_TAIL


def vocabulary(tokens: Sequence[bytes]) -> bytes:
    """A minimal TokenMonster vocabulary."""
    header = b"\x02\x01\x01\x01" + len(tokens).to_bytes(3, "little") + bytes(2)
    return header + b"".join(bytes([len(t)]) + t + bytes(MONSTER_TAIL) for t in tokens)


def token_bytes(base_bytes: Sequence[int]) -> bytes:
    """A minimal .npz file with the array `base_bytes`."""
    header = f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({len(base_bytes)},), }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    array += struct.pack(f"<{len(base_bytes)}h", *base_bytes)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("base_bytes.npy"), array)
    return buffer.getvalue()


def model(entries: Sequence[tuple[str, int]]) -> bytes:
    """A minimal SentencePiece model."""
    out = b""
    for text, kind in entries:
        raw = text.encode("utf-8")
        inner = b"\x0a" + bytes([len(raw)]) + raw + b"\x18" + bytes([kind])
        out += b"\x0a" + bytes([len(inner)]) + inner
    return out
