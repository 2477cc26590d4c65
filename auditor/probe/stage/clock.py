"""A clock that moves by a fixed step each time that it is looked at: runs are the same on any machine.

Wall-clock caps, schedules by elapsed time and logged durations then depend on the program alone. The main thread's
clock knows nothing of the others': how often they look is a matter of chance.
"""

from __future__ import annotations

import threading
import time
from typing import Any

_START = 1_700_000_000.0  # seconds since the epoch
_REST = 0.001  # true seconds that another thread sleeps, however long it wants to


class Clock:
    """Seconds since `_START`, moved by `step` (seconds) at each look and by sleeping."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._looks = 0
        self._slept = 0.0
        self._main = threading.get_ident()
        self._own = threading.local()  # what another thread is ahead of the main one, seconds
        self._rest = time.sleep

    def elapsed(self) -> float:
        self._move(self._step, 1)
        return self._looks * self._step + self._slept + getattr(self._own, "ahead", 0.0)

    def sleep(self, seconds: float) -> None:
        self._move(max(0.0, float(seconds)), 0)
        self._rest(_REST)

    def _move(self, seconds: float, looks: int) -> None:
        if threading.get_ident() != self._main:
            self._own.ahead = getattr(self._own, "ahead", 0.0) + seconds
        elif looks:
            self._looks += looks
        else:
            self._slept += seconds


def install(step: float) -> Clock:
    """Replaces the functions of the `time` module."""
    clock = Clock(step)
    module: Any = time
    for name in ("perf_counter", "monotonic", "process_time", "thread_time"):
        setattr(module, name, clock.elapsed)
        setattr(module, f"{name}_ns", lambda: int(clock.elapsed() * 1e9))
    module.time = lambda: _START + clock.elapsed()
    module.time_ns = lambda: int((_START + clock.elapsed()) * 1e9)
    module.sleep = clock.sleep
    return clock
