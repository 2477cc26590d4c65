"""How many bytes of text a token stands for: the canonical byte table of the challenge.

A SentencePiece model (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226) spells a space as U+2581 at the
start of the piece after it. That space is a byte of its own, except after a control piece: at the start of a document
nothing is decoded for it. Byte-fallback pieces are one byte each, control and unknown pieces none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

SPACE = "\u2581"


class TokenizerRefused(ValueError):
    """Bytes can't be counted with this tokenizer, or it can't be read. The message says why."""


@dataclass(frozen=True, slots=True)
class ByteTable:
    """What each id adds to the byte count; all tensors [vocabulary].

    `base`: int32, bytes without a leading space. `leading_space`: bool, the piece starts with one. `boundary`: bool,
    the piece is control, unknown or unused: a space right after it is not decoded.
    """

    base: Tensor
    leading_space: Tensor
    boundary: Tensor

    def to(self, device: torch.device) -> ByteTable:
        return ByteTable(self.base.to(device), self.leading_space.to(device), self.boundary.to(device))

    def count(self, previous: Tensor, targets: Tensor) -> Tensor:
        """Bytes of each target (any shape, int64), given the token before it: int32, same shape."""
        space = self.leading_space[targets] & ~self.boundary[previous]
        return self.base[targets] + space.to(self.base.dtype)


def load_tokenizer(path: str) -> SentencePieceProcessor:
    """The tokenizer, if its bytes can be counted. Raises FileNotFoundError or TokenizerRefused."""
    from sentencepiece import SentencePieceProcessor

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no tokenizer here")
    try:
        tokenizer = SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as error:
        raise TokenizerRefused(f"{path}: no SentencePiece model: {error}") from error
    if tokenizer.piece_to_id(SPACE) == tokenizer.unk_id():
        raise TokenizerRefused(f"{path}: no piece of its own for the space (U+2581): bytes would be counted wrongly")
    return tokenizer


def byte_table(tokenizer: SentencePieceProcessor) -> ByteTable:
    """The table of a tokenizer from `load_tokenizer`, on the CPU. Raises TokenizerRefused."""
    size = int(tokenizer.vocab_size())
    base, leading, boundary = [0] * size, [False] * size, [False] * size
    for index in range(size):
        if tokenizer.is_control(index) or tokenizer.is_unknown(index) or tokenizer.is_unused(index):
            boundary[index] = True
        elif tokenizer.is_byte(index):
            base[index] = 1
        else:
            piece = tokenizer.id_to_piece(index)
            leading[index] = piece.startswith(SPACE)
            text = piece.removeprefix(SPACE)
            if SPACE in text:
                raise TokenizerRefused(f"piece {index} ({piece!r}) spells a space after its start: no single count")
            base[index] = len(text.encode("utf-8"))
    return ByteTable(
        torch.tensor(base, dtype=torch.int32),
        torch.tensor(leading, dtype=torch.bool),
        torch.tensor(boundary, dtype=torch.bool),
    )
