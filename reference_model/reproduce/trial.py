"""What each card can do, and all of them together, tried before the first seed: seconds instead of a lost run.

`tried` starts one process for each card, as the training script will be; each runs `main`, leaves what it found, and is
judged here. On a machine without cards the same code runs on the CPU, at the sizes that it can bear.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reference_model.reproduce.preflight import Check

if TYPE_CHECKING:
    import torch

PATIENCE_SECONDS = 120.0  # starting Python and torch on a cold disk is most of it; the trial itself takes about 10 s
NEEDED_MIB = 34_000  # free on each card; the record's script allocated 30,208 at most
_SLOW_TERAFLOPS, _SLOW_GIGABYTES = 400.0, 50.0  # per second; an H100 has about 700, eight of them exchange about 200


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


def tried(nproc: int, precision: str, patience: float = PATIENCE_SECONDS) -> list[Check]:
    """The rows of the table: attention, product, exchange and memory, over all ranks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={nproc}",
                   "-m", "reference_model.reproduce.trial", name, precision]  # fmt: skip
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
            try:
                ended = f"ended with status {process.wait(patience)}"
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
                ended = f"did not end within {patience:g} s"
        found = [Found(**json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("rank*.json"))]
        words = (folder / "said").read_text("utf-8", "replace").strip().splitlines()
    return judged(found, nproc, ended, words)


def judged(found: Sequence[Found], nproc: int, ended: str, words: Sequence[str]) -> list[Check]:
    """A row for each kind of trial; `words`: what the processes said, where they left nothing else."""
    needed = f"forward and backward on {nproc} of {nproc}"
    if len(found) < nproc:
        absent = sorted(set(range(nproc)) - {one.rank for one in found})
        last = next((line for line in reversed(words) if "Error" in line), words[-1] if words else "it said nothing")
        what = f"rank {', '.join(map(str, absent))} {ended}: {last.strip()[:200]}"
        return [Check("trial on the cards", "missing", what, needed, "repair what it names; nvidia-smi, nccl-tests")]
    rows = [_row(kind, found, needed, remedy) for kind, remedy in _KINDS.items()]
    one, free = found[0], min(rank.free_mib for rank in found)
    if one.cuda:
        state: Literal["there", "missing"] = "there" if free >= NEEDED_MIB else "missing"
        rows.append(Check("free GPU memory", state, f"{free:,} MiB on the fullest", f"{NEEDED_MIB:,} MiB on each",
                          "end what else runs on the cards (nvidia-smi lists it)"))  # fmt: skip
        versions = f"CUDA {one.cuda}, NCCL {one.nccl}, torch {one.torch}"
        rows.append(Check("libraries", "there", versions, "the same on all ranks"))
    return rows


_KINDS = {
    "attention": "pip install '.[gpu]' has the record's torch and FlashAttention 3",
    "product": "reset or replace the card",
    "exchange": "NCCL_DEBUG=INFO says which connection fails",
}


def _row(kind: str, found: Sequence[Found], needed: str, remedy: str) -> Check:
    wrong = [f"rank {one.rank}: {one.errors[kind]}" for one in found if kind in one.errors]
    if wrong:
        return Check(kind, "missing", "; ".join(wrong)[:300], needed, remedy)
    on_gpu = bool(found[0].cuda)
    if kind == "attention":
        kernels = sorted({one.attention for one in found})
        slow = on_gpu and kernels != ["flash_attention_3"]
        return Check(kind, "noted" if slow else "there", ", ".join(kernels), "flash_attention_3 on H100",
                     f"each step takes longer: {remedy}")  # fmt: skip
    name, unit, least = (("product_teraflops", "TFLOP/s", _SLOW_TERAFLOPS) if kind == "product" else
                         ("exchange_gigabytes", "GB/s", _SLOW_GIGABYTES))  # fmt: skip
    worst = min(getattr(one, name) for one in found)
    alone = kind == "exchange" and len(found) == 1
    slow = on_gpu and worst < least and not alone
    return Check(kind, "noted" if slow else "there", "one process" if alone else f"{worst:,.1f} {unit} on the slowest",
                 f"bfloat16, about {least:,.0f} {unit} or more on H100", remedy)  # fmt: skip


# --- in the processes ----------------------------------------------------------------------------------------------


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
