"""How many files a run may have where it has no file system of its own: the kernel asks before each one is made.

Each file is no larger than a limit of the kernel allows, so their number bounds what lies on the disk, whatever the
run does in between. Nothing is taken for granted of what it removes: when the number is used up it is stopped, all its
threads, and what is there is counted anew: names, and files without one that are still open or mapped.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from auditor.probe.sandbox import scratch

_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND
_ASKED_BYTES = 80  # struct seccomp_notif
_ASKED = struct.Struct("=QI")  # its beginning: the number to answer under, the thread
_REPLY = struct.Struct("=QqiI")  # struct seccomp_notif_resp: that number, value, error, flags
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_STOP_SECONDS = 2.0  # that the threads of a run get to stand still
_STOPPED = frozenset("TtZX")


class Quota:
    """Answers a run that wants to make files, folders, links. `listener`: the descriptor that its filter gave;
    `folder`: the scratch folder's; `most`: how many of them there may be at once."""

    def __init__(self, listener: int, folder: int, most: int) -> None:
        self.listener = listener
        self._folder, self._most = folder, most
        self._there = most  # at most so many; not counted yet
        self._refused: set[int] = set()  # threads whose question has been weighed, and who will ask it again

    def heed(self, pid: int) -> bool:
        """Answer one question of the run with this number, if it has one; False where there will be none any more."""
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        events = dict(poll.poll(0)).get(self.listener, 0)
        if not events & select.POLLIN:
            return not events & (select.POLLHUP | select.POLLERR)
        asked = bytearray(_ASKED_BYTES)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, asked)
        except OSError:
            return True  # it was interrupted and will ask again, or it has ended
        number, thread = _ASKED.unpack_from(asked)
        if self._there < self._most:
            self._there += 1
            self._answer(number, 0, _GO_ON)
        elif thread in self._refused:
            self._refused.discard(thread)
            self._answer(number, -errno.ENOSPC, 0)
        else:  # being stopped takes the question back
            with _stopped(pid) as still:
                self._there = min(self._most, scratch.living(pid, self._folder, self._most) if still else self._most)
            if self._there == self._most:
                self._refused.add(thread)
            self._answer(number, -errno.ENOSPC, 0)  # where it could not be stopped
        return True

    def _answer(self, number: int, error: int, flags: int) -> None:
        with suppress(OSError):  # nobody waits for it any more
            fcntl.ioctl(self.listener, _ANSWER, _REPLY.pack(number, 0, error, flags))


@contextmanager
def _stopped(pid: int) -> Iterator[bool]:
    """Whether every thread of the run stands still meanwhile, and none is within a call of the kernel."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield _still(pid, time.monotonic() + _STOP_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _still(pid: int, until: float) -> bool:
    seen: set[str] = set()
    with suppress(OSError):
        while time.monotonic() < until:
            threads = set(os.listdir(f"/proc/{pid}/task"))
            if all(_state(pid, thread) in _STOPPED for thread in threads):
                if threads == seen:  # none was started while the others were looked at
                    return True
                seen = threads
            else:
                seen = set()
                time.sleep(0.0002)
    return False


def _state(pid: int, thread: str) -> str:
    try:
        with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
            return chr(file.read().rpartition(b") ")[2][0])
    except FileNotFoundError:
        return "X"
