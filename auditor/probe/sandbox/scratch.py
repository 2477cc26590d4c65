"""The scratch folder: how much lies in it, and emptying it whatever a run left there.

All by descriptors, never by path and never through a link: names, depth and modes are the run's choice.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
UNCOUNTABLE = 1 << 62


def measure(folder: int, most_files: int) -> tuple[int, int]:
    """(files, bytes on the disk) below the folder. Stops counting above `most_files`.

    What can't be looked into (too deep, or its mode forbids it) counts as too much: it would hide the rest.
    """
    files = used = 0
    waiting = ["."]
    while waiting and files <= most_files:
        path = waiting.pop()
        try:
            descriptor = os.open(path, _DIRECTORY, dir_fd=folder)
        except FileNotFoundError:
            continue
        except OSError:
            return UNCOUNTABLE, used
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    files += 1
                    with suppress(FileNotFoundError):
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(f"{path}/{entry.name}")
                        used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if files > most_files:
                        break
        finally:
            os.close(descriptor)
    return files, used


def free_files(folder: int) -> tuple[int, int]:
    """(files, bytes) in use on the file system that the folder is the root of."""
    found = os.fstatvfs(folder)
    return found.f_files - found.f_ffree, (found.f_blocks - found.f_bfree) * found.f_frsize


def empty(folder: int) -> None:
    """Remove everything below. Folders are brought up to the top one by one, so depth does not matter."""
    serial = 0
    while names := os.listdir(folder):
        for name in names:
            if not _is_folder(name, folder):
                os.unlink(name, dir_fd=folder)
                continue
            os.chmod(name, 0o700, dir_fd=folder)
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
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
