"""Puts the whole stage up, once per process, before anything of the submission is read."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auditor.probe.job import Job, Wanted


def settled(job: Job) -> Job:
    """The job with its root where the script is run from: a copy in the working directory where it may write there.

    Some scripts write to folders above their own: the copy lies as deep as in the challenge's repository.
    """
    if not job.writable:
        return job
    root = os.path.abspath("repository/records/track/submission")
    shutil.copytree(job.root, root)
    return replace(job, root=root)


def install(job: Job, note: Callable[[str], None], ask: Callable[[Wanted], None]) -> None:
    """Environment, clock, programs and devices. `note` is told of modules, `ask` of libraries that are not here."""
    import numpy
    import torch

    from auditor.probe.stage import dynamo

    dynamo.install()
    import torch.distributed
    import torch.nn.attention
    import torch.nn.parallel
    import torch.optim

    _process(job)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    from auditor.probe.stage import absent, clock, compiling, cuda, devices, flex, groups, packing, precision, programs

    devices.install()
    cuda.install()
    precision.install()
    compiling.install()
    flex.install()
    groups.install()
    programs.install(ask)
    packing.install()
    absent.install(note)
    if job.triton:
        from auditor.probe.stage import triton

        triton.install()
    _pools()
    clock.install(job.clock)


def _process(job: Job) -> None:
    for folder in ("tmp", *(new for old, new in job.paths.items())):
        os.makedirs(folder, exist_ok=True)
    tempfile.tempdir = os.path.abspath("tmp")
    os.environ.clear()
    os.environ.update(job.environment)
    if job.scene:
        shutil.copytree(job.scene, ".", dirs_exist_ok=True)
    sys.argv = [os.path.join(job.root, job.entry), *job.argv]
    sys.path[:] = [os.path.dirname(sys.argv[0]), *(p for p in sys.path if p)]
    cpu: Any = os
    cpu.cpu_count = lambda: 8
    sys.setrecursionlimit(10_000)


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
