"""What a process runs on: its rank, its device, how ranks meet, and the precision of the forward pass."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

_PATIENCE = timedelta(minutes=10)  # for the slowest rank: rank 0 quantizes alone, for half a minute at record scale


@dataclass(frozen=True, slots=True)
class Runtime:
    """One process of a run. `world` ranks share it, each with one device; rank 0 writes."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """Adds the ranks' tensors, in place."""
        if self.world > 1:
            dist.all_reduce(tensor, op=dist.ReduceOp.SUM)
        return tensor

    def mean(self, tensors: list[Tensor]) -> None:
        """Replaces each tensor by its mean over the ranks; one transfer for each data type."""
        if self.world == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            alike = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = self.sum(torch.cat([tensor.flatten() for tensor in alike])) / self.world
            parts = flat.split([tensor.numel() for tensor in alike])
            torch._foreach_copy_(alike, [part.view_as(t) for part, t in zip(parts, alike, strict=True)])

    def agree(self, value: float) -> float:
        """Rank 0's value. Travels between the CPUs: no accelerator is waited for."""
        if self.world == 1:
            return value
        said = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(said, src=0)
        return float(said)

    def wait(self) -> None:
        """Returns when every rank has come here."""
        if self.world > 1:
            dist.barrier()

    def clock(self) -> float:
        """Seconds on a monotonic clock, after all work given to the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def autocast(self, precision: str) -> AbstractContextManager[object]:
        """The forward pass's precision: bfloat16 autocast (Micikevicius et al. 2018), or none for float32."""
        if precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device_type=self.device.type, dtype=torch.bfloat16)

    def peak_flops(self) -> float | None:
        """What the device can do in bfloat16, in operations a second, by NVIDIA's data sheet; None where not known."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        return 989e12 if "H100" in name or "H200" in name else None

    def peak_memory(self) -> tuple[int, int]:
        """MiB allocated and reserved at most on the GPU."""
        return torch.cuda.max_memory_allocated(self.device) >> 20, torch.cuda.max_memory_reserved(self.device) >> 20


@contextlib.contextmanager
def runtime(environ: Mapping[str, str]) -> Iterator[Runtime]:
    """The process's runtime by torchrun's variables (RANK, WORLD_SIZE, LOCAL_RANK): NCCL on GPUs, gloo on the CPU.

    A process that leaves it by an exception has to end at once: only then does torchrun end the others.
    """
    distributed = "RANK" in environ and "WORLD_SIZE" in environ
    rank, world = (int(environ["RANK"]), int(environ["WORLD_SIZE"])) if distributed else (0, 1)
    use_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(environ.get("LOCAL_RANK", "0"))) if use_gpu else torch.device("cpu")
    if use_gpu:
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    if world > 1:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if use_gpu else "gloo", timeout=_PATIENCE, device_id=device if use_gpu else None
        )
    yield Runtime(rank, world, device)
    if world > 1:  # not after an exception: the others may be in the middle of an exchange, which this would wait for
        dist.destroy_process_group()


def seed_everything(seed: int) -> None:
    """Python, NumPy and torch on every device."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def surroundings(run: Runtime) -> list[str]:
    """What the log says of the machine: Python, PyTorch, devices."""
    lines = [
        f"Running Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"Running PyTorch {torch.__version__}",
    ]
    if run.device.type != "cuda":
        return [*lines, f"device: CPU, {torch.get_num_threads()} threads, {os.cpu_count()} cores"]
    lines.append(f"device: {torch.cuda.get_device_name(run.device)}, CUDA {torch.version.cuda}")
    cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return [*lines, *(f"gpu {index}, {card.name}, {card.total_memory >> 20} MiB" for index, card in enumerate(cards))]
