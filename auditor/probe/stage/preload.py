"""What every run needs, imported once in the warden: each run is a fork of it."""

from __future__ import annotations

import importlib
from contextlib import suppress

import numpy  # noqa: F401
import sentencepiece  # noqa: F401
import torch
import torch._dynamo
import torch.distributed
import torch.nn.attention
import torch.nn.attention.flex_attention
import torch.nn.parallel
import torch.optim
import torch.utils.checkpoint

from auditor.probe import record  # noqa: F401
from auditor.probe.record import exchange, recorder, seen  # noqa: F401
from auditor.probe.sandbox import forks  # noqa: F401
from auditor.probe.stage import run  # noqa: F401

for packer in ("brotli", "zstandard"):  # a script that asks for one that is not installed is told so
    with suppress(ImportError):
        importlib.import_module(packer)
torch.set_num_threads(1)
