"""Attempts at the channel of results, and what a call does that is held and forked."""

from __future__ import annotations

import fcntl  # noqa: F401  what `stand` is told to do names these
import json
import mmap  # noqa: F401
import os
import resource
import signal
import threading  # noqa: F401
import time  # noqa: F401
from contextlib import suppress
from pathlib import Path
from typing import Any

from attempts_common import limited, tell, traced
from attempts_limits import spin  # noqa: F401


def _pipes() -> list[int]:
    found = []
    for descriptor in range(3, 1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(descriptor)
    return found


def descriptors(argument: bytes, channel: Any) -> None:
    """Those that can be used besides the three of every process, and what can be read from them."""
    said = {}
    for descriptor in _pipes():
        try:
            said[str(descriptor)] = os.read(descriptor, 64).decode(errors="replace")
        except OSError as error:
            said[str(descriptor)] = f"failed: {error}"
    channel.send(json.dumps(said).encode())


def forge(argument: bytes, channel: Any) -> None:
    """Bytes in the form of a frame, with the next number, in every descriptor."""
    channel.send(b"true")
    for descriptor in _pipes():
        os.write(descriptor, (4).to_bytes(4, "big") + (1).to_bytes(8, "big") + b"\0" + b"m" * 16 + b"fake")
    channel.send(b"true")


def replay(argument: bytes, channel: Any) -> None:
    """A frame that the channel has written, taken from the pipe and put back twice."""
    (descriptor,) = _pipes()
    flags = os.O_RDONLY | os.O_NONBLOCK
    theirs = os.open(f"/proc/self/fd/{descriptor}", flags)
    channel.send(b"true" * 10)
    for _ in range(200_000):
        try:
            taken = os.read(theirs, 1 << 16)
        except BlockingIOError:
            channel.send(b"true" * 10)  # the parent was faster
            continue
        if argument != b"steal":
            os.write(descriptor, taken)
            os.write(descriptor, taken)
        break


def shut(argument: bytes, channel: Any) -> None:
    channel.send(b"one")
    os.closerange(3, 1024)
    if argument == b"replace":
        for _ in range(8):
            os.open("mine", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        channel.send(b"two")


def flood(argument: bytes, channel: Any) -> None:
    where, frames = argument.decode().split()
    block = b"x" * (1 << 16)
    for _ in range(int(frames)):
        if where == "channel":
            channel.send(block)
        else:
            os.write(int(where), block)


def many_frames(argument: bytes, channel: Any) -> None:
    for serial in range(int(argument)):
        channel.send(serial.to_bytes(4, "big") * (serial % 1000))


def fork_and_settle(argument: bytes, channel: Any) -> None:
    """A call that may fork does, and sends from there; the fork gives that up and tries again."""
    from auditor.probe.sandbox.forks import settle

    pid = os.fork()
    if pid == 0:
        settle()
        tell(channel, fork=lambda: os.fork(), kill=lambda: os.kill(os.getppid(), signal.SIGTERM))
        os._exit(0)
    os.waitpid(pid, 0)
    channel.send(b"after")


# calls that are held and forked


def stand(argument: bytes, channel: Any, stem: Any) -> None:
    """Does what the argument says before it stands, then in each fork what that is given."""
    for line in filter(None, argument.decode().splitlines()):
        exec(line, globals())
    channel.send(b"before")
    print("before")
    given = stem.stand()
    channel.send(json.dumps({"given": given.decode()}).encode())
    exec(given.decode(), {**globals(), "channel": channel})


def seen_from_a_fork(channel: Any) -> None:
    """Everything that could be different in the next one, but for its number and the time."""
    import random

    found = {path: Path(path).read_text() for path in sorted(map(str, Path(".").rglob("*"))) if Path(path).is_file()}
    times = [(path, os.stat(path).st_mtime_ns, os.stat(path).st_mode) for path in (".", *found)]
    said = {
        "files": found, "times": times, "attributes": os.listxattr("."), "random": random.random(),
        "limits": [resource.getrlimit(what) for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)],
        "turn": sorted(os.sched_getaffinity(os.getppid())),
        "children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
    }  # fmt: skip
    channel.send(json.dumps(said).encode())


def leave_word(channel: Any) -> None:
    """For the next fork, wherever it can be left."""

    def attribute() -> None:
        os.setxattr(".", "user.word", b"x")

    tell(
        channel,
        file=lambda: Path("word").write_text("x") and None,
        kept=lambda: Path("kept").write_text("x") and None,
        times=lambda: os.utime(".", (7, 7)),
        mode=lambda: os.chmod(".", 0o711),
        attribute=attribute,
    )


def reach_the_stem(channel: Any) -> None:
    above = os.getppid()
    tell(
        channel,
        kill=lambda: os.kill(above, signal.SIGTERM),
        limit=lambda: limited(above),
        turn=lambda: os.sched_setaffinity(above, os.sched_getaffinity(0)),
        group=lambda: os.setpgid(above, above),
        trace=lambda: traced(above),
        memory=lambda: Path(f"/proc/{above}/mem").read_bytes(),
        fork=lambda: os.fork(),
        orders=lambda: [n for n in range(3, 64) if _is_open(n)][1],  # beside the channel's own
    )


def _is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False
