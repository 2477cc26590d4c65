"""Where nothing is run, and what ends with the parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jail_cells import ATTEMPTS, LIMITS, SETS, skip_unless
from patience import PATIENCE, runs, until

from auditor.probe.sandbox import Broken, Jail, Mechanism, Policy, Refused
from auditor.probe.sandbox.model import MIB
from auditor.probe.sandbox.watch import descendants


def everything_below() -> set[int]:
    """Processes that this one has started, and theirs."""
    return set(descendants(os.getpid()))


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
