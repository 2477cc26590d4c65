"""What every run needs, imported once in the warden: each run is a fork of it."""

from __future__ import annotations

import brotli  # noqa: F401
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
import zstandard  # noqa: F401

from auditor.probe import record  # noqa: F401
from auditor.probe.stage import run  # noqa: F401

torch.set_num_threads(1)
