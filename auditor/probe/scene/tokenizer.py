"""A tokenizer with the vocabulary that a script asks for, and what its tokens stand for.

The challenge's settings: ids 0 to 3 are pad, begin, end and unknown, then 256 bytes, then pieces by merge order.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.probe.scene.text import documents

BOS = 1
SMALLEST = 320  # pieces: four control pieces, 256 bytes and some letters
_SAMPLE = 1_200_000  # characters to train on
_SPACE = "\u2581"


class NoTokenizer(ValueError):
    """A tokenizer of that size can't be made. The message says why."""


@dataclass(frozen=True)
class Tokenizer:
    """`model` is the SentencePiece file; `bytes_` the length of each piece, `leading` where it starts with a space.

    `pieces`: what each piece writes, a leading space included.
    """

    vocabulary: int
    model: bytes
    bytes_: npt.NDArray[np.int32]
    leading: npt.NDArray[np.bool_]
    boundary: npt.NDArray[np.bool_]
    pieces: tuple[bytes, ...]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = _processor(self.model).encode(text)
        return ids

    def count(self, tokens: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Bytes of every token of a stream; a space is not decoded after a control piece."""
        before = np.concatenate(([True], self.boundary[tokens[:-1]]))
        counted: npt.NDArray[np.int32] = self.bytes_[tokens] + (self.leading[tokens] & ~before)
        return counted


@functools.lru_cache(maxsize=8)
def tokenizer(vocabulary: int) -> Tokenizer:
    """The tokenizer of that many pieces, trained on the spot (seconds) and kept for the session."""
    if vocabulary < SMALLEST:
        raise NoTokenizer(f"a vocabulary of {vocabulary} leaves no room for pieces beside the 256 bytes")
    model = _train(vocabulary)
    processor = _processor(model)
    sizes = np.zeros(vocabulary, dtype=np.int32)
    leading = np.zeros(vocabulary, dtype=np.bool_)
    boundary = np.zeros(vocabulary, dtype=np.bool_)
    pieces = [b""] * vocabulary
    for index in range(vocabulary):
        if processor.is_control(index) or processor.is_unknown(index) or processor.is_unused(index):
            boundary[index] = True
        elif processor.is_byte(index):
            sizes[index] = 1
            pieces[index] = bytes([int(processor.id_to_piece(index)[3:-1], 16)])  # <0x41>
        else:
            piece = processor.id_to_piece(index)
            pieces[index] = piece.replace(_SPACE, " ").encode("utf-8")
            leading[index] = piece.startswith(_SPACE)
            sizes[index] = len(piece.removeprefix(_SPACE).encode("utf-8"))
    return Tokenizer(vocabulary, model, sizes, leading, boundary, tuple(pieces))


def _train(vocabulary: int) -> bytes:
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sample(), model_writer=written, model_type="bpe", vocab_size=vocabulary,
            byte_fallback=True, character_coverage=0.999, pad_id=0, bos_id=BOS, eos_id=2, unk_id=3,
            num_threads=1, minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise NoTokenizer(f"no tokenizer of {vocabulary} pieces: {error}") from error
    return written.getvalue()


@functools.lru_cache(maxsize=4)
def _processor(model: bytes):  # type: ignore[no-untyped-def]
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=model)


def _sample() -> Iterator[str]:
    left = _SAMPLE
    for text in documents():
        yield text
        left -= len(text)
        if left <= 0:
            return
