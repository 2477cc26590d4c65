"""golf-audit queue on a small clone: pages, nothing twice, and what survives a run that is ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE, runs, until
from submission_repositories import TRACK, Repo

from auditor.commands import audit as cli
from auditor.limits.scratch import sweep
from auditor.probe.sandbox import Mechanism, Refused, available
from auditor.probe.sandbox.capabilities import isolation

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
NUMBERS = (3, 5, 8, 13)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pull requests: two of the examples, one without a record folder, one without a log."""
    path = tmp_path_factory.mktemp("queue")
    repo = Repo(path / "work")
    for number, name in ((3, "pre_quant_ttt"), (5, "score_first_ttt")):
        files = {f"{TRACK}/2026-04-0{number}_{name}/{f.name}": f.read_bytes() for f in (EXAMPLES / name).iterdir()}
        repo.pull_request(number, files)
    repo.pull_request(8, {"notes.txt": b"no record\n"})
    repo.pull_request(13, {f"{TRACK}/2026-04-13_Bare/train_gpt.py": b"print(1)\n"})
    return repo.bare(path / "clone")


def rows(store: Path) -> dict[int, tuple[str, str]]:
    with sqlite3.connect(store) as db:
        return {pr: (verdict, rules) for pr, verdict, rules in db.execute("SELECT pr, verdict, deciding FROM audits")}


def test_every_pull_request_once_and_as_a_page(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    assert cli.main(["queue", str(clone), "-o", str(site), "--jobs", "2"]) == cli.OK
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(
        rf"golf-audit: 4 pull requests \([^)]*1 clean[^)]*\): {re.escape(str(site))}/index.html\n$", said.err
    )
    found = rows(tmp_path / "site.sqlite")
    assert set(found) == set(NUMBERS)
    assert found[3] == ("violation", "pre-quant-ttt")
    assert found[5][0] == "clean"
    assert found[8][0] == "inconclusive"
    index = (site / "index.html").read_text("utf-8")
    assert [int(n) for n in re.findall(r'data-pr="(\d+)"', index)] == list(NUMBERS)
    assert sorted(int(page.stem) for page in (site / "pr").iterdir()) == list(NUMBERS)
    assert "pre-quant-ttt" in (site / "pr" / "3.html").read_text("utf-8")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("audited again")

    monkeypatch.setattr("auditor.queue.pool.run_many", lambda tasks, *a, **k: [never() for _ in tasks])
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*.html")}
    assert cli.main(["queue", str(clone), "-o", str(site)]) == cli.OK
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*.html")} == before
    assert cli.main(["queue", str(clone), "-o", str(site), "--only", "pre-quant-ttt"]) == cli.OK
    assert re.findall(r'data-pr="(\d+)"', (site / "index.html").read_text("utf-8")) == ["3"]
    assert cli.main(["queue", str(clone), "-o", str(site), "--pr", "3-5"]) == cli.OK
    assert re.findall(r'data-pr="(\d+)"', (site / "index.html").read_text("utf-8")) == ["3", "5"]


PROBED = """
import os
left = sorted(name for _, _, names in os.walk(".") for name in names if name.startswith("left"))
open("left_by_the_run", "w").write("x")
raise RuntimeError(f"process {os.getpid()} found {left}")
"""


def test_a_worker_keeps_its_sandbox_for_the_next_probe_and_the_store_what_came_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the pool itself: numbers of processes count on within one sandbox, and nothing is left in it."""
    pytest.importorskip("torch", reason="a submission is run with torch: pip install '.[probe]'")
    pytest.importorskip("sentencepiece", reason="tokenizers are trained with sentencepiece: pip install '.[probe]'")
    try:
        isolation(available(), unsafe=False)
    except Refused as error:
        pytest.skip(str(error))
    if Mechanism.BUBBLEWRAP not in available().mechanisms:
        pytest.skip("without bubblewrap processes have the numbers that the machine gives them")
    repo = Repo(tmp_path / "work")
    for number in (3, 5):
        repo.pull_request(number, {f"{TRACK}/2026-04-0{number}_Probed/train_gpt.py": PROBED.encode()})
    clone, site = repo.bare(tmp_path / "clone"), tmp_path / "site"

    def said() -> list[str]:
        pages = [(site / "pr" / f"{number}.html").read_text("utf-8") for number in (3, 5)]
        return [re.findall(r"RuntimeError: (process \d+ found \[.*?\])", page)[0] for page in pages]

    assert cli.main(["queue", str(clone), "-o", str(site), "--jobs", "1", "--probe"]) == cli.OK
    first = said()
    found = [re.fullmatch(r"process (\d+) found \[\]", text) for text in first]
    assert all(found), first
    assert len({match[1] for match in found if match}) == 2, "each had a sandbox of its own"
    assert len(rows(tmp_path / "site.sqlite")) == 2

    def never(*_: object, **__: object) -> None:
        raise AssertionError("probed again")

    with monkeypatch.context() as patched:
        patched.setattr("auditor.queue.pool.run_many", lambda tasks, *a, **k: [never() for _ in tasks])
        assert cli.main(["queue", str(clone), "-o", str(site), "--probe"]) == cli.OK
        assert said() == first
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required"),
        (["CLONE"], "required"),
        (["CLONE", "-o", "x", "--since", "yesterday"], "--since wants"),
        (["CLONE", "-o", "x", "--pr", "99"], "none of these"),
        (["CLONE", "-o", "x", "--only", "pre-quant-tt"], "did you mean pre-quant-ttt"),
        (["/does/not/exist", "-o", "x"], "/does/not/exist"),
        (["CLONE", "-o", "x", "--track", "10min"], "did you mean track_10min_16mb"),
        (["CLONE", "-o", "x", "--track", "other"], "there are track_10min_16mb"),
        (["CLONE", "-o", "x", "--serve", "70000"], "--serve"),
    ],
)
def test_wrong_usage(
    clone: Path, tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(clone) if word == "CLONE" else str(tmp_path / "x") if word == "x" else word for word in arguments]
    assert cli.main(["queue", *given]) == cli.USAGE
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_part_says_what_is_not_there_and_what_is_not_shown(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site"
    given = ["queue", str(clone), "-o", str(site), "--pr", "8", "13", "99", "--only", "package-files"]
    assert cli.main(given) == cli.OK
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"golf-audit: {clone} has no #99"
    assert said[-1] == f"golf-audit: 1 of 2 pull requests (1 violation paperwork): {site / 'index.html'}"
    assert cli.main([*given, "--no-progress", "--pr", "13"]) == cli.OK
    assert capsys.readouterr().err == ""


# --- a run that is ended -------------------------------------------------------------------------------------------

_SLOW = """
import sys, time, pathlib
from auditor.commands import audit, queue
real = queue._one
def slow(options, heads, task):
    (pathlib.Path(sys.argv[-1]) / f"{task.pr}-{__import__('os').getpid()}").touch()
    if task.pr != 3:
        time.sleep(500)
    return real(options, heads, task)
queue._one = slow
import auditor.queue.pool as pool
pool.START = "fork"
raise SystemExit(audit.main(sys.argv[1:-1]))
"""


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the run's processes have their folders: a socket's path may not be long."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def running(clone: Path, tmp_path: Path, scratch: Path) -> tuple[subprocess.Popen[bytes], Path, Path]:
    """A run of which one audit is done and two are under way: its process, the store, the folder of notes."""
    notes = tmp_path / "notes"
    notes.mkdir()
    command = [
        sys.executable,
        "-c",
        _SLOW,
        "queue",
        str(clone),
        "-o",
        str(tmp_path / "site"),
        "--jobs",
        "2",
        "--timeout",
        "600",
        str(notes),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(scratch)})
    store = tmp_path / "site.sqlite"
    until(lambda: store.exists() and 3 in rows_of(store) and len(list(notes.iterdir())) >= 3)
    return process, store, notes


def rows_of(store: Path) -> dict[int, tuple[str, str]]:
    try:
        return rows(store)
    except sqlite3.Error:
        return {}


def workers(notes: Path) -> list[int]:
    return [int(note.name.split("-")[1]) for note in notes.iterdir()]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_what_was_done_is_kept_and_nobody_is_left(
    running: tuple[subprocess.Popen[bytes], Path, Path], number: signal.Signals, clone: Path,
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    process, store, notes = running
    process.send_signal(number)
    process.wait(PATIENCE)
    until(lambda: not any(runs(worker) for worker in workers(notes)))
    said = (process.stderr.read() if process.stderr else b"").decode()
    assert "Traceback" not in said
    index = tmp_path / "site" / "index.html"
    if number is not signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "1 of 4 audited, the pages show them" in said
        assert re.findall(r'data-pr="(\d+)"', index.read_text("utf-8")) == ["3"]
    else:
        assert not index.exists()
        monkeypatch.setattr("tempfile.tempdir", str(scratch))
        sweep()  # as the next start does
    assert os.listdir(scratch) == []
    assert rows(store)[3] == ("violation", "pre-quant-ttt")
    with sqlite3.connect(store) as db:
        audited = db.execute("SELECT audited FROM audits WHERE pr = 3").fetchone()
    assert cli.main(["queue", str(clone), "-o", str(tmp_path / "site"), "--jobs", "2"]) == cli.OK
    assert set(rows(store)) == set(NUMBERS)
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT audited FROM audits WHERE pr = 3").fetchone() == audited


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_worker_that_is_killed_costs_its_own_audit(
    running: tuple[subprocess.Popen[bytes], Path, Path], clone: Path, tmp_path: Path
) -> None:
    process, store, notes = running
    try:
        worker = next(int(n.name.split("-")[1]) for n in notes.iterdir() if not n.name.startswith("3-"))
        os.kill(worker, signal.SIGKILL)
        until(lambda: "died" in str(broken(store)))
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert cli.main(["queue", str(clone), "-o", str(tmp_path / "site")]) == cli.OK  # and is tried again
    assert broken(store) == []


def broken(store: Path) -> list[str]:
    with sqlite3.connect(store) as db:
        return [because for (because,) in db.execute("SELECT because FROM audits WHERE broken = 1")]


def test_two_runs_on_one_store_at_once(clone: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "auditor",
        "queue",
        str(clone),
        "--store",
        str(tmp_path / "s.sqlite"),
        "--jobs",
        "1",
    ]
    both = [subprocess.Popen([*command, "-o", str(tmp_path / name)], cwd=ROOT) for name in ("one", "two")]
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    assert set(rows(tmp_path / "s.sqlite")) == set(NUMBERS)
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        assert db.execute("SELECT max(attempts), count(*) FROM audits").fetchone() == (1, len(NUMBERS))
        assert db.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    assert (tmp_path / "one" / "index.html").read_bytes() == (tmp_path / "two" / "index.html").read_bytes()


# --- several machines ----------------------------------------------------------------------------------------------


def test_a_cluster_of_two_workers_of_which_one_is_killed(clone: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (the extra cluster)")
    shutil.copytree(clone, tmp_path / "moved")  # the workers do not find it: submissions are sent
    quiet = {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, processes=True) as cluster:
        address = cluster.scheduler_address
        command = [sys.executable, "-m", "auditor", "worker", address, "--jobs", "1"]
        started = [
            subprocess.Popen(command, cwd=tmp_path, env={**quiet, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        try:
            with distributed.Client(address) as client:
                client.wait_for_workers(2, timeout=240)  # on a machine that may be busy
                victim = next(iter(client.run(os.getpid).values()))
            site = tmp_path / "site"
            run = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "auditor",
                    "queue",
                    str(tmp_path / "moved"),
                    "-o",
                    str(site),
                    "--scheduler",
                    address,
                ],
                cwd=ROOT,
            )
            until(lambda: len(rows_of(tmp_path / "site.sqlite")) >= 1)
            os.kill(victim, signal.SIGKILL)
            assert run.wait(300) == 0
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(PATIENCE)
    assert set(rows(tmp_path / "site.sqlite")) == set(NUMBERS)
    assert rows(tmp_path / "site.sqlite")[3] == ("violation", "pre-quant-ttt")


def test_no_cluster_is_one_line(clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed (the extra cluster)")
    status = cli.main(["queue", str(clone), "-o", str(tmp_path / "s"), "--scheduler", "not an address"])
    assert status == cli.BROKEN
    assert capsys.readouterr().err.startswith("golf-audit: no dask scheduler at not an address")
