"""A process that has imported what every run needs, as the warden has, and forks for each script that it shall run.

Started as a script. Reads a line of JSON for each run, the arguments of `run`; answers with the run's exit status, on a
line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

RUN = "auditor.probe.stage.run"
PRELOAD = "auditor.probe.stage.preload"


class Channel:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def run(given: str, frames: str, work: str, printed: str, errors: str) -> None:
    """One script on the stage, in the folder `work`. `given`: the job; the other paths are written to."""
    for number, path in ((1, printed), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(work)
    channel = Channel()
    importlib.import_module(RUN).perform(Path(given).read_bytes(), channel)
    sys.stdout.flush()
    Path(frames).write_text(repr(channel.frames))


def main() -> None:
    importlib.import_module(PRELOAD)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                run(**json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
