"""Many tasks in worker processes: answers in order, and one task's crash or hang costs that task alone.

`concurrent.futures` loses every pending task when a worker dies and cannot end a task that hangs.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from auditor.limits.model import describe

T = TypeVar("T")
_GRACE = 5.0  # seconds that a worker gets to go away by itself


def run_many(
    tasks: Sequence[int],
    work: Callable[[int], T],
    failed: Callable[[int, str], T],
    *,
    jobs: int,
    timeout: float,
) -> Iterator[T]:
    """`work(task)` of every task, in the order of `tasks`.

    `failed(task, reason)` answers for a task whose work raised, whose process died, or that took more than
    `timeout` seconds. `work` and its answers must be picklable.
    """
    pool = _Pool(work, failed, timeout)
    queue = deque(enumerate(tasks))
    answers: dict[int, T] = {}
    position = 0
    try:
        for _ in range(max(1, min(jobs, len(tasks)))):
            pool.start()
        while position < len(tasks):
            pool.assign(queue)
            answers.update(pool.collect())
            while position in answers:
                yield answers.pop(position)
                position += 1
    finally:
        pool.close()


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    position: int | None = None  # of the task in the list, None while idle
    task: int = 0
    deadline: float = 0.0


class _Pool(Generic[T]):
    def __init__(self, work: Callable[[int], T], failed: Callable[[int, str], T], timeout: float) -> None:
        # A forked worker has every module loaded already.
        methods = multiprocessing.get_all_start_methods()
        self._context: BaseContext = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
        self._work, self._failed, self._timeout = work, failed, timeout
        self._workers: list[_Worker] = []

    def start(self) -> None:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, mine))

    def assign(self, queue: deque[tuple[int, int]]) -> None:
        for worker in self._workers:
            if worker.position is None and queue:
                worker.position, worker.task = queue.popleft()
                worker.deadline = time.monotonic() + self._timeout
                with suppress(OSError):  # a worker that died while idle: `collect` sees its closed pipe
                    worker.connection.send(worker.task)

    def collect(self) -> dict[int, T]:
        """Wait for the next answers; {position: answer}."""
        busy = [w for w in self._workers if w.position is not None]
        left = min(w.deadline for w in busy) - time.monotonic()
        ready = wait([w.connection for w in busy], timeout=max(left, 0.0))
        answers: dict[int, T] = {}
        for worker in busy:
            assert worker.position is not None
            if worker.connection in ready:
                answers[worker.position] = self._receive(worker)
            elif time.monotonic() >= worker.deadline:
                self._replace(worker)
                answers[worker.position] = self._failed(
                    worker.task, f"the audit took more than {self._timeout:g} s and was ended"
                )
            worker.position = None if worker.position in answers else worker.position
        return answers

    def _receive(self, worker: _Worker) -> T:
        try:
            answer, reason = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(_GRACE)
            code = worker.process.exitcode
            self._replace(worker)
            return self._failed(worker.task, f"the audit's process died (exit status {code})")
        if reason is not None:
            return self._failed(worker.task, f"the auditor failed: {reason}")
        found: T = answer
        return found

    def _replace(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        _end(worker)
        self.start()

    def close(self) -> None:
        for worker in self._workers:
            _end(worker)
        self._workers.clear()


def _end(worker: _Worker) -> None:
    """Asked first: what a task has on disk or has started, it can take away with it."""
    worker.connection.close()
    worker.process.terminate()
    worker.process.join(_GRACE)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join(_GRACE)


def _leave(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: leaving is not to be interrupted
    raise SystemExit(1)


def _serve(connection: Connection, work: Callable[[int], T]) -> None:
    """A worker's life: take a task, send (answer, None) or (None, reason)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    signal.signal(signal.SIGTERM, _leave)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[T | None, str | None] = (work(task), None)
        except Exception as error:
            answer = (None, describe(error))
        connection.send(answer)
