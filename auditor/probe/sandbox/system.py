"""The few calls of the C library that Python has no name for."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63  # the kernel answers EINVAL above its own last one


def system_call(number: int, *arguments: object) -> int:
    """syscall(2); OSError where it fails. Arguments are ints, buffers or ctypes values."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    answer = int(_LIBC.syscall(ctypes.c_long(number), *wide))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def prctl(option: int, *arguments: int) -> int:
    wide = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    answer = int(_LIBC.prctl(ctypes.c_int(option), *wide))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def no_new_privileges() -> None:
    """No program gives this process more than it has: the kernel asks for it before a filter."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent() -> None:
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Processes below this one whose parent ends become its children, so that they stay within reach."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory(hidden: bool) -> None:
    """Whether other processes of the same user may neither trace this one nor open its memory and descriptors."""
    prctl(_PR_SET_DUMPABLE, 0 if hidden else 1)


def drop_capabilities() -> None:
    """What root may do beyond other users, for good. Nothing changes for an ordinary user."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            break  # above the last one, or not allowed to: then there is none to drop
    with suppress(OSError):  # before Linux 4.3
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    if _LIBC.capset(header, data) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "capset: " + os.strerror(code))
