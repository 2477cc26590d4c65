"""What the trainer's tests share: one thread, and the data of the small scale, made once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices on a busy machine: threads would mostly wait for each other. Of a module, for its fixtures, too."""
    try:
        import torch
    except ImportError:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small scale's data, with a validation set that takes no time. Nobody writes into it."""
    import trainer_samples

    found = tmp_path_factory.mktemp("data")
    trainer_samples.prepare(found)
    return found


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts of seeds are forked off this process (see forked_scripts): on one process each."""
    pytest.importorskip("torch", reason="training needs torch (the train extra)")
    import torch._dynamo  # what every optimizer imports  # noqa: F401
    from forked_scripts import Forked

    from reference_model.reproduce import attempt

    monkeypatch.setattr(attempt, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": Forked}))
