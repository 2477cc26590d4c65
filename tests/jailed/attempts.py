"""Code that runs in the jail and tries to get out. Every attempt sends JSON: {what was tried: "" or why it failed}."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attempts_common import LIBC, called, limited, tell, traced
from attempts_limits import beyond_the_end as beyond_the_end
from attempts_limits import crash as crash
from attempts_limits import files_in_use as files_in_use
from attempts_limits import fill_memory as fill_memory
from attempts_limits import hidden_files as hidden_files
from attempts_limits import largest_file as largest_file
from attempts_limits import listing as listing
from attempts_limits import litter as litter
from attempts_limits import many_files as many_files
from attempts_limits import mapped_files as mapped_files
from attempts_limits import memory_at_once as memory_at_once
from attempts_limits import memory_file as memory_file
from attempts_limits import nameless_files as nameless_files
from attempts_limits import names_without_end as names_without_end
from attempts_limits import one_large_file as one_large_file
from attempts_limits import pinned_files as pinned_files
from attempts_limits import sleep as sleep
from attempts_limits import spin as spin
from attempts_limits import stop as stop
from attempts_results import descriptors as descriptors
from attempts_results import flood as flood
from attempts_results import forge as forge
from attempts_results import fork_and_settle as fork_and_settle
from attempts_results import leave_word as leave_word
from attempts_results import many_frames as many_frames
from attempts_results import reach_the_stem as reach_the_stem
from attempts_results import replay as replay
from attempts_results import seen_from_a_fork as seen_from_a_fork
from attempts_results import shut as shut
from attempts_results import stand as stand


def hello(argument: bytes, channel: Any) -> None:
    channel.send(argument)
    print("said", len(argument), "bytes")


def where(argument: bytes, channel: Any) -> None:
    found = {"pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd(), "environment": dict(os.environ)}
    channel.send(json.dumps(found).encode())


def fail(argument: bytes, channel: Any) -> None:
    channel.send(b"one")
    raise ValueError(argument.decode())


def leave(argument: bytes, channel: Any) -> None:
    channel.send(b"one")
    os._exit(int(argument))


# files


def read(argument: bytes, channel: Any) -> None:
    secret, home = json.loads(argument)

    def by_link(make: Callable[[str, str], None]) -> str:
        make(secret, f"link-{make.__name__}")
        return Path(f"link-{make.__name__}").read_text()

    tell(
        channel,
        secret=lambda: Path(secret).read_text(),
        symbolic=lambda: by_link(os.symlink),
        hard=lambda: by_link(os.link),
        from_parent=lambda: Path(f"/proc/{os.getppid()}/root{secret}").read_text(),
        from_self=lambda: Path(f"/proc/self/root{secret}").read_text(),
        shadow=lambda: Path("/etc/shadow").read_text(),
        passwd=lambda: Path("/etc/passwd").read_text(),
        host=lambda: Path("/etc/hostname").read_text(),
        disk=lambda: os.open("/dev/vda", os.O_RDONLY),
        memory=lambda: os.open("/dev/mem", os.O_RDONLY),
        terminal=lambda: os.open("/dev/tty", os.O_RDWR),
    )
    try:
        names = os.listdir(home)
    except OSError:
        names = []
    channel.send(json.dumps(names).encode())


def write(argument: bytes, channel: Any) -> None:
    folder, package = map(Path, json.loads(argument))
    inside = folder / "inside.txt"
    tell(
        channel,
        new=lambda: (folder / "new.txt").write_text("x"),
        over=lambda: inside.write_text("x"),
        cut=lambda: os.truncate(inside, 0),
        cut_by_opening=lambda: _cut(inside),
        remove=lambda: inside.unlink(),
        rename=lambda: inside.rename(folder / "other.txt"),
        take=lambda: inside.rename("taken.txt"),
        put=lambda: (Path("mine.txt").write_text("x"), os.rename("mine.txt", folder / "mine.txt")),
        folder=lambda: (folder / "below").mkdir(),
        link=lambda: (folder / "link").symlink_to("/"),
        pipe=lambda: os.mkfifo(folder / "pipe"),
        code=lambda: (package / "evil.py").write_text("x"),
        temporary=lambda: Path("/tmp/golf-audit-escaped").write_text("x"),
        shared=lambda: Path("/dev/shm/golf-audit-escaped").write_text("x"),
        device=lambda: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 1)),
    )
    for change in (
        lambda: os.chmod(inside, 0o777),
        lambda: os.utime(inside, (1, 1)),
        lambda: os.setxattr(inside, "user.x", b"y"),
        lambda: _flags(inside),
    ):
        with suppress(OSError):  # what matters is whether it is changed afterwards
            change()


def _cut(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_TRUNC))


def _flags(path: Path) -> None:
    with open(path) as file:
        fcntl.ioctl(file, 0x40086602, (0x80).to_bytes(8, "little"))  # FS_IOC_SETFLAGS: don't note the access time


# network


def network(argument: bytes, channel: Any) -> None:
    port, path, abstract = json.loads(argument)

    def connect(family: int, kind: int, address: Any) -> str:
        with socket.socket(family, kind) as s:
            s.settimeout(2)
            s.connect(address)
            s.send(b"escaped")
        return "sent"

    def datagram() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"escaped", ("198.51.100.7", 53))  # of TEST-NET-2
        return "sent"

    tell(
        channel,
        tcp=lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        tcp6=lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)),
        udp=datagram,
        unix=lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, path),
        abstract=lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
        raw=lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        packet=lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        name=lambda: socket.getaddrinfo("example.com", 443),
    )
    tell(
        channel,
        inet=lambda: socket.socket(socket.AF_INET),
        pair=lambda: socket.socketpair(),
        netlink=lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        vsock=lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
        crypto=lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
    )


# processes


def processes(argument: bytes, channel: Any) -> None:
    """Numbers of the processes that can be seen, and what can be had of one outside."""
    outside = int(argument)
    try:
        names = os.listdir("/proc")
    except OSError:
        names = []
    channel.send(json.dumps([int(n) for n in names if n.isdigit() and int(n) != os.getpid()]).encode())
    tell(
        channel,
        command=lambda: Path(f"/proc/{outside}/cmdline").read_text() if outside != os.getpid() else 1 / 0,
        environment=lambda: Path(f"/proc/{os.getppid()}/environ").read_text(),
        maps=lambda: Path(f"/proc/{os.getppid()}/maps").read_text(),
        descriptor=lambda: os.open(f"/proc/{os.getppid()}/fd/1", os.O_RDONLY),
    )


def attack(argument: bytes, channel: Any) -> None:
    """Every way to harm the warden, or the process whose number is given."""
    outside, warden = int(argument), os.getppid()
    tell(
        channel,
        trace=lambda: traced(warden),
        memory=lambda: os.open(f"/proc/{warden}/mem", os.O_RDWR),
        write=lambda: _remote("process_vm_writev", warden),
        read=lambda: _remote("process_vm_readv", warden),
        limits=lambda: limited(warden),
        trace_outside=lambda: traced(outside),
    )
    said = {}
    for name, harm in (
        ("kill", lambda: os.kill(warden, signal.SIGKILL)),
        ("stop", lambda: os.kill(warden, signal.SIGSTOP)),
        ("interrupt", lambda: os.kill(warden, signal.SIGINT)),
        ("outside", lambda: os.kill(outside, signal.SIGKILL) if outside != os.getpid() else 1 / 0),
        ("everyone", lambda: os.kill(-1, signal.SIGCONT)),
        ("thread", lambda: called("tgkill", warden, warden, 9)),
        ("handle", lambda: signal.pidfd_send_signal(os.pidfd_open(warden), signal.SIGKILL)),
        ("owner", lambda: _by_owner(warden)),
    ):
        try:
            harm()
            said[name] = ""
        except BaseException as error:
            said[name] = f"failed: {error}"
    channel.send(json.dumps(said).encode())


def _remote(call: str, pid: int) -> str:
    buffer = ctypes.create_string_buffer(64)
    mine = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
    theirs = (ctypes.c_uint64 * 2)(id(LIBC), 8)  # a fork has the same objects at the same places
    return called(call, pid, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)


def _by_owner(pid: int) -> None:
    """Have the kernel send SIGKILL when a pipe can be read."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(reading, fcntl.F_SETOWN, pid)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


def start(argument: bytes, channel: Any) -> None:
    """Every way to start a process or a program."""

    def fork(name: str, *arguments: int) -> str:
        pid = called(name, *arguments)
        if pid == "0":
            LIBC._exit(0)
        return pid

    def plain() -> str:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        return str(pid)

    tell(
        channel,
        fork=plain,
        fork_call=lambda: fork("fork"),
        clone=lambda: fork("clone", signal.SIGCHLD, 0, 0, 0, 0),
        clone3=lambda: fork("clone3", ctypes.addressof((ctypes.c_uint64 * 8)(0, 0, 0, 0, 17)), 64),
        spawn=lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "true"], {}),
        run=lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True).returncode,
        system=lambda: os.system("true") and 1 / 0,
        watch=lambda: called("inotify_init1", 0),
        become=lambda: os.execv("/bin/true", ["true"]),
    )


def namespaces(argument: bytes, channel: Any) -> None:
    buffer = ctypes.create_string_buffer(256)
    address = ctypes.addressof(buffer)
    tell(
        channel,
        user=lambda: called("unshare", 0x10000000),
        mounts=lambda: called("unshare", 0x00020000),
        mount=lambda: called("mount", address, address, address, 0, 0),
        chroot=lambda: os.chroot("."),
        filter=lambda: called("bpf", 0, address, 64),
        events=lambda: called("perf_event_open", address, 0, -1, -1, 0),
        trace=lambda: called("ptrace", 16, 1, 0, 0),
        module=lambda: called("init_module", address, 1, address),
        clock=lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        restart=lambda: called("reboot", 0, 0, 0, 0),
        identity=lambda: (os.setgroups([]), os.setuid(12345)),
        open_more=lambda: _raise_limit(),
    )


def _raise_limit() -> None:

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft + 1, hard + 1))


def fork_for_ever(argument: bytes, channel: Any) -> None:
    """The children wait: processes without end, but not ones that take the processors from other tests."""
    for _ in range(1000):
        with suppress(OSError):
            while True:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
    raise OSError("no more processes")


def threads_for_ever(argument: bytes, channel: Any) -> None:
    with suppress(RuntimeError):  # no addresses for another stack
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(60)


def orphan(argument: bytes, channel: Any) -> None:
    """Leave a process in a session of its own behind."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(64):
                with suppress(OSError):
                    os.close(descriptor)
            time.sleep(60)
        os._exit(0)
    time.sleep(0.2)
    channel.send(b"left one behind")
