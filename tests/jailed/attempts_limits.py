"""Attempts to take more time, memory or disk than a run may."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attempts_common import LIBC, called, tell


def sleep(argument: bytes, channel: Any) -> None:
    channel.send(b"asleep")
    print("good night")
    time.sleep(60)


def stop(argument: bytes, channel: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def spin(argument: bytes, channel: Any) -> None:
    if argument == b"ignore":
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def crash(argument: bytes, channel: Any) -> None:
    ctypes.string_at(0)


def fill_memory(argument: bytes, channel: Any) -> None:
    held = []
    while True:
        if argument == b"shared":
            held.append(mmap.mmap(-1, 1 << 22))
            held[-1].write(b"x" * (1 << 22))
        else:
            held.append(bytearray(b"x") * (1 << 22))


def memory_at_once(argument: bytes, channel: Any) -> None:
    bytearray(1 << 40)


def memory_file(argument: bytes, channel: Any) -> None:
    os.memfd_create("x")


def one_large_file(argument: bytes, channel: Any) -> None:
    with open("large", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def largest_file(argument: bytes, channel: Any) -> None:
    channel.send(str(resource.getrlimit(resource.RLIMIT_FSIZE)[1]).encode())


def many_files(argument: bytes, channel: Any) -> None:
    """Of the given size, until it is not possible any more."""
    serial = 0
    while True:
        serial += 1
        with open(f"file-{serial}", "wb") as file:
            file.write(b"x" * int(argument))


def nameless_files(argument: bytes, channel: Any) -> None:
    held = []
    while True:
        held.append(open(f"file-{len(held)}", "wb"))  # noqa: SIM115
        os.unlink(f"file-{len(held) - 1}")
        held[-1].write(b"x" * (1 << 20))
        held[-1].flush()


def mapped_files(argument: bytes, channel: Any) -> None:
    """Neither a name nor a descriptor leads to them any more, and they stay on the disk."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    while True:
        descriptor = os.open("mapped", os.O_RDWR | os.O_CREAT)
        if os.write(descriptor, b"x" * (1 << 20)) < 1 << 20:
            raise OSError(28, "No space left on device")
        assert library.mmap(None, 4096, 1, 1, descriptor, 0) not in (None, 2**64 - 1)
        os.close(descriptor)
        os.unlink("mapped")


def pinned_files(argument: bytes, channel: Any) -> None:
    """Removed files that a rule set of the kernel still holds."""
    rules = int(called("landlock_create_ruleset", *_buffer((1 << 2).to_bytes(8, "little")), 8, 0))
    while True:
        descriptor = os.open("pinned", os.O_RDWR | os.O_CREAT)
        os.write(descriptor, b"x" * (1 << 20))
        rule = (1 << 2).to_bytes(8, "little") + descriptor.to_bytes(4, "little")
        called("landlock_add_rule", rules, 1, *_buffer(rule), 0)
        os.close(descriptor)
        os.unlink("pinned")


def _buffer(data: bytes) -> tuple[int]:
    held = ctypes.create_string_buffer(data, len(data))
    _BUFFERS.append(held)
    return (ctypes.addressof(held),)


_BUFFERS: list[Any] = []


def hidden_files(argument: bytes, channel: Any) -> None:
    """Removed files that are open in a thread with descriptors of its own, which the process does not show."""
    failed: list[OSError] = []

    def fill() -> None:
        if LIBC.unshare(0x400) != 0:  # CLONE_FILES
            failed.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
            return
        try:
            nameless_files(argument, channel)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    raise failed[0]


def names_without_end(argument: bytes, channel: Any) -> None:
    """One after the other until it fails, of each kind; how many there were."""
    Path("one").write_text("x")
    kinds: dict[str, Callable[[str], Any]] = {
        "folders": os.mkdir,
        "symbolic": lambda name: os.symlink("x", name),
        "hard": lambda name: os.link("one", name),
        "pipes": os.mkfifo,
        "nameless": lambda name: os.open(".", os.O_TMPFILE | os.O_RDWR),
        "whiteouts": _whiteout,
        "raw": lambda name: os.close(int(called("openat2", -100, *_buffer(name.encode() + b"\0"), *_how(), 24))),
    }
    said = {}
    for kind, make in kinds.items():
        os.mkdir(kind)
        os.chdir(kind)
        Path("one").write_text("x")
        made = 0
        try:
            while made < 1000:
                make(f"name-{made}")
                made += 1
        except OSError as error:
            said[kind] = f"failed: {error.strerror} after {'few' if made < 40 else made}"
        else:
            said[kind] = f"made {made}"
        os.chdir("..")
        _remove(kind)
    channel.send(json.dumps(said).encode())


def _remove(folder: str) -> None:
    for descriptor in range(3, 1024):
        with suppress(OSError):
            if os.fstat(descriptor).st_nlink == 0:
                os.close(descriptor)
    import shutil

    shutil.rmtree(folder)


def _whiteout(name: str) -> None:
    """`one` gets another name, and a file of a kind of its own stays in its place; then it goes on."""
    called("renameat2", -100, *_buffer(b"one\0"), -100, *_buffer(b"two\0"), 4)
    os.rename("one", name)
    os.rename("two", "one")


def _how() -> tuple[int]:
    """struct open_how: O_CREAT | O_RDWR."""
    return _buffer((0o102).to_bytes(8, "little") + bytes(16))


def beyond_the_end(argument: bytes, channel: Any) -> None:
    """Bytes of the disk that no size shows."""
    descriptor = os.open("long", os.O_RDWR | os.O_CREAT)
    tell(channel, allocate=lambda: called("fallocate", descriptor, 1, 1 << 20, 1 << 30))
    channel.send(str(os.fstat(descriptor).st_blocks * 512).encode())


def files_in_use(argument: bytes, channel: Any) -> None:
    """What an honest script does: a line at a time into a log, a file for a while, one in the place of another."""
    for serial in range(300):
        with open("log.txt", "a") as log:
            log.write(f"{serial}\n")
        with open(f"temporary-{serial}", "wb") as file:
            file.write(b"x" * 1000)
        if serial % 2:
            os.unlink(f"temporary-{serial}")
        else:
            os.replace(f"temporary-{serial}", "model.pt")
    threads = [threading.Thread(target=_append, args=(f"log-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.send(json.dumps([len(Path(f"log-{n}").read_text().split()) for n in range(4)]).encode())


def _append(path: str) -> None:
    for serial in range(200):
        with open(path, "a") as file:
            file.write(f"{serial}\n")


def litter(argument: bytes, channel: Any) -> None:
    """Leave behind what is hard to remove: depth, modes, links to elsewhere."""
    os.symlink(argument.decode(), "outside")
    os.mkfifo("pipe")
    os.makedirs("a/b/c")
    Path("a/b/file").write_text("x")
    os.mkdir("shut", 0o000)
    for _ in range(300):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
    Path("deepest").write_text("x")


def listing(argument: bytes, channel: Any) -> None:
    channel.send(json.dumps(os.listdir(".")).encode())
