"""What every run needs, imported once in the warden: each run is a fork of it."""

from __future__ import annotations

import importlib
from contextlib import suppress

import torch

from auditor.probe.stage import dynamo

dynamo.install()
for needed in (
    "numpy", "sentencepiece", "torch.distributed", "torch.nn.attention.flex_attention", "torch.nn.parallel",
    "torch.optim", "torch.utils.checkpoint", "torch._higher_order_ops.associative_scan", "auditor.probe.record",
    "auditor.probe.record.exchange", "auditor.probe.record.recorder", "auditor.probe.record.seen",
    "auditor.probe.sandbox.forks", "auditor.probe.stage.reading", "auditor.probe.stage.run",
):  # fmt: skip
    importlib.import_module(needed)
for packer in ("brotli", "zstandard"):  # a script that asks for one that is not installed is told so
    with suppress(ImportError):
        importlib.import_module(packer)
torch.set_num_threads(1)
