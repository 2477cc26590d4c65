"""The frames in which recordings leave the child: a JSON header and raw arrays, read without trusting the sender.

`struct "<I"` length of the header, the header (UTF-8 JSON: `{"kind": ..., "data": ..., "arrays": [[name, dtype,
count], ...]}`), then the arrays, little-endian, in that order. Nothing is unpickled, and a frame that lies about its
lengths is refused.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_BYTES = 8 * 1024 * 1024
"""Of one frame at most."""

ATTRIBUTE, SCORE, EMBEDDED = ".", "=", "~"
"""Before a name that "holders" tells of: an attribute of that name holds the stream; that name holds a score or a sum
of some; it holds a part of the stream that a model looks up. Other names hold the stream themselves."""
_ARRAYS = 16  # of one frame at most
_DTYPES = {"<i4", "<i8", "<f8", "<f4", "|u1"}


@dataclass(frozen=True, slots=True)
class Frame:
    kind: str
    data: Any
    arrays: Mapping[str, NDArray[Any]]


def pack(kind: str, data: Any = None, arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    arrays = {name: np.ascontiguousarray(values) for name, values in (arrays or {}).items()}
    described = [[name, values.dtype.str, values.size] for name, values in arrays.items()]
    header = json.dumps({"kind": kind, "data": data, "arrays": described}).encode()
    return b"".join([struct.pack("<I", len(header)), header, *(values.tobytes() for values in arrays.values())])


def unpack(frame: bytes) -> Frame:
    """Raises ValueError for what `pack` would not have made."""
    if len(frame) > FRAME_BYTES + 65536:
        raise ValueError("a frame of the recording is too large")
    try:
        (length,) = struct.unpack_from("<I", frame)
        if length > len(frame) - 4:
            raise ValueError("a frame of the recording is shorter than its header")
        header = json.loads(frame[4 : 4 + length])
        kind, data, described = header["kind"], header["data"], header["arrays"]
        if not isinstance(described, list) or len(described) > _ARRAYS:
            raise ValueError("a frame of the recording holds too many arrays")
        arrays: dict[str, NDArray[Any]] = {}
        offset = 4 + length
        for name, dtype, count in described:
            if dtype not in _DTYPES or type(count) is not int or not 0 <= count <= len(frame):
                raise ValueError("a frame of the recording holds an unknown array")
            # One without elements would be taken for all that is left.
            arrays[str(name)] = (
                np.frombuffer(frame, dtype=dtype, count=count, offset=offset) if count else np.zeros(0, dtype=dtype)
            )
            offset += arrays[str(name)].nbytes
    except (struct.error, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("a frame of the recording cannot be read") from error
    if offset != len(frame) or not isinstance(kind, str):
        raise ValueError("a frame of the recording has the wrong length")
    return Frame(kind, data, arrays)
