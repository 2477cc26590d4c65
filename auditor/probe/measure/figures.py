"""The printed figures of a run, and which recorded scores each was made of."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auditor.probe.digits import same_pass
from auditor.probe.record import Recording
from auditor.runs.evaluations import parse_evaluation
from auditor.runs.text import clean

_DECIMALS = re.compile(r"\d+\.(\d+)")
BytesOf = Callable[[NDArray[np.int64]], float]
"""True bytes of the tokens that these rows score."""
_ENOUGH_DIGITS = 6
_ADDED = 1e-6  # of a number: what may have been added to the scores that were scaled
_SCALED = 1.1  # |ln| of the factor that scores may have been multiplied by
_ROUNDING = 1e-11  # of a number: factors and constants are kept in double precision
_SIZES_DIFFER = 5e-4  # of a factor: one token more or less in a batch of what the small stream has
_CANDIDATES = 400  # numbers that left torch before a figure, the last ones
_UNFILTERED = 80  # of those that are not known by their value: each is followed to its rows
_MULTIPLES = 20  # numbers that are looked at for the bits per byte
_FOLLOWED = 200_000  # nodes, in all of them together


@dataclass(frozen=True, slots=True)
class Figure:
    """One printed line. `loss_decimals`, `bpb_decimals`: digits after the point as printed."""

    sequence: int
    label: str
    loss: float | None
    bpb: float | None
    loss_decimals: int
    bpb_decimals: int
    step: bool

    @property
    def digits(self) -> int:
        return self.loss_decimals if self.loss is not None else self.bpb_decimals

    @property
    def allowed(self) -> float:
        """By how much the mean of the scores may differ from the printed loss: its rounding, and float32 sums."""
        return 0.51 * 10.0**-self.loss_decimals + 2e-6 * abs(self.loss or 0.0)


@dataclass(frozen=True, slots=True)
class Scores:
    """The rows of one figure in the order of the recording, with what was summed for each."""

    row: NDArray[np.int64]
    weight: NDArray[np.float64]
    value: NDArray[np.float64]
    site: NDArray[np.int64]  # of the sum that took the row
    own: NDArray[np.bool_]  # whether `value` was computed from the recorded loss rather than being it
    taken: NDArray[np.int64]  # when the sum took it, in the sequence of the recording
    node: NDArray[np.int64]  # the sum that took it
    constant: float
    number: int = -1  # which of the numbers that left torch this is
    scaled: bool = False  # whether factors were taken for part of the scores

    @property
    def mean(self) -> float:
        return float((self.weight * self.value).sum() + self.constant) / float(self.weight.sum())

    @property
    def added(self) -> float:
        """What was added to the mean beside the scores (nats), 0.0 for less than rounding."""
        constant = self.constant / float(self.weight.sum())
        return constant if abs(constant) > _ROUNDING * abs(self.mean) else 0.0

    @property
    def tilt(self) -> float:
        """By how much factors of scores differ that all but agree: those of means over batches of two sizes do not."""
        size = float(np.abs(self.weight).max(initial=0.0))
        differ = float(np.ptp(self.weight)) / size if size else 0.0
        return differ if _ROUNDING < differ < _SIZES_DIFFER else 0.0

    def rescaled(self) -> Scores:
        """With the factors as part of the scores: each score then counts the same."""
        count = len(self.row)
        factor = self.weight * count
        weight = np.full(count, 1.0 / count)
        own = self.own | (np.abs(factor - 1) > 1e-9)
        return replace(self, weight=weight, value=self.value * factor, own=own, scaled=True)


def figures(recording: Recording) -> list[Figure]:
    found = []
    for sequence, line in recording.lines:
        text = clean(line)
        parsed = parse_evaluation(0, text)
        if parsed is not None:
            decimals = {float(m[0]): len(m[1]) for m in _DECIMALS.finditer(text)}
            loss, bpb = parsed.val_loss, parsed.val_bpb
            found.append(
                Figure(
                    sequence,
                    parsed.label,
                    loss,
                    bpb,
                    decimals.get(loss, 4) if loss is not None else 0,
                    decimals.get(bpb, 4) if bpb is not None else 0,
                    parsed.step is not None,
                )
            )
    return found


def claimed(found: list[Figure], label: str) -> tuple[Figure | None, bool]:
    """The figure of the headline's label, and whether it is that; the last one where the label is not there.

    Of two prints of one pass it is the one with more digits.
    """
    if not found:
        return None, False
    final = [f for f in found if not f.step] or found
    same = [f for f in found if label and same_pass(f.label) == same_pass(label)]
    same = same or [f for f in final if label and _words(f.label) and _words(f.label) == _words(label)]
    certain = bool(same) or not label
    same = same or [f for f in final if same_pass(f.label) == same_pass(final[-1].label)]
    last = same[-1]
    near = [f for f in same if f.loss is not None and last.loss is not None and abs(f.loss - last.loss) < 1e-3]
    return max(near or [last], key=lambda f: (f.loss_decimals, f.sequence)), certain


def _words(label: str) -> frozenset[str]:
    """What a label says of the pass: `final_int6_zstd-22_roundtrip` and `final_int8_zlib_roundtrip` say the same."""
    words = re.split(r"[^a-z]+", re.sub(r"int\d+|fp\d+", " ", label.lower()))
    return frozenset(w for w in words if len(w) > 1) - {
        "final",
        "exact",
        "zlib",
        "zstd",
        "lzma",
        "brotli",
        "quant",
        "val",
    }


class Graph:
    """The numbers of one recording and the rows that they are made of."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.followed = 0  # nodes, in all numbers that were followed to their rows
        self._leaf = {int(n): i for i, n in enumerate(recording.leaves["node"])}
        self._sum = {int(n): i for i, n in enumerate(recording.sums["node"])}

    def attributed(self, figure: Figure, bytes_of: BytesOf | None = None, after: int = 0) -> Scores | None:
        """The scores whose mean this figure is, as a number that left torch before it shows.

        Numbers since `after`, when another figure was printed, come first. An older one is believed where it is the
        only one or the figure has digits enough: at toy size several passes print the same four decimals.
        """
        found = self._matching(figure, bytes_of, after)
        if not found:
            found = self._matching(figure, bytes_of, 0)
            passes = {s.row.tobytes() for s in found}
            if len(passes) > 1 and figure.digits < _ENOUGH_DIGITS:
                return None
        best = max(found, key=lambda s: len(s.row), default=None)  # of equals the last one
        if best is not None and figure.loss is not None and abs(best.mean - figure.loss) > figure.allowed:
            # What part of the number no score accounts for is no factor of the others.
            return best.rescaled() if abs(best.constant) <= _ADDED * abs(figure.loss) else None
        return best

    def _matching(self, figure: Figure, bytes_of: BytesOf | None, after: int) -> list[Scores]:
        """Scores behind the numbers that give the figure, the last one first."""
        exits = self.recording.exits
        wanted = np.flatnonzero((exits["sequence"] < figure.sequence) & (exits["sequence"] > after))
        wanted = wanted[np.isfinite(exits["value"][wanted])]
        if figure.loss is not None:
            values, weights = exits["value"][wanted], exits["weight"][wanted]
            with np.errstate(divide="ignore", invalid="ignore"):
                is_mean = np.abs(np.abs(values / weights) - figure.loss) <= figure.allowed
            # A mean of scores that were themselves multiplied (by a temperature): the weights do not add up to 1.
            is_scaled = np.abs(values - figure.loss) <= figure.allowed
            is_scaled &= np.abs(np.log(np.abs(weights) + 1e-300)) < _SCALED
            wanted = wanted[is_mean if is_mean.any() else is_scaled]
        found: dict[int, Scores] = {}
        before = self.followed
        for i in wanted[::-1][: _CANDIDATES if figure.loss is not None else _UNFILTERED]:
            if self.followed - before > _FOLLOWED:
                break
            node = int(exits["node"][i])
            scores = self.number(int(i)) if node not in found else None
            if scores is None or not _adds_up(scores, float(exits["value"][i])):
                continue
            if figure.loss is not None or _is(float(exits["value"][i]), figure) or _gives(scores, figure, bytes_of):
                found[node] = scores
        return list(found.values())

    def is_multiple(self, scores: Scores, figure: Figure) -> bool:
        """Whether a number that left torch is the printed bits per byte, and all of these scores times one factor."""
        exits = self.recording.exits
        near = np.abs(exits["value"] - (figure.bpb or 0.0)) <= 0.51 * 10.0**-figure.bpb_decimals
        near &= exits["sequence"] < figure.sequence
        if figure.bpb_decimals < _ENOUGH_DIGITS:
            return False
        own = _shares(scores)
        for i in np.flatnonzero(near)[::-1][:_MULTIPLES].tolist():
            found = self.number(int(i))
            if found is None or found.added or len(found.row) != len(scores.row):
                continue
            if np.allclose(_shares(found), own, rtol=1e-9, atol=0.0):
                return True
        return False

    def number(self, i: int) -> Scores | None:
        """The rows of the i-th number that left torch."""
        exits = self.recording.exits
        if not 0 <= i < len(exits["node"]):
            return None
        scores = self.expand(int(exits["node"][i]), float(exits["factor"][i]))
        if scores is not None and bool(scores.own.all()) and float(scores.weight.sum()) < 0.0:
            scores = replace(scores, weight=-scores.weight, value=-scores.value)  # `total -= log(p).sum()`
        return None if scores is None else replace(scores, number=i)

    def expand(self, node: int, factor: float) -> Scores | None:
        """The rows that a node is made of. None where the recording lacks a part of it."""
        factors, heap, constant = {node: factor}, [-node], 0.0
        parts: list[tuple[int, float]] = []
        sums = self.recording.sums
        while heap:
            current = -heapq.heappop(heap)
            self.followed += 1
            share = factors.pop(current)
            if share == 0.0:
                continue  # added and taken away again
            if current in self._leaf:
                parts.append((self._leaf[current], share))
                continue
            if current not in self._sum:
                return None
            i = self._sum[current]
            constant += share * float(sums["constant"][i])
            start = int(sums["start"][i])
            for k in range(start, start + int(sums["count"][i])):
                term = int(self.recording.term_node[k])
                if term >= current:
                    return None  # a sum is made of what was there before it
                if term not in factors:
                    heapq.heappush(heap, -term)
                factors[term] = factors.get(term, 0.0) + share * float(self.recording.term_factor[k])
        return self._gathered(parts[::-1], constant)

    def _gathered(self, parts: list[tuple[int, float]], constant: float) -> Scores | None:
        if not parts:
            return None
        recording, leaves = self.recording, self.recording.leaves
        rows, weights, values, sites, taken, nodes = [], [], [], [], [], []
        for i, share in parts:
            entries = slice(int(leaves["start"][i]), int(leaves["start"][i] + leaves["count"][i]))
            rows.append(recording.entry_row[entries])
            weights.append(recording.entry_weight[entries] * share)
            values.append(recording.entry_value[entries])
            sites.append(np.full(int(leaves["count"][i]), int(leaves["site"][i])))
            taken.append(np.full(int(leaves["count"][i]), int(leaves["sequence"][i])))
            nodes.append(np.full(int(leaves["count"][i]), int(leaves["node"][i])))
        row, value = np.concatenate(rows), np.concatenate(values)
        own = ~np.isnan(value)
        value = np.where(own, value, recording.loss[row])
        return Scores(
            row, np.concatenate(weights), value, np.concatenate(sites), own, np.concatenate(taken),
            np.concatenate(nodes), constant,
        )  # fmt: skip


def _shares(scores: Scores) -> NDArray[np.float64]:
    """What each row's score is of the whole, in the order of the rows."""
    part: NDArray[np.float64] = (scores.weight * scores.value)[np.argsort(scores.row, kind="stable")]
    share: NDArray[np.float64] = part / float(part.sum())
    return share


def _adds_up(scores: Scores, value: float) -> bool:
    total = float((scores.weight * scores.value).sum() + scores.constant)
    return abs(total - value) <= 1e-3 * max(abs(value), 1e-9) and float(scores.weight.sum()) != 0.0


def _is(value: float, figure: Figure) -> bool:
    """Whether a number is the printed bits per byte itself, whatever bytes it was divided by."""
    told = figure.bpb is not None and figure.bpb_decimals >= _ENOUGH_DIGITS
    return told and abs(value - (figure.bpb or 0.0)) <= 0.51 * 10.0**-figure.bpb_decimals


def _gives(scores: Scores, figure: Figure, bytes_of: BytesOf | None) -> bool:
    """Whether these scores give the printed bits per byte over the true bytes."""
    if bytes_of is None or figure.bpb is None:
        return False
    total = bytes_of(scores.row)
    predicted = scores.mean * len(scores.row) / math.log(2.0) / total if total else 0.0
    return abs(predicted - figure.bpb) <= 2e-3 * figure.bpb
