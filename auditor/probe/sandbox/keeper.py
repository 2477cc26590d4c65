"""The parent's side of the warden: starts it, passes calls on, ends it and everything that it has started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

from auditor.limits.scratch import empty
from auditor.probe.sandbox import bubblewrap, places
from auditor.probe.sandbox.held import Held
from auditor.probe.sandbox.kept import plain
from auditor.probe.sandbox.model import Broken, Ended, Limits, Mechanism, Policy
from auditor.probe.sandbox.run import Run, process_number
from auditor.probe.sandbox.watch import Watch, descendants

_START_SECONDS = 120.0  # for the warden's imports
_GRACE = 5.0  # seconds that the kernel gets to take a killed process away
_MESSAGE_BYTES = 1 << 16
# The package is taken from where the parent has it, and everything else from where Python has it.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[2]); from auditor.probe.sandbox.warden import main;"
    " del sys.path[0]; sys.path += [p for p in sys.argv[3:] if p not in sys.path]; main(int(sys.argv[1]))"
)


class Keeper:
    """Holds the warden: its process, the socket to it, the scratch folder."""

    def __init__(self, policy: Policy, mechanisms: frozenset[Mechanism]) -> None:
        self._policy, self._mechanisms = policy, mechanisms
        self._handle = self._folder = -1  # descriptors: of the warden as a process, of the scratch folder
        self._number = 0  # of the warden's process
        self._held: Held | None = None
        self._readable = places.readable((*policy.readable, *policy.search))
        self._scratch = policy.scratch.resolve()
        self._check_scratch()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._said = open(os.memfd_create("said", os.MFD_CLOEXEC), "r+b", buffering=0)  # noqa: SIM115
        try:
            with theirs:
                self._process = self._start(theirs.fileno())
        except BaseException:
            self._control.close()
            self._said.close()
            raise
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _check_scratch(self) -> None:
        """It gets emptied, and what lies below it can be written: neither may hit anything of value."""
        if not self._scratch.is_dir() or os.listdir(self._scratch):
            raise Broken(f"the scratch folder {self._scratch} is not an empty folder")
        for path in self._readable:
            if path == self._scratch or self._scratch in path.parents:
                raise Broken(f"{path} is to be read only and lies in the scratch folder {self._scratch}")

    def _start(self, control: int) -> subprocess.Popen[bytes]:
        before: list[str] = []
        if Mechanism.BUBBLEWRAP in self._mechanisms:
            before = bubblewrap.command(self._readable, self._scratch, self._policy.limits.disk_bytes)
        python = [
            sys.executable,
            "-s",
            "-P",
            "-B",
            "-c",
            _BOOT,
            str(control),
            *places.search_path(),
            *map(str, self._policy.search),
        ]
        return subprocess.Popen(
            [*before, *python],
            env=self._environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            pass_fds=[control],
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's own. One thread each in the libraries: a fork would lose the others."""
        here = str(self._scratch)
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONUTF8": "1",
            **dict.fromkeys(("HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"), here),
            **dict.fromkeys(("USER", "LOGNAME"), "nobody"),
            **dict.fromkeys(threads, "1"),
        }

    def _greet(self) -> None:
        """Say what the warden is to do, and wait until it is confined and has imported."""
        warden_only = ["/proc/self/statm"]
        setup = {
            "mechanisms": sorted(self._mechanisms),
            "preload": self._policy.preload,
            "scratch": str(self._scratch),
            "readable": [*map(str, self._readable), *map(str, places.PROC), *warden_only],
            "writable": [str(self._scratch), *map(str, places.DEVICES)],
            "warden_only": warden_only,
        }
        self._control.settimeout(_START_SECONDS)
        try:
            self._control.send(json.dumps(setup).encode())
            answer, descriptors = self._receive()
        except OSError as error:
            raise Broken(f"the sandbox did not start ({error}): {self._last_words()}") from error
        if "ready" not in answer:
            raise Broken(answer.get("failed") or f"the sandbox did not start: {self._last_words()}")
        self._folder = descriptors.pop(0)
        self._handle = descriptors.pop(0) if descriptors else -1
        self._number = process_number(self._handle) if self._handle >= 0 else self._first_process()
        self._control.setblocking(False)

    def _first_process(self) -> int:
        below = descendants(self._process.pid)
        return below[0] if Mechanism.BUBBLEWRAP in self._mechanisms and below else self._process.pid

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        message, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 4)
        return json.loads(message or b"{}"), list(descriptors)

    def _last_words(self) -> str:
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 2000))
        return self._said.read().decode(errors="replace").strip()[-1000:] or "it said nothing"

    def call(self, target: str, argument: bytes, limits: Limits) -> tuple[Ended, bool]:
        """How the call ended, and whether the warden can take another."""
        in_memory = Mechanism.BUBBLEWRAP in self._mechanisms
        if not in_memory:
            limits = replace(limits, file_bytes=min(limits.file_bytes, limits.disk_bytes // limits.inodes))
        alone = Mechanism.SECCOMP in self._mechanisms and self._handle >= 0 and not limits.forks
        others = self._others
        with Run(self._control, self._watch(limits, alone=alone), limits, self._folder) as run:
            run.request(target, argument)
            ended = run.finish()
            intact = run.intact
        if intact and not alone:
            intact = not set(descendants(self._process.pid)) - others
        return ended, intact and self._emptied()

    @property
    def _others(self) -> frozenset[int]:
        """Processes that are not of the call at hand."""
        return frozenset({self._number, self._held.number if self._held is not None else self._number})

    def _watch(self, limits: Limits, *, alone: bool) -> Watch:
        in_memory = Mechanism.BUBBLEWRAP in self._mechanisms
        family = None if alone else (self._process.pid, self._others)
        return Watch(limits, self._folder, in_memory=in_memory, family=family)

    def _emptied(self) -> bool:
        try:
            empty(self._folder)
            plain(self._folder)
        except OSError:
            return False
        return True

    def holds(self) -> bool:
        """Whether calls can be held and forked: forks must reach neither each other nor what they were forked from."""
        return self._mechanisms == frozenset(Mechanism) and self._handle >= 0

    def hold(self, limits: Limits) -> Held:
        """A call that is to be held; one at a time. `let_go` ends it."""

        def family() -> set[int]:
            return set(descendants(self._process.pid)) - {self._number}

        def watched(limits: Limits) -> Watch:
            others = frozenset({self._number})
            return Watch(limits, self._folder, in_memory=True, family=(self._process.pid, others))

        self._held = Held(self._control, limits, self._folder, watched, family)
        return self._held

    def let_go(self) -> bool:
        """Whether the warden can take another call."""
        held, self._held = self._held, None
        if held is None:
            return True
        with held:
            if not held.ended:
                held.finish()
        intact = held.intact and not set(descendants(self._process.pid)) - self._others
        return intact and self._emptied()

    def close(self) -> None:
        if self._held is not None:
            self._held.over = self._held.ended = True
            self._held.__exit__(None, None, None)
            self._held = None
        others = [] if Mechanism.BUBBLEWRAP in self._mechanisms else descendants(self._process.pid)
        if self._handle >= 0:  # as process 1 of its namespace it takes everyone in it along
            with suppress(OSError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        self._process.kill()
        for pid in others:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        with suppress(OSError):
            if self._folder >= 0 and Mechanism.BUBBLEWRAP not in self._mechanisms:
                empty(self._folder)
        for descriptor in (self._handle, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._handle = self._folder = -1
        self._control.close()
        self._said.close()
