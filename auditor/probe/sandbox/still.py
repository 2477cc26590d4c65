"""Whether a process stands so still that every fork of it begins alike, seen from outside: by what the kernel says.

What forks share is what one of them could leave to the next: open files with their positions, memory that is not
copied, other threads that go on. None of it may be there but the pipes to the parent and the channel's own page.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PAGE = 4096
Pipes = tuple[tuple[int, int], ...]
"""Of each pipe: its capacity (bytes) and the flags of its other end, as far as they can be seen."""


def moving(pid: int, folder: int, pipes: set[int]) -> str:
    """Why forks would not all begin alike, "" where they do. `pipes`: the inodes of those to the parent."""
    process = Path("/proc", str(pid))
    try:
        status = (process / "status").read_text(errors="replace")
        threads = next(line.split()[1] for line in status.splitlines() if line.startswith("Threads:"))
        if threads != "1":
            return f"it has started threads ({int(threads) - 1})"
        here, there = os.fstat(folder), os.stat(process / "cwd")
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            return "it has changed its working directory"
        for name in os.listdir(process / "fd"):
            if not _harmless(os.stat(process / "fd" / name), pipes):
                return "it holds files open"
        return _mapped((process / "maps").read_text(errors="replace"), here.st_dev)
    except (OSError, StopIteration) as error:
        return f"it could not be looked at ({type(error).__name__})"


def _harmless(held: os.stat_result, pipes: set[int]) -> bool:
    if stat.S_ISFIFO(held.st_mode):
        return held.st_ino in pipes
    return stat.S_ISCHR(held.st_mode) and held.st_rdev == os.stat(os.devnull).st_rdev


def _mapped(maps: str, scratch: int) -> str:
    shared = 0
    for line in maps.splitlines():
        words = line.split(None, 5)
        begin, _, end = words[0].partition("-")
        device = os.makedev(*(int(part, 16) for part in words[3].split(":")))
        if device == scratch:
            return "it has mapped files that it may write to"
        if words[1][3] != "s":
            continue
        path = words[5] if len(words) == 6 else ""
        if path == "/dev/zero (deleted)":
            shared += int(end, 16) - int(begin, 16)
        elif "w" in words[1] or not path.startswith("/") or path.startswith(("/dev/", "/memfd:", "/SYSV")):
            return "it shares memory with its forks"
    return "it shares memory with its forks" if shared > _PAGE else ""


def pipes(pid: int, mine: Iterable[int]) -> Pipes:
    """What a fork can change of the pipes that the next one gets: looked at before and after."""
    found = []
    for descriptor in sorted(mine):
        inode, capacity = os.fstat(descriptor).st_ino, _capacity(descriptor)
        found.append((capacity, _flags(pid, inode)))
    return tuple(found)


def _capacity(descriptor: int) -> int:
    import fcntl

    with suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
    return 0


def _flags(pid: int, inode: int) -> int:
    """As /proc has them, of the descriptor that leads to that pipe; 0 where there is none."""
    process = Path("/proc", str(pid))
    with suppress(OSError):
        for name in os.listdir(process / "fd"):
            if os.stat(process / "fd" / name).st_ino == inode:
                text = (process / "fdinfo" / name).read_text()
                return int(next(line.split()[1] for line in text.splitlines() if line.startswith("flags:")), 8)
    return 0
