"""The audits of a queue on a dask cluster: any number of machines, none of which needs the clone.

A task that is sent carries its submission. A worker that dies loses its tasks to the others; one that kills several
workers in a row is given up. The library is an optional extra (`pip install '.[cluster]'`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from auditor.limits.model import LimitReached, Limits, WorkerDied, WorkerFailed, describe
from auditor.queue.store import StoreError

T = TypeVar("T")
K = TypeVar("K")
INSTALL = "--scheduler needs dask.distributed, which is not installed: pip install '.[cluster]'"
_CONNECT_SECONDS = 20
_AHEAD = 2  # tasks in flight for each thread of the cluster


def run_on_cluster(
    address: str, tasks: Iterable[K], work: Callable[[K], T], failed: Callable[[K, Exception], T], *, limits: Limits
) -> Iterator[tuple[K, T]]:
    """(task, `work(task)`) as they come; `failed(task, error)` where it raised, passed the limits, or killed its
    workers.

    Raises StoreError where there is no cluster at the address, or the extra is missing.
    """
    try:
        import distributed
    except ImportError:
        raise StoreError(INSTALL) from None
    library: Any = distributed
    try:
        client = library.Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise StoreError(f"no dask scheduler at {address}: {error}") from error
    with client:
        yield from _answers(client, library.as_completed([]), iter(tasks), work, failed, limits)


def _answers(
    client: Any,
    arriving: Any,
    tasks: Iterator[K],
    work: Callable[[K], T],
    failed: Callable[[K, Exception], T],
    limits: Limits,
) -> Iterator[tuple[K, T]]:
    running: dict[Any, K] = {}

    def fill() -> None:
        threads = sum(client.nthreads().values()) or 1
        while len(running) < _AHEAD * threads and (task := next(tasks, None)) is not None:
            future = client.submit(call, work, task, limits, pure=False, retries=0)
            running[future] = task
            arriving.add(future)

    fill()
    while running:
        future = next(arriving)
        task = running.pop(future)
        yield task, _answer(future, task, failed)
        future.release()
        fill()


def _answer(future: Any, task: K, failed: Callable[[K, Exception], T]) -> T:
    try:
        answer: tuple[T] | Exception = future.result()
    except Exception as error:  # KilledWorker, or what cannot be sent
        return failed(task, WorkerDied(f"the cluster gave the audit up: {describe(error)}"))
    return failed(task, answer) if isinstance(answer, Exception) else answer[0]


def call(work: Callable[[K], T], task: K, limits: Limits) -> tuple[T] | Exception:
    """Runs on a worker: the work in a process of its own, which can be ended. Its answer, or why there is none."""
    from auditor.limits.worker import run

    try:
        return (run(lambda: work(task), limits),)
    except (LimitReached, WorkerDied, WorkerFailed) as error:
        return error
    except Exception as error:
        return WorkerFailed(describe(error))
