"""The scratch folder: how much lies in it.

All by descriptors, never by path and never through a link: names, depth and modes are the run's choice.
"""

from __future__ import annotations

import os
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
