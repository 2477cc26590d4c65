"""Data for the small scale: the Python installation's own sources as text, a tokenizer trained on them, shards.

Files are taken in the order of a hash of their path, so that a part of them is an even sample, and the same
installation always gives the same bytes. Every 16th file is for validation.
"""

from __future__ import annotations

import hashlib
import io
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reference_model.config import RunConfig
from reference_model.evaluation.bytes import load_tokenizer
from reference_model.training.data import write_shard

_LEFT_OUT = frozenset({"__pycache__", "dist-packages", "idlelib", "lib2to3", "site-packages", "test", "tests"})
_LONGEST_FILE = 120_000  # bytes; longer sources are tables rather than text
_VAL_EVERY = 16
_TRAIN_BYTES = 2_000_000  # three times what a hundred steps take
_VAL_BYTES = 48_000
_TOKENIZER_BYTES = 1_000_000
_SHARDS = 2


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was written: documents and tokens, the beginning-of-document token of each included."""

    train_documents: int
    train_tokens: int
    val_documents: int
    val_tokens: int


def documents(root: Path | None = None) -> tuple[list[str], list[str]]:
    """Texts to train on and to validate on, from the sources under `root`, by default the standard library.

    Raises FileNotFoundError where there is too little text for either.
    """
    root = root or Path(sysconfig.get_path("stdlib"))
    train: list[str] = []
    val: list[str] = []
    sizes = {True: 0, False: 0}
    for index, path in enumerate(sorted(_sources(root), key=lambda path: _rank(path, root))):
        is_val = index % _VAL_EVERY == 0
        if sizes[is_val] >= (_VAL_BYTES if is_val else _TRAIN_BYTES):
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        (val if is_val else train).append(text)
        sizes[is_val] += len(text)
    if not train or not val:
        raise FileNotFoundError(f"{root}: no Python sources to take text from")
    return train, val


def prepare(config: RunConfig, root: Path | None = None) -> Corpus:
    """Writes tokenizer and shards where `config` looks for them; takes a second."""
    train, val = documents(root)
    _train_tokenizer(train, config.model.vocab_size, Path(config.tokenizer_path))
    tokenizer = load_tokenizer(config.tokenizer_path)
    folder = Path(config.datasets_dir)
    counts = []
    for kind, texts, parts in (("train", train, _SHARDS), ("val", val, 1)):
        encoded = [[tokenizer.bos_id(), *ids] for ids in tokenizer.encode(texts)]
        for part in range(parts):
            ids = [token for document in encoded[part::parts] for token in document]
            write_shard(folder / f"fineweb_{kind}_{part:06d}.bin", ids)
        counts.append(sum(map(len, encoded)))
    return Corpus(len(train), counts[0], len(val), counts[1])


def _sources(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in _LEFT_OUT]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".py") and 0 < path.stat().st_size <= _LONGEST_FILE:
                yield path


def _rank(path: Path, root: Path) -> tuple[bytes, str]:
    name = path.relative_to(root).as_posix()
    return hashlib.sha256(name.encode()).digest(), name


def _train_tokenizer(texts: list[str], vocab_size: int, path: Path) -> None:
    """A byte-pair tokenizer with the challenge's settings: ids 0 to 3 are pad, begin, end, unknown; byte fallback."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_sample(texts)), model_writer=model, model_type="bpe", vocab_size=vocab_size,
        byte_fallback=True, character_coverage=0.999, pad_id=0, bos_id=1, eos_id=2, unk_id=3,
        num_threads=1, minloglevel=2,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(model.getvalue())
    os.replace(partial, path)


def _sample(texts: list[str]) -> Iterator[str]:
    """Lines to train the tokenizer on, from the first texts."""
    left = _TOKENIZER_BYTES
    for text in texts:
        for line in text.splitlines():
            if line.strip():
                yield line
        left -= len(text)
        if left <= 0:
            return
