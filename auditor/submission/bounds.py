"""How much of a submission is read: limits that keep hostile or careless input from exhausting the machine."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.submission.model import NOT_KEPT, SubmissionFile

MEBIBYTE = 1 << 20

# Files that no step of the audit looks into: they are weighed and hashed only.
WEIGHT_SUFFIXES = (".pt", ".pth", ".ptz", ".bin", ".safetensors", ".npz", ".npy", ".ckpt", ".zip", ".gz", ".xz", ".zst")


# Without symbolic links git writes a link's target into a file of its name.
LINKED = (".py", ".json", ".md", ".sh", ".log", ".txt")


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
            return stand_in(path, data) or SubmissionFile(path, len(data), data)
        digest = hashlib.sha256()
        total = 0
        for chunk in chunks:
            digest.update(chunk)
            total += len(chunk)
        return SubmissionFile(path, total, None, f"{total:,} bytes: {NOT_KEPT}", digest.hexdigest())


# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = re.compile(
    rb"(?:\xef\xbb\xbf)?version https://(?:git-lfs|hawser)\.github\.com/spec/v\d\r?\n"
    rb"(?:[a-z0-9.-]{1,40} [^\n]{1,200}(?:\n|$)){1,8}\s{0,4}"
)
_POINTER_SIZE = re.compile(rb"\nsize (\d{1,15})(?:\s|$)")
_POINTER_DIGEST = re.compile(rb"\noid sha256:([0-9a-f]{64})\s")
_LINK = re.compile(rb"(?:\.{0,2}/)?(?:[\w.-]{1,100}/){1,20}[\w.-]{1,100}\.\w{1,8}\n?")


def stand_in(path: str, data: bytes) -> SubmissionFile | None:
    """What stands for a file whose content is elsewhere: a pointer of Git LFS, a link stored as its target's path."""
    if _POINTER.fullmatch(data):
        size, digest = _POINTER_SIZE.search(data), _POINTER_DIGEST.search(data)
        problem = "a Git LFS pointer, its content is not here (git lfs pull)"
        return SubmissionFile(
            path, int(size[1]) if size else None, None, problem, digest[1].decode() if digest else None
        )
    if len(data) < 300 and path.endswith(LINKED) and _LINK.fullmatch(data):
        return SubmissionFile(
            path, None, None, f"a symbolic link to {printable(data.strip())}, stored as a text: refused"
        )
    return None


def printable(name: bytes) -> str:
    """A file name of unknown encoding as text that can be encoded again (no surrogates); never raises."""
    return name.decode("utf-8", errors="backslashreplace")


def unsafe_name(name: bytes) -> bool:
    """Whether a tree entry's name would leave its directory or reach into git's own files."""
    return name in (b"", b".", b"..") or b"/" in name or b"\0" in name or name.lower() == b".git"
