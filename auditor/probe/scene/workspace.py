"""One folder per run: the working directory with the data where the script looks for it."""

from __future__ import annotations

import functools
import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auditor.probe.scene.shards import shard
from auditor.probe.scene.streams import PHRASE, Streams, Tokens, draw, flip, join, with_whole_ends
from auditor.probe.scene.tail import Tail, end_with
from auditor.probe.scene.text import documents
from auditor.probe.scene.tokenizer import BOS, SMALLEST, tokenizer

TRAIN_SHARDS = 3
TRAIN_TOKENS = 60_000  # of each training shard
_HIGHEST_AT = 5  # in the first document
_PACKED: Mapping[str, Callable[[bytes], bytes]] = {"xz": lzma.compress, "zlib": zlib.compress, "gz": gzip.compress}
_LOWEST, _AMONG_THE_FIRST = 4, 12
_BYTE_OFFSET = 4  # ids of the pure-byte vocabulary (260): four control ids, then the bytes


@dataclass(frozen=True)
class Layout:
    """What a script wants where. Paths are relative to the working directory; what leads out of it is left out.

    `data`: folders that hold the shards; `stems`: further shards by the beginning of their names; `tokenizers`:
    SentencePiece files; `sidecars`: byte counts of the validation tokens beside the shards. `files` are
    further files with their content; `prefixes` hold most of what is to be predicted, packed as they say.
    """

    vocabulary: int
    validation_tokens: int
    data: tuple[str, ...]
    tokenizers: tuple[str, ...]
    sidecars: bool = False
    files: tuple[tuple[str, bytes], ...] = ()
    stems: tuple[str, ...] = ()
    prefixes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Texts:
    """Documents to train and to validate on, and what makes ids of one: those alone are encoded that are used."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    encode: Callable[[str], list[int]]


@functools.lru_cache(maxsize=4)
def _texts(vocabulary: int) -> _Texts:
    texts = documents()
    if vocabulary < SMALLEST:
        return _Texts(texts[400:1400], texts[:400], functools.partial(_as_bytes, vocabulary))
    return _Texts(texts[400:3400], texts[:400], functools.cache(tokenizer(vocabulary).encode))


def _as_bytes(vocabulary: int, text: str) -> list[int]:
    return [b + _BYTE_OFFSET for b in text.encode() if b + _BYTE_OFFSET < vocabulary]


@functools.lru_cache(maxsize=4)
def _training(vocabulary: int) -> tuple[bytes, ...]:
    """The training shards."""
    texts = _texts(vocabulary)
    parts = (texts.train[part::TRAIN_SHARDS] for part in range(TRAIN_SHARDS))
    return tuple(shard(join(map(texts.encode, part), TRAIN_TOKENS)) for part in parts)


def streams_for(layout: Layout, seed: int = 0) -> Streams:
    """The streams of a layout, as the seed draws them; the null stream is the base."""
    rng = np.random.default_rng(seed)
    texts = _texts(layout.vocabulary)
    order = rng.permutation(len(texts.val)).tolist()
    base = with_whole_ends(join((texts.encode(texts.val[i]) for i in order), layout.validation_tokens))
    base[_HIGHEST_AT] = layout.vocabulary - 1  # some scripts take the highest id that they see for the vocabulary
    small = layout.vocabulary < SMALLEST
    base, sites, p, q = draw(base, rng, None if small else tokenizer(layout.vocabulary).leading)
    counts = (base >= _BYTE_OFFSET).astype(np.int32) if small else tokenizer(layout.vocabulary).count(base)
    return flip(base, layout.vocabulary, (p, q), rng, counts, sites)


class Workspace:
    """Writes the scene of each run into `folder`, which is emptied between runs by its owner."""

    def __init__(self, layout: Layout, seed: int = 0) -> None:
        self.layout = layout
        self.streams = streams_for(layout, seed)

    def pieces(self) -> tuple[bytes, ...]:
        """What each token of the vocabulary writes; control pieces nothing."""
        if self.layout.vocabulary < SMALLEST:
            return tuple(bytes([i - _BYTE_OFFSET]) if i >= _BYTE_OFFSET else b"" for i in range(self.layout.vocabulary))
        return tokenizer(self.layout.vocabulary).pieces

    def bytes_after(self, before: int, token: int) -> int:
        """Bytes that a token decodes to behind another one."""
        if self.layout.vocabulary < SMALLEST:
            return int(token >= _BYTE_OFFSET)
        return int(tokenizer(self.layout.vocabulary).count(np.array([before, token], dtype=np.int32))[1])

    def tail(self, rng: np.random.Generator) -> Tail | None:
        """The stream with another end."""
        return end_with(self.streams.base, self.pieces(), rng)

    def write(self, folder: Path, stream: Tokens) -> None:
        """Data, tokenizers and other files for one run on `stream`."""
        train = _training(self.layout.vocabulary)
        for beginning in self._beginnings:
            where, name = os.path.split(beginning)
            for target in _below(folder, [where]):
                for part, content in enumerate(train):
                    _put(target / f"{name}train_{part:06d}.bin", content)
        for name, content in self.validation(stream).items():
            _put(folder / name, content)
        for path in _below(folder, self.layout.tokenizers):
            _put(path, self._tokenizer_file(path))
        for name, content in self.layout.files:
            for path in _below(folder, [name]):
                _put(path, content)
        for name, packing in self.layout.prefixes:
            for path in _below(folder, [name]):
                _put(path, _PACKED.get(packing, bytes)(self._prefix.astype("<u2").tobytes()))

    @property
    def _prefix(self) -> Tokens:
        """Most of what is to be predicted. Behind each place where tokens are exchanged one is another.

        By that it is told from the stream, of which every copy that the script keeps is exchanged.
        """
        known = self.streams.base.copy()
        for at in (_AMONG_THE_FIRST, *(site.position + 1 for site in self.streams.sites)):
            known[at] = _LOWEST if known[at] != _LOWEST else _LOWEST + 1
        return known[1 : self.streams.P + PHRASE]

    def validation(self, stream: Tokens) -> dict[str, bytes]:
        """The files of a run on `stream` that are others in a run on another one, by their paths."""
        found: dict[str, bytes] = {}
        for beginning in self._beginnings:
            found[f"{beginning}val_000000.bin"] = shard(stream)
            if self.layout.sidecars:
                found[f"{beginning}val_bytes_000000.bin"] = shard(tokenizer(self.layout.vocabulary).count(stream))
        top = Path("/scene")
        return {str(path.relative_to(top)): found[name] for name in found for path in _below(top, [name])}

    @property
    def _beginnings(self) -> tuple[str, ...]:
        return (*(os.path.join(where, "fineweb_") for where in self.layout.data), *self.layout.stems)

    def _tokenizer_file(self, path: Path) -> bytes:
        if path.suffix == ".json" or self.layout.vocabulary < SMALLEST:
            size = self.layout.vocabulary
            description = {"tokenizer_type": "pure_byte", "vocab_size": size, "byte_offset": _BYTE_OFFSET,
                           "byte_count": 256, "bos_id": BOS}  # fmt: skip
            return json.dumps(description).encode()
        return tokenizer(self.layout.vocabulary).model


def _below(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Paths in `folder`. This process is not confined and the names may be the submission's own: none leads out."""
    for name in names:
        path = Path(os.path.normpath(folder / name))
        if path.is_relative_to(folder):
            yield path


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
