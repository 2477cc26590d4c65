"""A call that stands still at a place and is forked there, as the parent sees it: each fork is a run of its own.

Every fork has to find the same: the process as it stands, and the files as they were. What one fork could leave to the
next is looked for from outside (`still`), what lies in the scratch folder is made anew for each (`kept`), and where a
process can't be forked so, it goes on alone, as one run.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType

from auditor.probe.sandbox import kept, still
from auditor.probe.sandbox.forks import ORDER
from auditor.probe.sandbox.model import Ended, Limits
from auditor.probe.sandbox.run import Run
from auditor.probe.sandbox.watch import Watch


class Held(Run):
    """`watched`: makes the watcher of a fork with these limits. `family`: processes of this call, by their numbers."""

    def __init__(
        self, control: socket.socket, limits: Limits, folder: int, watched: Callable[[Limits], Watch],
        family: Callable[[], set[int]],
    ) -> None:  # fmt: skip
        super().__init__(control, watched(limits), limits, folder)
        self._watched, self._family = watched, family
        self._orders = -1
        self._gone = False  # its process has ended
        self._pipes: still.Pipes = ()
        self.early: tuple[tuple[bytes, ...], str] = (), ""  # sent and printed before it stood still
        self.files = kept.Files()
        self.own_seconds = 0.0  # of processor time, of the process itself
        self.over = False  # nothing can be forked any more
        self.ended = False

    @property
    def number(self) -> int:
        """Of its process, for this one."""
        return self._number

    def begin(self, target: str, argument: bytes) -> bool:
        """Runs until it stands still: whether it does. Otherwise it has ended, and `finish` says how."""
        theirs, self._orders = os.pipe2(os.O_CLOEXEC)
        self.request(target, argument, theirs)
        self._listen(lambda: self._frames.stands or self._gone)
        self._drain()
        said = "\n".join(bytes(held).decode(errors="replace") for held in self._output.values())
        self.early = tuple(self._frames.frames), said
        return self._frames.stands and not self._gone and not self._breach

    def moving(self) -> str:
        """Why forks of it would not all begin alike, "" where they do."""
        pipes = {os.fstat(descriptor).st_ino for descriptor in (*self._open, self._orders)}
        try:
            self.files = kept.taken(self._folder)
        except ValueError as error:
            return str(error)
        self._pipes = still.pipes(self._number, self._open)
        if self._family() != {self._number}:
            return "it has started processes"
        return still.moving(self._number, self._folder, pipes)

    def alone(self, argument: bytes, changed: Mapping[str, bytes]) -> Ended:
        """It goes on as one run, with these files. Raises ValueError where they can't be put there."""
        for path, content in changed.items():
            kept.overwrite(self._folder, path, content)
        self._order(argument, forks=False)
        self._listen(lambda: self._gone)
        return self.finish()

    def fork(self, argument: bytes, changed: Mapping[str, bytes], limits: Limits) -> Ended:
        """One run, with these files in the place of those that lay there."""
        self.files.put(self._folder, changed)
        self._frames.turn()
        for said in self._output.values():
            said.clear()
        self._limits, self._watch = limits, self._watched(limits)
        self._watch.pid = self._number
        given = json.dumps({"cpu_seconds": limits.cpu_seconds, "forks": limits.forks}).encode()
        self._order(given + b"\n" + argument, forks=True)
        self._listen(lambda: self._frames.left is not None or self._gone)
        self._drain()
        if self._frames.left is not None:
            self._status, self._cpu, self.own_seconds = self._frames.left
        ended = self._ended()
        self._status = None
        left = self._gone or self._family() != {self._number}
        self.over = left or bool(self._breach or ended.tampered)
        self.over = self.over or still.pipes(self._number, self._open) != self._pipes
        return ended

    def finish(self) -> Ended:
        """Its end, which is made where it has not come; of the process itself, not of a fork."""
        self.over = self.ended = True
        if not self._gone:
            self._kill()
            self._listen(lambda: self._gone)
        with suppress(OSError):  # no warden any more
            self._control.send(json.dumps({"reap": self._started}).encode())
        return super().finish()

    def _order(self, body: bytes, *, forks: bool) -> None:
        message = memoryview(ORDER.pack(len(body), forks) + body)
        with suppress(OSError):  # it has ended: its handle says so in a moment
            while message:
                message = message[os.write(self._orders, message) :]

    def _hear(self) -> bool:
        before = self._handle
        heard = super()._hear()
        if self._handle != before:
            self._selector.register(self._handle, selectors.EVENT_READ, "handle")
        return heard

    def _heard_the_end(self) -> None:
        self._gone = True
        self._selector.unregister(self._handle)

    def _kill(self) -> None:
        super()._kill()
        for pid in self._family():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1
