"""What a worker is held to by the kernel: memory and processor time, and the life of its parent.

The limits are soft ones, so that a child with limits of its own (the sandbox) can set them anew. Where the system
knows no such limit (Windows; memory on macOS) the parent's clock is what is left.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from auditor.limits.model import Limits

if sys.platform != "win32":
    import resource

GRACE_SECONDS = 5.0  # that a worker gets to go away by itself
_WATCH = "parent-watch"  # the thread's name


def confine(limits: Limits) -> None:
    """Hold this process to the limits of one task, which begins now; again for the next task."""
    one_thread()
    watch_parent()
    if sys.platform == "win32":
        return
    _soften(resource.RLIMIT_DATA, _held_at_first() + limits.memory_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Only for a worker that nobody is left to end and that does not hear signals inside a long call of C code.
    _soften(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + limits.seconds + 2 * GRACE_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def one_thread() -> None:
    """Numerical libraries that are loaded from now on start no threads, whose stacks would count as memory."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@contextmanager
def loading() -> Iterator[None]:
    """For imports of libraries with buffers of their own: those do not count, and are not refused.

    A library that gets no memory for them ends the process, which would look like a failure of the auditor.
    """
    if sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    before = _held()
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        if soft != resource.RLIM_INFINITY:
            _soften(resource.RLIMIT_DATA, soft + _held() - before)


@contextmanager
def unconfined() -> Iterator[None]:
    """Without the limit of memory: for what starts children that have limits of their own, and for last words."""
    if sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _soften(what: int, most: int) -> None:
    if sys.platform != "win32":
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


@cache
def _held_at_first() -> int:
    return _held()


def _held() -> int:
    """Bytes of this process that count against RLIMIT_DATA; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def watch_parent() -> None:
    """Leave when the parent is gone, however it went: politely first, so that folders are taken away."""
    parent = multiprocessing.parent_process()
    if parent is None or any(thread.name == _WATCH for thread in threading.enumerate()):
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name=_WATCH, daemon=True).start()
