"""One piece of work in a process of its own, which can be ended."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TypeVar, cast

from auditor.limits.confine import GRACE_SECONDS, held_to
from auditor.limits.model import LimitReached, Limits, WorkerDied, WorkerFailed, describe
from auditor.limits.scratch import sweep

T = TypeVar("T")


def context() -> BaseContext:
    """A forked worker has every module loaded already."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in methods else "spawn")


def run(work: Callable[[], T], limits: Limits, *, passing: tuple[type[Exception], ...] = ()) -> T:
    """`work()`, which must be picklable where processes are spawned, as must be what it returns.

    Raises LimitReached, WorkerDied, WorkerFailed where the work raised, and exceptions of the types `passing` as they
    are. Whatever ends this call ends the worker too.
    """
    mine, theirs = context().Pipe(duplex=False)
    process = cast("BaseProcess", context().Process(target=_serve, args=(theirs, work, limits, passing)))  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    deadline = time.monotonic() + limits.wall_seconds
    try:
        if not mine.poll(max(0.0, deadline - time.monotonic())):
            raise LimitReached(limits.too_long)
        try:
            kind, value = mine.recv()
        except (EOFError, OSError):
            process.join(GRACE_SECONDS)
            raise died(process.exitcode, limits) from None
    finally:
        mine.close()
        end(process)
    if kind == "answer":
        return cast("T", value)
    raise cast("Exception", value)


def died(exitcode: int | None, limits: Limits) -> Exception:
    """What a worker's exit status says of the work that it had."""
    name = ""
    with suppress(ValueError):
        name = signal.Signals(-(exitcode or 0)).name
    if name == "SIGXCPU":
        return LimitReached(limits.too_slow)
    how = f"ended by {name}" if name else f"exit status {exitcode}"
    if name == "SIGKILL":  # by the kernel's hand, which looks for memory
        return LimitReached(f"the audit's process died ({how}): the machine is short of memory or time")
    return WorkerDied(f"the audit's process died ({how})")


def end(process: BaseProcess) -> None:
    """Asked first: what a task has on disk or has started, it can take away with it."""
    if process.is_alive():
        process.terminate()
        process.join(GRACE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join(GRACE_SECONDS)
        sweep()


def leave_when_asked() -> None:
    """The parent decides what an interrupt means; SIGTERM and SIGHUP unwind the work, so that nothing is left."""
    heard = {getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGPROF", "SIGXCPU") if hasattr(signal, name)}
    if hasattr(signal, "pthread_sigmask"):  # whoever started the command may have blocked them
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)


def _leave(*_: object) -> None:
    for name in ("SIGTERM", "SIGHUP"):  # once: leaving is not to be interrupted
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise SystemExit(1)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals that end the command wait for the end of this: a process that is being started is not known yet, and
    would be left to itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
    for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)


def _serve(
    connection: Connection, work: Callable[[], object], limits: Limits, passing: tuple[type[Exception], ...]
) -> None:
    leave_when_asked()
    try:
        with held_to(limits):
            reply: tuple[str, object] = ("answer", work())
    except LimitReached as reached:
        reply = ("raised", reached)
    except passing as error:
        reply = ("raised", error)
    except Exception as error:
        reply = ("raised", WorkerFailed(describe(error), traceback.format_exc()))
    with suppress(BrokenPipeError):
        connection.send(reply)
    connection.close()
