"""The command as it is installed: one line where the system cannot run it, before what needs it is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BROKEN = 4
_MODULES = ("fcntl", "resource")
_FLAGS = ("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK")


def main(argv: Sequence[str] | None = None) -> int:
    """`golf-audit`; exit status 4 where files cannot be opened without following links (Windows)."""
    if not all(hasattr(os, flag) for flag in _FLAGS) or not all(map(_importable, _MODULES)):
        print("golf-audit: this system is not supported: on Windows use WSL; Linux and macOS are", file=sys.stderr)
        return _BROKEN
    from auditor.commands.audit import main as audit

    return audit(argv)


def _importable(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True
