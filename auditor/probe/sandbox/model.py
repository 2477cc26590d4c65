"""The values of the sandbox: what a run may use, how it was confined and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

MIB = 1 << 20
GIB = 1 << 30
CUT_OFF = 71  # exit status of a run that could not send its last frame


class Refused(Exception):
    """This machine can't confine a run. The message says what is missing."""


class Broken(Exception):
    """The sandbox itself did not start, or a module that it was to import did not import."""


class Mechanism(StrEnum):
    """What the kernel or a program offers to confine a process. Limits of the kernel are always there."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use. Bytes, and seconds of processor time or of the wall clock.

    `memory_bytes`: anonymous and shared memory of all its threads, what the warden has imported included.
    `disk_bytes` and `files`: what the scratch folder may hold; `file_bytes`: the largest single file. `inodes`: how
    many files, folders and links it may hold where it is on the disk; no file is larger than that part of `disk_bytes`.
    `output_bytes`: of stdout and stderr, each; `frame_bytes`: of all frames sent. `forks`: the call may fork itself,
    and its forks may not; needs namespaces, which bound what is left behind, and counts the memory of all of them.
    """

    cpu_seconds: float = 120.0
    wall_seconds: float = 120.0
    memory_bytes: int = 3 * GIB
    file_bytes: int = 512 * MIB
    disk_bytes: int = GIB
    files: int = 10_000
    inodes: int = 32
    threads: int = 64
    output_bytes: int = 16 * MIB
    frame_bytes: int = 256 * MIB
    forks: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What a jail may reach. Python's own folders, this package and the system's libraries are readable besides.

    `scratch` is an empty folder that can be written; it is emptied again after every call. With bubblewrap a file
    system in memory lies over it, whose size is `limits.disk_bytes`: nothing reaches the disk, or the parent.
    `preload`: modules that the warden imports once, for every call; they are trusted. They, and the targets of calls,
    come from this package, from what is installed, or from the folders `search` (which are readable too).
    """

    scratch: Path
    readable: tuple[Path, ...] = ()
    preload: tuple[str, ...] = ()
    search: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended.

    `status`: "ended" where the function returned, "raised" where it raised or the process left by itself, "killed"
    where a limit or a signal ended it; `reason` says which, "" where it returned. `frames` are those that passed the
    check of origin and order; `tampered` says what did not pass ("" where everything did): then none is to be trusted,
    and `status` is not "ended".
    `seconds` of wall clock. What a run raised, printed and sent are its own words: untrusted text.
    """

    status: Literal["ended", "raised", "killed"]
    reason: str
    frames: tuple[bytes, ...]
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float = 0.0
    tampered: str = ""
