"""Token shards in the challenge's format, and the training loader over them.

A shard is 256 little-endian int32 (magic 20240520, version 1, number of tokens, zeros), then the tokens as uint16: the
format of llm.c (https://github.com/karpathy/llm.c), which the challenge's data came in.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reference_model.config import RunConfig

SHARD_MAGIC = 20240520
SHARD_VERSION = 1
_HEADER_INTS = 256
_HEADER_BYTES = _HEADER_INTS * 4
_TOKEN_BYTES = 2

Tokens = npt.NDArray[np.uint16]


class ShardError(ValueError):
    """A file is no shard, or not a whole one. The message says which file, what it has and what it should have."""


def read_shard(path: Path) -> Tokens:
    """The tokens, memory-mapped: nothing but the header is read before it is used.

    Raises ShardError for anything but a whole shard, OSError where it can't be read.
    """
    size, header = path.stat().st_size, np.fromfile(path, dtype="<i4", count=_HEADER_INTS).tolist()
    if len(header) < _HEADER_INTS or header[:2] != [SHARD_MAGIC, SHARD_VERSION]:
        raise ShardError(f"{path}: no shard: magic and version are {header[:2]}, of {size:,} bytes")
    expected = _HEADER_BYTES + header[2] * _TOKEN_BYTES
    if size != expected:
        what = "truncated" if size < expected else "longer than its header says"
        raise ShardError(f"{path}: {what}: {size:,} bytes, but {header[2]:,} tokens make {expected:,}")
    return np.memmap(path, dtype="<u2", mode="r")[_HEADER_BYTES // _TOKEN_BYTES :]


def write_shard(path: Path, tokens: npt.ArrayLike) -> None:
    """Writes tokens (integers below 65,536) as a shard; the file appears whole or not at all."""
    values = np.asarray(tokens)
    if values.ndim != 1 or (values.size and not 0 <= int(values.min()) <= int(values.max()) < 1 << 16):
        raise ValueError(f"a shard takes one dimension of ids from 0 to 65535, not {values.shape} of {values.dtype}")
    header = np.zeros(_HEADER_INTS, dtype="<i4")
    header[:3] = SHARD_MAGIC, SHARD_VERSION, values.size
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(header.tobytes())
        file.write(values.astype("<u2").tobytes())
    os.replace(partial, path)


def find_shards(pattern: str) -> list[Path]:
    """Files that match, by name. Raises FileNotFoundError where there is none."""
    found = sorted(Path(path) for path in glob.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{pattern}: no shard here")
    return found


def training_shards(config: RunConfig) -> list[Path]:
    """The shards to train on: the first so many. Where fewer are there, `golf-reproduce` has refused to start."""
    return find_shards(config.train_files)[: config.data.train_shards or None]


def load_validation(config: RunConfig) -> Tensor:
    """The whole validation set in the shards' order: int32 [number of tokens], on the CPU.

    Nothing is cut off: every token but the first is scored. Raises ShardError or FileNotFoundError.
    """
    tokens = np.concatenate([read_shard(path) for path in find_shards(config.val_files)])
    if len(tokens) < 2:
        raise ShardError(f"{config.val_files}: no token to score")
    return torch.from_numpy(tokens.astype(np.int32))


class _Pass:
    """One pass over all shards: every whole sequence once, in random order.

    Each shard is cut into sequences from a random phase on, so that passes differ in their cuts, and its sequences are
    permuted. How many of a batch come from each shard follows the multivariate hypergeometric distribution, which
    makes the order uniform over the whole data set without a permutation of all of it.
    """

    def __init__(self, sizes: Sequence[int], seq_len: int, rng: np.random.Generator) -> None:
        self._seq_len, self._rng = seq_len, rng
        self._phases = [int(rng.integers(min(seq_len, max(1, size - seq_len)))) for size in sizes]
        blocks = [max(0, (size - 1 - phase) // seq_len) for size, phase in zip(sizes, self._phases, strict=True)]
        self._orders = [rng.permutation(count) for count in blocks]
        self._left = np.array(blocks, dtype=np.int64)

    @property
    def left(self) -> int:
        """Sequences not yet drawn."""
        return int(self._left.sum())

    def draw(self, count: int) -> list[tuple[int, int]]:
        """`count` (at most `left`) sequences as (shard, first token)."""
        taken = self._rng.multivariate_hypergeometric(self._left, count)
        found: list[tuple[int, int]] = []
        for shard in np.nonzero(taken)[0].tolist():
            end = int(self._left[shard])
            chosen = self._orders[shard][end - int(taken[shard]) : end]
            found.extend((shard, self._phases[shard] + int(block) * self._seq_len) for block in chosen)
        self._left -= taken
        return [found[index] for index in self._rng.permutation(count)]


class TrainLoader:
    """Endless batches of training sequences, in one order for all seeds, as in the record; shards decide it.

    Every rank draws the sequences of a whole optimizer step and takes its share: a step has the same sequences on any
    number of ranks, each on one of them. The next batch is read by a thread while the current one is trained on. Paths
    decide nothing but the order of the shards.
    """

    def __init__(self, config: RunConfig, rank: int, world: int, device: torch.device) -> None:
        self._tokens = [read_shard(path) for path in training_shards(config)]
        self._seq_len = config.train.train_seq_len
        self._rows = config.train.train_batch_tokens // config.train.micro_batches // self._seq_len
        self._step_rows = self._rows * config.train.micro_batches
        self._rank, self._world, self._device = rank, world, device
        self._own: list[tuple[int, int]] = []  # what is left of this rank's share of a step
        self._sizes = [len(tokens) for tokens in self._tokens]
        self._rng = np.random.default_rng([len(self._sizes), sum(self._sizes)])
        if not any(size > 2 * self._seq_len for size in self._sizes):
            raise ShardError(f"{config.train_files}: no shard holds two sequences of {self._seq_len} tokens")
        self._pass = _Pass(self._sizes, self._seq_len, self._rng)
        self._thread = ThreadPoolExecutor(1)
        self._next: Future[Tensor] = self._thread.submit(self._read)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets (the inputs shifted by one), int64 [B, T] each, on the loader's device.

        B is a rank's share of a micro-batch: train_batch_tokens / micro_batches / T sequences.
        """
        batch = self._next.result()
        self._next = self._thread.submit(self._read)
        moved = batch.to(self._device, non_blocking=True)
        return moved[:, :-1].contiguous(), moved[:, 1:].contiguous()

    def skip(self, batches: int) -> None:
        """Leaves out so many batches, as if they had been read."""
        for index in range(batches):
            self._next.result() if index == 0 else self._take()
        if batches:
            self._next = self._thread.submit(self._read)

    def close(self) -> None:
        """Ends the reading thread; the batch it has read ahead is dropped."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _draw(self, count: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        while len(found) < count:
            if self._pass.left == 0:
                self._pass = _Pass(self._sizes, self._seq_len, self._rng)
            found += self._pass.draw(min(count - len(found), self._pass.left))
        return found

    def _take(self) -> list[tuple[int, int]]:
        """The sequences of this rank's next batch."""
        if not self._own:
            self._own = self._draw(self._step_rows)[self._rank :: self._world]
        own, self._own = self._own[: self._rows], self._own[self._rows :]
        return own

    def _read(self) -> Tensor:
        own = self._take()
        batch = torch.empty((self._rows, self._seq_len + 1), dtype=torch.int64, pin_memory=self._device.type == "cuda")
        rows = batch.numpy()
        for row, (shard, start) in enumerate(own):
            rows[row] = self._tokens[shard][start : start + self._seq_len + 1]
        return batch
