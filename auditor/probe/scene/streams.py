"""The validation stream, and the same with a part of it changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auditor.probe.scene.tokenizer import BOS

Tokens = npt.NDArray[np.int32]
_LOWEST = 4  # ids below are control pieces
_PHASE = 7  # of 16: no multiple of a window's, chunk's or document batch's length


@dataclass(frozen=True)
class Streams:
    """`future` differs from `base` from position `P` on, `target` in the token at `Q` alone; Q < P.

    `bytes_` are the bytes that each token of `base` stands for, None where that isn't known.
    """

    base: Tokens
    future: Tokens
    target: Tokens
    P: int
    Q: int
    bytes_: Tokens | None = None


def flip(base: Tokens, vocabulary: int, bytes_: Tokens | None = None, lowest: int = _LOWEST) -> Streams:
    """Streams of the same length. Documents begin where they did; every other token from P on is another one."""
    count = len(base)
    span = vocabulary - lowest
    p = _late_in_a_document(base, int(count * 0.52), int(count * 0.78))
    q = _late_in_a_document(base, int(count * 0.3), int(count * 0.5))
    while q < p - 1 and base[q] < lowest:
        q += 1
    shift = max(1, span // 3)
    moved = (base - lowest + shift) % span + lowest
    moved = np.where(base < lowest, base, moved)  # control pieces, beginnings of documents among them
    future, target = base.copy(), base.copy()
    future[p:] = moved[p:]
    target[q] = moved[q]
    return Streams(base, future.astype(np.int32), target.astype(np.int32), p, q, bytes_)


def _late_in_a_document(base: Tokens, low: int, high: int) -> int:
    """A position two thirds into the longest document between `low` and `high`.

    What adapts to a document before it scores it changes scores of that document before the flip: there are to be many.
    """
    starts = [*np.flatnonzero(base == BOS).tolist(), len(base)]
    inside = [(b - a, a) for a, b in pairwise(starts) if low <= a and b <= high]
    length, start = max(inside, default=(high - low, low))
    return (start + length * 2 // 3) // 16 * 16 + _PHASE


def join(documents: list[list[int]], count: int, bos: int = BOS) -> Tokens:
    """`count` tokens: documents one after the other, each with `bos` before it. Repeats them where they are few."""
    tokens: list[int] = []
    while len(tokens) < count:
        for ids in documents:
            tokens.append(bos)
            tokens.extend(ids)
            if len(tokens) >= count:
                break
    return np.array(tokens[:count], dtype=np.int32)
