"""Runs that are forked where a script first reads validation tokens: what is forked, and that it is a run like any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="a submission is run with torch: pip install '.[probe]'")
pytest.importorskip("sentencepiece", reason="tokenizers are trained with sentencepiece: pip install '.[probe]'")

from auditor.judgement.gather import gather
from auditor.probe.job import Exchange
from auditor.probe.measure.exchange import place_of
from auditor.probe.measure.runs import Read
from auditor.probe.plan import Plan, make
from auditor.probe.record import read
from auditor.probe.runner import Home, Run, Runner
from auditor.probe.sandbox import Refused, available
from auditor.probe.sandbox.capabilities import isolation
from auditor.probe.scene import Workspace
from auditor.submission import load_path

SCRIPT = """
import glob, os, random
import numpy as np
import torch
import torch.nn.functional as F
{before}
print("reading", random.random(), torch.rand(1).item())
files = sorted(glob.glob("./data/datasets/fineweb10B_sp1024/fineweb_val_*.bin"))
{reading}
{after}
table = torch.randn(1024, 1024)
with torch.no_grad():
    losses = F.cross_entropy(table[tokens[:-1]], tokens[1:], reduction="none")
    val_loss = losses.mean().item()
print(f"val_loss:{{val_loss:.8f}} drawn {{random.random():.8f}} {{np.random.rand():.8f}}")
print(f"final val_loss:{{val_loss:.8f}} val_bpb:{{val_loss:.8f}}")
"""
READING = 'tokens = torch.from_numpy(np.fromfile(files[0], dtype="<u2", offset=1024).astype(np.int64))'


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    try:
        isolation(available(), unsafe=False)
    except Refused as error:
        pytest.skip(str(error))
    if available().lacking:
        pytest.skip("not every guard is here: nothing is forked")
    made = Home()
    yield made
    made.close()


class Case:
    """One script in the sandbox."""

    def __init__(self, runner: Runner, folder: Path, seed: int = 3) -> None:
        facts = gather(load_path(folder), {})
        self.runner, self.made = runner, make(facts, Plan())
        self.workspace = Workspace(self.made.layout, seed)

    def base(self) -> Run:
        return self.runner.begun(self.made, self.workspace, 60)

    def again(self) -> Run:
        return self.runner.run(self.made, self.workspace, self.workspace.streams.base, 60)

    def future(self) -> Run:
        return self.runner.run(self.made, self.workspace, self.workspace.streams.future, 60)

    def cold(self, stream: str = "base") -> Run:
        return self.runner._cold(self.made, self.workspace, getattr(self.workspace.streams, stream), 60, True, ())


@contextmanager
def case(home: Home, folder: Path, before: str = "", reading: str = READING, after: str = "") -> Iterator[Case]:
    (folder / "train_gpt.py").write_text(SCRIPT.format(before=before, reading=reading, after=after))
    (folder / "submission.json").write_text('{"val_bpb": 1.1}')
    with Runner(load_path(folder), home=home) as runner:
        yield Case(runner, folder)


def lines(run: Run) -> list[str]:
    assert run.error == ""
    return [text for _, text in read(run.recorded).lines]


def scores(run: Run) -> bytes:
    assert run.error == ""
    return read(run.recorded).loss.tobytes()


def test_a_fork_is_the_run_that_begins_from_nothing(tmp_path: Path, home: Home) -> None:
    """To the last bit and the last random number, on each stream."""
    with case(home, tmp_path) as made:
        base, future = made.base(), made.future()
        assert (made.runner.forked, made.runner.whole) == (2, "")
        for found, stream in ((base, "base"), (future, "future")):
            whole = made.cold(stream)
            assert scores(found) == scores(whole)
            assert lines(found) == lines(whole)
            assert found.said.split() == whole.said.split()  # what was printed before the fork, too
        assert scores(base) != scores(future)
        assert scores(made.again()) == scores(base)


def test_what_is_before_the_read_runs_once(tmp_path: Path, home: Home) -> None:
    with case(home, tmp_path, before="for _ in range(60): torch.randn(600, 600) @ torch.randn(600, 600)") as made:
        base = made.base()
        spent = made.runner.spent
        assert base.spent < spent  # the part that runs once is counted once
        made.future()
        assert made.runner.spent - spent < spent


@pytest.mark.parametrize(
    "reading",
    [
        'tokens = torch.from_numpy(np.memmap(files[0], dtype="<u2", mode="r", offset=1024).astype(np.int64))',
        'held = open(files[0], "rb").read(); tokens = torch.tensor(np.frombuffer(held[1024:], "<u2").astype("i8"))',
        "number = os.open(files[0], os.O_RDONLY); os.lseek(number, 1024, 0);"
        ' tokens = torch.tensor(np.frombuffer(os.read(number, 1 << 20), "<u2").astype("i8"))',
        'os.link(files[0], "other"); files = ["other"]; ' + READING,
        'import shutil; shutil.copy(files[0], "copied.bin"); files = ["copied.bin"]; ' + READING,
    ],
)
def test_ways_to_read(tmp_path: Path, home: Home, reading: str) -> None:
    with case(home, tmp_path, reading=reading) as made:
        base, future = made.base(), made.future()
        assert scores(base) == scores(made.cold()) != scores(future)
        if "link" not in reading:
            assert (made.runner.forked, made.runner.whole) == (2, "")


@pytest.mark.parametrize(
    ("before", "reading", "why"),
    [
        ("import threading; lock = threading.Lock(); lock.acquire()\n"
         "threading.Thread(target=lock.acquire, daemon=True).start()", READING, "threads"),
        ("kept = open('log.txt', 'w')", READING, "files open"),
        ("", 'tokens = torch.from_file(files[0], size=512 + 1537, dtype=torch.int16)[512:].to(torch.int64)',
         "not seen to read"),
        ("early = torch.from_file(sorted(glob.glob('./data/datasets/*/fineweb_val_*.bin'))[0], size=600,"
         " dtype=torch.int16)[512:].tolist()", READING, "unseen"),
    ],
)  # fmt: skip
def test_what_can_not_be_forked_runs_whole(tmp_path: Path, home: Home, before: str, reading: str, why: str) -> None:
    with case(home, tmp_path, before=before, reading=reading) as made:
        base, future = made.base(), made.future()
        assert made.runner.forked == 0
        assert why in made.runner.whole
        assert scores(base) == scores(made.cold()) != scores(future)


def test_nothing_of_the_stream_is_there_before_the_fork(tmp_path: Path, home: Home) -> None:
    """Who keeps what it reads unseen, and reads as others do later, keeps nothing: it is run whole, or has nothing."""
    early = (
        "path = sorted(glob.glob('./data/datasets/*/fineweb_val_*.bin'))[0]\n"
        "early = torch.from_file(path, size=512 + 1537, dtype=torch.int16)[512:].to(torch.int64)\n"
        "when = os.stat(path).st_mtime_ns; os.utime(path, ns=(when, when))"  # and hides that it has read
    )
    with case(home, tmp_path, before=early, after="tokens = early") as made:
        base = made.base()
        stream, forked = made.workspace.streams.base, made.runner.forked
        assert base.error == ""
        scored = read(base.recorded).target
    assert (forked, len(scored)) == (1, len(stream) - 1)
    assert (scored == stream[1:]).mean() < 0.1


def test_a_script_leaves_no_word_for_its_next_run(tmp_path: Path, home: Home) -> None:
    after = """
names = sorted(os.listdir("."))
print("found", names, os.path.exists("left"), [os.stat(name).st_size for name in names])
open("left", "w").write("x")
"""
    with case(home, tmp_path, before="open('log.txt', 'w').write('one')", after=after) as made:
        first, second = made.base(), made.again()
        assert made.runner.forked == 2
        assert "False" in first.said
        assert first.said == second.said


def test_a_stream_of_another_length_is_run_from_nothing(tmp_path: Path, home: Home) -> None:
    """Who asked how long the file is was told before the fork."""
    with case(home, tmp_path) as made:
        made.base()
        short = made.runner.run(made.made, made.workspace, made.workspace.streams.base[:-64], 60)
        assert short.error == ""
        assert (made.runner.forked, made.runner.whole) == (1, "its stream has another length")
        assert scores(made.again()) == scores(made.cold())
        assert made.runner.forked == 1  # what was held is gone


def test_what_is_run_from_nothing_finds_nothing_of_what_was_forked(tmp_path: Path, home: Home) -> None:
    with case(home, tmp_path, before="open('model.pt', 'x').close()", after="open('logits.bin', 'x').close()") as made:
        made.made = make(gather(load_path(tmp_path), {}), Plan(writable=True))  # its folder is copied there
        made.base()
        assert (made.future().error, made.runner.forked) == ("", 2)
        assert made.runner.run(made.made, made.workspace, made.workspace.streams.base[:-64], 60).error == ""


def test_a_script_starts_no_process(tmp_path: Path, home: Home) -> None:
    with case(home, tmp_path, before="os.fork()") as made:
        found = made.base()
        assert found.failure is not None
        assert found.failure.error == "PermissionError"


def test_a_failure_before_the_read_is_the_runs_own(tmp_path: Path, home: Home) -> None:
    with case(home, tmp_path, before="raise ValueError('three')") as made:
        found = made.base()
        assert (found.error, found.failure and found.failure.line) == ("ValueError: three", 6)


@pytest.mark.parametrize("forked", [True, False])
def test_a_run_for_its_exchanges_ends_with_the_last_of_them(tmp_path: Path, home: Home, forked: bool) -> None:
    """What the script does after that is not waited for, and what forks said is what they say in a run to the end."""
    with case(home, tmp_path, after="torch.nn.functional.cross_entropy(torch.zeros(1, 1024), tokens[:1])") as made:
        base, stream = made.base(), made.workspace.streams.base
        place = place_of(Read(read(base.recorded), stream, "val_bpb"), 1200)
        assert place is not None
        assert place.after is not None
        one = Exchange(place.position, place.after, place.row, place.taken, tuple(map(int, stream[1180:1210])), 20,
                       (int(stream[1200]), 5, 6))  # fmt: skip
        if not forked:
            made.runner._let_go()
        whole, short = (
            made.runner.run(made.made, made.workspace, stream, 60, exchanges=(one,), until_tried=ends)
            for ends in (False, True)
        )
        assert (whole.error, short.error) == ("", "")
        assert "val_loss" in whole.said
        assert "val_loss" not in short.said
        assert len(read(short.recorded).exchanged) == 3
        assert read(short.recorded).exchanged == read(whole.recorded).exchanged
        assert made.runner.forked == (3 if forked else 1)
