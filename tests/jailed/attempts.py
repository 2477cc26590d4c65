"""Code that runs in the jail and tries to get out. Every attempt sends JSON: {what was tried: "" or why it failed}."""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import platform
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

from auditor.probe.sandbox.syscalls import NUMBERS

LIBC = ctypes.CDLL(None, use_errno=True)


def _tell(channel: Any, **tried: Callable[[], Any]) -> None:
    said = {}
    for name, attempt in tried.items():
        try:
            found = attempt()
            said[name] = "" if found is None else f"got {found!r}"[:200]
        except BaseException as error:
            said[name] = f"failed: {type(error).__name__}: {error}"
    channel.send(json.dumps(said).encode())


def _call(name: str, *arguments: int) -> str:
    """syscall(2), raising like Python's own."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    if number is None:
        raise OSError("this processor has no such call")
    answer = LIBC.syscall(*map(ctypes.c_long, (number, *arguments)))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return str(answer)


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

    _tell(
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
    _tell(
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

    _tell(
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
    _tell(
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
    _tell(
        channel,
        command=lambda: Path(f"/proc/{outside}/cmdline").read_text() if outside != os.getpid() else 1 / 0,
        environment=lambda: Path(f"/proc/{os.getppid()}/environ").read_text(),
        maps=lambda: Path(f"/proc/{os.getppid()}/maps").read_text(),
        descriptor=lambda: os.open(f"/proc/{os.getppid()}/fd/1", os.O_RDONLY),
    )


def attack(argument: bytes, channel: Any) -> None:
    """Every way to harm the warden, or the process whose number is given."""
    outside, warden = int(argument), os.getppid()
    _tell(
        channel,
        trace=lambda: _trace(warden),
        memory=lambda: os.open(f"/proc/{warden}/mem", os.O_RDWR),
        write=lambda: _remote("process_vm_writev", warden),
        read=lambda: _remote("process_vm_readv", warden),
        limits=lambda: _limit(warden),
        trace_outside=lambda: _trace(outside),
    )
    said = {}
    for name, harm in (
        ("kill", lambda: os.kill(warden, signal.SIGKILL)),
        ("stop", lambda: os.kill(warden, signal.SIGSTOP)),
        ("interrupt", lambda: os.kill(warden, signal.SIGINT)),
        ("outside", lambda: os.kill(outside, signal.SIGKILL) if outside != os.getpid() else 1 / 0),
        ("everyone", lambda: os.kill(-1, signal.SIGCONT)),
        ("thread", lambda: _call("tgkill", warden, warden, 9)),
        ("handle", lambda: signal.pidfd_send_signal(os.pidfd_open(warden), signal.SIGKILL)),
        ("owner", lambda: _by_owner(warden)),
    ):
        try:
            harm()
            said[name] = ""
        except BaseException as error:
            said[name] = f"failed: {error}"
    channel.send(json.dumps(said).encode())


def _trace(pid: int) -> str:
    return _call("ptrace", 16, pid, 0, 0)  # PTRACE_ATTACH


def _remote(call: str, pid: int) -> str:
    buffer = ctypes.create_string_buffer(64)
    mine = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
    theirs = (ctypes.c_uint64 * 2)(id(LIBC), 8)  # a fork has the same objects at the same places
    return _call(call, pid, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)


def _limit(pid: int) -> str:
    return _call(
        "prlimit64", pid, 7, ctypes.addressof((ctypes.c_uint64 * 2)(0, 0)), 0
    )  # prlimit64: no descriptors at all


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
        pid = _call(name, *arguments)
        if pid == "0":
            LIBC._exit(0)
        return pid

    def plain() -> str:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        return str(pid)

    _tell(
        channel,
        fork=plain,
        fork_call=lambda: fork("fork"),
        clone=lambda: fork("clone", signal.SIGCHLD, 0, 0, 0, 0),
        clone3=lambda: fork("clone3", ctypes.addressof((ctypes.c_uint64 * 8)(0, 0, 0, 0, 17)), 64),
        spawn=lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "true"], {}),
        run=lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True).returncode,
        system=lambda: os.system("true") and 1 / 0,
        watch=lambda: _call("inotify_init1", 0),
        become=lambda: os.execv("/bin/true", ["true"]),
    )


def namespaces(argument: bytes, channel: Any) -> None:
    buffer = ctypes.create_string_buffer(256)
    address = ctypes.addressof(buffer)
    _tell(
        channel,
        user=lambda: _call("unshare", 0x10000000),
        mounts=lambda: _call("unshare", 0x00020000),
        mount=lambda: _call("mount", address, address, address, 0, 0),
        chroot=lambda: os.chroot("."),
        filter=lambda: _call("bpf", 0, address, 64),
        events=lambda: _call("perf_event_open", address, 0, -1, -1, 0),
        trace=lambda: _call("ptrace", 16, 1, 0, 0),
        module=lambda: _call("init_module", address, 1, address),
        clock=lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        restart=lambda: _call("reboot", 0, 0, 0, 0),
        identity=lambda: (os.setgroups([]), os.setuid(12345)),
        open_more=lambda: _raise_limit(),
    )


def _raise_limit() -> None:
    import resource

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


# time, memory, disk


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
    rules = int(_call("landlock_create_ruleset", *_buffer((1 << 2).to_bytes(8, "little")), 8, 0))
    while True:
        descriptor = os.open("pinned", os.O_RDWR | os.O_CREAT)
        os.write(descriptor, b"x" * (1 << 20))
        rule = (1 << 2).to_bytes(8, "little") + descriptor.to_bytes(4, "little")
        _call("landlock_add_rule", rules, 1, *_buffer(rule), 0)
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
        "raw": lambda name: os.close(int(_call("openat2", -100, *_buffer(name.encode() + b"\0"), *_how(), 24))),
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
    _call("renameat2", -100, *_buffer(b"one\0"), -100, *_buffer(b"two\0"), 4)
    os.rename("one", name)
    os.rename("two", "one")


def _how() -> tuple[int]:
    """struct open_how: O_CREAT | O_RDWR."""
    return _buffer((0o102).to_bytes(8, "little") + bytes(16))


def beyond_the_end(argument: bytes, channel: Any) -> None:
    """Bytes of the disk that no size shows."""
    descriptor = os.open("long", os.O_RDWR | os.O_CREAT)
    _tell(channel, allocate=lambda: _call("fallocate", descriptor, 1, 1 << 20, 1 << 30))
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


# results


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
        _tell(channel, fork=lambda: os.fork(), kill=lambda: os.kill(os.getppid(), signal.SIGTERM))
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

    _tell(
        channel,
        file=lambda: Path("word").write_text("x") and None,
        kept=lambda: Path("kept").write_text("x") and None,
        times=lambda: os.utime(".", (7, 7)),
        mode=lambda: os.chmod(".", 0o711),
        attribute=attribute,
    )


def reach_the_stem(channel: Any) -> None:
    above = os.getppid()
    _tell(
        channel,
        kill=lambda: os.kill(above, signal.SIGTERM),
        limit=lambda: _limit(above),
        turn=lambda: os.sched_setaffinity(above, os.sched_getaffinity(0)),
        group=lambda: os.setpgid(above, above),
        trace=lambda: _trace(above),
        memory=lambda: Path(f"/proc/{above}/mem").read_bytes(),
        fork=lambda: os.fork(),
        orders=lambda: [n for n in range(3, 64) if _is_open(n)][1],  # beside the channel's own
    )


def _is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False
