"""A stream that ends with one token many times: what counts bytes is sure of the last one there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditor.probe.job import STEP
from auditor.probe.scene.streams import Tokens

_TIMES = 4 * STEP
_LOWEST = 4  # ids below are control pieces
_BEGINNINGS = 10  # tokens that begin as the last one does
_SHORTEST, _LONGEST = 4, 14  # bytes of the last token
_SPACE = b" "


@dataclass(frozen=True)
class Tail:
    """`stream` ends with `token`, `times` times. `beginnings` are tokens that its bytes begin with, the longest first.

    They all begin with a space, as `others` do, from which tokens can be drawn: scripts that count the bytes of a token
    otherwise than it decodes count these alike.
    """

    stream: Tokens
    token: int
    times: int
    beginnings: tuple[int, ...]
    others: tuple[int, ...]

    def with_last(self, token: int) -> Tokens:
        changed = self.stream.copy()
        changed[-1] = token
        return changed


def end_with(base: Tokens, pieces: Sequence[bytes], rng: np.random.Generator) -> Tail | None:
    """One of the tokens that most others are the beginning of; None where there is none, or the stream is short."""
    spaced = {t: p for t, p in enumerate(pieces) if t >= _LOWEST and len(p) > 1 and p.startswith(_SPACE)}
    by_piece: dict[bytes, list[int]] = {}
    for token, piece in spaced.items():
        by_piece.setdefault(piece, []).append(token)

    def beginnings(token: int) -> list[int]:
        piece = spaced[token]
        return [t for end in range(len(piece) - 1, 1, -1) for t in by_piece.get(piece[:end], ())]

    long = [t for t, p in spaced.items() if _SHORTEST <= len(p) <= _LONGEST]
    best = sorted(long, key=lambda t: (-len(beginnings(t)), t))[:4]
    times = min(_TIMES, len(base) // 4)
    if not best or not beginnings(best[0]) or times < 3 * STEP:
        return None
    token = best[int(rng.integers(len(best)))]
    stream = base.copy()
    stream[-times:] = token
    begin = tuple(beginnings(token)[:_BEGINNINGS])
    return Tail(stream, token, times, begin, tuple(t for t in spaced if t != token and t not in begin))
