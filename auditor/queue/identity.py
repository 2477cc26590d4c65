"""Which auditor it was: the digest of its code and law, so that a result of another one is not taken for its."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from auditor import __version__

_PACKAGES = ("auditor", "rules")
_KINDS = (".py", ".toml", ".css")
_NOT_OF_A_RESULT = {"queue", "__pycache__"}  # what keeps and shows results, and does not make them


@cache
def tool() -> str:
    """`0.1.0+1a2b3c4d5e6f`: the version, and the digest of every file that a result depends on."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for name, data in _files(resources.files(package), package):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _files(folder: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda found: found.name):
        where = f"{name}/{item.name}"
        if item.is_dir():
            if item.name not in _NOT_OF_A_RESULT:
                yield from _files(item, where)
        elif item.name.endswith(_KINDS):
            yield where, item.read_bytes()
