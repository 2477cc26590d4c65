"""What ends a run that takes more than it may."""

from __future__ import annotations

import re

import pytest
from jail_cells import LIMITS, SETS, Cell, none_succeeded, tried
from patience import PATIENCE, until

from auditor.probe.sandbox.model import MIB


def test_forking_without_end(cell: Cell) -> None:
    assert cell.works()
    before = cell.below()
    ended = cell.run("fork_for_ever", memory_bytes=4096 * MIB)  # each of them counts what it shares, too
    if cell.filtered:
        assert (ended.status, ended.reason) == ("raised", "OSError: no more processes")
    else:
        assert (ended.status, ended.reason) == ("killed", "more than 16 threads and processes")
        until(lambda: not cell.below() & before)  # the jail has ended, and everyone in it
    assert cell.works()
    until(lambda: len(cell.below()) == len(before))


def test_nobody_outlives_the_run(cell: Cell) -> None:
    assert cell.works()
    before = cell.below()
    ended = cell.run("orphan")
    assert ended.status == ("raised" if cell.filtered else "ended")
    assert cell.works()
    until(lambda: len(cell.below()) == len(before))


def test_threads_without_end(cell: Cell) -> None:
    ended = cell.run("threads_for_ever")
    assert ended.status == "killed"
    assert ended.reason.startswith("more than 16 threads")
    assert cell.works()


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
