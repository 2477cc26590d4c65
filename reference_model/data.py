"""Token shards in the challenge's format, the training loader over them, and what is wrong with them before a run.

A shard is 256 little-endian int32 (magic 20240520, version 1, number of tokens, zeros), then the tokens as uint16: the
format of llm.c (https://github.com/karpathy/llm.c), which the challenge's data came in.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reference_model.bytes import TokenizerRefused, load_tokenizer
from reference_model.config import RunConfig

SHARD_MAGIC = 20240520
SHARD_VERSION = 1
_HEADER_INTS = 256
_HEADER_BYTES = _HEADER_INTS * 4
_TOKEN_BYTES = 2
_VAL_SEQUENCE = 2048  # expected_val_tokens is counted in whole sequences of this length
_SAMPLED_TOKENS = 1 << 20  # of each training shard, to see whether its ids fit the vocabulary

Tokens = npt.NDArray[np.uint16]


class ShardError(ValueError):
    """A file is no shard, or not a whole one. The message says which file, what it has and what it should have."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard whose header and size agree."""

    path: Path
    tokens: int

    @staticmethod
    def open(path: Path) -> Shard:
        """Reads the header. Raises ShardError for anything but a whole shard, OSError where it can't be read."""
        with path.open("rb") as file:
            header = np.frombuffer(file.read(_HEADER_BYTES), dtype="<i4")
        if header.size < _HEADER_INTS:
            raise ShardError(f"{path}: {path.stat().st_size} bytes are no shard: its header alone has {_HEADER_BYTES}")
        magic, version, count = (int(value) for value in header[:3])
        if magic != SHARD_MAGIC or version != SHARD_VERSION:
            raise ShardError(
                f"{path}: header says magic {magic}, version {version}; a shard has {SHARD_MAGIC}, {SHARD_VERSION}"
            )
        size, expected = path.stat().st_size, _HEADER_BYTES + count * _TOKEN_BYTES
        if count < 0 or size != expected:
            what = "truncated" if size < expected else "longer than its header says"
            raise ShardError(f"{path}: {what}: {size:,} bytes, but {count:,} tokens make {expected:,}")
        return Shard(path, count)

    def read(self) -> Tokens:
        """The tokens, memory-mapped: nothing is read before it is used."""
        if self.tokens == 0:
            return np.empty(0, dtype=np.uint16)
        return np.memmap(self.path, dtype="<u2", mode="r", offset=_HEADER_BYTES, shape=(self.tokens,))


def write_shard(path: Path, tokens: npt.ArrayLike) -> Shard:
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
    return Shard(path, int(values.size))


def find_shards(pattern: str) -> list[Path]:
    """Files that match, by name."""
    return sorted(Path(name) for name in glob.glob(pattern))


def load_validation(config: RunConfig) -> Tensor:
    """The whole validation set in the shards' order: int32 [number of tokens], on the CPU.

    Nothing is cut off: every token but the first is scored. Raises ShardError or FileNotFoundError.
    """
    paths = find_shards(config.val_files)
    if not paths:
        raise FileNotFoundError(f"no validation shard matches {config.val_files}")
    parts = [Shard.open(path).read().astype(np.int32) for path in paths]
    tokens = np.concatenate(parts)
    if tokens.size < 2:
        raise ShardError(f"{config.val_files}: {tokens.size} tokens leave nothing to score")
    return torch.from_numpy(tokens)


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
    """Endless batches of training sequences, the same for the same seed and shards.

    Every rank draws the sequences of a whole optimizer step and takes its share: a step has the same sequences on any
    number of ranks, each on one of them. The next batch is read by a thread while the current one is trained on. Paths
    decide nothing but the order of the shards.
    """

    def __init__(self, config: RunConfig, rank: int, world: int, device: torch.device, seed: int) -> None:
        shards = [Shard.open(path) for path in find_shards(config.train_files)]
        self._seq_len = config.train.train_seq_len
        self._rows = config.train.train_batch_tokens // config.train.micro_batches // self._seq_len
        self._step_rows = self._rows * config.train.micro_batches
        self._rank, self._world, self._device = rank, world, device
        self._own: list[tuple[int, int]] = []  # what is left of this rank's share of a step
        self._rng = np.random.default_rng([seed, len(shards)])
        self._sizes = [shard.tokens for shard in shards]
        if not any(size > 2 * self._seq_len for size in self._sizes):
            raise ShardError(f"{config.train_files}: no shard holds two sequences of {self._seq_len} tokens")
        self._tokens = [shard.read() for shard in shards]
        self._pass = _Pass(self._sizes, self._seq_len, self._rng)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="train-loader")
        self._next: Future[Tensor] = self._thread.submit(self._read)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets (the inputs shifted by one), int64 [B, T] each, on the loader's device.

        B is a rank's share of a micro-batch: train_batch_tokens / micro_batches / T sequences.
        """
        batch = self._next.result()
        self._next = self._thread.submit(self._read)
        moved = batch.to(self._device, non_blocking=True)
        return moved[:, :-1].contiguous(), moved[:, 1:].contiguous()

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

    def _read(self) -> Tensor:
        if not self._own:
            self._own = self._draw(self._step_rows)[self._rank :: self._world]
        own, self._own = self._own[: self._rows], self._own[self._rows :]
        batch = torch.empty((self._rows, self._seq_len + 1), dtype=torch.int64, pin_memory=self._device.type == "cuda")
        rows = batch.numpy()
        for row, (shard, start) in enumerate(own):
            rows[row] = self._tokens[shard][start : start + self._seq_len + 1]
        return batch


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that would end a run or spoil its figure: where it is, and what is wrong and wanted."""

    where: str
    message: str


def check(config: RunConfig) -> list[Problem]:
    """What is wrong with the data and the tokenizer of a run, before a second of an accelerator is spent on it."""
    problems = _tokenizer_problems(config)
    train, found = _open_all(config.train_files, "training")
    problems += found
    val, found = _open_all(config.val_files, "validation")
    problems += found
    for shard in train:
        if shard.tokens <= 2 * config.train.train_seq_len:
            problems.append(Problem(str(shard.path), f"{shard.tokens} tokens are too few for training sequences"))
    for shard, limit in [*((s, _SAMPLED_TOKENS) for s in train), *((s, s.tokens) for s in val)]:
        highest = int(shard.read()[:limit].max(initial=0))
        if highest >= config.model.vocab_size:
            message = f"holds id {highest}, beyond the vocabulary of {config.model.vocab_size}: another tokenizer's"
            problems.append(Problem(str(shard.path), message))
    return problems + (_val_problems(config, val) if val and not found else [])


def _open_all(pattern: str, kind: str) -> tuple[list[Shard], list[Problem]]:
    shards, problems = [], []
    paths = find_shards(pattern)
    if not paths:
        problems.append(Problem(pattern, f"no {kind} shard here: `golf-reproduce data` fetches them"))
    for path in paths:
        try:
            shards.append(Shard.open(path))
        except (ShardError, OSError) as error:
            problems.append(Problem(str(path), str(error).removeprefix(f"{path}: ")))
    return shards, problems


def _tokenizer_problems(config: RunConfig) -> list[Problem]:
    path, wanted = config.tokenizer_path, config.model.vocab_size
    try:
        size = int(load_tokenizer(path).vocab_size())
    except (TokenizerRefused, OSError) as error:
        return [Problem(path, str(error).removeprefix(f"{path}: "))]
    return [] if size == wanted else [Problem(path, f"a vocabulary of {size}, but the model's is {wanted}")]


def _val_problems(config: RunConfig, shards: list[Shard]) -> list[Problem]:
    """The number of validation tokens tells a part, or another split, from the challenge's 50,000 documents."""
    expected, scored = config.data.expected_val_tokens, sum(shard.tokens for shard in shards) - 1
    if scored < 1:
        return [Problem(config.val_files, "no token to score")]
    if expected and not expected <= scored < expected + _VAL_SEQUENCE:
        message = f"{scored:,} tokens to score, but the full validation set has {expected:,} in whole sequences"
        return [Problem(config.val_files, message)]
    return []
