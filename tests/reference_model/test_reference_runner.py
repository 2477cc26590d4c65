"""Seeds are run once each, whatever happens in between; a stand-in prints what the trainer would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference_model.reproduce.attempt import WEIGHTS, Job, RunError, SeedFailed
from reference_model.reproduce.display import Clock, Live, Plain, minutes, said
from reference_model.reproduce.results import Progress, SeedResult, Unfinished, progress, read_result
from reference_model.reproduce.runner import State, digest, forget_weights, locked, run_seeds

# Each run leaves a line in `runs`, so that a seed that is run again is seen.
SCRIPT = """
import os, sys, time
seed = os.environ["SEED"]
with open(os.environ["RUNS"], "a") as file:
    weights = os.environ.get("FROM_CHECKPOINT")
    file.write(seed + (f" from {weights}" if weights else "") + "\\n")
print("attention: sdpa")
print("0/40 val_loss: 6.9000 val_bpb: 4.8000")
for step in (1, 2, 20, 40):
    print(f"{step}/40 train_loss: {7 - step / 10:.4f} train_time: {step / 60:.2f}m tok/s: 1000 "
          "step_ms: 125.50 mfu: 0.412")
    if seed == os.environ.get("CRASHES") and step == 20:
        sys.exit("out of memory")
    if seed == os.environ.get("KILLED") and step == 20:
        os.kill(os.getpid(), 9)
    if seed in os.environ.get("MEETS", "").split():
        open(os.environ["RUNS"] + seed, "w").close()
        while not all(os.path.exists(os.environ["RUNS"] + other) for other in os.environ["MEETS"].split()):
            time.sleep(0.02)
    if seed == os.environ.get("HANGS"):
        time.sleep(float(os.environ.get("FOR", "60")))
print("40/40 val_loss: 3.0000 val_bpb: 2.1000")
print("training complete in 40000ms step: 40/40")
print("Code size: 60 bytes")
if seed != os.environ.get("MUTE"):
    print("Total submission size int6+brotli: 1060 bytes")
    print("final_int6_roundtrip val_loss:3.10000000 val_bpb:2.20000000 eval_time:1000ms")
    print(f"final_int6_sliding_window val_loss:3.00000000 val_bpb:2.1000{int(seed) % 10000:04d} eval_time:2000ms")
"""


class Recorder:
    def __init__(self) -> None:
        self.said: list[str] = []

    def started(self, seed: int) -> None:
        self.said.append(f"{seed} started")

    def line(self, seed: int, text: str) -> None:
        if progress(text):
            self.said.append(f"{seed} {text.split()[0]}")

    def finished(self, result: SeedResult, resumed: bool) -> None:
        self.said.append(f"{result.seed} {'kept' if resumed else 'done'} {result.score.val_bpb:.8f}")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "train_gpt.py").write_text(SCRIPT, "utf-8")
    return tmp_path


def _job(work: Path, lock: int | None = None, at_once: int = 1, nproc: int = 1, **environment: str) -> Job:
    runs = {"RUNS": str(work.absolute() / "runs"), "PATH": os.environ["PATH"], **environment}
    return Job(work / "train_gpt.py", work, runs, nproc, lock, at_once=at_once)


def _state(seeds: list[int], finished: dict[str, str] | None = None) -> State:
    return State(digest(SCRIPT.encode()), "small", "records/x", "2026-04-06", 1, {}, seeds, finished or {})


def _runs(work: Path) -> list[str]:
    return (work / "runs").read_text().splitlines()


def test_every_seed_is_run_and_its_figures_are_read(work: Path) -> None:
    display = Recorder()
    results, state = run_seeds(_job(work), _state([42, 314]), display)
    assert [r.seed for r in results] == [42, 314]
    assert results[0].score.val_bpb == 2.1000_0042
    assert (results[0].steps, results[0].train_seconds, results[0].untrained_bpb) == (40, 40.0, 4.8)
    assert (results[0].artifact_bytes, results[0].code_bytes) == (1060, 60)
    assert [e.label for e in results[0].evaluations] == ["final_int6_roundtrip", "final_int6_sliding_window"]
    assert display.said[:5] == ["42 started", "42 1/40", "42 2/40", "42 20/40", "42 40/40"]
    assert State.load(work) == state
    assert set(state.finished) == {"42", "314"}


@pytest.mark.parametrize(("how", "said"), [("CRASHES", "ended with status 1.*out of memory"), ("KILLED", "SIGKILL"),
                                           ("MUTE", "no artifact size and no final")])  # fmt: skip
def test_a_failed_seed_says_why_and_the_rest_is_kept(work: Path, how: str, said: str) -> None:
    with pytest.raises(SeedFailed, match=rf"(?s)seed 314.*{said}"):
        run_seeds(_job(work, **{how: "314"}), _state([42, 314, 999]), Recorder())
    assert _runs(work) == ["42", "314"]
    before = State.load(work)
    assert before is not None
    assert set(before.finished) == {"42"}
    display = Recorder()
    results, _ = run_seeds(_job(work), before, display)
    assert _runs(work) == ["42", "314", "314", "999"], "seed 42 is not run again"
    assert [r.seed for r in results] == [42, 314, 999]
    assert display.said[0].startswith("42 kept")


def test_seeds_run_at_the_same_time(work: Path) -> None:
    """Two wait for each other; the third has its turn after one of them."""
    display = Recorder()
    results, state = run_seeds(_job(work, at_once=2, MEETS="42 314"), _state([42, 314, 999]), display)
    assert [r.seed for r in results] == [42, 314, 999]
    assert [r.score.val_bpb for r in results] == [2.1000_0042, 2.1000_0314, 2.1000_0999]
    assert display.said[:2] == ["42 started", "314 started"]
    assert set(state.finished) == {"42", "314", "999"}
    assert all(f"2.1000{r.seed:04d}" in (work / f"train_seed{r.seed}.log").read_text() for r in results)


def test_a_failure_leaves_the_seed_beside_it_to_its_end(work: Path) -> None:
    with pytest.raises(SeedFailed, match=r"(?s)seed 314.*out of memory"):
        run_seeds(_job(work, at_once=2, CRASHES="314", HANGS="42", FOR="0.5"), _state([42, 314, 999]), Recorder())
    before = State.load(work)
    assert before is not None
    assert set(before.finished) == {"42"}
    assert sorted(_runs(work)) == ["314", "42"]


def test_a_log_that_was_changed_does_not_count(work: Path) -> None:
    _, state = run_seeds(_job(work), _state([42]), Recorder())
    log = work / "train_seed42.log"
    log.write_text(log.read_text().replace("2.10000042", "1.00000000"))
    results, _ = run_seeds(_job(work), state, Recorder())
    assert results[0].score.val_bpb == 2.1000_0042
    assert _runs(work) == ["42", "42"]


RUN = """
from pathlib import Path
from tests_of_runner import Recorder, _job, _state
from reference_model.reproduce.runner import State, locked, run_seeds
work = Path(".")
with locked(work, print) as lock:
    state = State.load(work) or _state([42, 314])
    state.save(work)
    run_seeds(_job(work, lock, HANGS="314", FOR="0.5"), state, Recorder())
"""


def test_a_killed_run_is_taken_up_and_its_process_waited_for(work: Path) -> None:
    first = _started(work, RUN)
    _until(lambda: (work / "runs").exists() and _runs(work) == ["42", "314"])
    first.send_signal(signal.SIGKILL)
    first.wait()
    with pytest.raises(RunError, match="another run is at work"), locked(work, print, patience=0):
        pass  # the seed's own process holds the lock
    told: list[str] = []
    with locked(work, told.append, patience=30) as lock:
        assert told
        state = State.load(work)
        assert state is not None
        assert set(state.finished) == {"42"}
        results, _ = run_seeds(_job(work, lock), state, Recorder())
    assert len(results) == 2
    assert _runs(work) == ["42", "314", "314"]


def _until(true: object) -> None:
    deadline = time.monotonic() + 60
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Interrupting(Recorder):
    def line(self, seed: int, text: str) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_script_too(work: Path) -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), locked(work, print) as lock:
        run_seeds(_job(work, lock, at_once=2, HANGS="42"), _state([42, 314]), Interrupting())
    assert time.monotonic() - began < 60
    with locked(work, print, patience=0):
        pass  # nothing of them is left that holds the lock
    assert not list(work.glob("train_seed*.log"))


ASKED = """
import signal, sys
from pathlib import Path
from tests_of_runner import Recorder, _job, _state
from reference_model.reproduce import cli
from reference_model.reproduce.runner import locked, run_seeds
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it

def reproduce(options):
    with locked(Path("."), print) as lock:
        run_seeds(_job(Path("."), lock, nproc=int(sys.argv[1]), HANGS="42"), _state([42]), Recorder())

cli._reproduce = reproduce
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize(
    ("sent", "world"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGTERM, 2)]
)
def test_a_request_to_end_is_one_line_and_leaves_no_process(sent: signal.Signals, world: int, work: Path) -> None:
    """Of torchrun and its ranks, too."""
    if world > 1:
        pytest.importorskip("torch", reason="several ranks want torchrun")
    process = _started(work, ASKED, str(world), stderr=subprocess.PIPE)
    _until(lambda: (work / "runs").exists() and _runs(work) == ["42"] * world)
    assert not Path("/proc/self/environ").exists() or len(_left(work)) == (1 if world == 1 else world + 1)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    said = "golf-reproduce: interrupted; the same command with --resume goes on with what is not finished\n"
    assert errors == said
    with locked(work, print, patience=0):
        pass
    assert not _left(work)


def _left(work: Path) -> list[str]:
    """The processes of a job in that folder, where /proc tells of them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"RUNS={work / 'runs'}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder.name)
    return found


def _started(work: Path, code: str, *given: str, stderr: int | None = None) -> subprocess.Popen[str]:
    """A process that runs seeds as this module does; it reads it from a copy."""
    (work / "tests_of_runner.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    (work / "run.py").write_text(code, "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(work), str(Path(__file__).parents[2])))}
    return subprocess.Popen([sys.executable, "run.py", *given], cwd=work, env=environment, text=True, stderr=stderr,
                            start_new_session=True)  # fmt: skip


def test_a_state_that_cannot_be_read_is_no_traceback(work: Path) -> None:
    (work / "state.json").write_text('{"script": 1}')
    with pytest.raises(RunError, match=r"state\.json cannot be read"):
        State.load(work)
    assert State.load(work / "elsewhere") is None


def test_several_processes_go_through_torchrun(work: Path) -> None:
    command = Job(work / "train_gpt.py", work, {}, 8).command()
    assert command[2:] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=8",
                           str(work / "train_gpt.py")]  # fmt: skip


# --- what is read and shown ----------------------------------------------------------------------------------------


def test_a_log_without_figures_is_unfinished() -> None:
    with pytest.raises(Unfinished, match="no code size and no artifact size and no final evaluation"):
        read_result(42, "1/40 train_loss: 6.9 train_time: 0.0m tok/s: 1000\n")


def test_the_record_s_own_grammar_is_read() -> None:
    log = (
        "0/20000 val_loss: 8.3177 val_bpb: 3.6153\n5410/20000 val_loss: 2.5272 val_bpb: 1.0985\n"
        "stopping_early: wallclock_cap train_time: 590078ms step: 5410/20000\nCode size: 90804 bytes\n"
        "Total submission size int6+brotli: 15987206 bytes\n"
        "final_int6_sliding_window val_loss:2.51393353 val_bpb:1.09269834 eval_time:75810ms\n"
    )
    result = read_result(42, log)
    assert (result.steps, result.train_seconds, result.untrained_bpb) == (5410, 590.078, 3.6153)
    assert result.score.val_bpb == 1.09269834


def test_time_left_follows_the_pace_and_the_budget() -> None:
    clock = Clock(budget=None)
    clock.see(10.0, Progress(1, 101, 7.0, 0.0, 1000))
    assert clock.left(10.0) is None
    clock.see(20.0, Progress(21, 101, 6.0, 10.0, 1000))
    assert clock.left(20.0) == pytest.approx(40.0)
    assert clock.left(25.0) == pytest.approx(35.0)
    capped = Clock(budget=30.0)
    capped.see(10.0, Progress(1, 20_000, 7.0, 0.0, 1000))
    capped.see(20.0, Progress(21, 20_000, 6.0, 10.0, 1000))
    assert capped.left(20.0) == pytest.approx(20.0)
    assert minutes(550.4) == "9:10"


@pytest.mark.parametrize("live", [False, True])
def test_both_displays_show_step_loss_pace_and_outcome(live: bool, work: Path) -> None:
    path = work / "out.txt"
    with path.open("w", encoding="utf-8") as out, Live(out, None, (42,)) if live else Plain(out, None) as display:
        run_seeds(_job(work), _state([42]), display)
    text = path.read_text("utf-8")
    assert "2.10000042 bits per byte, 1,060 bytes" in text
    if not live:  # a file that is redrawn holds the last picture alone
        assert "seed 42  step 20/40  loss 5.0000  125.5 ms/step  MFU 41.2 %" in text
        assert "seed 42  attention: sdpa" in text
        assert "left" in text


def test_a_line_of_the_terminal_fits_80_columns() -> None:
    step = Progress(5_400, 20_000, 2.5035, 542.6, 7_246_209, 115.7, 0.412)
    assert len(f"seed 999  {said(step, 599.0)}") <= 80
    assert len(f"seed 999  {'bar':6} {said(step, 599.0, brief=True)}") <= 80


@pytest.mark.parametrize(
    ("line", "expected", "off"),
    [
        (
            "500/20000 train_loss: 2.9500 train_time: 0.83m tok/s: 7868541",
            "the record's 2.9422 to 2.9553: within",
            False,
        ),
        ("500/20000 train_loss: 3.0100 train_time: 0.83m tok/s: 7868541", "0.0547 above", False),
        ("500/20000 train_loss: 3.2000 train_time: 0.83m tok/s: 7868541", "another course than the record's", True),
        ("500/20000 train_loss: 2.7000 train_time: 0.83m tok/s: 7868541", "0.2422 below", True),
        ("4000/20000 val_loss: 2.6400 val_bpb: 1.1476", "validation loss 2.6400, the record's 2.6388 to 2.6403", False),
        ("4000/20000 val_loss: 2.6500 val_bpb: 1.1519", "another course", True),
        ("550/20000 train_loss: 9.0000 train_time: 0.83m tok/s: 7868541", "", False),
    ],
)
def test_a_loss_stands_beside_the_record_s(line: str, expected: str, off: bool, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as out, Plain(out, None, compared=True) as display:
        display.line(42, line)
    text = (tmp_path / "out").read_text("utf-8")
    assert expected in text
    assert ("WARNING" in text) is off
    assert ("the record" in text) is bool(expected)


def test_a_seed_goes_on_from_its_weights(work: Path) -> None:
    (work / "seed314").mkdir()
    (work / "seed314" / WEIGHTS).write_bytes(b"weights")
    run_seeds(_job(work), _state([42, 314]), Recorder())
    assert _runs(work) == ["42", "314 from " + str(work / "seed314" / WEIGHTS)]
    forget_weights(work)
    assert not (work / "seed314" / WEIGHTS).exists()


def test_of_several_ranks_the_first_to_fail_has_the_word(work: Path) -> None:
    said = [
        "rank 3: ValueError: a shard is cut short",
        "rank 0: RuntimeError: Connection closed by peer",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
        *["  detail"] * 30,
    ]
    (work / "train_gpt.py").write_text(f"import sys\nsys.exit({chr(10).join(said)!r})\n", "utf-8")
    with pytest.raises(SeedFailed) as caught:
        run_seeds(_job(work), _state([42]), Recorder())
    assert str(caught.value).endswith("| rank 3: ValueError: a shard is cut short")
