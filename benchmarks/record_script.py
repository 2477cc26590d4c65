"""The record's training script, for parity and speed: out of a clone, into a temporary folder, run without network.

It is somebody else's program. It runs in a subprocess of its own only, and nothing of it is kept.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

REF = "refs/pull/1395/head"
FOLDER = "records/track_10min_16mb/2026-04-06_SP4096_LinearLR_DepthRecurrence_1.0924"

# The script takes its attention from this module. Given our kernels, both sides run the same ones.
FLASH_STUB = '''\
"""Stands in for FlashAttention 3's module: the kernel that the other side uses as well."""
import torch
from reference_model.model.attention import backend, sdpa


def flash_attn_func(q, k, v, causal=True):
    assert causal
    return KERNEL(q, k, v)


KERNEL = backend(torch.device("cuda")) if torch.cuda.is_available() else sdpa
'''


def from_clone(clone: Path) -> str | None:
    """The script's source by git, or None when the clone has no such head."""
    command = ["git", "-C", str(clone), "show", f"{REF}:{FOLDER}/train_gpt.py"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def place(source: str, folder: Path) -> Path:
    """Writes the script and, beside it, the attention that it imports (its own kernel where that is installed)."""
    script = folder / "train_gpt.py"
    script.write_text(source, encoding="utf-8")
    (folder / "flash_attn_interface.py").write_text(FLASH_STUB, encoding="utf-8")
    return script


def offline(command: Sequence[str]) -> list[str]:
    """``command`` in a network namespace of its own, where the machine allows one; else as it is."""
    if shutil.which("unshare"):
        for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return [*prefix, *command]
    return list(command)
