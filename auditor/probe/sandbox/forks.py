"""A run that forks: what a fork gives up before it goes on, and the one that stands still and is forked by order.

What every run of a submission does alike is done once, up to a place where it stands (`Stem.stand`). From there each
run is a fork: the parent lets one go on at a time, with what is this run's own, and makes the files what they were.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import struct
from typing import Protocol

from auditor.probe.sandbox import seccomp

# Before a script, or the stage, can replace them:
_leave, _fork, _wait, _read, _close, _usage = os._exit, os.fork, os.wait4, os.read, os.close, resource.getrusage
_number, _mask, _limit, _limits = os.getpid, signal.pthread_sigmask, resource.setrlimit, resource.getrlimit
_state, _restore = random.getstate, random.setstate
_EVERY = frozenset(signal.valid_signals())
ORDER = struct.Struct(">I?")
"""Length of what follows, and whether a fork goes on with it (otherwise the run itself does, for good)."""


class _Channel(Protocol):
    def stands(self) -> None: ...

    def left(self, status: int, cpu: float, own: float) -> None: ...


def settle() -> None:
    """Called in the fork, once: it may not fork again."""
    seccomp.no_forks()


def fork() -> int:
    """As `os.fork`; the fork goes on with the same random numbers, which the library would draw anew."""
    state = _state()
    pid = _fork()
    if pid == 0:
        _restore(state)
    return pid


class Stem:
    """In the run. `orders`: a pipe from the parent, which the forks close."""

    def __init__(self, orders: int, channel: _Channel) -> None:
        self._orders, self._channel = orders, channel
        self._own = _number()

    def stand(self) -> bytes | None:
        """What the parent gave: it returns in each fork, or in this process, which goes on alone.

        None: this is a process that the submission has started.

        Signals wait meanwhile: whatever the submission has set up does not act while this stands.
        """
        if _number() != self._own:
            return None
        before = _mask(signal.SIG_BLOCK, _EVERY)
        self._channel.stands()
        while True:
            forks, order = self._order()
            if not forks:
                _close(self._orders)
                seccomp.no_forks()
                _mask(signal.SIG_SETMASK, before)
                return order
            given, _, argument = order.partition(b"\n")
            pid = fork()
            if pid == 0:
                _close(self._orders)
                self._part(**json.loads(given))
                _mask(signal.SIG_SETMASK, before)
                return argument
            _, status, usage = _wait(pid, 0)
            mine = _usage(resource.RUSAGE_SELF)
            self._channel.left(status, usage.ru_utime + usage.ru_stime, mine.ru_utime + mine.ru_stime)

    def _part(self, cpu_seconds: float, forks: bool) -> None:
        """In the fork: limits of its own, and what was forked is out of reach."""
        seconds = max(1, round(cpu_seconds))
        hard = _limits(resource.RLIMIT_CPU)[1]
        _limit(resource.RLIMIT_CPU, (min(seconds, hard), min(seconds + 1, hard)))
        seccomp.let_alone(_number())
        if not forks:
            seccomp.no_forks()

    def _order(self) -> tuple[bool, bytes]:
        length, forks = ORDER.unpack(self._exactly(ORDER.size))
        return forks, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = _read(self._orders, count - len(parts))
            if not part:
                _leave(0)  # the parent has let go
            parts += part
        return parts
