"""The scratch folder as it was at one moment, made again for each fork. All by descriptors, never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from auditor.limits.scratch import empty

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_BYTES, _MOST_FILES = 64 << 20, 2_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file, or a folder where `content` is None. `times`: of the last access and change, in nanoseconds."""

    mode: int
    times: tuple[int, int]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Files:
    """By path, folders before what lies in them."""

    entries: Mapping[str, _Entry] = field(default_factory=dict)

    def untouched(self, path: str) -> bool:
        """Whether nobody has read the file: the stage made its two times one, and reading moves the first."""
        entry = self.entries.get(path)
        return entry is not None and entry.content is not None and entry.times[0] == entry.times[1]

    def put(self, folder: int, changed: Mapping[str, bytes]) -> None:
        """The folder holds these files and nothing else, with other content where `changed` has one."""
        empty(folder)
        for path, entry in self.entries.items():
            if entry.content is None:
                os.mkdir(path, 0o700, dir_fd=folder)
            else:
                _write(folder, path, changed.get(path, entry.content), os.O_CREAT | os.O_EXCL)
        for path, entry in reversed(list(self.entries.items())):
            os.chmod(path, entry.mode, dir_fd=folder)
            os.utime(path, ns=entry.times, dir_fd=folder, follow_symlinks=False)
        plain(folder)


def taken(folder: int) -> Files:
    """Raises ValueError where it holds what can't be made again: links, devices, much."""
    found: dict[str, _Entry] = {}
    waiting, size = ["."], 0
    while waiting:
        where = waiting.pop()
        descriptor = os.open(where, _FOLDER, dir_fd=folder)
        try:
            for name in sorted(os.listdir(descriptor)):
                path = name if where == "." else f"{where}/{name}"
                entry = _entry(descriptor, name)
                size += len(entry.content or b"")
                if size > _MOST_BYTES or len(found) >= _MOST_FILES:
                    raise ValueError("it has made many files")
                found[path] = entry
                waiting += [path] if entry.content is None else []
        finally:
            os.close(descriptor)
    return Files(dict(sorted(found.items(), key=lambda item: item[0].count("/"))))


def _entry(folder: int, name: str) -> _Entry:
    held = os.stat(name, dir_fd=folder, follow_symlinks=False)
    mode, times = stat.S_IMODE(held.st_mode), (held.st_atime_ns, held.st_mtime_ns)
    if stat.S_ISDIR(held.st_mode):
        return _Entry(mode, times, None)
    if not stat.S_ISREG(held.st_mode) or held.st_nlink != 1 or held.st_size > _MOST_BYTES:
        raise ValueError("it has made links or large files")
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb") as file:
        return _Entry(mode, times, file.read(_MOST_BYTES + 1))


def overwrite(folder: int, path: str, content: bytes) -> None:
    """The same file with other content. Raises ValueError where there is none."""
    try:
        _write(folder, path, content, os.O_TRUNC)
    except OSError as error:
        raise ValueError(f"a file is no longer where it was ({error.strerror})") from error


def _write(folder: int, path: str, content: bytes, how: int) -> None:
    where, _, name = path.rpartition("/")
    inner = os.open(where or ".", _FOLDER, dir_fd=folder)
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o600, dir_fd=inner)
        with open(descriptor, "wb") as file:
            file.write(content)
    finally:
        os.close(inner)


def plain(folder: int) -> None:
    """The folder itself says nothing: whoever had it before could have left word in its times, mode and attributes."""
    with suppress(OSError):
        for name in os.listxattr(folder):
            os.removexattr(folder, name)
    os.fchmod(folder, 0o700)
    os.utime(folder, ns=(0, 0))
