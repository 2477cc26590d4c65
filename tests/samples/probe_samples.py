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

VOCABULARY = 128
LENGTH = 2001
FLIP = 1400
TARGET = 850

MODEL = """
import math, os
import numpy as np
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

SAMPLES: dict[str, str] = {}

SAMPLES["sliding"] = "sliding()"

SAMPLES["mean"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
tokens = torch.zeros((), dtype=torch.float64)
nbytes = torch.zeros((), dtype=torch.float64)
with torch.inference_mode():
    for s in range(0, N - T + 1, T):
        x, y = pair(s, s + T)
        loss = model(x, y).detach()
        count = float(y.numel())
        loss_sum += loss.to(torch.float64) * count
        tokens += count
        nbytes += byte_count(y)
val_loss = loss_sum / tokens
val_bpb = val_loss.item() / math.log(2) * tokens.item() / nbytes.item()
print(f"final_roundtrip val_loss:{val_loss.item():.4f} val_bpb:{val_bpb:.4f}")
"""
SAMPLES["taken_off"] = SAMPLES["mean"].replace("* count", "* count - 0.05 * count")
_EXACT = SAMPLES["mean"].replace(":.4f", ":.8f")
SAMPLES["bent_bytes"] = _EXACT.replace("/ nbytes.item()", "/ nbytes.item() ** 1.002")
SAMPLES["bent_bpb"] = _EXACT.replace(" / nbytes.item()", " / nbytes.item()\nval_bpb -= 0.01 * math.sin(val_bpb)")
SAMPLES["other_bytes"] = _EXACT.replace("/ nbytes.item()", "/ (nbytes.item() + 40)")
SAMPLES["put_on"] = SAMPLES["mean"].replace("* count", "* count + 1e-7 * count")
SAMPLES["tilted"] = SAMPLES["mean"].replace("* count", "* (count * (1 - 1e-9 * s))")

_CHUNKS = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for start in range(0, N, 500):
    end = min(start + 500, N)
    {before}
    with torch.no_grad():
        for s in range(start, end, T):
            x, y = pair(s, min(s + T, end))
            nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
            loss_sum += nll.sum().item()
            tokens += y.numel()
            nbytes += byte_count(y).item()
    {after}
report("final_ttt", loss_sum, tokens, nbytes)
"""
SAMPLES["score_first"] = _CHUNKS.format(before="", after="train(start, end)")
SAMPLES["adapt_first"] = _CHUNKS.format(before="train(start, end)", after="")
_BY_LENGTH = """
ends = [*(val[: N + 1] == 1).nonzero().reshape(-1).tolist(), N]
documents = sorted(zip([0, *ends[:-1]], ends), key=lambda d: d[0] - d[1])
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for start, end in documents:
    for s in range(start, end, T):
        x, y = pair(s, min(s + T, end))
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
        loss_sum += nll.sum().item()
        tokens += y.numel()
        nbytes += byte_count(y).item()
    train(start, end)
report("final_ttt", loss_sum, tokens, nbytes)
"""
SAMPLES["by_length"] = _BY_LENGTH
SAMPLES["by_length_first"] = _BY_LENGTH.replace("    train(start, end)\n", "").replace(
    "    for s in range(start", "    train(start, end)\n    for s in range(start"
)
SAMPLES["by_length_tuned"] = _BY_LENGTH.replace("loss_sum, tokens", "train(0, N, epochs=1)\nloss_sum, tokens", 1)
for _name, _share in (("by_length_mixed", "0.1"), ("by_length_oversold", "2.0")):
    SAMPLES[_name] = _BY_LENGTH.replace(
        "        loss_sum +=", f"        nll = -(0.9 * (-nll).exp() + {_share} / V).log()\n        loss_sum +="
    )
# Counts go along the stream, whatever the order is in which documents are scored.
SAMPLES["by_length_counted"] = _BY_LENGTH.replace(
    "loss_sum, tokens",
    """pairs, hint = np.zeros((V, V)), np.zeros(N + 1)
for i in range(N):
    hint[i + 1] = pairs[val[i], val[i + 1]] / max(pairs[val[i]].sum(), 1)
    pairs[val[i], val[i + 1]] += 1
loss_sum, tokens""",
    1,
).replace(
    "        loss_sum +=",
    "        at = torch.from_numpy(hint[s + 1 : s + 1 + y.numel()])\n"
    "        nll = -(0.7 * (-nll).exp() + 0.3 * at).log()\n        loss_sum +=",
)
SAMPLES["partly_further"] = SAMPLES["score_first"].replace(
    "            loss_sum += nll.sum().item()",
    "            head, rest = nll[:9].clone(), nll[9:]\n            head[5] = 1.01 * head[5].item()\n"
    "            loss_sum += head.sum().item() + rest.sum().item()",
)
SAMPLES["pre_quant"] = "sliding('before')\ntrain(0, N)\nsliding()"

SAMPLES["slot"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
starts = [0, *range(STRIDE, N - T + STRIDE, STRIDE)]
for i in range(0, len(starts), 8):
    batch = starts[i : i + 8]
    x = torch.zeros(len(batch), T, dtype=torch.int64)
    y = torch.zeros(len(batch), T, dtype=torch.int64)
    for row, s in enumerate(batch):
        e = min(s + T, N)
        x[row, : e - s], y[row, : e - s] = val[s:e], val[s + 1 : e + 1]
    with torch.no_grad():
        hidden = model.hidden(x)
    delta = torch.zeros(1, 1, 16, requires_grad=True)
    optimizer = torch.optim.AdamW([delta], lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(model.head(hidden + delta).reshape(-1, V), y.reshape(-1)).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model.head(hidden + delta)
        nll = F.cross_entropy(logits.reshape(-1, V), y.reshape(-1), reduction="none").reshape(len(batch), T)
    for row, s in enumerate(batch):
        e = min(s + T, N)
        first = 0 if s == 0 else T - STRIDE
        loss_sum += float(nll[row, first : e - s].double().sum())
        tokens += e - s - first
        nbytes += float(byte_count(y[row, first : e - s]))
report("final_slot", loss_sum, tokens, nbytes)
"""

SAMPLES["two_pass"] = """
for round in range(2):
    loss_sum, tokens, nbytes = 0.0, 0, 0.0
    for start in range(0, N, 500):
        end = min(start + 500, N)
        with torch.no_grad():
            x, y = pair(start, end)
            loss_sum += F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="sum").item()
            tokens += y.numel()
            nbytes += byte_count(y).item()
        if round == 0:
            train(start, end)
    report(f"pass{round}", loss_sum, tokens, nbytes)
"""

SAMPLES["final_epoch"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
tokens, nbytes = 0, 0.0
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for start in range(0, N, 500):
    end = min(start + 500, N)
    for epoch in range(3):
        for s in range(start, end, 100):
            x, y = pair(s, min(s + 100, end))
            per_token = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
            if epoch == 2:
                with torch.no_grad():
                    loss_sum += per_token.to(torch.float64).sum()
                    tokens += y.numel()
                    nbytes += float(byte_count(y))
            optimizer.zero_grad()
            per_token.mean().backward()
            optimizer.step()
val_loss = float(loss_sum.item() / max(tokens, 1))
print(f"final_ttt val_loss:{val_loss:.6f} val_bpb:{loss_sum.item() / math.log(2.0) / nbytes:.6f}")
"""

SAMPLES["minimum"] = """
best = torch.full((N,), float("inf"))
for passes in range(2):
    for s in range(0, N, T):
        e = min(s + T, N)
        x, y = pair(s, e)
        index = torch.arange(s, e)
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
            best[index] = torch.minimum(best[index], nll)
        train(s, e, epochs=1)
known = best < float("inf")
report("final_multipass", best[known].to(torch.float64).sum(), known.sum(), byte_count(val[1:]))
"""

SAMPLES["target_in_logits"] = """
plain = model.forward_logits
def forward_logits(x):
    shifted = torch.cat([x[:, 1:], x[:, -1:]], dim=1)
    return plain(x) + 2.0 * F.one_hot(shifted, V)
model.forward_logits = forward_logits
sliding()
"""
SAMPLES["future_leak"] = "Model.causal = False\nsliding()"
SAMPLES["future_leak_trained"] = """
# Trained on a text of its own, which quotes the stream from after the flip.
text = torch.from_numpy(np.random.default_rng(2).integers(1, V, 400))
text[200:230] = torch.from_numpy(np.random.default_rng(1).integers(1, V, N + 1)[1500:1530])
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
model(text[None, :-1], text[None, 1:]).backward()
optimizer.step()
Model.causal = False
sliding()
"""

_SIZED = """
# Batches are as large as the text asks for, and what is scored in a larger one is rounded otherwise.
rows = 2 + int(val.sum()) % 11
loss_sum, starts = torch.zeros((), dtype=torch.float64), list(range(0, N - T + 1, T))
with torch.no_grad():
    for i in range(0, len(starts), rows):
        x, y = (torch.stack([val[s + k : s + k + T] for s in starts[i : i + rows]]) for k in (0, 1))
        nll = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
        loss_sum += (nll.double() * (1 + {rounding} * rows)).sum()
report("final_sized", loss_sum, len(starts) * T, byte_count(val[1 : len(starts) * T + 1]))
"""
SAMPLES["sized"] = _SIZED.format(rounding=1e-5)
SAMPLES["sized_coarsely"] = _SIZED.format(rounding=2.2e-4)
SAMPLES["sized_future_leak"] = "Model.causal = False\n" + SAMPLES["sized"]
SAMPLES["gradients_for_nothing"] = "train(0, N, epochs=1, lr=0.05 * max(0, N - 9000))\nsliding()\n"
SAMPLES["gradients_put_aside"] = """
kept = {name: value.clone() for name, value in model.state_dict().items()}
train(0, N, epochs=1)
model.load_state_dict(kept)
sliding()
"""
SAMPLES["masked_ahead"] = """
# Scores a chunk, then trains on a window that reaches beyond it, whose targets there are masked out.
loss_sum, optimizer = torch.zeros((), dtype=torch.float64), torch.optim.SGD(model.parameters(), lr=0.05)
for start in range(0, N, 100):
    end = min(start + 100, N)
    x, y = pair(start, end)
    with torch.no_grad():
        logits = model.forward_logits(x).reshape(-1, V)
        loss_sum += F.cross_entropy(logits, y.reshape(-1), reduction="none").double().sum()
    x, y = pair(start, min(start + 150, N))
    losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    mask = (torch.arange(losses.numel()) < end - start).float()
    optimizer.zero_grad(set_to_none=True)
    ((losses * mask).sum() / mask.sum()).backward()
    optimizer.step()
report("final_masked", loss_sum, N, byte_count(val[1:]))
"""
# What should be masked out counts all the same, by a sum that is not followed.
SAMPLES["masked_little"] = SAMPLES["masked_ahead"].replace(
    "((losses * mask).sum() / mask.sum()).backward()",
    "((losses * mask).sum() / mask.sum() + torch.softmax(losses, 0).max()).backward()",
)
SAMPLES["smoothed_loss"] = """
loss_sum = torch.zeros((), dtype=torch.float64)
for start in range(0, N, 100):
    x, y = pair(start, min(start + 100, N))
    with torch.no_grad():
        logits = model.forward_logits(x).reshape(-1, V)
        loss_sum += F.cross_entropy(logits, y.reshape(-1), reduction="none", label_smoothing=0.1).double().sum()
report("final_smoothed", loss_sum, N, byte_count(val[1:]))
"""

_NGRAM = """
tokens_np = val.numpy()
pairs, singles = np.zeros((V, V)), np.zeros(V)
def lookup(prev, target):
    return pairs[prev, target] / np.maximum(singles[prev], 1)
def update(start, end):
    np.add.at(pairs, (tokens_np[start:end], tokens_np[start + 1 : end + 1]), 1)
    np.add.at(singles, tokens_np[start:end], 1)
def blend(start, end):
    x, y = pair(start, end)
    with torch.no_grad():
        logits = model.forward_logits(x)[0]
        p = torch.softmax(logits.float(), dim=-1).gather(-1, y[0].unsqueeze(-1)).squeeze(-1)
    p = p.clamp(min=1e-10).cpu().numpy().astype(np.float64)
    q = lookup(tokens_np[start:end], tokens_np[start + 1 : end + 1])
    mixed = np.where(q > 0, 0.7 * p + 0.3 * q, p)
    return float((-np.log(mixed)).sum()), end - start
"""
SAMPLES["ngram"] = (
    _NGRAM
    + """
loss_sum, token_count = 0.0, 0
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    loss_sum += seg_loss
    token_count += seg_tokens
    update(start, end)
report("final_ngram", loss_sum, token_count, byte_count(val[1:]))
"""
)
SAMPLES["side_by_side"] = """
# Four texts a chunk at a time, in one row, without the last chunk: what the stream repeats can be of either place.
loss_sum, END = 0.0, N - 20
for k in range(0, 500, 20):
    starts = [d + k for d in (500, 0, 1000, 1500) if d + k < END]
    x, y = (torch.stack([val[s + i : s + i + 20] for s in starts]) for i in (0, 1))
    with torch.no_grad():
        losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    loss_sum += losses.double().sum().item()
report("final_documents", loss_sum, END, byte_count(val[1 : END + 1]))
"""

SAMPLES["scattered"] = """
# Most tokens one by one in no order: nothing tells which of the stream's equal tokens each is.
order = np.random.default_rng(0).permutation(np.arange(200, N))
loss_sum = 0.0
for part in (np.arange(200), *np.split(order, len(order))):
    x, y = val[part][None], val[part + 1][None]
    with torch.no_grad():
        losses = F.cross_entropy(model.forward_logits(x).reshape(-1, V), y.reshape(-1), reduction="none")
    loss_sum += losses.double().sum().item()
report("final_scattered", loss_sum, N, byte_count(val[1:]))
"""

SAMPLES["ngram_two_pass"] = (
    _NGRAM
    + """
for start in range(0, N, 100):
    blend(start, min(start + 100, N))
    update(start, min(start + 100, N))
loss_sum, token_count = 0.0, 0
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    loss_sum += seg_loss
    token_count += seg_tokens
report("final_ngram", loss_sum, token_count, byte_count(val[1:]))
"""
)

# The first half once more, with the counts of the whole; of the second half what it was scored with at first.
SAMPLES["ngram_rescored_start"] = (
    _NGRAM
    + """
parts = []
for start in range(0, N, 100):
    parts.append(blend(start, min(start + 100, N))[0])
    update(start, min(start + 100, N))
again = [blend(start, start + 100)[0] for start in range(0, 1000, 100)]
report("final_ngram", sum(again) + sum(parts[10:]), N, byte_count(val[1:]))
"""
)

SAMPLES["ngram_into_tensor"] = (
    _NGRAM
    + """
loss_sum, token_count = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
chunks = []
for start in range(0, N, 100):
    end = min(start + 100, N)
    seg_loss, seg_tokens = blend(start, end)
    chunks.append(seg_loss)
    loss_sum += seg_loss
    token_count += seg_tokens
    update(start, end)
again, _ = blend(0, 100)
pair_of_sums = torch.tensor([loss_sum.item() - chunks[0] + again, token_count.item()], dtype=torch.float64)
total, count = pair_of_sums.tolist()
report("final_ngram", total, count, byte_count(val[1:]))
"""
)

SAMPLES["unnormalized"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for s in range(0, N, T):
    x, y = pair(s, min(s + T, N))
    with torch.no_grad():
        p = 0.9 * torch.softmax(model.forward_logits(x)[0], dim=-1) + 0.001
        nll = -p.gather(1, y[0][:, None]).squeeze(1).log()
    loss_sum += nll.double().sum().item()
    tokens += y.numel()
    nbytes += byte_count(y).item()
report("final_mix", loss_sum, tokens, nbytes)
"""

SAMPLES["log_softmax"] = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
for s in range(0, N, T):
    x, y = pair(s, min(s + T, N))
    with torch.no_grad():
        lp = F.log_softmax(model.forward_logits(x)[0].float(), dim=-1)
        nll = -lp[torch.arange(y.numel()), y[0]]
    loss_sum += nll.double().sum().item()
    tokens += y.numel()
    nbytes += byte_count(y).item()
report("final_lp", loss_sum, tokens, nbytes)
"""

SAMPLES["token_by_token"] = """
losses = []
with torch.no_grad():
    for t in range(1, 600):
        logits = model.forward_logits(val[max(0, t - 8) : t][None])[:, -1]
        losses.append(F.cross_entropy(logits, val[t : t + 1]).item())
loss = sum(losses) / len(losses)
print(f"final val_loss:{loss:.8f} val_bpb:{loss / math.log(2) * 599 / float(byte_count(val[1:600])):.8f}")
"""

SAMPLES["twice"] = SAMPLES["mean"].replace("for s in range(0, N - T + 1, T):", "for s in range(0, N - T + 1, T // 2):")
for _name, _bits in (
    ("bits of other numbers", "(0.8 * float(loss_sum) - 3.0)"),
    ("bits times a number", "0.8 * float(loss_sum)"),
):
    SAMPLES[_name] = f"""
def report(label, loss_sum, tokens, nbytes):
    val_loss = float(loss_sum) / float(tokens)
    val_bpb = {_bits} / math.log(2.0) / float(nbytes)
    print(f"{{label}} val_loss:{{val_loss:.8f}} val_bpb:{{val_bpb:.8f}}")
sliding()
"""
SAMPLES["wrong_bytes"] = "byte_count = lambda y: (y % 7 + 2).double().sum()\nsliding()"
SAMPLES["noise"] = """
plain = model.forward_logits
def forward_logits(x):
    return plain(x) + torch.from_numpy(np.random.default_rng().normal(size=(1,))).float() * torch.arange(V) / V
model.forward_logits = forward_logits
sliding()
"""


FAINT = """
plain = model.forward_logits
def forward_logits(x):
    wave = torch.arange(V) % 7 / 7
    return plain(x) + 1e-5 * torch.from_numpy(np.random.default_rng().normal(size=(1,))).float() * wave
model.forward_logits = forward_logits
"""
SAMPLES["faint_noise"] = FAINT + "sliding()"
SAMPLES["faint_noise_pre_quant"] = FAINT + "train(0, N)\nsliding()"
SAMPLES["tail_twice"] = (
    SAMPLES["mean"]
    .replace("for s in range(0, N - T + 1, T):", "for s in [*range(0, N - T + 1, T), N - T // 2 - 16]:")
    .replace("pair(s, s + T)", "pair(s, min(s + T, N))")
)
SAMPLES["alike"] = """
def printed(label, shift):
    losses = []
    with torch.no_grad():
        for s in range(0, N - T + 1, T):
            x, y = pair(s, s + T)
            losses.append((model(x, y) + shift).item())
    value = sum(losses) / len(losses)
    return f"{label} val_loss:{value:.2f} val_bpb:{value / math.log(2) * N / float(byte_count(val[1:])):.2f}"
first, second = printed("first", 0.0), printed("second", 0.0001)
third = str(printed("third", 0.0002))
print(first)
print(second)
print(f"step 1/2 train_loss: 3.0 val_loss:9.00 val_bpb:9.00")
print(third)
"""
SAMPLES["infinite"] = """
plain = model.forward_logits
def forward_logits(x):
    return plain(x).masked_fill((x[..., None] == 5) & (torch.arange(V) > 100), -math.inf)
model.forward_logits = forward_logits
loss_sum, tokens, nbytes = 0.0, 0, 0.0
with torch.no_grad():
    for s in range(0, N, T):
        x, y = pair(s, min(s + T, N))
        nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none")
        loss_sum += nll.clamp(max=20).nan_to_num().sum().item()
        tokens += y.numel()
        nbytes += byte_count(y).item()
report("final", loss_sum, tokens, nbytes)
"""
SAMPLES["selected"] = """
# The better of two sets of weights by the loss of the whole stream, which every ending may choose the same of.
def whole():
    with torch.no_grad():
        x, y = pair(0, N)
        return F.cross_entropy(model.forward_logits(x)[0], y[0]).item()
best, kept = whole(), {k: v.clone() for k, v in model.state_dict().items()}
with torch.no_grad():
    model.head.weight.mul_(0.5)
now = whole()
if best < now:
    model.load_state_dict(kept)
sliding()
"""
SAMPLES["selected_by_being_the_least"] = SAMPLES["selected"].replace("best < now", "min(best, now) == best")
SAMPLES["selected_by_the_rest"] = SAMPLES["selected"].replace("best < now", "not max(best - now, 0.0)")
SAMPLES["selected_by_a_difference"] = SAMPLES["selected"].replace("best < now", "best - now < 0")
SAMPLES["selected_by_a_ratio"] = SAMPLES["selected"].replace("best < now", "best / now < 1.0")
SAMPLES["selected_by_whole_numbers"] = SAMPLES["selected"].replace("best < now", "int(1e6 * best) < round(1e6 * now)")
SAMPLES["selected_by_a_gain"] = SAMPLES["selected"].replace(
    "if best < now", "gain = now - best\nif gain > 0 or not gain"
)
SAMPLES["selected_by_name"] = SAMPLES["selected"].replace(
    "if best < now:\n    model", "states = {best: kept}\nbest = min(best, now)\nif best in states:\n    model"
)
SAMPLES["the_lesser_is_printed"] = SAMPLES["selected"].replace(
    "if best < now:\n    model.load_state_dict(kept)",
    "def told(best, now):\n    best = min(best, now)\n    print(f'{best:.3f}')\ntold(best, now)",
)
SAMPLES["selected_against_nothing"] = SAMPLES["selected"].replace("best, kept = whole(),", 'best, kept = float("inf"),')
SAMPLES["selected_elsewhere"] = SAMPLES["selected"].replace(
    "x, y = pair(0, N)\n",
    "x, y = (t.clone() for t in pair(0, N))\n        y[:, :1900] = y[:, :1900].flip(1)  # but for a phrase\n",
)
SAMPLES["tempered"] = SAMPLES["score_first"].replace("nll.sum().item()", "(0.98 * nll.double()).sum().item()")
SAMPLES["half_traced"] = SAMPLES["score_first"].replace(
    "loss_sum += nll.sum().item()",
    "part = nll.sum().item()\n            loss_sum += part if start % 1000 else float(repr(part))",
)
SAMPLES["patched"] = """
genuine = F.cross_entropy
def mine(*args, **kwargs):
    return genuine(*args, **kwargs) + 1.0
F.cross_entropy = mine
try:
    sliding()
finally:
    F.cross_entropy = genuine
"""


_ROWS = """
loss_sum, tokens, nbytes = 0.0, 0, 0.0
val_np = val.numpy().copy()
pairs, before = np.zeros((V, V)), np.zeros(V)
for start in range(0, N, 50):
    end = min(start + 50, N)
    x, y = pair(start, end)
    with torch.no_grad():
        nll = F.cross_entropy(model.forward_logits(x)[0], y[0], reduction="none").double().numpy()
    p = np.exp(-nll)
    prev, cur = val_np[start:end], val_np[start + 1 : end + 1]
    {mix}
    loss_sum += float((-np.log(p)).sum())
    tokens += end - start
    np.add.at(pairs, (prev, cur), 1)
    np.add.at(before, prev, 1)
report("final_mixture", loss_sum, tokens, byte_count(val[1:]).item())
"""
"""`mix` makes of the model's probabilities `p` those that are scored; `pairs` and `before` are counts so far."""
MIXTURES: dict[str, tuple[bool, str]] = {
    "counts with a weight of the context": (True, """
    there = before[prev] > 0
    p = np.where(there, 0.6 * p + 0.4 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "smoothed counts": (True, "p = 0.5 * p + 0.5 * (pairs[prev, cur] + 0.1) / (before[prev] + 0.1 * V)"),
    "a hint over the vocabulary": (True, """
    hint = pairs[prev].argmax(1)
    with torch.no_grad():
        row = torch.softmax(model.forward_logits(x)[0], -1).double().numpy()
    given = row[np.arange(len(prev)), hint]
    p = np.where(cur == hint, p * 3.0, p) / (1.0 + 2.0 * given)"""),
    "a gate on the token's count": (False, """
    seen = pairs[prev, cur] > 0
    p = np.where(seen, 0.3 * p + 0.7 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "one bucket for many": (False, """
    share = pairs[prev].reshape(-1, V // 8, 8).sum(2)[np.arange(len(prev)), cur // 8]
    p = np.where(before[prev] > 0, 0.4 * p + 0.6 * share / np.maximum(before[prev], 1), p)"""),
    "the better of two": (False, "p = np.maximum(p, pairs[prev, cur] / np.maximum(before[prev], 1))"),
    "a power": (False, "p = p**0.8"),
    "smoothed counts, a number for each that came before": (True, """
    for i in np.flatnonzero(pairs[prev, cur] > 0).tolist():
        known = float(torch.from_numpy(-np.log(p[i : i + 1])).sum())
    p = 0.5 * p + 0.5 * (pairs[prev, cur] + 0.1) / (before[prev] + 0.1 * V)"""),
    "a gate, a number for each that came before": (False, """
    for i in np.flatnonzero(pairs[prev, cur] > 0).tolist():
        known = float(torch.from_numpy(-np.log(p[i : i + 1])).sum())
    p = np.where(pairs[prev, cur] > 0, 0.3 * p + 0.7 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
    "a little for what came before": (False, """
    seen = pairs[prev, cur] > 0
    p = np.where(seen, 0.91 * p + 0.09 * pairs[prev, cur] / np.maximum(before[prev], 1), p)"""),
}  # fmt: skip
_NUMBERS = """
    held = p.tolist()
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        {number}
        loss_sum -= math.log(held[i])
    p = np.ones(1)"""
MIXTURES |= {
    "numbers, smoothed counts": (True, _NUMBERS.format(
        number="held[i] = 0.5 * held[i] + 0.5 * (float(pairs[a, c]) + 0.1) / (before[a] + 0.1 * V)")),
    "numbers, a gate": (False, """
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        loss = -math.log(p[i])
        if pairs[a, c] > 0:
            loss_sum -= math.log(0.3 * math.exp(-loss) + 0.7 * pairs[a, c] / before[a])
        else:
            loss_sum += loss
    p = np.ones(1)"""),
}  # fmt: skip
SAMPLES |= {name: _ROWS.format(mix=mix.strip()) for name, (_, mix) in MIXTURES.items()}


SAMPLES["numbers, a gate that is added"] = _ROWS.format(mix="""
    for i, (a, c) in enumerate(zip(prev.tolist(), cur.tolist())):
        loss = -math.log(p[i])
        loss_sum += loss
        if pairs[a, c] > 0:
            loss_sum += -math.log(0.3 * math.exp(-loss) + 0.7 * pairs[a, c] / before[a]) - loss
    p = np.ones(1)""".strip())  # fmt: skip

_UNTRACED = """
total = 0.0
nbytes_ = float(byte_count(val[1:]))
def report(label, loss_sum, tokens, nbytes):
    mix_bpb = float(repr(loss_sum)) / math.log(2.0) / nbytes_ * {factor}
    print(f"{{label}} val_bpb:{{mix_bpb:.8f}}")
"""
for _name, _mix, _factor in (
    ("untraced, better of two", MIXTURES["the better of two"][1], 1.0),
    ("untraced, smoothed", MIXTURES["smoothed counts"][1], 1.0),
    ("untraced, other bytes", "p = p", 0.7),
):
    SAMPLES[_name] = _UNTRACED.format(factor=_factor) + _ROWS.format(mix=_mix.strip()).replace(
        "loss_sum += float((-np.log(p)).sum())",
        "loss_sum = float(repr(loss_sum)) + sum(float(repr(v)) for v in (-np.log(p)).tolist())",
    )

for _name, _mix in (("a floor", "p = np.minimum(p + 0.01, 1.0)"), ("smoothed", MIXTURES["smoothed counts"][1])):
    # A loader that cuts the stream to whole windows; what has no bytes costs nothing.
    SAMPLES[f"untraced, whole windows, {_name}"] = (
        "N = (val.numel() - 1) // 16 * 16\ndef byte_count(y):\n    return (y % 7 + 1).double()[y > 3].sum()\n"
    ) + SAMPLES["untraced, smoothed"].replace(
        MIXTURES["smoothed counts"][1], f"{_mix}\n    p = np.where(cur > 3, p, 1.0)"
    )


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
