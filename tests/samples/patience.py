"""Waiting for what is to happen, on a machine that may be busy: for the thing itself, never for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which what was to happen is taken not to: a second of the processor may be that long in coming."""


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if os.path.isdir("/proc/self"):
        return False
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False
