"""Folders of our own in the system's temporary folder, and sweeping up those whose owner is gone.

A folder in use is locked by its owner, and the lock goes with the owner however it ends: a folder that can be locked
by another is left over. Where folders cannot be locked (Windows) none is swept.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

if sys.platform != "win32":
    import fcntl

PREFIX = "golf-audit-"
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Scratch:
    """A new empty folder, `path`, that is gone at the end, or swept by a later `sweep`. A context manager."""

    def __init__(self, purpose: str) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-"))
            self._lock = _locked(self.path, wait=True)
            if self._lock is not None or sys.platform == "win32":  # otherwise a sweep was faster
                return

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Raises nothing: what cannot be removed now is left for the next sweep."""
        _remove(self.path, self._lock)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def sweep() -> int:
    """Remove the folders of this user whose owners are gone; how many those were."""
    swept = 0
    if sys.platform == "win32":
        return swept
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if not entry.name.startswith(PREFIX) or not _mine(entry):
                continue
            lock = _locked(Path(entry.path), wait=False)
            if lock is not None:
                _remove(Path(entry.path), lock)
                os.close(lock)
                swept += 1
    return swept


def _mine(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        found = entry.stat(follow_symlinks=False)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False


def _locked(path: Path, *, wait: bool) -> int | None:
    """A descriptor that holds the folder's lock; None where another has it, and where the folder is gone."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | _DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        here, there = os.fstat(descriptor), os.lstat(path)
    except OSError:
        os.close(descriptor)
        return None
    if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
        os.close(descriptor)
        return None
    return descriptor


def _remove(path: Path, descriptor: int | None) -> None:
    if descriptor is None:
        import shutil

        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        empty(descriptor)
        os.rmdir(path)


def empty(folder: int) -> None:
    """Remove everything below an open folder, never through a link, whatever the names and modes there.

    Folders are brought up to the top one by one, so depth does not matter.
    """
    serial = 0
    while names := os.listdir(folder):
        for name in names:
            if not _is_folder(name, folder):
                os.unlink(name, dir_fd=folder)
                continue
            os.chmod(name, 0o700, dir_fd=folder)
            inner = os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=folder)
            try:
                for below in os.listdir(inner):
                    if not _is_folder(below, inner):
                        os.unlink(below, dir_fd=inner)
                        continue
                    os.chmod(below, 0o700, dir_fd=inner)
                    serial += 1
                    token = f"{os.urandom(8).hex()}-{serial}"
                    os.rename(below, token, src_dir_fd=inner, dst_dir_fd=folder)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
