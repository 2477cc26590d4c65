"""Escapes from the sandbox, tried for real by code that runs in it, under each set of mechanisms.

The attempts are in tests/jailed/attempts.py. Sets that this machine does not offer are skipped with the reason.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from jail_cells import ATTEMPTS, SECRET, Cell, none_succeeded, tried


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
