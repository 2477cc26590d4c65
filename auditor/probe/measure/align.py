"""Which position of the stream each recorded target is.

Scripts score slices of the stream: whole windows, chunks, documents, single tokens, padded at the end. So runs of
targets are matched to the stream, the longest match first; what matches nowhere (padding, training text) gets -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.probe.record import Recording

Ints = NDArray[np.int64]

_GRAM = 8
"""Tokens that must agree before a place in the stream is considered."""
_CANDIDATES = 512
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Found:
    """`position` of each row's target, -1 where it is none of the stream; `sure`: it could be no other."""

    position: Ints
    sure: NDArray[np.bool_]


class Aligner:
    """Positions of targets in one stream."""

    def __init__(self, stream: NDArray[Any]) -> None:
        self.stream: Ints = stream.astype(np.int64)
        codes = _codes(self.stream)
        self._order = np.argsort(codes, kind="stable")
        self._sorted = codes[self._order]
        self._known: dict[tuple[bytes, int], Found] = {}

    def positions(self, recording: Recording) -> Found:
        out = np.full(len(recording.target), -1, dtype=np.int64)
        sure = np.zeros(len(recording.target), dtype=bool)
        ends: dict[int, int] = {}  # of each site: where in the stream its last unit ended
        for site, rows in _units(recording):
            found = self._unit(recording.target[rows], ends.get(site, 1))
            out[rows], sure[rows] = found.position, found.sure
            matched = found.position[found.position >= 0]
            if len(matched):
                ends[site] = int(matched[-1]) + 1
        return Found(out, sure)

    def _unit(self, targets: Ints, expected: int) -> Found:
        if len(targets) < 2 * _GRAM:
            return self._short(targets, expected)
        key = (targets.tobytes(), expected)
        known = self._known.get(key)
        if known is None:
            known = self._match(targets, expected)
            if len(self._known) < 200_000:
                self._known[key] = known
        return known

    def _match(self, targets: Ints, near: int) -> Found:
        out, sure = np.full(len(targets), -1, dtype=np.int64), np.zeros(len(targets), dtype=bool)
        codes = _codes(targets)
        low = np.searchsorted(self._sorted, codes, side="left")
        high = np.searchsorted(self._sorted, codes, side="right")
        starts = np.flatnonzero(high > low)
        i, previous = 0, 0
        while True:
            at = np.searchsorted(starts, i)
            if at >= len(starts):
                return Found(out, sure)
            j = int(starts[at])
            candidates = self._order[low[j] : high[j]][:_CANDIDATES]
            place, length, single = self._longest(targets[j:], candidates, near)
            if length < _GRAM:
                i = j + 1
                continue
            length = self._cut(targets, j, length, previous, starts, low)
            out[j : j + length] = np.arange(place, place + length)
            sure[j : j + length] = single
            i, near, previous = j + length, place + length, length

    def _longest(self, targets: Ints, candidates: Ints, near: int) -> tuple[int, int, bool]:
        """The candidate that agrees longest with the targets, how long, and whether it is the only one.

        Of equals it is the one nearest to `near`.
        """
        alive, length, block = candidates, 0, 32
        while True:
            want = targets[length : length + block]
            reach = np.minimum(len(self.stream) - (alive + length), len(want))
            index = np.minimum(alive[:, None] + length + np.arange(len(want)), len(self.stream) - 1)
            agrees = (self.stream[index] == want) & (np.arange(len(want)) < reach[:, None])
            run = (
                np.where(agrees.all(axis=1), len(want), agrees.argmin(axis=1))
                if len(want)
                else np.zeros(len(alive), int)
            )
            best = int(run.max())
            alive = alive[run == best]
            length += best
            if best < block:
                return int(alive[np.argmin(np.abs(alive - near))]), length, len(alive) == 1
            block = min(block * 4, 4096)

    def _cut(self, targets: Ints, start: int, length: int, previous: int, starts: Ints, low: Ints) -> int:
        """Windows in one row: a match that ran into the next window by chance ends where windows end."""
        end = start + length
        if end >= len(targets):
            return length
        for overrun in range(1, 4):
            shorter = length - overrun
            if shorter in (previous, 0) or (previous == 0 and shorter > _GRAM and len(targets) % shorter == 0):
                return shorter or length
        return length

    def _short(self, targets: Ints, expected: int) -> Found:
        """A few tokens: where the last ones of their site ended, or where alone in the stream they stand."""
        n = len(targets)
        sure, nowhere = np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64)
        if np.array_equal(self.stream[expected : expected + n], targets):
            return Found(np.arange(expected, expected + n), sure)
        if 4 <= n <= len(self.stream):
            windows = np.lib.stride_tricks.sliding_window_view(self.stream, n)
            places = np.flatnonzero((windows == targets).all(axis=1))
            if len(places) == 1:
                return Found(np.arange(places[0], places[0] + n), ~sure)
        return Found(nowhere, sure)


def _codes(tokens: Ints) -> NDArray[np.uint64]:
    """A hash of the tokens i..i+7 for every i."""
    if len(tokens) < _GRAM:
        return np.zeros(0, dtype=np.uint64)
    unsigned = tokens.astype(np.uint64) + np.uint64(1)
    code = np.zeros(len(tokens) - _GRAM + 1, dtype=np.uint64)
    for k in range(_GRAM):
        code = code * _MULTIPLIER + unsigned[k : k + len(code)]
    return code


def _units(recording: Recording) -> list[tuple[int, Ints]]:
    """Rows that belong together: a row of a batch; calls of a few tokens are joined to the next of their site."""
    units: list[tuple[int, Ints]] = []
    waiting: dict[int, list[Ints]] = {}
    table = recording.batches
    columns = zip(*(table[c].tolist() for c in ("first", "count", "site", "width")), strict=True)
    for first, count, site, width in columns:
        if count < 2 * _GRAM:
            waiting.setdefault(site, []).append(np.arange(first, first + count))
            continue
        step = width if width >= _GRAM else count
        units += [(site, np.arange(i, min(i + step, first + count))) for i in range(first, first + count, step)]
    for site, parts in waiting.items():
        units.append((site, np.concatenate(parts)))
    units.sort(key=lambda unit: int(unit[1][0]) if len(unit[1]) else 0)
    return units
