"""What attempts have in common: system calls, and a report of how each ended."""

from __future__ import annotations

import ctypes
import json
import os
import platform
from collections.abc import Callable
from typing import Any

from auditor.probe.sandbox.syscalls import NUMBERS

LIBC = ctypes.CDLL(None, use_errno=True)


def tell(channel: Any, **tried: Callable[[], Any]) -> None:
    said = {}
    for name, attempt in tried.items():
        try:
            found = attempt()
            said[name] = "" if found is None else f"got {found!r}"[:200]
        except BaseException as error:
            said[name] = f"failed: {type(error).__name__}: {error}"
    channel.send(json.dumps(said).encode())


def called(name: str, *arguments: int) -> str:
    """syscall(2), raising like Python's own."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    if number is None:
        raise OSError("this processor has no such call")
    answer = LIBC.syscall(*map(ctypes.c_long, (number, *arguments)))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return str(answer)


def traced(pid: int) -> str:
    return called("ptrace", 16, pid, 0, 0)  # PTRACE_ATTACH


def limited(pid: int) -> str:
    return called(
        "prlimit64", pid, 7, ctypes.addressof((ctypes.c_uint64 * 2)(0, 0)), 0
    )  # prlimit64: no descriptors at all
