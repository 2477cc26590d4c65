"""Scores of two runs side by side: the same position, the same time that it was scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditor.probe.measure.runs import Read

PROFILE_BINS = 200
_LEAST = 2.0**-18  # nats: eight units in the last place of a float32 of 4 to 8, which another order of adding up makes
_NOISE_FACTOR = 8.0
_LARGEST_ROUNDING = 1e-3
"""Nats: scores that differ by more in batches of other sizes differ by more than rounding."""
LARGEST_NOISE = 0.05
"""Nats: a run that is this far from its own repetition cannot be compared with another."""


@dataclass(frozen=True)
class Series:
    """Scores by position. `row`: the recorded row of each; `place`: the site of the sum that took it, or -1."""

    position: NDArray[np.int64]
    value: NDArray[np.float64]
    digest: NDArray[np.float64]
    row: NDArray[np.int64]
    place: NDArray[np.int64]
    when: NDArray[np.int64]  # its value was settled
    sure: NDArray[np.bool_]  # its position could be no other


@dataclass(frozen=True)
class Pairs:
    """Scores of the same position, the k-th time that it was scored, in two runs."""

    position: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    digest_before: NDArray[np.float64]
    digest_after: NDArray[np.float64]
    row: NDArray[np.int64]  # in the first run
    place: NDArray[np.int64]
    when: NDArray[np.int64]

    @property
    def change(self) -> NDArray[np.float64]:
        both = np.isnan(self.before) & np.isnan(self.after) | (self.before == self.after)
        with np.errstate(invalid="ignore"):
            difference = np.where(both, 0.0, np.abs(self.after - self.before))
        return np.where(np.isnan(difference), np.inf, difference)

    def where(self, mask: NDArray[np.bool_]) -> Pairs:
        return Pairs(
            self.position[mask],
            self.before[mask],
            self.after[mask],
            self.digest_before[mask],
            self.digest_after[mask],
            self.row[mask],
            self.place[mask],
            self.when[mask],
        )


def reported_series(read: Read) -> Series | None:
    scores = read.scores
    if scores is None:
        return None
    position = read.position[scores.row]
    sure = (position >= 0) & read.sure[scores.row]
    digest = read.recording.digest[scores.row]
    when = np.where(scores.own, scores.taken, read.sequence[scores.row])
    return Series(position, scores.value, digest, scores.row, scores.site, when, sure)


def other_series(read: Read) -> Series:
    """Every score of the run that needed no gradient, whatever became of it."""
    rows = np.flatnonzero(~read.grad)
    recording = read.recording
    nowhere = np.full(len(rows), -1, dtype=np.int64)
    position, when = read.position[rows], read.sequence[rows]
    sure = (position >= 0) & read.sure[rows]
    return Series(position, recording.loss[rows], recording.digest[rows], rows, nowhere, when, sure)


def paired(first: Series, second: Series) -> Pairs:
    """Scores of one position in both runs. Where both took the same course the k-th score is the k-th score;
    otherwise it is the k-th of its position."""
    if np.array_equal(first.row, second.row):
        i = j = np.flatnonzero(first.sure & second.sure & (first.position == second.position))
    else:
        a, b = _keys(first), _keys(second)
        _, i, j = np.intersect1d(a, b, return_indices=True)
        both = first.sure[i] & second.sure[j]
        i, j = i[both], j[both]
    order = np.argsort(first.position[i], kind="stable")
    i, j = i[order], j[order]
    return Pairs(
        first.position[i],
        first.value[i],
        second.value[j],
        first.digest[i],
        second.digest[j],
        first.row[i],
        first.place[i],
        first.when[i],
    )


def _keys(series: Series) -> NDArray[np.int64]:
    """Position and the number of times that it had been scored before, as one number."""
    order = np.argsort(series.position, kind="stable")
    ranked = series.position[order]
    new = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(new)
    times = np.arange(len(ranked)) - np.repeat(starts, np.diff([*starts, len(ranked)])) if len(ranked) else ranked
    keys = np.empty(len(ranked), dtype=np.int64)
    keys[order] = ranked * 1_000_000 + times
    return keys


@dataclass(frozen=True, slots=True)
class Bound:
    """What counts as a change. `noise`: the largest difference of two runs on the same stream (nats).

    `rounding`: what the same arithmetic in batches of other sizes makes of scores (nats), None where it was not
    measured. It counts where the two runs that are compared scored in such.
    """

    noise: float | None
    same_shapes: bool
    rounding: float | None = None

    @property
    def limit(self) -> float:
        rounding = 0.0 if self.same_shapes else self.rounding or 0.0
        return max(_LEAST, _NOISE_FACTOR * max(self.noise or 0.0, rounding))

    @property
    def usable(self) -> bool:
        return self.noise is not None and self.noise <= LARGEST_NOISE

    @property
    def open(self) -> bool:
        """Whether a change may be rounding, which nothing has measured."""
        return not self.same_shapes and self.rounding is None

    @property
    def coarse(self) -> bool:
        """Whether other sizes of batches change scores by more than rounding does: then less than that says nothing.

        What learns along the stream learns otherwise in them, and a leak may be as small.
        """
        return not self.same_shapes and (self.rounding or 0.0) >= _LARGEST_ROUNDING


def same_shapes(first: Read, second: Read) -> bool:
    """Whether both runs scored in batches of the same sizes, so that equal inputs round equally."""
    a, b = first.recording.batches["count"], second.recording.batches["count"]
    return len(a) == len(b) and bool((a == b).all())


def rounding(base: Read, other: Read | None) -> float | None:
    """How far scores of one stream differ (nats) where a run scored them in batches of other sizes: without its end.

    None where there was no such run, or its batches are the same.
    """
    if other is None or same_shapes(base, other):
        return None
    first, second = reported_series(base), reported_series(other)
    if first is None or second is None:
        first, second = other_series(base), other_series(other)
    change = paired(first, second).change
    return min(float(change.max()), _LARGEST_ROUNDING) if len(change) else None


def profile(pairs: Pairs, length: int) -> tuple[tuple[int, float], ...]:
    """The largest change in each of at most PROFILE_BINS stretches of the stream, by its first position."""
    if not len(pairs.position):
        return ()
    step = max(1, -(-length // PROFILE_BINS))
    bins = pairs.position // step
    change = np.minimum(pairs.change, 1e6)
    return tuple((int(b * step), float(change[bins == b].max())) for b in np.unique(bins))
