"""The audits of a queue on a dask cluster: any number of machines, none of which needs the clone.

A task that is sent carries its submission. A worker that dies loses its tasks to the others; one that kills several
workers in a row is given up. The library is an optional extra (`pip install '.[cluster]'`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from auditor.limits.model import Limits, describe
from auditor.queue.store import StoreError

T = TypeVar("T")
K = TypeVar("K")
INSTALL = "--scheduler needs dask.distributed, which is not installed: pip install '.[cluster]'"
_CONNECT_SECONDS = 20
_AHEAD = 2  # tasks in flight for each thread of the cluster


def run_on_cluster(
    address: str, tasks: Iterable[K], work: Callable[[K], T], failed: Callable[[K, str], T], *, timeout: float
) -> Iterator[tuple[K, T]]:
    """(task, `work(task)`) as they come; `failed(task, reason)` where it raised, took longer, or killed its workers.

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
        yield from _answers(client, library.as_completed([]), iter(tasks), work, failed, timeout)


def _answers(
    client: Any,
    arriving: Any,
    tasks: Iterator[K],
    work: Callable[[K], T],
    failed: Callable[[K, str], T],
    timeout: float,
) -> Iterator[tuple[K, T]]:
    running: dict[Any, K] = {}

    def fill() -> None:
        threads = sum(client.nthreads().values()) or 1
        while len(running) < _AHEAD * threads and (task := next(tasks, None)) is not None:
            future = client.submit(call, work, task, timeout, pure=False, retries=0)
            running[future] = task
            arriving.add(future)

    fill()
    while running:
        future = next(arriving)
        task = running.pop(future)
        yield task, _answer(future, task, failed)
        future.release()
        fill()


def _answer(future: Any, task: K, failed: Callable[[K, str], T]) -> T:
    try:
        answer: T | None
        answer, reason = future.result()
    except Exception as error:  # KilledWorker, or what cannot be sent
        return failed(task, f"the cluster gave the audit up: {describe(error)}")
    return failed(task, reason) if answer is None else answer


def call(work: Callable[[K], T], task: K, timeout: float) -> tuple[T | None, str]:
    """Runs on a worker: the work in a process of its own, which can be ended. (answer, "") or (None, reason)."""
    from auditor.limits.worker import run

    try:
        return run(lambda: work(task), Limits(timeout, 1 << 50)), ""
    except Exception as error:
        return None, str(error) or describe(error)
