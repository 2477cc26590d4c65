"""Bits per byte of the validation set: over whole sequences, and with a sliding window.

Bits per byte do not depend on the tokenizer: nats summed over the tokens, over ln 2 and the number of bytes that the
tokens stand for (:mod:`reference_model.evaluation.bytes`). Both passes score every token but the very first
exactly once, from left to right, and change nothing in the model. Sums are float64 and added over the ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_model.config import RunConfig
from reference_model.evaluation.bytes import ByteTable
from reference_model.runtime import Runtime

if TYPE_CHECKING:
    from reference_model.model.network import GPT

Logits = Callable[[Tensor, int], Tensor]  # ids [B, T], how many positions from the end on -> logits [B, last, V]


@dataclass(frozen=True, slots=True)
class Score:
    """A pass over the validation set."""

    nats_per_token: float
    bits_per_byte: float
    tokens: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """`length` inputs from token `start` on, of which the targets of the last `scored` are scored."""

    start: int
    length: int
    scored: int


def whole_sequences(tokens: int, seq_len: int) -> list[Window]:
    """Windows that lie side by side over `tokens` targets; the last may be shorter."""
    lengths = ((start, min(seq_len, tokens - start)) for start in range(0, tokens, seq_len))
    return [Window(start, length, length) for start, length in lengths]


def sliding_windows(tokens: int, seq_len: int, stride: int) -> list[Window]:
    """Windows that move on by `stride` and score what the one before has not: at least `seq_len - stride` of context.

    The first scores all its targets. The last is shorter where `tokens` is no whole number of strides.
    """
    assert 0 < stride <= seq_len, "a longer stride leaves gaps"
    windows = [Window(0, min(seq_len, tokens), min(seq_len, tokens))]
    context = seq_len - stride
    for start in range(stride, tokens - context, stride):
        length = min(seq_len, tokens - start)
        windows.append(Window(start, length, length - context))
    return windows


def evaluate_roundtrip(model: GPT, val: Tensor, table: ByteTable, config: RunConfig, run: Runtime) -> Score:
    """Scores sequences of eval_seq_len tokens, each without what came before it."""
    windows = whole_sequences(val.numel() - 1, config.eval.eval_seq_len)
    rows = config.eval.val_batch_tokens // config.train.micro_batches // config.eval.eval_seq_len
    return _evaluate(model, val, table, config, run, windows, max(1, rows))


def evaluate_sliding(model: GPT, val: Tensor, table: ByteTable, config: RunConfig, run: Runtime) -> Score:
    """Scores with a window that slides by eval_stride tokens: all but the first have nearly full context."""
    windows = sliding_windows(val.numel() - 1, config.eval.eval_seq_len, config.eval.eval_stride)
    return _evaluate(model, val, table, config, run, windows, config.eval.eval_batch_seqs)


def _evaluate(
    model: GPT, val: Tensor, table: ByteTable, config: RunConfig, run: Runtime, windows: list[Window], rows: int
) -> Score:
    started = run.clock()
    share = windows[len(windows) * run.rank // run.world : len(windows) * (run.rank + 1) // run.world]
    tokens, table = val.to(run.device), table.to(run.device)
    nats = torch.zeros((), dtype=torch.float64, device=run.device)
    count = torch.zeros((), dtype=torch.float64, device=run.device)
    size = torch.zeros((), dtype=torch.float64, device=run.device)
    was_training = model.training
    model.eval()
    logits: Logits = model.logits
    fast = torch.compile(logits, dynamic=False) if config.train.compile_model else logits
    with torch.inference_mode(), run.autocast(config.train.precision):
        for batch in _batches(share, rows):
            # One shape is compiled; the few windows of another kind (the first, the last) are not worth a second one.
            usual = len(batch) == rows and batch[0].length == config.eval.eval_seq_len
            loss, scored, length = _score(fast if usual else logits, tokens, table, batch)
            nats += loss
            count += scored
            size += length
    model.train(was_training)
    total, targets, text = run.sum(nats).item(), run.sum(count).item(), run.sum(size).item()
    return Score(total / targets, total / math.log(2) / text, round(targets), round(text), run.clock() - started)


def _batches(windows: list[Window], rows: int) -> Iterator[list[Window]]:
    """At most `rows` windows of one shape at a time, in order."""
    batch: list[Window] = []
    for window in windows:
        alike = not batch or (batch[0].length, batch[0].scored) == (window.length, window.scored)
        if batch and (len(batch) == rows or not alike):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _score(logits: Logits, tokens: Tensor, table: ByteTable, batch: list[Window]) -> tuple[Tensor, int, Tensor]:
    """Nats, tokens and bytes of what a batch of windows of one shape scores; sums in float64."""
    length, scored = batch[0].length, batch[0].scored
    starts = torch.tensor([window.start for window in batch], device=tokens.device)
    chunk = tokens[starts[:, None] + torch.arange(length + 1, device=tokens.device)].to(torch.int64)
    inputs, targets = chunk[:, :-1], chunk[:, 1:]
    predicted = logits(inputs, scored).float()
    previous, targets = inputs[:, -scored:], targets[:, -scored:]
    nats = F.cross_entropy(predicted.flatten(0, 1), targets.flatten(), reduction="none").double().sum()
    size = table.count(previous, targets).double().sum()
    return nats, targets.numel(), size
