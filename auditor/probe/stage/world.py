"""Puts the whole stage up, once per process, before anything of the submission is read."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from auditor.probe.job import Job


def install(job: Job, note: Callable[[str], None]) -> None:
    """Environment, clock, programs and devices. `note` is told of modules that are not here."""
    _process(job)
    import numpy
    import torch
    import torch._dynamo
    import torch.distributed
    import torch.nn.attention
    import torch.nn.parallel
    import torch.optim

    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    from auditor.probe.stage import absent, clock, compiling, cuda, devices, groups, precision, programs

    devices.install()
    cuda.install()
    precision.install()
    compiling.install()
    groups.install()
    programs.install()
    absent.install(note)
    _pools()
    clock.install(job.clock)


def _process(job: Job) -> None:
    os.environ.clear()
    os.environ.update(job.environment)
    if job.scene:
        shutil.copytree(job.scene, ".", dirs_exist_ok=True)
    sys.argv = [os.path.join(job.root, job.entry), *job.argv]
    sys.path[:] = [os.path.dirname(sys.argv[0]), *(p for p in sys.path if p)]
    cpu: Any = os
    cpu.cpu_count = lambda: 8
    sys.setrecursionlimit(10_000)
    if job.paths:
        _redirect_paths(job.paths)


def _redirect_paths(paths: Mapping[str, str]) -> None:
    """Absolute paths that stand in the script, and what they are here: for open, os.stat, listings and glob."""
    import builtins
    import io

    longest = sorted(paths.items(), key=lambda pair: -len(pair[0]))

    def there(path: Any) -> Any:
        text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
        if isinstance(text, str) and text.startswith("/"):
            for old, new in longest:
                if text == old or text.startswith(old.rstrip("/") + "/"):
                    return new + text[len(old.rstrip("/")) :] if text != old else new
        return path

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda path=".", *args, **options: function(there(path), *args, **options)

    system: Any = os
    for name in ("stat", "lstat", "listdir", "scandir", "open", "mkdir", "access"):
        setattr(system, name, wrapped(getattr(os, name)))
    opened: Any = wrapped(open)
    builtins.open = io.open = opened


def _pools() -> None:
    """Pools of processes run in threads: no process can be started."""
    import concurrent.futures
    import multiprocessing

    futures: Any = concurrent.futures

    class Pool(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, max_workers: int | None = None, *args: Any, **options: Any) -> None:
            super().__init__(max_workers=2)

    futures.ProcessPoolExecutor = Pool
    from multiprocessing.pool import ThreadPool

    processes: Any = multiprocessing
    processes.Pool = lambda processes=None, *args, **options: ThreadPool(1)
    processes.set_start_method = lambda *args, **options: None
    threading.stack_size(0)
