"""Limits of one audit, and the ways in which one ends early."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

MEBIBYTE = 1 << 20
PATIENCE = 6.0
"""Seconds by the clock that work gets for each of processor time: others may want the machine as well."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of the processor, `memory_bytes` on top of what the process holds when the work begins.

    `besides`: seconds by the clock for what the work waits for, and what has limits of its own (the runs of a probe).
    """

    seconds: float
    memory_bytes: int
    besides: float = 0.0

    @property
    def wall_seconds(self) -> float:
        """By the clock: for work that waits and takes nothing of the processor, and for a machine with others on it."""
        return PATIENCE * self.seconds + self.besides

    @property
    def too_slow(self) -> str:
        return f"the audit took more than {self.seconds:g} s of processor time and was ended"

    @property
    def too_long(self) -> str:
        return f"the audit took more than {self.wall_seconds:g} s by the clock and was ended"

    @property
    def too_large(self) -> str:
        return f"the audit took more than {self.memory_bytes / MEBIBYTE:,.0f} MiB of memory and was ended"


class LimitReached(Exception):
    """The work was ended at a limit; the message is one line for the user."""


class WorkerDied(Exception):
    """The worker's process ended without an answer; the message is one line for the user."""


class WorkerFailed(Exception):
    """The work raised; the message describes it on one line, `trace` is the traceback."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message, trace)
        self.message, self.trace = message, trace

    def __str__(self) -> str:
        return self.message


def describe(error: BaseException) -> str:
    """An exception on one line, with the module and line that raised it; no path of the machine."""
    said = " ".join(str(error).split())[:300]
    frames = list(traceback.walk_tb(error.__traceback__))
    where = f" ({frames[-1][0].f_globals.get('__name__', '?')}:{frames[-1][1]})" if frames else ""
    return f"{type(error).__name__}{': ' if said else ''}{said}{where}"
