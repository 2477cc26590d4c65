"""Runs a script of the tests on the stage, in a process of its own: the stage changes torch for good."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from auditor.probe.job import Account, Job, split

_CHILD = """
import sys
from pathlib import Path
from auditor.probe.stage.run import perform

class Channel:
    frames = []
    def send(self, frame):
        self.frames.append(frame)

given, frames = sys.argv[1:]  # the stage puts the script's in their place
perform(Path(given).read_bytes(), Channel())
Path(frames).write_text(repr(Channel.frames))
"""


def on_stage(folder: Path, script: str, **fields: object) -> tuple[Account, str]:
    """The account of a run and what the script printed."""
    root, work = folder / "submission", folder / "work"
    for made in (root, work):
        made.mkdir(exist_ok=True)
    (root / "train_gpt.py").write_text(script)
    defaults = {"environment": {"PATH": "/usr/bin:/bin", "HOME": str(work)}, "record": False}
    job = Job(str(root), "train_gpt.py", script, "", **{**defaults, **fields})  # type: ignore[arg-type]
    given, frames = folder / "job.json", folder / "frames"
    given.write_bytes(job.to_bytes())
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(given), str(frames)], cwd=work, capture_output=True, text=True, timeout=120
    )
    if not frames.exists():
        raise AssertionError(done.stderr)
    account, _ = split(eval(frames.read_text()))
    return account, done.stdout


def printed(folder: Path, script: str, **fields: object) -> dict[str, object]:
    """The JSON object that the script prints last; it must have run to its end."""
    account, output = on_stage(folder, script, **fields)
    assert account.failure is None, account.failure
    assert account.ended
    return dict(json.loads(output.splitlines()[-1]))
