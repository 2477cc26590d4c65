"""Parts of the sandbox by themselves: the filter on both processors, frames, the scratch folder."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="the sandbox needs Linux")

from auditor.limits.scratch import empty
from auditor.probe.sandbox import scratch, seccomp
from auditor.probe.sandbox.channel import Channel, Frames
from auditor.probe.sandbox.syscalls import NUMBERS
from auditor.probe.sandbox.watch import descendants, seen_below, size

PID = 4321
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS, DONE = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS, ERRNO
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class Filter:
    """A program as the kernel would run it: the instructions that these filters use."""

    def __init__(self, program: list[tuple[int, int, int, int]], machine: str) -> None:
        self.program, self.machine = program, machine

    def __call__(self, call: str | int, *arguments: int, architecture: int | None = None) -> int:
        number = NUMBERS[call][self.machine == "aarch64"] if isinstance(call, str) else call
        if number is None:
            pytest.skip(f"{self.machine} has no {call}")
        data = {0: number, 4: ARCHITECTURES[self.machine] if architecture is None else architecture}
        data |= {16 + 8 * i: a & 0xFFFFFFFF for i, a in enumerate(arguments)}
        at = value = 0
        while True:
            code, yes, no, operand = self.program[at]
            at += 1
            if code == 0x20:
                value = data.get(operand, 0)
            elif code == 0x06:
                return operand
            else:
                met = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
                at += yes if met else no


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setattr(platform, "machine", lambda: name)
    return name


def _installed(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[int, int, int, int]]]:
    programs: list[list[tuple[int, int, int, int]]] = []
    monkeypatch.setattr(seccomp, "_install", programs.append)
    return programs


@pytest.fixture
def run(machine: str, monkeypatch: pytest.MonkeyPatch) -> Filter:
    programs = _installed(monkeypatch)
    seccomp.confine_run(PID, attributes=False)
    return Filter(programs[0], machine)


@pytest.fixture
def warden(machine: str, monkeypatch: pytest.MonkeyPatch) -> Filter:
    programs = _installed(monkeypatch)
    seccomp.confine_warden()
    return Filter(programs[0], machine)


def test_whoever_counts_files_is_asked_before_one_is_made(machine: str) -> None:
    ask, asked = Filter(seccomp.asking(), machine), 0x7FC00000
    _jumps_stay(ask)
    for call in ("mkdirat", "mknodat", "symlinkat", "linkat"):
        assert ask(call) == asked
    for flags in (os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o20200000 | os.O_RDWR):  # O_TMPFILE of x86-64
        assert ask("openat", 0, 0, flags) == asked
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_TRUNC, 0o200000 | os.O_CLOEXEC):  # O_DIRECTORY
        assert ask("openat", 0, 0, flags) == ALLOW
    assert ask("openat2") == ENOSYS
    assert ask("fallocate", 3, 1, 0, 1 << 30) == ERRNO | errno.EOPNOTSUPP
    assert ask("renameat2", 0, 0, 0, 0, 4) == ERRNO | errno.EINVAL
    assert ask("renameat2", 0, 0, 0, 0, 1) == ALLOW
    if machine == "x86_64":
        assert [ask(call) for call in ("creat", "mkdir", "mknod", "symlink", "link")] == [asked] * 5
        assert [ask("open", 0, flags) for flags in (os.O_CREAT, os.O_RDWR)] == [asked, ALLOW]


@pytest.mark.parametrize("call", ["landlock_add_rule", "splice", "tee", "vmsplice", "sendfile"])
def test_the_run_holds_no_file_that_nothing_shows(run: Filter, call: str) -> None:
    assert run(call) == ERRNO | errno.EINVAL


def test_every_jump_stays_in_the_program(run: Filter) -> None:
    _jumps_stay(run)


def _jumps_stay(run: Filter) -> None:
    length = len(run.program)
    assert length < 4096  # BPF_MAXINSNS
    for at, (code, yes, no, _) in enumerate(run.program):
        if code in (0x15, 0x35, 0x45):
            assert at + 1 + max(yes, no) < length
            assert max(yes, no) < 256


@pytest.mark.parametrize(
    "call", ["socket", "socketpair", "connect", "sendmsg", "execve", "ptrace", "mount", "unshare", "bpf", "keyctl",
             "process_vm_writev", "tkill", "rt_sigqueueinfo", "setns", "shmget", "mq_open", "userfaultfd"]
)  # fmt: skip
def test_the_run_may_not(run: Filter, call: str) -> None:
    assert run(call) == EPERM


@pytest.mark.parametrize("call", ["clone3", "io_uring_setup", "memfd_create", "pidfd_open"])
def test_the_run_is_told_that_there_is_no(run: Filter, call: str) -> None:
    assert run(call) == ENOSYS


def test_the_run_may_start_threads_and_no_processes(run: Filter) -> None:
    thread = 0x003D0F00  # as the C library starts one
    assert run("clone", thread) == ALLOW
    assert run("clone", 17) == EPERM  # SIGCHLD: fork
    assert run("clone", 0x4111) == EPERM  # CLONE_VM | CLONE_VFORK: posix_spawn
    assert run("clone", 0x10000000 | 17) == EPERM  # CLONE_NEWUSER


@pytest.mark.parametrize("call", ["fork", "vfork"])
def test_the_older_ways_to_fork(run: Filter, call: str) -> None:
    assert run(call) == EPERM


def test_signals_reach_the_run_alone(run: Filter) -> None:
    for call in ("kill", "tgkill"):
        assert run(call, PID, 9) == ALLOW
        for other in (0, -1, -PID, 1, PID + 1):
            assert run(call, other, 9) == EPERM
    assert run("fcntl", 3, 2) == ALLOW
    for command in (8, 10, 15):
        assert run("fcntl", 3, command) == EPERM
    assert run("prctl", 15) == ALLOW  # PR_SET_NAME
    assert run("prctl", 1, 0) == EPERM


def test_limits_of_others_are_theirs(run: Filter) -> None:
    assert run("prlimit64", 0, 7) == ALLOW
    assert run("prlimit64", PID, 7) == ALLOW
    assert run("prlimit64", 1, 7) == EPERM


def test_ioctl_is_for_terminals_questions_only(run: Filter) -> None:
    assert run("ioctl", 1, 0x5401) == ALLOW
    assert run("ioctl", 1, 0x5412) == ERRNO | errno.ENOTTY
    assert run("ioctl", 1, 0x40086602) == ERRNO | errno.ENOTTY


def test_attributes_are_answered_as_done_where_no_mount_guards_them(
    run: Filter, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("fchmodat") == DONE
    assert run("utimensat") == DONE
    programs = _installed(monkeypatch)
    seccomp.confine_run(PID, attributes=True)
    assert Filter(programs[0], machine)("fchmodat") == ALLOW


def test_other_processors_and_later_calls(run: Filter) -> None:
    assert run(0, architecture=0x40000003) == KILL  # 32-bit calls have numbers of their own
    assert run(0x40000000 + 41) == ENOSYS  # x32
    assert run(457) == ENOSYS
    assert run(0) == ALLOW


def test_the_warden_forks_and_talks_and_no_more(warden: Filter) -> None:
    assert warden("clone", 17) == ALLOW
    assert warden("sendmsg") == ALLOW
    assert warden("pidfd_open") == ALLOW
    for call in ("socket", "execve", "ptrace", "unshare"):
        assert warden(call) == EPERM


# frames

KEY = b"k" * 32


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


def _sent(pipe: tuple[int, int], *frames: bytes, key: bytes = KEY, end: str | None = None) -> bytes:
    channel = Channel(pipe[1], key)
    for frame in frames:
        channel.send(frame)
    if end is not None:
        channel.raised(end) if end else channel.returned()
    return os.read(pipe[0], 1 << 16)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_frames_arrive_however_they_are_cut(pipe: tuple[int, int], step: int) -> None:
    data = _sent(pipe, b"one", b"", b"three" * 100, end="ValueError: x")
    frames = Frames(KEY, 10_000)
    for start in range(0, len(data), step):
        frames.feed(data[start : start + step])
    frames.finish()
    assert frames.frames == [b"one", b"", b"three" * 100]
    assert frames.last == ("raised", "ValueError: x")
    assert not frames.tampered


def test_what_is_tampered_with_is_noticed(pipe: tuple[int, int]) -> None:
    data = _sent(pipe, b"one", b"two", end="")
    length = len(_sent(pipe, b"one"))
    for wrong in (
        data[:-1] + bytes([data[-1] ^ 1]),
        data[: length - 1] + b"X" + data[length:],
        data[length:],  # the first is missing
        data[:length] + data[2 * length :],  # the second is missing
        data[:length] + data,  # the first comes twice
        data + data[-29:],  # something after the end
        b"junk" * 20,
        _sent(pipe, b"one", key=b"o" * 32),
    ):
        frames = Frames(KEY, 10_000)
        frames.feed(wrong)
        assert frames.tampered, wrong
        assert set(frames.frames) <= {b"one", b"two"}


def test_half_a_frame_at_the_end(pipe: tuple[int, int]) -> None:
    frames = Frames(KEY, 10_000)
    frames.feed(_sent(pipe, b"one")[:-1])
    assert not frames.tampered  # the rest may come
    frames.finish()
    assert frames.tampered == "the results end within a frame"


def test_frames_are_bounded(pipe: tuple[int, int]) -> None:
    for frames, sent in ((Frames(KEY, 100), (b"x" * 101,)), (Frames(KEY, 100), (b"x" * 40,) * 3)):
        frames.feed(_sent(pipe, *sent))
        assert frames.too_much
        assert not frames.tampered


# the scratch folder


def test_measuring_and_emptying(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    inside = tmp_path / "inside"
    (inside / "a" / "b" / "c").mkdir(parents=True)
    (inside / "a" / "b" / "file").write_bytes(b"x" * 10_000)
    (inside / "a" / "link").symlink_to(outside)
    folder = os.open(inside, os.O_RDONLY)
    try:
        files, used = scratch.measure(folder, 100)
        assert files == 5
        assert used >= 10_000
        assert scratch.measure(folder, 2)[0] == 3  # enough to know
        (inside / "a" / "b").chmod(0)
        empty(folder)
    finally:
        os.close(folder)
    assert os.listdir(inside) == []
    assert os.listdir(outside) == ["kept"]


@pytest.mark.parametrize(("count", "words"), [(3 << 30, "3 GiB"), (100 << 20, "100 MiB"), (1000, "1000 bytes")])
def test_sizes_in_words(count: int, words: str) -> None:
    assert size(count) == words


def test_a_process_below_another_is_seen_below_its_parent() -> None:
    inner = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        below = seen_below(os.getpid())
        assert len(below) >= 2
        assert process.pid in below
        assert set(below) == set(descendants(os.getpid()))
        process.communicate(b"\n")
    assert process.pid not in seen_below(os.getpid())
    assert seen_below(process.pid) == []
