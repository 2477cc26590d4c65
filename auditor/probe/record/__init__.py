"""Records what a running submission scores, sums and prints. `read` is the parent's side and needs no torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from auditor.probe.job import Exchange
from auditor.probe.record.recording import Recording, read
from auditor.probe.record.syntax import instrument as _instrument

if TYPE_CHECKING:
    from auditor.probe.record.recorder import Recorder
    from auditor.probe.record.tape import Channel

__all__ = ["Recording", "install", "instrument", "read"]


def install(
    channel: Channel, *, root: str, whole: Iterable[int] = (), exchanges: tuple[Exchange, ...] = (),
    settle: Callable[[], None] = lambda: None,
) -> Recorder:  # fmt: skip
    """Starts recording in this process, for good. Needs torch.

    `whole`: rows whose distribution over the vocabulary is written down. `exchanges`: tokens to be tried in forks,
    which call `settle` first.
    """
    from auditor.probe.record.exchange import Forks
    from auditor.probe.record.recorder import install as start

    watcher = Forks(exchanges, channel, settle) if exchanges else None
    return start(channel, root=root, whole=whole, watcher=watcher)


def instrument(tree: ast.Module, path: str) -> ast.Module:
    return _instrument(tree, path)
