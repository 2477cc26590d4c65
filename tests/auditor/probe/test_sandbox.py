"""Escapes from the sandbox, tried for real by code that runs in it, under each set of mechanisms.

The attempts are in tests/jailed/attempts.py. Sets that this machine does not offer are skipped with the reason.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from patience import PATIENCE, runs, until

from auditor.probe.sandbox import Broken, Ended, Jail, Limits, Mechanism, Policy, Refused, available
from auditor.probe.sandbox.model import MIB
from auditor.probe.sandbox.watch import descendants

ATTEMPTS = Path(__file__).parents[2] / "jailed"
SETS = {
    "everything": frozenset(Mechanism),
    "no-bubblewrap": frozenset({Mechanism.LANDLOCK, Mechanism.SECCOMP}),
    "bubblewrap-only": frozenset({Mechanism.BUBBLEWRAP}),
}
LIMITS = Limits(
    cpu_seconds=20, wall_seconds=PATIENCE, memory_bytes=400 * MIB, file_bytes=8 * MIB, disk_bytes=24 * MIB, files=200,
    inodes=16, threads=16, output_bytes=MIB, frame_bytes=16 * MIB,
)  # fmt: skip
SECRET = "the-secret-of-the-user"


def skip_unless(mechanisms: frozenset[Mechanism]) -> None:
    lacking = dict(available().lacking)
    for mechanism in mechanisms & lacking.keys():
        pytest.skip(f"without {mechanism.value}: {lacking[mechanism]}")


@dataclass
class Cell:
    jail: Jail
    mechanisms: frozenset[Mechanism]
    scratch: Path
    folder: Path  # readable inside

    @property
    def filtered(self) -> bool:
        return Mechanism.SECCOMP in self.mechanisms

    @property
    def mounted(self) -> bool:
        return Mechanism.BUBBLEWRAP in self.mechanisms

    def run(self, name: str, argument: object = b"", **limits: float) -> Ended:
        data = argument if isinstance(argument, bytes) else json.dumps(argument).encode()
        return self.jail.call(f"attempts:{name}", data, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]

    def works(self) -> bool:
        return self.run("hello", b"again").frames == (b"again",)

    def warden(self) -> int:
        return int(json.loads(self.run("where").frames[0])["parent"])


@pytest.fixture(scope="module", params=SETS)
def cell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    mechanisms = SETS[request.param]
    skip_unless(mechanisms)
    base = tmp_path_factory.mktemp("cell")
    scratch, folder = base / "scratch", base / "readable"
    scratch.mkdir()
    folder.mkdir()
    (folder / "inside.txt").write_text("inside")
    os.environ["GOLF_TEST_SECRET"] = SECRET
    shared = os.open(folder / "inside.txt", os.O_RDWR)
    os.set_inheritable(shared, True)
    policy = Policy(scratch, readable=(folder,), search=(ATTEMPTS,), limits=LIMITS)
    try:
        with Jail(policy, mechanisms=mechanisms) as jail:
            yield Cell(jail, mechanisms, scratch, folder)
    finally:
        os.close(shared)
        del os.environ["GOLF_TEST_SECRET"]


def tried(ended: Ended, frame: int = 0) -> dict[str, str]:
    assert ended.status == "ended", ended
    assert not ended.tampered
    found: dict[str, str] = json.loads(ended.frames[frame])
    assert found
    return found


def none_succeeded(said: dict[str, str]) -> None:
    assert {k: v for k, v in said.items() if not v.startswith("failed")} == {}


def everything_below() -> set[int]:
    """Processes that this one has started, and theirs."""
    return set(descendants(os.getpid()))


# what a call gives back


def test_a_call_gives_back_frames_output_and_its_end(cell: Cell) -> None:
    start = time.monotonic()
    ended = cell.run("hello", b"\0frame")
    assert 0 < ended.seconds <= time.monotonic() - start
    assert (ended.status, ended.reason, ended.tampered) == ("ended", "", "")
    assert ended.frames == (b"\0frame",)
    assert ended.stdout == "said 6 bytes\n"


def test_an_exception_is_named_and_its_traceback_kept(cell: Cell) -> None:
    ended = cell.run("fail", b"three")
    assert (ended.status, ended.reason, ended.frames) == ("raised", "ValueError: three", (b"one",))
    assert "attempts.py" in ended.stderr


@pytest.mark.parametrize("code", [0, 3])
def test_leaving_early_is_no_end(cell: Cell, code: int) -> None:
    ended = cell.run("leave", str(code).encode())
    assert (ended.status, ended.reason) == ("raised", f"left with exit status {code} before it was done")
    assert ended.frames == (b"one",)


def test_a_crash_ends_one_call_alone(cell: Cell) -> None:
    ended = cell.run("crash")
    assert (ended.status, ended.reason) == ("killed", "ended by signal SIGSEGV")
    assert cell.works()


def test_thousands_of_frames_arrive_in_order(cell: Cell) -> None:
    ended = cell.run("many_frames", b"5000")
    assert ended.status == "ended"
    assert ended.frames == tuple(n.to_bytes(4, "big") * (n % 1000) for n in range(5000))


# files


def test_no_file_of_the_user_can_be_read(cell: Cell, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    home = Path.home()
    ended = cell.run("read", [str(secret), str(home)])
    none_succeeded(tried(ended))
    assert SECRET not in ended.stdout + ended.stderr
    # With mounts of its own it may see the folders on the way to the interpreter, and nothing beside them.
    shown = json.loads(ended.frames[1])
    ways = (cell.folder, cell.scratch, ATTEMPTS, *map(Path, (sys.prefix, sys.base_prefix, sys.executable)))
    assert all(any((home / name) in (w, *w.parents) for w in ways) for name in shown), shown


def test_nothing_can_be_written_but_scratch(cell: Cell) -> None:
    inside = cell.folder / "inside.txt"
    before = os.stat(inside)
    package = Path(sys.modules["auditor"].__file__ or "").parent
    none_succeeded(tried(cell.run("write", [str(cell.folder), str(package)])))
    after = os.stat(inside)
    assert inside.read_text() == "inside"
    assert os.listdir(cell.folder) == ["inside.txt"]
    assert (after.st_mode, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_mode, before.st_mtime_ns, before.st_ctime_ns,
    )  # fmt: skip
    assert not os.path.exists("/tmp/golf-audit-escaped")
    assert not os.path.exists("/dev/shm/golf-audit-escaped")


def test_nothing_secret_is_inherited(cell: Cell) -> None:
    found = json.loads(cell.run("where").frames[0])
    assert "GOLF_TEST_SECRET" not in found["environment"]
    assert SECRET not in str(found["environment"])
    assert found["environment"]["PYTHONHASHSEED"] == "0"
    assert Path(found["cwd"]) == cell.scratch.resolve()
    said = tried(cell.run("descriptors"))  # the channel's, which can't be read, and no other
    assert len(said) == 1
    none_succeeded(said)


# network


def test_no_socket_reaches_anything(cell: Cell, tmp_path: Path) -> None:
    name = f"golf-audit-{os.getpid()}"
    with tempfile.TemporaryDirectory() as short, socket.create_server(("127.0.0.1", 0)) as tcp:
        path = os.path.join(short, "s")
        with socket.socket(socket.AF_UNIX) as unix, socket.socket(socket.AF_UNIX) as abstract:
            unix.bind(path)
            abstract.bind("\0" + name)
            for server in (tcp, unix, abstract):
                server.listen()
                server.setblocking(False)
            ended = cell.run("network", [tcp.getsockname()[1], path, name])
            none_succeeded(tried(ended))
            for server in (tcp, unix, abstract):
                with pytest.raises(BlockingIOError):
                    server.accept()
    if cell.filtered:
        none_succeeded(tried(ended, 1))  # there is not even one without a peer


# processes


def test_no_other_process_is_seen(cell: Cell) -> None:
    ended = cell.run("processes", str(os.getpid()).encode())
    assert json.loads(ended.frames[0]) in ([], [1])  # at most the warden, as process 1 of the namespace
    none_succeeded(tried(ended, 1))


def test_a_call_that_may_fork_forks_itself_alone(cell: Cell) -> None:
    if not (cell.filtered and cell.mounted):
        pytest.skip("forks need a namespace that bounds them and a filter that ends them")
    ended = cell.run("fork_and_settle", forks=True)
    none_succeeded(tried(ended))
    assert ended.frames[1:] == (b"after",)  # both sent, in one numbering
    assert cell.run("fork_and_settle").status != "ended"  # without leave: not at all
    assert cell.works()
    bomb = cell.run("fork_for_ever", forks=True)
    assert bomb.status == "killed"
    assert cell.works()


def test_neither_the_warden_nor_anyone_else_can_be_harmed(cell: Cell) -> None:
    warden = cell.warden()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        ended = cell.run("attack", str(other.pid).encode())
        none_succeeded(tried(ended))
        assert other.poll() is None
        other.communicate(b"\n")
        assert other.returncode == 0
    if cell.filtered:
        none_succeeded(tried(ended, 1))
    # Without a filter a signal to process 1 of the namespace is taken and does nothing.
    assert cell.warden() == warden
    assert cell.works()


def test_no_process_is_started(cell: Cell) -> None:
    if not cell.filtered:
        pytest.skip("without seccomp processes are bounded, not forbidden")
    none_succeeded(tried(cell.run("start")))


def test_no_namespace_mount_or_kernel_interface(cell: Cell) -> None:
    none_succeeded(tried(cell.run("namespaces")))


def test_forking_without_end(cell: Cell) -> None:
    assert cell.works()
    before = everything_below()
    ended = cell.run("fork_for_ever", memory_bytes=4096 * MIB)  # each of them counts what it shares, too
    if cell.filtered:
        assert (ended.status, ended.reason) == ("raised", "OSError: no more processes")
    else:
        assert (ended.status, ended.reason) == ("killed", "more than 16 threads and processes")
        until(lambda: not everything_below() & before)  # the jail has ended, and everyone in it
    assert cell.works()
    until(lambda: len(everything_below()) == len(before))


def test_nobody_outlives_the_run(cell: Cell) -> None:
    assert cell.works()
    before = everything_below()
    ended = cell.run("orphan")
    assert ended.status == ("raised" if cell.filtered else "ended")
    assert cell.works()
    until(lambda: len(everything_below()) == len(before))


def test_threads_without_end(cell: Cell) -> None:
    ended = cell.run("threads_for_ever")
    assert ended.status == "killed"
    assert ended.reason.startswith("more than 16 threads")
    assert cell.works()


# time and memory


@pytest.mark.parametrize("how", ["sleep", "stop"])
def test_sleeping_for_ever(cell: Cell, how: str) -> None:
    for limit in (1.5, 10, 60):  # until it has come so far as to sleep, which may take long on a busy machine
        ended = cell.run(how, wall_seconds=limit)
        assert (ended.status, ended.reason) == ("killed", f"more than {limit:g} s of wall clock")
        if ended.frames or how == "stop":
            break
    assert limit <= ended.seconds < PATIENCE
    if how == "sleep":
        assert (ended.frames, ended.stdout) == ((b"asleep",), "good night\n")
    assert cell.works()


def test_a_busy_loop(cell: Cell) -> None:
    ended = cell.run("spin", cpu_seconds=1)
    assert (ended.status, ended.reason) == ("killed", "more than 1 s of processor time")
    assert ended.cpu_seconds < 3


def test_a_busy_loop_that_ignores_the_warning(cell: Cell) -> None:
    if cell.mechanisms != SETS["everything"]:
        pytest.skip("a limit of the kernel, the same under every set")
    ended = cell.run("spin", b"ignore", cpu_seconds=1)
    assert (ended.status, ended.reason) == ("killed", "more than 1 s of processor time")


@pytest.mark.parametrize("how", [b"private", b"shared"])
def test_filling_memory(cell: Cell, how: bytes) -> None:
    ended = cell.run("fill_memory", how, memory_bytes=100 * MIB)
    assert (ended.status, ended.reason) == ("killed", "more than 100 MiB of memory")
    assert cell.works()


def test_more_memory_than_there_are_addresses(cell: Cell) -> None:
    ended = cell.run("memory_at_once")
    assert (ended.status, ended.reason) == ("raised", "MemoryError: ")
    if cell.filtered:
        assert cell.run("memory_file").status == "raised"  # memory that no mapping shows


# disk


def test_one_file_that_grows(cell: Cell) -> None:
    ended = cell.run("one_large_file")
    assert ended.status == "raised"
    assert "File too large" in ended.reason
    assert cell.works()


def test_files_that_fill_the_disk(cell: Cell) -> None:
    ended = cell.run("many_files", str(MIB).encode())
    assert "No space left on device" in ended.reason
    assert cell.works()


def test_many_small_files(cell: Cell) -> None:
    ended = cell.run("many_files", b"0")  # empty ones: the disk is not full before anyone counts them
    if cell.mounted:
        assert (ended.status, ended.reason) == ("killed", "more than 200 files")
    else:
        assert "No space left on device: 'file-17'" in ended.reason
    assert cell.works()


@pytest.mark.parametrize("how", ["nameless_files", "mapped_files", "pinned_files", "hidden_files"])
def test_files_without_a_name_fill_the_disk(cell: Cell, how: str) -> None:
    ended = cell.run(how)
    refused = {"pinned_files": "Invalid argument", "hidden_files": "Operation not permitted"}
    assert "No space left on device" in ended.reason or (cell.filtered and refused.get(how, "?") in ended.reason)
    assert cell.works()


def test_nothing_is_made_that_is_not_counted(cell: Cell) -> None:
    if cell.mounted:
        pytest.skip("a file system of its own is bounded as a whole")
    for kind, said in tried(cell.run("names_without_end")).items():
        assert re.fullmatch(r"failed: [\w ]+ after few", said), (kind, said)
    ended = cell.run("beyond_the_end")
    none_succeeded(tried(ended))
    assert int(ended.frames[1]) == 0


def test_files_times_their_size_is_what_the_disk_gives(cell: Cell) -> None:
    if cell.mounted:
        pytest.skip("a file system of its own is bounded as a whole")
    largest = int(cell.run("largest_file").frames[0])
    assert 0 < largest * LIMITS.inodes <= LIMITS.disk_bytes
    assert "file-16" in cell.run("nameless_files").reason  # the seventeenth


def test_an_honest_script_does_not_notice(cell: Cell) -> None:
    ended = cell.run("files_in_use")
    assert ended.status == "ended", ended
    assert json.loads(ended.frames[0]) == [200] * 4


def test_nothing_is_left_for_the_next_call(cell: Cell) -> None:
    cell.run("litter", str(cell.folder).encode(), files=2000, inodes=2000)
    assert json.loads(cell.run("listing").frames[0]) == []
    assert os.listdir(cell.scratch) == []
    assert os.listdir(cell.folder) == ["inside.txt"]
    assert stat.S_IMODE(os.stat(cell.folder).st_mode) != 0


# its own results


def test_a_forged_frame_is_noticed(cell: Cell) -> None:
    ended = cell.run("forge")
    assert ended.tampered == "bytes that the channel did not write, after frame 1"
    assert ended.status == "killed"
    assert b"fake" not in ended.frames


@pytest.mark.parametrize("how", [b"again", b"steal"])
def test_frames_taken_from_the_pipe_are_noticed(cell: Cell, how: bytes) -> None:
    ended = cell.run("replay", how)
    assert ended.tampered.startswith("bytes that the channel did not write, after frame ")
    assert ended.status != "ended"


@pytest.mark.parametrize("how", [b"close", b"replace"])
def test_a_closed_channel_is_noticed(cell: Cell, how: bytes) -> None:
    ended = cell.run("shut", how)
    assert ended.tampered == "the channel was closed or replaced"
    assert (ended.status, ended.reason) == ("raised", "the results could not be sent to their end")
    assert ended.frames == (b"one",)


@pytest.mark.parametrize(
    ("where", "reason"),
    [("channel", "16 MiB of results"), ("1", "1 MiB on stdout"), ("2", "1 MiB on stderr")],
)
def test_a_flood_is_ended(cell: Cell, where: str, reason: str) -> None:
    ended = cell.run("flood", f"{where} 1000000".encode())
    assert (ended.status, ended.reason) == ("killed", f"more than {reason}")
    assert len(ended.stdout) <= MIB
    assert len(ended.stderr) <= MIB
    assert cell.works()


# refusal


def test_without_any_mechanism_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        Jail(Policy(tmp_path), mechanisms=())
    for what in ("files: ", "network: ", "processes: ", "disk: ", "bubblewrap", "Landlock", "seccomp"):
        assert what in str(refusal.value)
    others = everything_below()  # of jails that other tests share
    with Jail(Policy(tmp_path, search=(ATTEMPTS,)), mechanisms=(), unsafe=True) as jail:
        assert jail.isolation.unsafe
        assert len(jail.isolation.missing) == 4
        assert jail.call("attempts:hello", b"x").frames == (b"x",)
        assert jail.call("attempts:orphan", b"").frames == (b"left one behind",)
        limits = replace(LIMITS, wall_seconds=0.2)
        assert jail.call("attempts:sleep", b"", limits=limits).reason == "more than 0.2 s of wall clock"
        assert everything_below() > others
    until(lambda: everything_below() <= others)


@pytest.mark.parametrize("name", SETS)
def test_where_the_kernel_has_no_handles_of_processes(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_unless(SETS[name])
    real = socket.recv_fds

    def without(control: socket.socket, size: int, most: int) -> tuple[bytes, list[int], int, object]:
        message, descriptors, flags, address = real(control, size, most)
        kept = descriptors[:1] if b"ready" in message or b"asks" in message else []  # no process among them
        for descriptor in descriptors[len(kept) :]:
            os.close(descriptor)
        return message, kept, flags, address

    monkeypatch.setattr(socket, "recv_fds", without)
    limits = replace(LIMITS, memory_bytes=100 * MIB)
    with Jail(Policy(tmp_path, search=(ATTEMPTS,), limits=limits), mechanisms=SETS[name]) as jail:
        assert jail.call("attempts:hello", b"x").frames == (b"x",)
        assert jail.call("attempts:fill_memory", b"").reason == "more than 100 MiB of memory"
        ended = jail.call("attempts:sleep", b"", limits=replace(LIMITS, wall_seconds=0.3))
        assert ended.reason == "more than 0.3 s of wall clock"
        assert jail.call("attempts:hello", b"x").frames == (b"x",)


@pytest.mark.parametrize(
    ("mechanism", "missing"), [(Mechanism.LANDLOCK, ("network", "processes", "disk")), (Mechanism.SECCOMP, ("files",))]
)
def test_half_a_guard_is_refused(tmp_path: Path, mechanism: Mechanism, missing: tuple[str, ...]) -> None:
    skip_unless(frozenset({mechanism}))
    with pytest.raises(Refused) as refusal:
        Jail(Policy(tmp_path), mechanisms={mechanism})
    assert [w for w in ("files", "network", "processes", "disk") if f"{w}: " in str(refusal.value)] == list(missing)


def test_what_scratch_may_not_be(tmp_path: Path) -> None:
    skip_unless(SETS["no-bubblewrap"])
    below = tmp_path / "below"
    with pytest.raises(Broken, match="not an empty folder"):
        Jail(Policy(below)).__enter__()
    below.mkdir()
    with pytest.raises(Broken, match="not an empty folder"):
        Jail(Policy(tmp_path)).__enter__()
    with pytest.raises(Broken, match="is to be read only and lies in"):
        Jail(Policy(below, readable=(below,))).__enter__()


def test_a_home_folder_is_never_readable(tmp_path: Path) -> None:
    skip_unless(SETS["no-bubblewrap"])
    with pytest.raises(Refused, match="home folder"):
        Jail(Policy(tmp_path, readable=(Path.home().parent,))).__enter__()


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    skip_unless(SETS["no-bubblewrap"])
    before = everything_below()
    with pytest.raises(Broken, match="No module named 'nosuchmodule'"):
        Jail(Policy(tmp_path, preload=("nosuchmodule",)), mechanisms=SETS["no-bubblewrap"]).__enter__()
    until(lambda: everything_below() == before)


def test_the_table_of_what_is_there() -> None:
    done = subprocess.run([sys.executable, "-m", "auditor.probe.sandbox"], capture_output=True, text=True)
    assert done.returncode in (0, 1)
    for word in ("bubblewrap", "Landlock", "seccomp", "memory", "time", "disk"):
        assert word in done.stdout


# the parent

PARENT = """
import sys
from pathlib import Path
from auditor.probe.sandbox import Jail, Limits, Mechanism, Policy
scratch, attempts, *names = sys.argv[1:]
policy = Policy(Path(scratch), search=(Path(attempts),), limits=Limits(wall_seconds=1000))
with Jail(policy, mechanisms=[Mechanism(n) for n in names]) as jail:
    print("ready", flush=True)
    jail.call("attempts:sleep", b"")
"""


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_everything_ends_with_the_parent(tmp_path: Path, name: str, signal_name: str) -> None:
    skip_unless(SETS[name])
    arguments = [str(tmp_path), str(ATTEMPTS), *(m.value for m in SETS[name])]
    argv = [sys.executable, "-c", PARENT, *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        expected = 3 if Mechanism.BUBBLEWRAP in SETS[name] else 2
        until(lambda: len(descendants(parent.pid)) >= expected)
        below = descendants(parent.pid)
        assert len(below) == expected
        parent.send_signal(signal.Signals[signal_name])
        parent.wait(PATIENCE)
        until(lambda: not any(runs(process) for process in below))
