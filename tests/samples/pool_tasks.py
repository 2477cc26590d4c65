"""Tasks for worker processes, in a module that they can import."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import weakref


def work(task: int) -> str:
    if task == 3:
        raise ValueError("three")
    if task == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 5:
        time.sleep(600)
    if task == 6:
        raise SystemExit(9)
    time.sleep(0.02 * (task % 2))
    return f"done {task}"


def failed(task: object, error: Exception) -> str:
    return f"failed {task}: {error}"


def keeps_a_folder(place: str) -> str:
    with tempfile.TemporaryDirectory(dir=place):
        time.sleep(600)
    return "never"


def works(seconds: float) -> str:
    """Takes that much of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return f"worked {seconds}"


def takes_the_processor(place: str) -> str:
    """With a folder below the place, for longer than anybody waits; `sleeps` is to wait for nothing, for 3 s."""
    if place == "sleeps":
        time.sleep(3)
        return "slept"
    with tempfile.TemporaryDirectory(dir=place):
        return works(600)


def holds_on(task: int) -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    return "never"


def writes_its_process(place: str) -> str:
    """Writes its process id to a file, whole, and stays."""
    with open(f"{place}.new", "w") as out:
        out.write(str(os.getpid()))
    os.replace(f"{place}.new", place)
    time.sleep(600)
    return "never"


class _Ring:
    """Holds itself: no count of references lets it go."""

    def __init__(self) -> None:
        self.itself = self


_RINGS: list[weakref.ref[_Ring]] = []


def leaves_a_ring(task: int) -> int:
    """How many rings of earlier tasks this process still holds."""
    held = sum(ring() is not None for ring in _RINGS)
    _RINGS.append(weakref.ref(_Ring()))
    return held
