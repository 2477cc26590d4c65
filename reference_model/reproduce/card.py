"""One process of the trial before a run: attention, product and exchange on its card, and what it found in a file.

    python -m reference_model.reproduce.card FOLDER PRECISION       # under torchrun

On a machine without cards the same code runs on the CPU, at the sizes that it can bear.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Found:
    """What one rank found. A kind of trial that failed has its error instead of a figure."""

    rank: int
    device: str
    torch: str
    cuda: str
    nccl: str
    free_mib: int
    attention: str
    product_teraflops: float
    exchange_gigabytes: float
    errors: dict[str, str]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """One rank's trials: argv has the folder for what it finds, and the precision of the run."""
    import torch

    from reference_model.model.attention import backend
    from reference_model.runtime import runtime

    folder, precision = Path(argv[0]), argv[1]
    with runtime(environ) as run:
        on_gpu = run.device.type == "cuda"
        errors: dict[str, str] = {}

        def attempt(kind: str, trial: Callable[[], Any]) -> Any:
            try:
                return trial()
            except Exception as error:  # whatever a driver or a kernel raises is what is looked for
                errors[kind] = f"{type(error).__name__}: {error}".partition("\n")[0]
                return None

        name = attempt("attention", lambda: _attention(backend(run.device, precision), run.device))
        product = attempt("product", lambda: _product(run.device, 8192 if on_gpu else 256))
        exchange = attempt("exchange", lambda: _exchange(run, 1 << 25 if on_gpu else 1 << 12))
        found = Found(
            rank=run.rank,
            device=torch.cuda.get_device_name(run.device) if on_gpu else "CPU",
            torch=torch.__version__,
            cuda=torch.version.cuda or "" if on_gpu else "",
            nccl=".".join(map(str, torch.cuda.nccl.version())) if on_gpu else "",
            free_mib=torch.cuda.mem_get_info(run.device)[0] >> 20 if on_gpu else 0,
            attention=name or "",
            product_teraflops=product or 0.0,
            exchange_gigabytes=exchange or 0.0,
            errors=errors,
        )
        partial = folder / f".rank{run.rank}"
        partial.write_text(json.dumps(asdict(found)), "utf-8")
        os.replace(partial, folder / f"rank{run.rank}.json")
    return 0


def _attention(attend: Callable[..., torch.Tensor], device: torch.device) -> str:
    """The kernel's name. Raises ValueError where it differs from torch's own in float32, values or gradients."""
    import torch

    from reference_model.model.attention import sdpa

    torch.manual_seed(0)
    length, dtype = (2048, torch.bfloat16) if device.type == "cuda" else (64, torch.float32)
    shapes = [(1, length, heads, 64) for heads in (8, 4, 4)]
    exact = [torch.randn(shape, device=device).to(dtype).float().requires_grad_() for shape in shapes]
    given = [tensor.detach().to(dtype).requires_grad_() for tensor in exact]
    for kernel, tensors in ((sdpa, exact), (attend, given)):
        kernel(*tensors).float().square().sum().backward()
    for one, other in zip(given, exact, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        apart = float((one.grad.float() - other.grad).norm() / other.grad.norm())
        if not apart < 0.03:
            raise ValueError(f"its gradients are {apart:.3g} of their length from those of torch's own kernel")
    return getattr(attend, "__name__", "attention")


def _product(device: torch.device, size: int) -> float:
    """TFLOP/s of a bfloat16 product. Raises ValueError where it is wrong."""
    import torch

    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    c = a @ b
    apart = float((c[:64].float() - a[:64].float() @ b.float()).norm() / c[:64].float().norm())
    if not apart < 0.01:
        raise ValueError(f"a product is {apart:.3g} of its length off")
    started = _now(device)
    for _ in range(10):
        torch.mm(a, b, out=c)
    return 10 * 2 * size**3 / (_now(device) - started) / 1e12


def _exchange(run: Any, count: int) -> float:
    """GB/s of an all-reduce of `count` float32 over all ranks. Raises ValueError for a wrong sum."""
    import torch

    for _ in range(2):
        tensor = torch.full((count,), run.rank + 1.0, device=run.device)
        started = _now(run.device)
        run.sum(tensor)
        seconds = _now(run.device) - started
        if not bool((tensor == run.world * (run.world + 1) / 2).all()):
            raise ValueError("the ranks' sum is wrong")
    return 4 * count / seconds / 1e9


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
