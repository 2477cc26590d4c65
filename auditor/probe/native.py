"""C and C++ helpers of a submission, compiled for the sandboxed run that can start no compiler.

The source comes from the run itself; the compiler sees the system's own folders and nothing else (bubblewrap), and what
it makes is loaded inside the sandbox alone. Without bubblewrap or a compiler there is no helper, and the run says so.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from auditor.limits.scratch import Scratch
from auditor.probe.job import Wanted
from auditor.probe.sandbox import bubblewrap

_SECONDS = 30.0
_OUTPUT_BYTES = 64 << 20
_SOURCE_BYTES = 2 << 20
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
# The shell's limits: seconds of processor time, kilobytes of memory.
_SCRIPT = 'ulimit -t 30 -v 4000000; out=$1; shift; "$@" -o "$out/made.so" - -lm && cat "$out/made.so"'


@dataclass(frozen=True)
class Built:
    """A shared library by the key of what was asked for."""

    key: str
    library: bytes


def build(wanted: Wanted) -> Built | None:
    """The shared library, None where it can't be had."""
    compiler = shutil.which("g++" if wanted.language == "c++" else "gcc")
    prefix, _ = bubblewrap.find()
    if compiler is None or not prefix or len(wanted.source) > _SOURCE_BYTES:
        return None
    options = ["-O2", "-shared", "-fPIC", "-x", wanted.language, *_taken(wanted)]
    with Scratch("build") as scratch:
        folder = scratch.path.resolve()
        system = [Path(path) for path in _SYSTEM if Path(path).exists()]
        confined = bubblewrap.command(system, folder, _OUTPUT_BYTES)
        command = [*confined, "/bin/sh", "-c", _SCRIPT, "sh", str(folder), compiler, *options]
        environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, input=wanted.source.encode(errors="replace"), stdout=subprocess.PIPE, timeout=_SECONDS,
                stderr=subprocess.DEVNULL,  # what a compiler can say of a hostile source has no end
                env=environment, cwd="/",
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
    return Built(wanted.key, done.stdout) if done.returncode == 0 and done.stdout else None


def _taken(wanted: Wanted) -> list[str]:
    """Of the options that the submission asks for, those that change what the source means."""
    kept = [option for option in wanted.options if option.startswith("-std=") or option == "-fopenmp"]
    return [option for option in kept if option.replace("-std=", "").replace("+", "").replace("-", "").isalnum()]
