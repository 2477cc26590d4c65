"""The watcher: what the kernel's limits don't bound by themselves, looked at from outside while a run goes on."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from auditor.probe.sandbox import scratch
from auditor.probe.sandbox.model import GIB, MIB, Limits

_PROC = Path("/proc")
_SCRATCH_SECONDS = 0.1  # between two looks at the scratch folder
_PROCESSES_SECONDS = 0.02  # between two looks at the processes: results may come more often
_UNSEEN_LOOKS = 20


def size(count: int) -> str:
    """Bytes in words: 3 GiB, 512 MiB, 1000 bytes."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"


class Watch:
    """One run's. `pid` is the run's, in this process's own numbers; 0 while it is not known.

    `in_memory`: the scratch folder is the root of a file system whose size the kernel bounds. `family`: where the run
    may have started others, or can't be told by its number, the process whose descendants are all watched, and those
    of them that are not the run's; None elsewhere.
    """

    def __init__(
        self, limits: Limits, folder: int, *, in_memory: bool, family: tuple[int, frozenset[int]] | None
    ) -> None:
        self._limits, self._folder, self._in_memory, self._family = limits, folder, in_memory, family
        self._start = time.monotonic()
        self._next_scratch = self._next_processes = self._start
        self._unseen = 0  # looks at its descriptors that were refused, one after the other
        self.pid = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def breach(self) -> str:
        """Which limit is exceeded, in words; "" where none is."""
        limits = self._limits
        if self.seconds > limits.wall_seconds:
            return f"more than {limits.wall_seconds:g} s of wall clock"
        if time.monotonic() >= self._next_processes:
            if found := self._processes():
                return found
            self._next_processes = time.monotonic() + _PROCESSES_SECONDS
        if time.monotonic() < self._next_scratch:
            return ""
        found = self._scratch()
        self._next_scratch = time.monotonic() + _SCRATCH_SECONDS
        return found

    def _processes(self) -> str:
        members = [self.pid] if self.pid else []
        if self._family is not None:
            top, others = self._family
            members = [pid for pid in seen_below(top) if pid not in others]
        memory = threads = 0
        for pid in members:
            found = _status(pid)
            memory += 1024 * sum(found.get(k, 0) for k in ("RssAnon", "RssShmem", "VmSwap"))
            threads += found.get("Threads", 0)
        if threads > self._limits.threads:
            return f"more than {self._limits.threads} {'threads' if self._family is None else 'threads and processes'}"
        if memory > self._limits.memory_bytes:
            return f"more than {size(self._limits.memory_bytes)} of memory"
        return ""

    def _scratch(self) -> str:
        limits = self._limits
        if self._in_memory:
            files, used = scratch.free_files(self._folder)
        else:
            files, used = scratch.measure(self._folder, limits.files)
            used += self._nameless()
        if files >= scratch.UNCOUNTABLE or used >= scratch.UNCOUNTABLE:
            return "files on the disk that can't be counted"
        if files > limits.files:
            return f"more than {limits.files} files"
        return f"more than {size(limits.disk_bytes)} on the disk" if used > limits.disk_bytes else ""

    def _nameless(self) -> int:
        """Bytes of the run's files that have no name any more: open ones, and those that are only mapped.

        How large the latter are is not to be seen without privileges: each counts as the largest file there may be.
        """
        if not self.pid:
            return 0
        try:
            held = scratch.open_nameless(self.pid)
            mapped = scratch.mapped_nameless(self.pid, self._folder)
        except FileNotFoundError:
            return 0  # it has ended
        except PermissionError:
            # It is hidden, like the warden, until it has prepared itself, and once more when it has ended.
            self._unseen += 1
            return 0 if self._unseen < _UNSEEN_LOOKS else scratch.UNCOUNTABLE
        self._unseen = 0
        return sum(held.values()) + self._limits.file_bytes * len(mapped - held.keys())


def _status(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status: kilobytes and counts. Empty where the process has gone."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            words = value.split()
            if words and words[0].isdigit():
                found[name] = int(words[0])
    return found


def seen_below(root: int) -> list[int]:
    """As `descendants`, for looks that are taken often: one may be passed over in the moment in which another ends."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        tasks = _PROC / str(waiting.pop()) / "task"
        try:
            threads = os.listdir(tasks)
        except OSError:
            continue  # it has ended
        for thread in threads:
            try:
                below = [int(pid) for pid in (tasks / thread / "children").read_text().split()]
            except FileNotFoundError:
                if (tasks / thread).exists():
                    return descendants(root)  # a kernel that lists nobody's children
                continue
            except OSError:
                continue
            found += below
            waiting += below
    return found


def descendants(root: int) -> list[int]:
    """Processes that the given one has started, and theirs."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(_PROC):
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                words = (_PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(words[1]), []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
