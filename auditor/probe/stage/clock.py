"""A clock that moves by a fixed step each time that it is looked at: runs are the same on any machine.

Wall-clock caps, schedules by elapsed time and logged durations then depend on the program alone.
"""

from __future__ import annotations

import time
from typing import Any

_START = 1_700_000_000.0  # seconds since the epoch


class Clock:
    """Seconds since `_START`, moved by `step` (seconds) at each look and by sleeping."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._looks = 0
        self._slept = 0.0

    def elapsed(self) -> float:
        self._looks += 1
        return self._looks * self._step + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += max(0.0, float(seconds))


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
