"""One call as the parent sees it: a request, three pipes, a watcher, an end."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import selectors
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Literal

from auditor.probe.sandbox.channel import KEY_BYTES, Frames
from auditor.probe.sandbox.model import CUT_OFF, Ended, Limits
from auditor.probe.sandbox.quota import Quota
from auditor.probe.sandbox.watch import Watch, size

_TICK = 0.02  # seconds between two looks of the watcher
_CLOCKS_AGREE = 0.75  # the limit counts the ticks of the clock, what is reported was measured
_END_SECONDS = 5.0  # that a killed run gets to be gone
_READ_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20  # of the results; the kernel may give less
_MESSAGE_BYTES = 1 << 16


class Run:
    """`folder`: the scratch folder's descriptor. `intact`: the warden has reported the end, and takes another call."""

    def __init__(self, control: socket.socket, watch: Watch, limits: Limits, folder: int) -> None:
        self._control, self._watch, self._limits, self._folder = control, watch, limits, folder
        self._key = secrets.token_bytes(KEY_BYTES)
        self._frames = Frames(self._key, limits.frame_bytes)
        self._output = {"stdout": bytearray(), "stderr": bytearray()}
        self._selector = selectors.DefaultSelector()
        self._open: set[int] = set()
        self._handle = -1
        self._quota: Quota | None = None
        self._number = self._started = 0  # of the run's process: for this one, and for the warden
        self._breach = ""
        self._status: int | None = None  # as wait(2) gives it
        self._cpu = 0.0
        self.intact = False

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._kill()
        self._selector.close()
        for descriptor in (*self._open, self._handle):
            if descriptor >= 0:
                os.close(descriptor)

    def request(self, target: str, argument: bytes, orders: int = -1) -> None:
        """`orders`: the end of a pipe by which a call that is held is told to go on; -1: this one is not."""
        given = os.memfd_create("argument", os.MFD_CLOEXEC)
        theirs = [given]
        try:
            with open(given, "wb", closefd=False) as file:
                file.write(argument)
            for name in ("results", "stdout", "stderr"):
                mine, other = os.pipe2(os.O_CLOEXEC)
                theirs.append(other)
                self._open.add(mine)
                os.set_blocking(mine, False)
                self._selector.register(mine, selectors.EVENT_READ, name)
            with suppress(OSError):  # more than this user may have
                fcntl.fcntl(theirs[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            held = orders >= 0
            theirs += [orders] if held else []
            request = {"target": target, "key": self._key.hex(), "limits": asdict(self._limits), "held": held}
            with suppress(OSError):  # a warden that is gone: its closed socket says so in a moment
                socket.send_fds(self._control, [json.dumps(request).encode()], theirs)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._selector.register(self._control, selectors.EVENT_READ, "control")

    def finish(self) -> Ended:
        self._listen(lambda: self._status is not None)
        self._drain()
        if self._status is not None and os.WIFEXITED(self._status):
            self._frames.finish()
        self.intact = self._status is not None
        return self._ended()

    def _listen(self, enough: Callable[[], bool]) -> None:
        """Takes what comes until that is so, there is no warden any more, or a limit was exceeded."""
        gone = False
        deadline = float("inf")
        while not enough() and not gone and self._watch.seconds < deadline:
            for key, _ in self._selector.select(_TICK):
                if key.data == "control":
                    gone = not self._hear()
                elif key.data == "quota":
                    self._heed()
                elif key.data == "handle":
                    self._heard_the_end()
                else:
                    self._read(key.fd, key.data)
            if not self._breach and (breach := self._watch.breach() or self._flood()):
                self._breach = breach
                self._kill()
                deadline = self._watch.seconds + _END_SECONDS
                if self._handle < 0:
                    break  # there is no way to end this run alone

    def _heard_the_end(self) -> None:
        """The process of a call that is held has ended."""

    def _hear(self) -> bool:
        """Take the warden's message; False where there is no warden any more."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 4)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not message:
            return False
        content = json.loads(message)
        if "started" in content:
            self._handle = descriptors[0] if descriptors else -1
            self._watch.pid = process_number(self._handle) if descriptors else 0
            self._started = content["started"]
            self._number = self._watch.pid or self._started
        if "asks" in content:
            self._quota = Quota(descriptors[0], self._folder, self._limits.inodes)
            self._open.add(self._quota.listener)
            self._selector.register(self._quota.listener, selectors.EVENT_READ, "quota")
        if "ended" in content:
            self._status, self._cpu = content["ended"], content["cpu"]
        return True

    def _heed(self) -> None:
        """Answer a run that asks whether it may make a file; that it has started is known a moment later."""
        assert self._quota is not None
        if self._number and not self._quota.heed(self._number):
            self._selector.unregister(self._quota.listener)

    def _read(self, descriptor: int, name: str) -> bool:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(descriptor)
            self._open.discard(descriptor)
            os.close(descriptor)
            return False
        if name == "results":
            self._frames.feed(data)
        elif len(self._output[name]) <= self._limits.output_bytes:
            self._output[name] += data
        return True

    def _flood(self) -> str:
        for name, held in self._output.items():
            if len(held) > self._limits.output_bytes:
                return f"more than {size(self._limits.output_bytes)} on {name}"
        if self._frames.tampered:
            return self._frames.tampered
        if self._frames.too_much:
            return f"more than {size(self._limits.frame_bytes)} of results"
        return ""

    def _drain(self) -> None:
        """What is left in the pipes of a run that has ended; not for ever, since others may hold their ends."""
        for key in list(self._selector.get_map().values()):
            if key.data in ("results", *self._output):
                for _ in range(2 * _PIPE_BYTES // 4096):
                    if not self._read(key.fd, key.data):
                        break

    def _kill(self) -> None:
        if self._handle >= 0:
            with suppress(OSError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def _ended(self) -> Ended:
        status, reason = self._outcome()
        tampered = self._frames.tampered
        if status != "killed" and self._frames.last is None and self._status == CUT_OFF << 8:
            tampered = tampered or "the channel was closed or replaced"
        text = {k: bytes(v[: self._limits.output_bytes]).decode(errors="replace") for k, v in self._output.items()}
        return Ended(
            status, reason, tuple(self._frames.frames), seconds=self._watch.seconds, cpu_seconds=self._cpu,
            tampered=tampered, **text,
        )  # fmt: skip

    def _outcome(self) -> tuple[Literal["ended", "raised", "killed"], str]:
        if self._breach:
            return "killed", self._breach
        if self._status is None:
            return "killed", "the sandbox's own process ended during the run"
        if os.WIFSIGNALED(self._status):
            number = os.WTERMSIG(self._status)
            used_up = self._cpu > _CLOCKS_AGREE * self._limits.cpu_seconds
            if number == signal.SIGXCPU or (number == signal.SIGKILL and used_up):
                return "killed", f"more than {self._limits.cpu_seconds:g} s of processor time"
            return "killed", f"ended by signal {_name(number)}"
        code = os.waitstatus_to_exitcode(self._status)
        if self._frames.tampered:
            return "raised", self._frames.tampered
        if code == CUT_OFF:
            return "raised", "the results could not be sent to their end"
        if self._frames.last is None:
            return "raised", f"left with exit status {code} before it was done"
        status, reason = self._frames.last
        return ("ended" if status == "ended" else "raised"), reason


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return str(number)


def process_number(handle: int) -> int:
    """The number that this process's own /proc knows the process by; 0 where it has ended or is not seen."""
    with open(f"/proc/self/fdinfo/{handle}") as file:
        for line in file:
            if line.startswith("Pid:"):
                return max(0, int(line.split()[1]))
    return 0
