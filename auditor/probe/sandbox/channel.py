"""Frames from a run to the parent, over a pipe, each with a number and a code that shows where it comes from.

The key is made for one call and is held by the channel object alone. So bytes that a submission writes to the pipe,
a frame that it repeats, drops or takes out of the pipe, and a pipe that it closes are all noticed. What this can't
show: code in the same process can search memory for the key or call the channel object itself. A submission made to
deceive this very program could send frames of its own; nothing in one process can prevent that.
"""

from __future__ import annotations

import hmac
import mmap
import os
import struct
import threading
from hashlib import blake2b

_HEAD = struct.Struct(">IQB")  # length of the payload, number of the frame, kind
_COUNTER = struct.Struct("<Q")
_CODE_BYTES = 16
_FRAME, _RETURNED, _RAISED, _STANDS, _LEFT = range(5)
_END = struct.Struct("<idd")  # of a fork: its wait status, seconds of processor time of it and of what it left
KEY_BYTES = 32


class Channel:
    """The end in the run. A fork of the run may send as well, one process at a time: they share the numbering."""

    __slots__ = ("_code", "_descriptor", "_lock", "_number", "_pipe")

    def __init__(self, descriptor: int, key: bytes) -> None:
        keyed = blake2b(key=key, digest_size=_CODE_BYTES)
        self._descriptor, self._code = descriptor, keyed.copy
        self._number = mmap.mmap(-1, _COUNTER.size)  # shared with forks
        self._pipe = _identity(descriptor)
        self._lock = threading.Lock()

    def send(self, frame: bytes) -> None:
        """Blocks while the parent is behind. OSError where the pipe has been closed or another file has its number."""
        self._write(_FRAME, frame)

    def returned(self) -> None:
        self._write(_RETURNED, b"")

    def raised(self, reason: str) -> None:
        self._write(_RAISED, reason.encode(errors="replace")[:4000])

    def stands(self) -> None:
        """This process waits for orders."""
        self._write(_STANDS, b"")

    def left(self, status: int, cpu: float, own: float) -> None:
        """A fork of this process has ended."""
        self._write(_LEFT, _END.pack(status, cpu, own))

    def _write(self, kind: int, payload: bytes) -> None:
        with self._lock:
            if _identity(self._descriptor) != self._pipe:
                raise OSError("the results' pipe is another file now")
            (number,) = _COUNTER.unpack_from(self._number)
            head = _HEAD.pack(len(payload), number, kind)
            code = self._code()
            code.update(head)
            code.update(payload)
            _COUNTER.pack_into(self._number, 0, number + 1)
            rest = memoryview(head + code.digest() + payload)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


class Frames:
    """The end in the parent: takes bytes as they come, gives checked frames. Never raises over what it is fed."""

    def __init__(self, key: bytes, most_bytes: int) -> None:
        self._key, self._most = key, most_bytes
        self._pending = bytearray()
        self._number = 0
        self.received = 0  # bytes
        self.frames: list[bytes] = []
        self.last: tuple[str, str] | None = None  # status and reason, once the run said how it ended
        self.stands = False  # the process waits for orders
        self.left: tuple[int, float, float] | None = None  # as `Channel.left` was told, once a fork has ended
        self.tampered = ""
        self.too_much = False

    def turn(self) -> None:
        """What comes now is of another fork."""
        self.frames, self.last, self.left, self.received = [], None, None, 0

    def feed(self, data: bytes) -> None:
        self.received += len(data)
        self.too_much = self.too_much or self.received > self._most
        if self.tampered or self.too_much:
            return
        self._pending += data
        start = 0
        while not self.tampered and len(self._pending) - start >= _HEAD.size + _CODE_BYTES:
            used = self._take(start)
            if not used:
                break
            start += used
        del self._pending[:start]

    def finish(self) -> None:
        """A run that left by itself has written its last: half a frame is noticed."""
        if self._pending and not self.tampered:
            self.tampered = "the results end within a frame"

    def _take(self, start: int) -> int:
        """Bytes of the frame that begins there, 0 where it is not all there."""
        length, number, kind = _HEAD.unpack_from(self._pending, start)
        if number != self._number or kind > _LEFT:
            self.tampered = f"bytes that the channel did not write, after frame {self._number}"
            return 0
        self.too_much = length > self._most
        body = start + _HEAD.size
        end = body + _CODE_BYTES + length
        if len(self._pending) < end:
            return 0
        payload = bytes(self._pending[body + _CODE_BYTES : end])
        code = blake2b(self._pending[start:body], key=self._key, digest_size=_CODE_BYTES)
        code.update(payload)
        if not hmac.compare_digest(code.digest(), self._pending[body : body + _CODE_BYTES]):
            self.tampered = f"bytes that the channel did not write, after frame {self._number}"
        elif kind == _LEFT and len(payload) == _END.size and self.stands and self.left is None:
            self.left = _END.unpack(payload)
        elif self.last is not None or self.left is not None:
            self.tampered = "a frame after the last one"
        elif kind >= _STANDS:
            self.tampered = "" if kind == _STANDS and not self.stands else "a message out of its turn"
            self.stands = True
        elif kind == _FRAME:
            self.frames.append(payload)
        else:
            self.last = ("ended" if kind == _RETURNED else "raised", payload.decode(errors="replace"))
        self._number += 1
        return int(end) - start
