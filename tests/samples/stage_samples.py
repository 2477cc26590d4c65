"""Runs a script of the tests on the stage, in a process of its own: the stage changes torch for good."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
from pathlib import Path

from auditor.probe.job import Account, Job, split


@functools.cache
def _warden() -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("stage_warden.py"))]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_ended, started)
    return started


def _ended(started: subprocess.Popen[str]) -> None:
    started.communicate(timeout=60)


def on_stage(folder: Path, script: str, **fields: object) -> tuple[Account, str]:
    """The account of a run and what the script printed."""
    root, work = folder / "submission", folder / "work"
    for made in (root, work):
        made.mkdir(exist_ok=True)
    (root / "train_gpt.py").write_text(script)
    defaults = {"environment": {"PATH": "/usr/bin:/bin", "HOME": str(work)}, "record": False}
    job = Job(str(root), "train_gpt.py", script, "", **{**defaults, **fields})  # type: ignore[arg-type]
    given, frames, printed, errors = (folder / name for name in ("job.json", "frames", "printed", "errors"))
    given.write_bytes(job.to_bytes())
    warden = _warden()
    assert warden.stdin is not None
    assert warden.stdout is not None
    told = {"given": given, "frames": frames, "work": work, "printed": printed, "errors": errors}
    print(json.dumps(told, default=str), file=warden.stdin, flush=True)
    status = warden.stdout.readline()
    if not frames.exists():
        raise AssertionError(f"status {status}{errors.read_text()}")
    account, _ = split(eval(frames.read_text()))
    return account, printed.read_text()


def printed(folder: Path, script: str, **fields: object) -> dict[str, object]:
    """The JSON object that the script prints last; it must have run to its end."""
    account, output = on_stage(folder, script, **fields)
    assert account.failure is None, account.failure
    assert account.ended
    return dict(json.loads(output.splitlines()[-1]))
