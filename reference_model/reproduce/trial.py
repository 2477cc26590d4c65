"""What each card can do, and all of them together, tried before the first seed: seconds instead of a lost run.

`tried` starts one process for each card, as the training script will be; each leaves what it found (:mod:`card`) and is
judged here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from reference_model.reproduce.card import Found
from reference_model.reproduce.preflight import Check

PATIENCE_SECONDS = 120.0  # starting Python and torch on a cold disk is most of it; the trial itself takes about 10 s
# Free on each card. By the compiled graph 27,976 are kept for the backward pass once recurrence is on; 3,000 are for
# weights, optimizer, a gradient of the logits, NCCL and CUDA itself, and as much to spare. The record's script
# allocated 30,208.
NEEDED_MIB = 34_000
_SLOW_TERAFLOPS, _SLOW_GIGABYTES = 400.0, 50.0  # per second; an H100 has about 700, eight of them exchange about 200


def tried(nproc: int, precision: str, patience: float = PATIENCE_SECONDS) -> list[Check]:
    """The rows of the table: attention, product, exchange and memory, over all ranks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={nproc}",
                   "-m", "reference_model.reproduce.card", name, precision]  # fmt: skip
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
