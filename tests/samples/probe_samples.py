"""Small scripts that score a validation stream in the ways that submissions do, legal and not, and what runs them.

They are ours, so they run in this process: no sandbox, no fake CUDA. `MODEL` and `TAIL` are what they share; each way
of scoring is a function body of its own.
"""

from __future__ import annotations

import ast
import io
import os
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from probe_scripts_mixtures import MIXTURES as MIXTURES
from probe_scripts_mixtures import SAMPLES as SAMPLES

VOCABULARY = 128
LENGTH = 2001
FLIP = 1400
TARGET = 850

MODEL = """
import math, os
import numpy as np
from probe_scripts_mixtures import MIXTURES as MIXTURES
from probe_scripts_mixtures import SAMPLES as SAMPLES
import torch
import torch.nn.functional as F
from torch import nn

V, T, STRIDE = 128, 64, 16
val = torch.from_numpy(np.load(os.environ["SAMPLE_STREAM"]).astype(np.int64))
N = val.numel() - 1
torch.manual_seed(0)

class Model(nn.Module):
    causal = True
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 16)
        self.qkv = nn.Linear(16, 48, bias=False)
        self.head = nn.Linear(16, V, bias=False)
    def hidden(self, x):
        h = self.emb(x)
        q, k, v = self.qkv(h).chunk(3, dim=-1)
        return h + F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=self.causal)[:, 0]
    def forward_logits(self, x):
        return self.head(self.hidden(x))
    def forward(self, x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.forward_logits(x)
        return F.cross_entropy(logits.float().reshape(-1, V), y.reshape(-1))

model = Model()

def pair(start, end):
    return val[start:end][None], val[start + 1 : end + 1][None]

def train(start, end, epochs=2, lr=0.05):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        for s in range(start, end, T):
            x, y = pair(s, min(s + T, end))
            optimizer.zero_grad(set_to_none=True)
            model(x, y).backward()
            optimizer.step()

def byte_count(y):
    return (y % 7 + 1).double().sum()

def report(label, loss_sum, tokens, nbytes):
    val_loss = float(loss_sum) / float(tokens)
    val_bpb = val_loss / math.log(2.0) * float(tokens) / float(nbytes)
    print(f"{label} val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}")

def sliding(label="final_sliding", end=None):
    loss_sum = torch.zeros((), dtype=torch.float64)
    tokens = torch.zeros((), dtype=torch.float64)
    nbytes = torch.zeros((), dtype=torch.float64)
    starts = [0, *range(STRIDE, N - T + STRIDE, STRIDE)]
    with torch.inference_mode():
        for i in range(0, len(starts), 4):
            batch = starts[i : i + 4]
            x = torch.zeros(len(batch), T, dtype=torch.int64)
            y = torch.zeros(len(batch), T, dtype=torch.int64)
            for row, s in enumerate(batch):
                e = min(s + T, N)
                x[row, : e - s] = val[s:e]
                y[row, : e - s] = val[s + 1 : e + 1]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model.forward_logits(x)
            nll = F.cross_entropy(logits.float().reshape(-1, V), y.reshape(-1), reduction="none").reshape(len(batch), T)
            for row, s in enumerate(batch):
                e = min(s + T, N)
                first = 0 if s == 0 else T - STRIDE
                scored = nll[row, first : e - s].to(torch.float64)
                loss_sum += scored.sum()
                tokens += float(e - s - first)
                nbytes += byte_count(y[row, first : e - s])
    report(label, loss_sum, tokens, nbytes)
"""


@dataclass
class Frames:
    """A channel that keeps what it is sent."""

    sent: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)


def streams() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The stream as it is, with another ending from FLIP on, and with another token at TARGET."""
    base = np.random.default_rng(1).integers(1, VOCABULARY, LENGTH).astype(np.int64)
    base[500:700] = base[100:300]  # repeats, as text has
    future, target = base.copy(), base.copy()
    future[FLIP:] = 1 + (future[FLIP:] + 6) % (VOCABULARY - 1)
    target[TARGET] = 1 + (target[TARGET] + 6) % (VOCABULARY - 1)
    return base, future, target


def another(base: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The stream with one more ending."""
    again = base.copy()
    again[FLIP:] = 1 + (again[FLIP:] + 40) % (VOCABULARY - 1)
    return again


def true_bytes(stream: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (stream % 7 + 1).astype(np.int64)


@dataclass
class Written:
    """A channel into a file, which forks of the run write to as well."""

    path: Path

    def send(self, frame: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(len(frame).to_bytes(8, "little") + frame)

    @property
    def sent(self) -> list[bytes]:
        data, frames, at = self.path.read_bytes(), list[bytes](), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            frames.append(data[at + 8 : at + 8 + size])
            at += 8 + size
        return frames


def run(name: str, stream: np.ndarray[Any, Any], folder: Path) -> Any:
    """The recording of one run of a sample. Needs torch."""
    from auditor.probe import record

    return record.read(frames(name, stream, folder))


def frames(name: str, stream: np.ndarray[Any, Any], folder: Path, **how: Any) -> list[bytes]:
    """What the recorder sends of one run. `how`: as `record.install` takes it."""
    import torch

    from auditor.probe import record
    from auditor.probe.stage.output import Printed

    torch.set_num_threads(1)  # as in the sandbox; several would also wait for each other
    path = folder / "train_gpt.py"
    path.write_text(MODEL + "\n" + SAMPLES[name])
    np.save(folder / "stream.npy", stream)
    os.environ["SAMPLE_STREAM"] = str(folder / "stream.npy")
    tree = record.instrument(ast.parse(path.read_text()), "train_gpt.py")
    written = folder / "frames"
    written.unlink(missing_ok=True)
    channel = Written(written)
    recorder = record.install(channel, root=str(folder), **how)
    out: Any = Printed(io.StringIO(), recorder.printed)
    try:
        with redirect_stdout(out):
            exec(compile(tree, str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})
    finally:
        out.finish()
        recorder.stop()
        recorder.close()
    return channel.sent
