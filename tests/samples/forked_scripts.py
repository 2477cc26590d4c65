"""A seed's script, forked off the tests' process instead of started: that one has torch already, which is most of it.

What is shown by a test that uses it: the command, its options, paths, environment and files. That the script starts by
itself, and under torchrun, is what other tests show.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import torch


class Forked:
    """What an attempt wants of subprocess.Popen."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stderr: IO[bytes], **others: object
    ) -> None:
        reading, writing = os.pipe()
        self.returncode: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                os.chdir(cwd)
                for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), writing, stderr.fileno())):
                    os.dup2(file, number)
                os.environ.clear()
                os.environ.update(env)
                own_threads()
                status = _run(command[-1])
            finally:
                os._exit(status)
        os.close(writing)
        self.stdout = os.fdopen(reading, "rb", 0)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def own_threads() -> None:
    """After a fork, before any thread: torch makes its pool of threads anew at the first call that asks for it, and a
    second thread that asks meanwhile gets none ("Invalid thread pool!")."""
    torch.set_num_threads(torch.get_num_threads())


def _run(script: str) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):  # which golf-reproduce listens to, in the process above
        signal.signal(number, signal.SIG_DFL)
    sys.argv, sys.stdout, sys.stderr = [script], os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
