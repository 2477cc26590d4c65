"""How much of a submission is read: limits that keep hostile or careless input from exhausting the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.submission.model import SubmissionFile

MEBIBYTE = 1 << 20

# Files that no step of the audit looks into: they are weighed and hashed only.
WEIGHT_SUFFIXES = (".pt", ".pth", ".ptz", ".bin", ".safetensors", ".npz", ".npy", ".ckpt", ".zip", ".gz", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits in bytes, and in files, directories and directory levels of one record folder.

    `file_bytes` is the most that is read of one file, `weight_bytes` the most that is kept of a file whose
    name says that it holds weights, `total_bytes` the most that is kept of one folder.
    """

    file_bytes: int = 256 * MEBIBYTE
    weight_bytes: int = 64 * MEBIBYTE
    total_bytes: int = 1024 * MEBIBYTE
    files: int = 5000
    directories: int = 5000
    depth: int = 24


DEFAULT_BOUNDS = Bounds()


class Budget:
    """What may still be read of one folder; the two readers (disk, git objects) share its decisions."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._left = bounds.total_bytes

    def refuses(self, size: int) -> str | None:
        """Why a file of `size` bytes is not read at all, or None."""
        if size > self.bounds.file_bytes:
            return f"larger than {self.bounds.file_bytes:,} bytes: not read"
        return None

    def keeps(self, path: str, size: int) -> bool:
        """Whether the content is kept (True) or only hashed."""
        if size > self._left:
            return False
        return size <= self.bounds.weight_bytes or not path.lower().endswith(WEIGHT_SUFFIXES)

    def file(self, path: str, size: int, chunks: Iterator[bytes]) -> SubmissionFile:
        """The file made of `chunks`, kept or only hashed; `size` is the announced size in bytes."""
        if self.keeps(path, size):
            data = b"".join(chunks)
            self._left -= len(data)
            return SubmissionFile(path, len(data), data)
        digest = hashlib.sha256()
        total = 0
        for chunk in chunks:
            digest.update(chunk)
            total += len(chunk)
        return SubmissionFile(path, total, None, f"{total:,} bytes: hashed, content not kept", digest.hexdigest())


def printable(name: bytes) -> str:
    """A file name of unknown encoding as text that can be encoded again (no surrogates); never raises."""
    return name.decode("utf-8", errors="backslashreplace")


def unsafe_name(name: bytes) -> bool:
    """Whether a tree entry's name would leave its directory or reach into git's own files."""
    return name in (b"", b".", b"..") or b"/" in name or b"\0" in name or name.lower() == b".git"
