"""Tokenizer files of a submission, read as data: SentencePiece models, TokenMonster vocabularies, tables in .npz.

Everything is bounded and nothing is unpickled. A file that is not understood gives None.
"""

from __future__ import annotations

import ast
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

_MAX_MEMBER = 4_000_000  # bytes of an array that is read
_MAX_PIECES = 1_000_000
# TokenMonster: after the token's length and bytes come flags, word count, two alternatives and an index (3 bytes
# each) and a score.
MONSTER_TAIL = 1 + 1 + 3 + 3 + 3 + 4
_MONSTER_HEADER = range(8, 64)
_INTEGERS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}


def side_table(data: bytes, name: str) -> tuple[tuple[int, ...] | None, str]:
    """The one-dimensional integer array `name` of an .npz file, or None and why not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(f"{name}.npy")
            if info.file_size > _MAX_MEMBER:
                return None, f"array '{name}' is larger than {_MAX_MEMBER} bytes"
            with archive.open(info) as member:
                return _array(member.read(_MAX_MEMBER))
    except KeyError:
        return None, f"no array '{name}'"
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        return None, f"not a readable .npz file ({type(error).__name__})"


def _array(raw: bytes) -> tuple[tuple[int, ...] | None, str]:
    """The numbers of a .npy file (format versions 1 to 3)."""
    if raw[:6] != b"\x93NUMPY" or len(raw) < 12:
        return None, "not a .npy array"
    width, at = (2, 10) if raw[6] == 1 else (4, 12)
    length = int.from_bytes(raw[8 : 8 + width], "little")
    try:
        header = ast.literal_eval(raw[at : at + min(length, 4096)].decode("latin-1").strip())
        kind, shape = header["descr"], header["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        return None, "the array's header is not understood"
    code = _INTEGERS.get(str(kind)[1:])
    if code is None or str(kind)[0] not in "<|" or not isinstance(shape, tuple) or len(shape) != 1:
        return None, f"an array of type {kind!r} and shape {shape!r} is no table of bytes per token"
    body = raw[at + length :]
    size = struct.calcsize("<" + code)
    if not isinstance(shape[0], int) or shape[0] * size != len(body):
        return None, "the array's size does not fit its header"
    return struct.unpack(f"<{shape[0]}{code}", body), ""


def token_lengths(data: bytes) -> tuple[int, ...] | None:
    """Bytes of each token of a TokenMonster vocabulary, in the order of the file; None for another format."""
    best: tuple[int, ...] | None = None
    for start in _MONSTER_HEADER:
        lengths = _walk(data, start)
        if lengths is not None and (best is None or len(lengths) > len(best)):
            best = lengths
    return best


def _walk(data: bytes, start: int) -> tuple[int, ...] | None:
    """Follow the records from `start`. The vocabulary's size stands in the header, in three bytes: they must agree."""
    sizes = {int.from_bytes(data[i : i + 3], "little") for i in range(2, start - 2)}
    lengths: list[int] = []
    at = start
    while at < len(data) and len(lengths) < _MAX_PIECES:
        length = data[at]
        if length == 0 or at + 1 + length + MONSTER_TAIL > len(data):
            break
        lengths.append(length)
        at += 1 + length + MONSTER_TAIL
    return tuple(lengths) if len(lengths) > 1 and len(lengths) in sizes else None


def pieces(data: bytes) -> tuple[tuple[str, int], ...] | None:
    """(text, type) of every piece of a SentencePiece model, None where the bytes are none.

    ModelProto: field 1 is a repeated message with the text in field 1, the type in field 3 (default NORMAL).
    """
    found: list[tuple[str, int]] = []
    try:
        for number, value in _fields(data):
            if number != 1 or not isinstance(value, bytes):
                continue
            text, kind = "", NORMAL
            for inner, content in _fields(value):
                if inner == 1 and isinstance(content, bytes):
                    text = content.decode("utf-8", errors="replace")
                elif inner == 3 and isinstance(content, int):
                    kind = content
            found.append((text, kind))
            if len(found) > _MAX_PIECES:
                return None
    except ValueError:
        return None
    return tuple(found) if len(found) > 1 else None


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(field number, value) of a protobuf message; ValueError where it is none."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError("not a protobuf message")
        if at + size > len(data):
            raise ValueError("a field runs past the end")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not a number")
