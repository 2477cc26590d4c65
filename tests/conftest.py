"""For every test: a run that a shell has put into the background ignores signals, and so would what it starts."""

from __future__ import annotations

import gc
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """mypy is one test and takes a minute: it comes first, so that no other process waits for it at the end."""
    items.sort(key=lambda item: "lint" not in item.keywords)


def pytest_collection_finish() -> None:
    """Garbage is looked for as seldom as the command does; ten thousand tests are none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
