"""A command as a process: full disks, files that are whole or not there."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

from auditor.commands import audit as cli
from auditor.commands.process import Unwritable, output_file

ROOT = Path(cli.__file__).resolve().parents[2]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@FULL
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["--rules"], ["examples/score_first_ttt", "--format", "json"]])
def test_a_full_disk_on_standard_output(arguments: list[str], unbuffered: str) -> None:
    for module in ("auditor.commands.audit", "auditor.commands.stats"):
        if module.endswith("stats") and arguments != ["--help"]:
            continue
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                timeout=PATIENCE,
                check=False,
            )
        assert done.returncode == 4
        assert done.stderr.decode().count("\n") == 1
        assert b"cannot write standard output: No space left on device" in done.stderr


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "report.json"
    place.write_text("before")
    place.chmod(0o640)

    def breaks_off() -> None:
        with output_file(place) as out:
            out.write("half")
            out.flush()
            assert place.read_text() == "before"
            raise KeyError

    with pytest.raises(KeyError):
        breaks_off()
    assert place.read_text() == "before"
    with output_file(place) as out:
        out.write("whole")
    assert place.read_text() == "whole"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="this system has no files without names")
def test_a_command_that_is_killed_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    place = tmp_path / "report.json"
    place.write_text("before")
    code = "import os, sys, pathlib\nfrom auditor.commands.process import output_file\n"
    code += "with output_file(pathlib.Path(sys.argv[1])) as out:\n"
    code += "    out.write('half' * 100_000)\n    out.flush()\n    os.kill(os.getpid(), 9)\n"
    done = subprocess.run([sys.executable, "-c", code, str(place)], cwd=ROOT, timeout=PATIENCE, check=False)
    assert done.returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert place.read_text() == "before"


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_without_a_name_is_not_needed(nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    for text in ("one", "two"):
        with output_file(tmp_path / "new") as out:
            out.write(text)
            out.flush()
            assert text not in [path.read_text() for path in tmp_path.glob("new")]
        assert (tmp_path / "new").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_link_stays_one_and_a_device_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    with output_file(tmp_path / "link") as out:
        out.write("whole")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "whole"
    with output_file(Path(os.devnull)) as out:
        out.write("whole")
    assert not Path(os.devnull).is_file()
    with pytest.raises(Unwritable, match="Is a directory"), output_file(tmp_path):
        pass


@FULL
def test_a_file_that_cannot_be_written_to_its_end() -> None:
    with pytest.raises(Unwritable, match="No space left"), output_file(Path("/dev/full")) as out:
        out.write("text")


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of a POSIX shell")
@pytest.mark.parametrize(
    ("closed", "status"), [("2>&-", 1), ("<&-", 1), ("<&- 2>&-", 1), (">&-", 4), ("<&- >&- 2>&-", 4)]
)
def test_standard_streams_that_are_closed(closed: str, status: int, tmp_path: Path) -> None:
    """No file of the command gets their numbers: what is said would be written into it."""
    command = f"'{sys.executable}' -m auditor.commands.audit examples/pre_quant_ttt --format=json"
    given = {"shell": True, "cwd": ROOT, "capture_output": True, "timeout": PATIENCE, "check": False}
    done = subprocess.run(f"{command} {closed}", **given)  # type: ignore[call-overload]
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    if status == 4 and "2>" not in closed:
        assert done.stderr == b"golf-audit: cannot write standard output: Bad file descriptor\n"
    place = tmp_path / "report.json"
    assert subprocess.run(f"{command} -o {place} {closed}", **given).returncode == 1  # type: ignore[call-overload]
    assert json.loads(place.read_text())["verdict"] == "violation"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_signals_that_the_caller_has_blocked_or_ignored() -> None:
    """The limits hold, workers are heard of when they end, and nothing waits for what will not come."""

    def odd() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))

    command = [sys.executable, "-m", "auditor.commands.audit", "examples/pre_quant_ttt", "--format=concise"]
    for more, status in ([], 1), (["--timeout=0.05"], 3):
        done = subprocess.run(
            [*command, *more], preexec_fn=odd, cwd=ROOT, capture_output=True, timeout=PATIENCE, check=False
        )
        assert (done.returncode, done.stderr) == (status, b"")
