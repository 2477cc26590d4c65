"""Records what a running submission scores, sums and prints. `read` is the parent's side and needs no torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from auditor.probe.job import Exchange
from auditor.probe.record.recording import Recording, read
from auditor.probe.record.syntax import PROBE
from auditor.probe.record.syntax import instrument as _instrument

if TYPE_CHECKING:
    from auditor.probe.record.recorder import Recorder
    from auditor.probe.record.tape import Channel, Watcher

__all__ = ["PROBE", "Recording", "install", "instrument", "read", "watching"]


def install(
    channel: Channel, *, root: str, contexts: Iterable[Sequence[int]] = (), exchanges: tuple[Exchange, ...] = (),
    fork: Callable[[], int] | None = None, settle: Callable[[], None] = lambda: None,
    stream: NDArray[Any] | None = None, hook: str = PROBE, over: Callable[[], None] | None = None,
) -> Recorder:  # fmt: skip
    """Starts recording in this process, for good. Needs torch.

    `contexts`: tokens; the distribution that predicts the last of them is written down whole. `exchanges`: tokens to be
    tried in forks, made by `fork`, which call `settle` first; `over` is called once all were. `stream`: the validation
    tokens, by which is known what holds them.
    `hook`: the name of the builtin that instrumented code calls.
    """
    from auditor.probe.record.recorder import install as start
    from auditor.probe.record.seen import Seen

    watcher = watching(exchanges, channel, fork, settle, over)
    seen = Seen(stream, root.rstrip("/") + "/") if stream is not None else None
    return start(channel, root=root, contexts=contexts, watcher=watcher, seen=seen, hook=hook)


def watching(
    exchanges: tuple[Exchange, ...], channel: Channel, fork: Callable[[], int] | None, settle: Callable[[], None],
    over: Callable[[], None] | None = None,
) -> Watcher | None:  # fmt: skip
    """What tries the exchanges; None where there are none."""
    from auditor.probe.record.exchange import Forks

    return Forks(exchanges, channel, fork, settle, over) if exchanges else None


def instrument(tree: ast.Module, path: str) -> ast.Module:
    return _instrument(tree, path)
