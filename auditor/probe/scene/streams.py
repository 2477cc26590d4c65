"""The validation stream, and the same with a part of it changed. What is drawn depends on the seed alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, pairwise

import numpy as np
import numpy.typing as npt

from auditor.probe.job import STEP
from auditor.probe.scene.tokenizer import BOS

Tokens = npt.NDArray[np.int32]
_LOWEST = 4  # ids below are control pieces
_PHASE = 7  # of 16: no multiple of a window's, chunk's or document batch's length
FUTURE = (0.64, 0.82)  # of the stream: where other tokens may begin; what learns from chunks leaves out the last sixth
_SITE = (0.4, 0.58)  # where the target flip is; tokens are exchanged there and at `P`
_LONG = 1024  # tokens: the longest sequence that a stream is likely cut to
PHRASE, PATH = 12, 5
"""Tokens before a site that have come earlier, and that came after them then."""
_TURNS = (0, 1, 0, 1, 0, 2, 0, 0)  # which path follows the phrase, from its first time on; 0 is the site's own
_GAP = 320  # tokens between the last of them and the site: what is counted in chunks has been counted


@dataclass(frozen=True)
class Site:
    """A position before which a phrase stands that has come several times, with these paths of tokens after it.

    `paths[0]` is what follows at the position itself, the one that came most often.
    """

    position: int
    paths: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Streams:
    """`future` differs from `base` from position `P` on, `target` in the token at `Q` alone; Q < P. `again` is another
    `future`.

    `bytes_` are the bytes that each token of `base` stands for, None where that isn't known. `sites` are where tokens
    can be exchanged: `Q` and `P`; there are none in a stream that is too short.
    """

    base: Tokens
    future: Tokens
    target: Tokens
    P: int
    Q: int
    bytes_: Tokens | None = None
    sites: tuple[Site, ...] = ()
    again: Tokens | None = None
    late: npt.NDArray[np.bool_] | None = None  # positions that differ in `future` and `again`, where not all from P on

    @property
    def contexts(self) -> tuple[tuple[int, ...], ...]:
        """The tokens at each site, with so many before it that no other place of the stream has the same."""
        ends = [site.position + 1 for site in self.sites]
        return tuple(tuple(self.base[max(0, end - PHRASE - 2) : end].tolist()) for end in ends)


Drawn = tuple[Tokens, tuple[Site, ...], int, int]


Words = npt.NDArray[np.bool_]
"""Of each token of the vocabulary, whether a word begins with it."""


def draw(base: Tokens, rng: np.random.Generator, words: Words | None = None) -> Drawn:
    """The stream with phrases that come again, its sites, P and Q.

    `words`: with it, the token that comes second most often after a phrase is of the other kind than the one that comes
    most often. Runs of both are compared with what was exchanged: rules that ask of which kind a token is show there.
    """
    count = len(base)
    low, high = (int(count * share) for share in FUTURE)
    p = _late_in_a_document(base, low, high, rng)
    planted, taken = base.copy(), list[tuple[int, int]]()
    last = _planted(planted, [p, *_spots(low, high, rng)], taken, rng, words)
    if last is not None:
        p = last.position
        spots = _spots(int(count * _SITE[0]), int(count * _SITE[1]), rng)
        site = _planted(planted, spots, taken, rng, words)
        if site is not None:
            return planted, (site, last), p, site.position
    planted = base.copy()
    q = _late_in_a_document(base, int(count * 0.3), int(count * 0.5), rng)
    while q < p - 1 and base[q] < _LOWEST:
        q += 1
    return planted, (), p, q


def flip(
    base: Tokens, vocabulary: int, places: tuple[int, int], rng: np.random.Generator, bytes_: Tokens | None = None,
    sites: tuple[Site, ...] = (),
) -> Streams:  # fmt: skip
    """Streams of the same length. Documents begin where they did; every other token from P on is another one."""
    p, q = places
    one, other = _others(base, vocabulary, rng)
    future, target, again = base.copy(), base.copy(), base.copy()
    future[p:], again[p:] = one[p:], other[p:]
    target[q] = one[q]
    for site in sites:  # what has come there before as well, so that count tables know it
        changed = target if site.position == q else future
        changed[site.position] = site.paths[1][0]
    return Streams(
        base, future.astype(np.int32), target.astype(np.int32), p, q, bytes_, sites, again.astype(np.int32)
    )  # fmt: skip


def flip_late(
    streams: Streams, late: npt.NDArray[np.bool_], first: int, vocabulary: int, rng: np.random.Generator
) -> Streams:  # fmt: skip
    """The same with other endings: these positions differ, of which `first` is scored before the others.

    For what scores documents in another order than the stream's: an ending is then what is scored last.
    """
    one, other = _others(streams.base, vocabulary, rng)
    future, again = (np.where(late, moved, streams.base).astype(np.int32) for moved in (one, other))
    return replace(streams, future=future, again=again, P=first, late=late, sites=())


def flip_one(base: Tokens, positions: Iterable[int], vocabulary: int, rng: np.random.Generator) -> Tokens | None:
    """The stream with another token at one of these; None where control pieces alone stand there."""
    places = [at for at in positions if base[at] >= _LOWEST]
    if not places:
        return None
    found, at = base.copy(), places[int(rng.integers(len(places)))]
    found[at] = _others(base, vocabulary, rng)[0][at]
    return found


def _others(base: Tokens, vocabulary: int, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
    """Two streams of which every token is another one than the base's."""
    span = vocabulary - _LOWEST
    shift = int(rng.integers(max(1, span // 5), max(2, 4 * span // 5)))
    further = (shift + int(rng.integers(max(1, span // 8), max(2, span // 6)))) % span or 1
    return _moved(base, shift, span), _moved(base, further, span)


def _moved(base: Tokens, shift: int, span: int) -> Tokens:
    """Every token is another one, but for control pieces, beginnings of documents among them."""
    moved = (base - _LOWEST + shift) % span + _LOWEST
    return np.where(base < _LOWEST, base, moved).astype(np.int32)


def _spots(low: int, high: int, rng: np.random.Generator) -> list[int]:
    """Positions that are no multiple of a window's length, in an order that chance draws."""
    return [int(q) for q in rng.permutation(np.arange(low // 16 * 16 + _PHASE, high, 16))]


def _planted(
    base: Tokens, spots: Iterable[int], taken: list[tuple[int, int]], rng: np.random.Generator, words: Words | None
) -> Site | None:  # fmt: skip
    """Writes what stands before the first position that is free into the stream before it, several times.

    None where there is no room.
    """
    length = PHRASE + PATH
    position = next((q for q in spots if _free(base, q - PHRASE, length, taken)), None)
    if position is None:
        return None
    phrase, own = base[position - PHRASE : position].copy(), base[position : position + PATH].copy()
    taken.append((position - PHRASE, position + PATH))
    starts = rng.permutation(np.arange(8, position - _GAP))
    paths, places = [own], list[int]()
    for start in starts.tolist():
        if not _free(base, start, length, taken):
            continue
        if len(paths) < 1 + max(_TURNS):
            path = base[start : start + PATH].copy()  # what stands there, where it begins otherwise
            alike = words is not None and len(paths) == 1 and words[path[0]] == words[own[0]]
            if not alike and path[0] not in {int(known[0]) for known in paths}:
                paths.append(path)
            continue
        places.append(start)
        taken.append((start, start + length))
        if len(places) == len(_TURNS):
            break
    if len(places) < 4:
        return None
    for start, turn in zip(sorted(places), _TURNS, strict=False):
        base[start : start + length] = np.concatenate([phrase, paths[turn]])
    return Site(position, tuple(tuple(int(t) for t in path) for path in paths))


def _free(base: Tokens, start: int, length: int, taken: list[tuple[int, int]]) -> bool:
    """Whether neither a document begins there nor anything else was put there."""
    end = start + length
    if start < 6 or end > len(base) or (base[start:end] < _LOWEST).any():
        return False
    return all(end <= low or start >= high for low, high in taken)


def _late_in_a_document(base: Tokens, low: int, high: int, rng: np.random.Generator) -> int:
    """A position two thirds into one of the longest documents between `low` and `high`.

    What adapts to a document before it scores it changes scores of that document before the flip: there are to be many.
    """
    starts = [*np.flatnonzero(base == BOS).tolist(), len(base)]
    inside = sorted(((b - a, a) for a, b in pairwise(starts) if low <= a and b <= high), reverse=True)[:3]
    length, start = inside[int(rng.integers(len(inside)))] if inside else (high - low, low)
    return (start + length * 2 // 3) // 16 * 16 + _PHASE


def with_whole_ends(base: Tokens) -> Tokens:
    """The stream, with a token behind each beginning of a document where it ends, or may be cut to whole sequences.

    Scripts that go by documents ask for one that has a token to predict.
    """
    count = len(base)
    found = base.copy()
    for end in {count - 1, *(count - 1 - n * STEP for n in (1, 2)), (count - 1) // _LONG * _LONG}:
        if 0 < end < count and found[end] == BOS:
            found[end - 1 : end + 1] = found[end], found[end - 1]
    return found


def join(documents: Iterable[Sequence[int]], count: int, bos: int = BOS) -> Tokens:
    """`count` tokens: documents one after the other, each with `bos` before it. Repeats them where they are few."""
    tokens: list[int] = []
    for ids in cycle(documents):
        tokens.append(bos)
        tokens.extend(ids)
        if len(tokens) >= count:
            break
    return np.array(tokens[:count], dtype=np.int32)
