"""Many tasks in worker processes (pebble): a crash or a hang costs one task, and no worker outlives its parent.

`concurrent.futures` loses every pending task when a worker dies and cannot end a task that hangs.
"""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as Expired
from contextlib import nullcontext
from functools import cache
from multiprocessing.context import BaseContext
from typing import TypeAlias, TypeVar

from pebble import ProcessExpired, ProcessPool

from auditor.limits.confine import held_to, watch_parent
from auditor.limits.model import LimitReached, Limits, WorkerFailed, describe
from auditor.limits.scratch import Scratch, sweep
from auditor.limits.worker import died, held_back, leave_when_asked

T = TypeVar("T")
K = TypeVar("K")
_Sent: TypeAlias = tuple[T] | Exception  # the answer in a tuple, or why there is none
# Workers come from a server process without threads: forking a process with threads can leave a lock held for ever.
START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_PACKAGES = ("auditor.", "rules.", "rich.", "scipy.", "numpy.")
_LONG_PATH = 50  # a socket's path may have about 100 characters, where those of files may have thousands
_TASKS_OF_A_WORKER = 200  # what it holds in memory goes with it


def run_many(
    tasks: Iterable[K],
    work: Callable[[K], T],
    failed: Callable[[K, Exception], T],
    *,
    jobs: int,
    limits: Limits,
) -> Iterator[tuple[K, T]]:
    """(task, `work(task)`) as they come. `tasks` is drawn from as workers get free.

    `failed(task, error)` answers for a task whose work raised (WorkerFailed), whose process died (WorkerDied), or that
    took more than `limits` or what the machine has (LimitReached); each is one line for the user.
    `work`, tasks and answers must be picklable. Ending the iterator ends the workers.
    """
    drawn = iter(tasks)
    pool: ProcessPool | None = None
    running: dict[Future[_Sent[T]], K] = {}
    try:
        while True:
            while len(running) < 2 * jobs and (task := next(drawn, None)) is not None:
                with held_back() if pool is None else nullcontext():
                    pool = pool or _pool(jobs)
                    sent = pool.schedule(_call, args=(work, limits, task), timeout=limits.wall_seconds)
                running[sent] = task
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                task = running.pop(future)
                answer = _answer(future, limits)
                yield task, failed(task, answer) if isinstance(answer, Exception) else answer[0]
    finally:
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def in_order(tasks: Iterable[K], answers: Iterable[tuple[K, T]]) -> Iterator[T]:
    """The answers in the order of the tasks, each as soon as those before it are there."""
    held: dict[K, T] = {}
    arriving = iter(answers)
    for task in tasks:
        while task not in held:
            key, answer = next(arriving)
            held[key] = answer
        yield held.pop(task)


@cache
def _sockets() -> Scratch:
    """The folder for what processes talk through, for as long as this one lives: the library's own is not swept."""
    made = Scratch("pool")
    atexit.register(made.cleanup)
    return made


def _pool(jobs: int) -> ProcessPool:
    sweep()
    if len(tempfile.gettempdir()) < _LONG_PATH:
        multiprocessing.current_process()._config.setdefault("tempdir", str(_sockets().path))  # type: ignore[attr-defined]
    context: BaseContext = multiprocessing.get_context(START)
    if START == "forkserver":
        # What is loaded here is loaded there, once for all workers.
        context.set_forkserver_preload([name for name in sys.modules if name.startswith(_PACKAGES)])
    return ProcessPool(
        max_workers=jobs,
        max_tasks=_TASKS_OF_A_WORKER,
        initializer=_begin,
        context=context,
    )


def _answer(future: Future[_Sent[T]], limits: Limits) -> _Sent[T]:
    try:
        return future.result()
    except Expired:
        return LimitReached(limits.too_long)
    except ProcessExpired as error:
        return died(error.exitcode, limits)
    except Exception as error:  # an answer that cannot be sent
        return WorkerFailed(f"the auditor failed: {describe(error)}")


# --- in the worker -------------------------------------------------------------------------------------------------


def _begin() -> None:
    logging.disable()  # of the library, that its parent is gone
    leave_when_asked()
    watch_parent()


def _call(work: Callable[[K], T], limits: Limits, task: K) -> _Sent[T]:
    try:
        with held_to(limits):
            return (work(task),)
    except LimitReached as reached:
        return reached
    except Exception as error:
        return WorkerFailed(f"the auditor failed: {describe(error)}")
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else 1)
    finally:
        # Trees and frames point at each other, and garbage is looked for seldom: it came to 11 MB for each audit.
        gc.collect()
