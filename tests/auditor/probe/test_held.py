"""Calls that stand still and are forked there: no fork finds anything of another, and what moves is not forked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE

from auditor.probe.sandbox import Jail, Limits, Mechanism, Policy, available
from auditor.probe.sandbox.held import Held
from auditor.probe.sandbox.model import MIB

LIMITS = Limits(
    cpu_seconds=20, wall_seconds=PATIENCE, memory_bytes=400 * MIB, file_bytes=8 * MIB, disk_bytes=24 * MIB, files=200,
    inodes=16, threads=16, output_bytes=MIB, frame_bytes=16 * MIB,
)  # fmt: skip
SEEN, WORD, REACH = "seen_from_a_fork(channel)", "leave_word(channel)", "reach_the_stem(channel)"
KEPT = 'Path("kept").write_text("as it was"); Path("folder").mkdir(); Path("folder/stream").write_text("other")'


@pytest.fixture(scope="module")
def jail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jail]:
    for mechanism, why in available().lacking:
        pytest.skip(f"without {mechanism.value} nothing is held: {why}")
    scratch = tmp_path_factory.mktemp("held") / "scratch"
    scratch.mkdir()
    policy = Policy(scratch, search=(Path(__file__).parents[2] / "jailed",), limits=LIMITS)
    with Jail(policy) as made:
        yield made


@contextmanager
def held(jail: Jail, before: str = "", **limits: Any) -> Iterator[Held]:
    found = jail.hold("attempts:stand", before.encode(), limits=replace(LIMITS, forks=True, **limits))
    assert found is not None
    try:
        yield found
    finally:
        jail.let_go()


def forked(held: Held, what: str, changed: dict[str, bytes] | None = None, **limits: Any) -> Any:
    ended = held.fork(what.encode(), changed or {}, replace(LIMITS, **limits))
    assert (ended.status, ended.reason, ended.tampered) == ("ended", "", "")
    assert json.loads(ended.frames[0]) == {"given": what}
    return [json.loads(frame) for frame in ended.frames[1:]]


def test_each_fork_is_a_run_of_its_own(jail: Jail) -> None:
    with held(jail, KEPT) as stem:
        assert (stem.over, stem.moving()) == (False, "")
        assert (stem.early[0], stem.early[1].split()) == ((b"before",), ["before"])
        ended = stem.fork(b"print('hello')", {}, LIMITS)
        assert (ended.stdout, ended.status) == ("hello\n", "ended")
        assert 0 < ended.cpu_seconds < 5
        (first,) = forked(stem, SEEN, {"folder/stream": b"one"})
        assert first["files"] == {"kept": "as it was", "folder/stream": "one"}
        (second,) = forked(stem, SEEN, {"folder/stream": b"two"})
        assert second["files"]["folder/stream"] == "two"
        assert {**first, "files": 0} == {**second, "files": 0}
        assert not stem.over
        assert stem.own_seconds > 0


def test_no_fork_finds_word_of_another(jail: Jail) -> None:
    with held(jail, KEPT) as stem:
        assert stem.moving() == ""
        before = forked(stem, SEEN)
        (left,) = forked(stem, WORD)
        assert left["file"] == left["kept"] == left["times"] == left["mode"] == ""  # it can, and it does not stay
        assert forked(stem, SEEN) == before
        assert not stem.over


def test_nor_does_a_call_find_word_of_the_one_before(jail: Jail) -> None:
    """The folder itself stays: its times, mode and attributes do not."""
    said = []
    for what in (SEEN, WORD, SEEN):
        with held(jail) as stem:
            assert stem.moving() == ""
            said.append(forked(stem, what)[0])
    assert {**said[0], "random": 0} == {**said[2], "random": 0}


def test_what_was_forked_is_out_of_reach(jail: Jail) -> None:
    with held(jail) as stem:
        assert stem.moving() == ""
        (said,) = forked(stem, REACH)
        assert {name: how for name, how in said.items() if not how.startswith("failed")} == {}
        assert not stem.over


def test_a_fork_that_may_fork_does(jail: Jail) -> None:
    once = "pid = os.fork(); os._exit(0) if pid == 0 else os.waitpid(pid, 0); channel.send(b'1')"
    with held(jail) as stem:
        assert stem.moving() == ""
        assert forked(stem, once, forks=True) == [1]
        assert forked(stem, SEEN)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "threads"),
        ("kept = open('word', 'w')", "files open"),
        ("kept = os.pipe()", "files open"),
        ("kept = mmap.mmap(-1, 4096)", "shares memory"),
        (
            "Path('word').write_text('x' * 5000); kept = os.open('word', os.O_RDWR);"
            " globals().update(map=mmap.mmap(kept, 4096)); os.close(kept)",
            "",
        ),
        ("Path('below').mkdir(); os.chdir('below')", "working directory"),
        ("os.symlink('nothing', 'word')", "links"),
        ("os.fork() or time.sleep(60)", "processes"),
    ],
)
def test_what_moves_is_not_forked_and_goes_on_alone(jail: Jail, before: str, why: str) -> None:
    with held(jail, before) as stem:
        found = stem.moving()
        assert found
        assert why in found
        ended = stem.alone(b"channel.send(b'1')", {})
        assert (ended.status, ended.reason) == ("ended", "")
        assert ended.frames[0] == b"before"
        assert ended.frames[-1] == b"1"
        assert stem.over


def test_one_that_goes_on_alone_may_not_fork(jail: Jail) -> None:
    with held(jail) as stem:
        ended = stem.alone(b"channel.send(json.dumps(sorted(globals())[:0]).encode()); os.fork()", {})
        assert ended.status == "raised"
        assert "PermissionError" in ended.reason


def test_one_that_never_stands_still_has_ended(jail: Jail) -> None:
    with held(jail, "raise ValueError('three')") as stem:
        assert stem.over
        ended = stem.finish()
        assert (ended.status, ended.reason) == ("raised", "ValueError: three")
    assert jail.call("attempts:hello", b"again").frames == (b"again",)


def test_calls_go_on_beside_what_stands(jail: Jail) -> None:
    with held(jail, KEPT) as stem:
        assert stem.moving() == ""
        assert jail.call("attempts:hello", b"beside").frames == (b"beside",)
        (said,) = forked(stem, SEEN)
        assert said["files"] == {"kept": "as it was", "folder/stream": "other"}


def test_a_fork_that_fails_or_dies_ends_alone(jail: Jail) -> None:
    with held(jail) as stem:
        assert stem.moving() == ""
        failed = stem.fork(b"raise ValueError('three')", {}, LIMITS)
        assert (failed.status, failed.reason) == ("raised", "ValueError: three")
        left = stem.fork(b"os._exit(3)", {}, LIMITS)
        assert (left.status, left.reason) == ("raised", "left with exit status 3 before it was done")
        spun = stem.fork(b"spin(b'', channel)", {}, replace(LIMITS, cpu_seconds=1))
        assert (spun.status, spun.reason) == ("killed", "more than 1 s of processor time")
        assert forked(stem, SEEN)


def test_a_fork_that_does_not_end_ends_what_it_was_forked_from(jail: Jail) -> None:
    with held(jail) as stem:
        assert stem.moving() == ""
        start = time.monotonic()
        ended = stem.fork(b"time.sleep(600)", {}, replace(LIMITS, wall_seconds=0.5))
        assert (ended.status, ended.reason) == ("killed", "more than 0.5 s of wall clock")
        assert time.monotonic() - start < PATIENCE
        assert stem.over
    assert jail.call("attempts:hello", b"again").frames == (b"again",)


@pytest.mark.parametrize("how", ["fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 17)", "os.set_blocking(2, False)"])
def test_word_that_is_left_in_the_pipes_ends_it(jail: Jail, how: str) -> None:
    with held(jail) as stem:
        assert stem.moving() == ""
        forked(stem, how)
        assert stem.over


def test_signals_wait_where_it_stands(jail: Jail) -> None:
    """What a submission has set up does not act there, beside what measures."""
    alarm = (
        "signal.signal(signal.SIGALRM, lambda *a: Path('word').write_text('x'));"
        " signal.setitimer(signal.ITIMER_REAL, 0.05)"
    )
    with held(jail, alarm) as stem:
        assert stem.moving() == ""
        time.sleep(0.1)
        (said,) = forked(stem, SEEN)
        assert said["files"] == {}


def test_without_all_guards_nothing_is_held(tmp_path: Path) -> None:
    if Mechanism.BUBBLEWRAP in dict(available().lacking):
        pytest.skip("without bubblewrap")
    policy = Policy(tmp_path, search=(Path(__file__).parents[2] / "jailed",), limits=LIMITS)
    with Jail(policy, mechanisms={Mechanism.BUBBLEWRAP}, unsafe=True) as made:
        assert made.hold("attempts:stand", b"", limits=LIMITS) is None
