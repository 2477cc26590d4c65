"""What is told of several ranks that failed: the first of them, and the one that a signal ended."""

from __future__ import annotations

from pathlib import Path

from reference_model.reproduce.attempt import _last_words

COMPLAINT = "rank 0: RuntimeError: Connection closed by peer [127.0.0.1]:51914"
SUMMARY = """\
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
train_gpt.py FAILED
Failures:
[1]:
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 72)
  error_file: <N/A>
  traceback : Signal 9 (SIGKILL) received by PID 72
Root Cause (first observed failure):
[0]:
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 71)
"""


def words(folder: Path, errors: str, log: str = "") -> list[str]:
    (folder / "errors.txt").write_text(errors, "utf-8")
    (folder / "log.txt").write_text(log, "utf-8")
    return [line.removeprefix("  | ") for line in _last_words(folder / "log.txt", folder / "errors.txt").splitlines()]


def test_a_killed_rank_is_told_of_whatever_its_neighbour_says(tmp_path: Path) -> None:
    assert words(tmp_path, f"{COMPLAINT}\n{SUMMARY}")[1:] == [
        COMPLAINT,
        "  traceback : Signal 9 (SIGKILL) received by PID 72",
    ]


def test_the_end_that_torchrun_asks_for_is_no_cause(tmp_path: Path) -> None:
    assert words(tmp_path, f"{COMPLAINT}\n{SUMMARY.replace('9 (SIGKILL)', '15 (SIGTERM)')}")[1:] == [COMPLAINT]


def test_without_a_complaint_the_summary_is_what_there_is(tmp_path: Path) -> None:
    said = words(tmp_path, SUMMARY)
    assert "  exitcode  : -9 (pid: 72)" in said
    assert not any("FAILED" in line for line in said)


def test_what_a_script_printed_serves_where_it_wrote_no_errors(tmp_path: Path) -> None:
    assert words(tmp_path, "", "step:1\nstep:2\n")[1:] == ["step:1", "step:2"]


def test_what_an_abort_says_is_told(tmp_path: Path) -> None:
    abort = "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no such peer\n"
    said = words(tmp_path, abort + SUMMARY.replace("9 (SIGKILL)", "6 (SIGABRT)"))
    assert said[1:3] == abort.splitlines()
    assert "  traceback : Signal 6 (SIGABRT) received by PID 72" in said
