"""What a worker is held to by the kernel: memory and processor time, and the life of its parent.

The limits are soft ones, so that a child with limits of its own (the sandbox) can set them anew. Where the system
knows no such limit (Windows; memory on macOS) the parent's clock is what is left.

Time is the processor's, so that the same work is within the limit on a busy machine too.
"""

from __future__ import annotations

import gc
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

from auditor.limits.model import LimitReached, Limits

if sys.platform != "win32":
    import resource

GRACE_SECONDS = 5.0  # that a worker gets to go away by itself
_WATCH = "parent-watch"  # the thread's name
_YOUNG = 50_000  # objects that are made before the next search for garbage; 700 by default
_AGAIN_SECONDS = 1.0  # of the processor, until work that did not hear that its time is spent is told once more


class _Spent(BaseException):
    """The time is spent. No handler of what the work may raise takes it for its own."""


@contextmanager
def held_to(limits: Limits) -> Iterator[None]:
    """Hold this process to the limits of one task, which begins now; again for the next task.

    Raises LimitReached for memory. When the time is spent the task is unwound, so that its folders and children go,
    and the process ends itself as the kernel would end it: what was cut off at any place may have left anything half
    done, and is not to be met by another task.
    """
    one_thread()
    watch_parent()
    collect_seldom()
    _begin(limits)
    try:
        try:
            yield
        finally:
            _count_down(0.0)
    except MemoryError:
        raise LimitReached(limits.too_large) from None
    except _Spent:
        signal.raise_signal(signal.SIGXCPU)
    finally:
        _open_memory()


def _begin(limits: Limits) -> None:
    if sys.platform == "win32":
        return
    _soften(resource.RLIMIT_DATA, _held_at_first() + limits.memory_bytes)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    # For work that does not hear the alarm inside a long call of C code.
    _soften(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + limits.seconds + GRACE_SECONDS))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, _spent)
    _count_down(limits.seconds)


def _count_down(seconds: float) -> None:
    """Raise `_Spent` in so many seconds of the processor; 0: never."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_SECONDS if seconds else 0.0)


def _spent(*_: object) -> None:
    raise _Spent


def one_thread() -> None:
    """Numerical libraries that are loaded from now on start no threads, whose stacks would count as memory."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@cache
def collect_seldom() -> None:
    """An eighth of an audit went into looking for garbage among modules and trees, which stay until it ends.

    What is loaded by now is not looked through again; the rest as often as keeps the memory of an audit within 50 MiB
    of what it takes otherwise (`benchmarks/audit.py`).
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)


@contextmanager
def loading() -> Iterator[None]:
    """For imports of libraries with buffers of their own: those do not count, and are not refused.

    A library that gets no memory for them ends the process, which would look like a failure of the auditor.
    """
    if sys.platform == "win32":
        yield
        return
    soft = resource.getrlimit(resource.RLIMIT_DATA)[0]
    before = _held()
    _open_memory()
    try:
        yield
    finally:
        if soft != resource.RLIM_INFINITY:
            _soften(resource.RLIMIT_DATA, soft + _held() - before)


@contextmanager
def unconfined() -> Iterator[None]:
    """Without the limit of memory: for what starts children that have limits of their own."""
    if sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    _open_memory()
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _open_memory() -> None:
    if sys.platform != "win32":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


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
