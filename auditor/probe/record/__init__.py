"""Records what a running submission scores, sums and prints. `read` is the parent's side and needs no torch."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from auditor.probe.record.recording import Recording, read
from auditor.probe.record.syntax import instrument as _instrument

if TYPE_CHECKING:
    from auditor.probe.record.recorder import Recorder
    from auditor.probe.record.tape import Channel

__all__ = ["Recording", "install", "instrument", "read"]


def install(channel: Channel, *, root: str) -> Recorder:
    """Starts recording in this process, for good. Needs torch."""
    from auditor.probe.record.recorder import install as start

    return start(channel, root=root)


def instrument(tree: ast.Module, path: str) -> ast.Module:
    return _instrument(tree, path)
