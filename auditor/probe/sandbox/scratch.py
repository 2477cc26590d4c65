"""The scratch folder: how much lies in it, with a name and without.

All by descriptors, never by path and never through a link: names, depth and modes are the run's choice.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

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


def living(pid: int, folder: int, most: int) -> int:
    """How many files, folders and links there are: by their names, and those without one that the run still holds.

    To be asked while it stands still. Stops counting above `most`; what can't be looked into counts as too much.
    """
    named, _ = measure(folder, most)
    if named > most:
        return UNCOUNTABLE
    try:
        return named + len({*open_nameless(pid), *mapped_nameless(pid, folder)})
    except OSError:
        return UNCOUNTABLE


def open_nameless(pid: int) -> dict[int, int]:
    """Number (inode) and bytes on the disk of what the run has open and has removed. Raises OSError.

    Threads may have descriptors of their own.
    """
    found: dict[int, int] = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        descriptors = f"/proc/{pid}/task/{thread}/fd"
        for name in os.listdir(descriptors):
            with suppress(FileNotFoundError):
                held = os.stat(f"{descriptors}/{name}")
                if held.st_nlink == 0 and (stat.S_ISREG(held.st_mode) or stat.S_ISDIR(held.st_mode)):
                    found[held.st_ino] = held.st_blocks * 512
    return found


def mapped_nameless(pid: int, folder: int) -> set[int]:
    """Numbers (inodes) of files of the folder that the run has mapped and has removed. Raises OSError."""
    below = os.readlink(f"/proc/self/fd/{folder}").encode() + b"/"
    found = set()
    for line in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and words[5].startswith(below) and words[5].endswith(b" (deleted)"):
            found.add(int(words[4]))
    return found


def free_files(folder: int) -> tuple[int, int]:
    """(files, bytes) in use on the file system that the folder is the root of."""
    found = os.fstatvfs(folder)
    return found.f_files - found.f_ffree, (found.f_blocks - found.f_bfree) * found.f_frsize
