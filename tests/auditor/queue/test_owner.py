"""Whose claim it is: a process that has ended is known for gone at once, one that cannot be seen is not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.queue import owner
from auditor.queue.store import Store

SAYS = "from auditor.queue.owner import this_process; print(this_process(), flush=True); input()"
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what /proc tells of a process")


def other(**more: str) -> str:
    """This process with some of its words changed."""
    names = ("host", "boot", "namespace", "process", "start")
    known = dict(zip(names, owner.this_process().split(" "), strict=True))
    return " ".join({**known, **more}.values())


def in_time(answer: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether it becomes true: a process that was killed takes a moment to end."""
    end = time.monotonic() + seconds
    while not (found := answer()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_this_process_is_not_gone() -> None:
    assert not owner.is_gone(owner.this_process())


def test_a_process_is_gone_once_it_has_ended_even_if_nobody_asked_how() -> None:
    process = subprocess.Popen([sys.executable, "-c", SAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert not owner.is_gone(name)
    process.kill()
    if Path("/proc/self/stat").exists():
        assert in_time(lambda: owner.is_gone(name))  # its number is kept for its parent, which has not asked
    process.wait()
    assert owner.is_gone(name)


@linux
def test_a_number_that_was_given_again_is_another_process() -> None:
    assert owner.is_gone(other(start="1"))


@linux
def test_a_machine_that_has_started_anew_has_no_process_of_before() -> None:
    assert owner.is_gone(other(boot="of-before"))


@pytest.mark.parametrize("changed", [{"host": "elsewhere"}, {"host": "elsewhere", "boot": "x", "start": "1"}])
def test_what_cannot_be_seen_from_here_is_not_gone(changed: dict[str, str]) -> None:
    assert not owner.is_gone(other(**changed))


@linux
def test_a_process_of_another_container_is_not_gone() -> None:
    assert not owner.is_gone(other(namespace="pid:[1]", process="999999999"))


@pytest.mark.parametrize("name", ["", "host:1", "a b c d e", "a b c"])
def test_a_claim_that_is_written_otherwise_is_left_to_its_time(name: str) -> None:
    assert not owner.is_gone(name)


@linux
def test_the_claims_of_a_run_that_was_killed_are_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    script = (
        "import sys; from pathlib import Path; from auditor.queue.store import Store\n"
        "store = Store(Path(sys.argv[1])); print(store.claim('key', 3600), flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "True"
    with Store(path) as store:
        assert not store.claim("key", 60)
        process.kill()
        assert in_time(lambda: store.claim("key", 60))
    process.wait()
