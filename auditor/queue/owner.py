"""Who holds a claim, so that another run can tell whether it is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")
_START = 19  # of the fields behind the name in /proc/N/stat: in ticks after the machine's start
_ENDED = ("Z", "X")  # states of a process that has ended and whose parent has not asked how


def this_process() -> str:
    """`host boot namespace process start`: words without spaces, "-" for what the system does not tell."""
    number = os.getpid()
    return " ".join([*_here(), str(number), _start(number) or "-"])


def is_gone(owner: str) -> bool:
    """Whether the process that called itself so has ended. False where that cannot be seen from here.

    A number alone would not do: the system gives it again, and has it still while nobody has asked how the process
    ended. A file of SQLite is written from one machine, so that a host which has started anew has no earlier process.
    """
    words = owner.split(" ")
    if len(words) != 5 or not words[3].isdigit():
        return False
    host, boot, namespace = _here()
    if words[0] != host:
        return False
    if "-" not in (boot, words[1]) and boot != words[1]:
        return True
    if words[2] != namespace:  # a container's, whose processes have other numbers
        return False
    number, start = int(words[3]), words[4]
    return not _alive(number) or (start != "-" and _start(number) != start)


def _here() -> tuple[str, str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        boot = namespace = "-"
    return socket.gethostname().replace(" ", "_"), boot, namespace


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _start(number: int) -> str:
    """When a process began; "" for one that has ended, or where the system does not tell."""
    try:
        text = (_PROC / str(number) / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # a name may hold spaces and brackets
    return "" if not fields or fields[0] in _ENDED else fields[_START]
