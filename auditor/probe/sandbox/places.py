"""Which files a confined Python needs: its own folders, this package and the system's libraries."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path

import auditor
from auditor.probe.sandbox.model import Refused

PACKAGE = Path(auditor.__file__).resolve().parent
DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))
_SYSTEM = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo",
    "/usr/lib/locale", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
    "/etc/localtime", "/nix/store", "/sys/devices/system/cpu", "/sys/devices/system/node",
)  # fmt: skip
PROC = tuple(Path("/proc", name) for name in ("cpuinfo", "meminfo", "stat", "loadavg", "version", "filesystems"))
"""What says nothing of other processes; without bubblewrap nothing else of /proc is there."""


def readable(given: Iterable[Path]) -> tuple[Path, ...]:
    """The given paths and the interpreter's, each as it is written and as it resolves, parents before children."""
    prefixes = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    wanted = [*given, *map(Path, prefixes), *_packages(), PACKAGE, *map(Path, _SYSTEM)]
    home = Path.home().resolve()
    found: set[Path] = set()
    for path in wanted:
        for form in (Path(os.path.abspath(path)), path.resolve()):
            if form == home or form in home.parents:
                raise Refused(f"{form} would have to be readable, and it holds the home folder {home}")
            if form.exists():
                found.add(form)
    return tuple(sorted(found, key=lambda p: (len(p.parts), p)))


def search_path() -> list[str]:
    """Where the warden looks for modules: this package's parent, for the package itself, then the installed ones."""
    return [str(PACKAGE.parent), *map(str, _packages())]


def _packages() -> list[Path]:
    """Where packages are installed: for the interpreter, the user, and in another environment that a .pth adds."""
    folders = [Path(p) for p in site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(Path(site.getusersitepackages()))
    folders += [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    return list(dict.fromkeys(f for f in folders if f.is_dir()))
