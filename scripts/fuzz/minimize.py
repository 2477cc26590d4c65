"""The smallest files that still fail in the same way: files are left out, then runs of lines, then characters."""

from __future__ import annotations

import time
from collections.abc import Callable

Files = dict[str, bytes]


def minimized(files: Files, fails: Callable[[Files], bool], *, seconds: float = 60.0) -> Files:
    """What is left of `files` when nothing more can go, or the time is over; `fails(files)` holds for it."""
    deadline = time.monotonic() + seconds
    for path in sorted(files):
        without = {name: data for name, data in files.items() if name != path}
        if without and time.monotonic() < deadline and fails(without):
            files = without
    for path in sorted(files):
        for separator in (b"\n", b""):
            pieces = files[path].split(separator) if separator else [bytes([byte]) for byte in files[path]]
            if not separator and len(pieces) > 2000:
                continue
            others = dict(files)

            def still(left: list[bytes], others: Files = others, path: str = path, by: bytes = separator) -> bool:
                return fails({**others, path: by.join(left)})

            kept = _fewest(pieces, still, deadline)
            files = {**files, path: separator.join(kept)}
    return files


def _fewest(pieces: list[bytes], fails: Callable[[list[bytes]], bool], deadline: float) -> list[bytes]:
    """Runs of pieces are left out, half of them first, ever shorter ones later."""
    length = max(1, len(pieces) // 2)
    while True:
        at = 0
        while at < len(pieces):
            left = pieces[:at] + pieces[at + length :]
            if time.monotonic() > deadline:
                return pieces
            if fails(left):
                pieces = left
            else:
                at += length
        if length == 1:
            return pieces
        length //= 2
