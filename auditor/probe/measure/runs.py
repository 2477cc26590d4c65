"""What goes in: the recordings of the runs, the streams, the claim; and one run read with its stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.findings import Location
from auditor.probe.measure.align import Aligner, Found
from auditor.probe.measure.figures import Figure, Graph, Scores, claimed, figures
from auditor.probe.record import Recording
from auditor.probe.scene.tokenizer import BOS

Ints = NDArray[np.int64]
_MOSTLY = 0.75  # of a batch: texts to train on share a phrase with the stream, never most of what they are
_OF_THE_STREAM = 0.25  # of a batch: the rest of one that trains on the stream may be padding
_COMPARISONS = 200  # numbers that are looked at
_BEFORE = 0.2  # of the scores: taken before, of what stands before
_PART = 8  # tokens of a document
_AGAIN = 0.01  # of the positions: so many may be scored a second time where windows meet
_FORWARD = ("forward", "_forward", "__call__", "<lambda>", "loss", "compute_loss")


@dataclass(frozen=True)
class Runs:
    """`missing`: for a run that is None, why it did not end."""

    base: Recording
    null: Recording | None = None
    future: Recording | None = None
    target: Recording | None = None
    missing: dict[str, str] = field(default_factory=dict)
    again: Recording | None = None  # on a stream that is another `future`
    tail: Recording | None = None  # on a stream with another end
    end: Recording | None = None  # on that with another last token
    short: Recording | None = None  # on that without the last tokens
    shorter: Recording | None = None  # without twice as many
    masked: Recording | None = None  # with another token where the weights had been moved before it was scored
    resized: Recording | None = None  # on the base stream without its end, which makes batches of other sizes
    more: Recording | None = None  # as the run in which tokens were exchanged, with further ones


@dataclass(frozen=True)
class Stream:
    """The validation streams, token by token. `P`: the first position that differs in `future`; `Q`: the one that
    differs in `target`. `bytes_`: true bytes of each token of the base stream, by decoding; None where not known."""

    base: NDArray[Any]
    future: NDArray[Any]
    target: NDArray[Any]
    P: int
    Q: int
    bytes_: NDArray[Any] | None
    vocabulary: int
    again: NDArray[Any] | None = None
    late: NDArray[np.bool_] | None = None  # positions that differ in `future` and `again`; None: all from `P` on
    masked: NDArray[Any] | None = None  # with another token at one position, as of `Runs`


@dataclass(frozen=True, slots=True)
class Claim:
    """`label` of the headline figure as its log line has it, "" where that is not known: the last one is taken.

    `assumed`: that the last one is the claimed one is likely (no log says which it is), but not known. `foreign`: the
    script has no such label; where it does not print it either, another program wrote it, and the last one is assumed.
    """

    label: str = ""
    assumed: bool = False
    foreign: bool = False


def _cuts(document: Ints, late: NDArray[np.bool_]) -> bool:
    """Whether it cuts a document in two that are more than the tokens where documents meet."""
    parts = (np.bincount(document[part], minlength=int(document.max()) + 1) for part in (late, ~late))
    return bool((np.minimum(*parts) >= _PART).any())


class Read:
    """One run: its rows with their positions, its figures, and the scores of the claimed one."""

    def __init__(
        self,
        recording: Recording,
        stream: NDArray[Any],
        label: str,
        bytes_: NDArray[Any] | None = None,
        like: Read | None = None,
    ) -> None:
        """`like`: the run of the same script that this one is compared with."""
        self.recording, self.stream, self.bytes_, self.like = recording, stream, bytes_, like
        self.figures = figures(recording)
        self.figure, self.certain = claimed(self.figures, label)

    @property
    def reported(self) -> bool | None:
        """Whether these are the scores of the claimed figure; None where that was not printed."""
        return True if self.certain else None

    @cached_property
    def _found(self) -> Found:
        return Aligner(self.stream).positions(self.recording)

    @property
    def position(self) -> Ints:
        return self._found.position

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Rows whose position could be no other: the stream repeats itself here and there."""
        return self._found.sure

    @cached_property
    def graph(self) -> Graph:
        return Graph(self.recording)

    @cached_property
    def scores(self) -> Scores | None:
        """Of the claimed figure; None where it could not be attributed."""
        if self.figure is None:
            return None
        if self.like is not None and (same := self._same_number()) is not None:
            return same
        return self.graph.attributed(self.figure, self.bytes_of, self._printed_before(self.figure))

    def _printed_before(self, figure: Figure) -> int:
        """When the last figure of another pass was printed before this one; 0: there was none."""
        same = figure.allowed
        others = [
            f.sequence
            for f in self.figures
            if f.sequence < figure.sequence
            and (f.loss is None or figure.loss is None or abs(f.loss - figure.loss) > same + f.allowed)
            and (f.bpb != figure.bpb)
        ]
        return max(others, default=0)

    @property
    def untraced(self) -> str:
        """Why there are no scores."""
        if self.figure is None:
            return "no validation figure was printed"
        cut = " (the recording was cut at its limit)" if self.recording.truncated else ""
        return f"the printed figure could not be traced to scores{cut}"

    def _same_number(self) -> Scores | None:
        """The number that the other run's figure came from, where both runs took the same course."""
        other = self.like.scores if self.like is not None else None
        if self.like is None or other is None:
            return None
        mine, theirs = self.recording.exits["node"], self.like.recording.exits["node"]
        if len(mine) != len(theirs) or (mine != theirs).any():
            return None
        scores = self.graph.number(other.number)
        if scores is None or len(scores.row) != len(other.row):
            return None
        return scores.rescaled() if other.scaled else scores

    @cached_property
    def sequence(self) -> Ints:
        """When each row was scored."""
        return self.recording.of_rows("sequence")

    @cached_property
    def site(self) -> Ints:
        return self.recording.of_rows("site")

    @cached_property
    def grad(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.recording.of_rows("grad") != 0
        return mask

    def bytes_of(self, rows: Ints) -> float:
        if self.bytes_ is None:
            return 0.0
        positions = self.position[rows]
        return float(self.bytes_[positions[positions >= 0]].sum())

    def place(self, row: int, summed_at: int | None = None) -> tuple[Location | None, str]:
        """The line that took the score: in the function that evaluates, not in the model's forward."""
        frames = self.recording.sites.get(int(self.site[row]), ())
        summed = self.recording.sites.get(summed_at, ()) if summed_at is not None else ()
        chosen = next((f for f in frames if not f[2].startswith(_FORWARD)), None) or (summed or frames or (None,))[0]
        if chosen is None:
            return None, ""
        return Location(chosen[0], chosen[1]), chosen[2]

    @cached_property
    def in_sums(self) -> NDArray[np.bool_]:
        """Rows that some sum took with a weight: what is masked out of a loss is in none."""
        found = np.zeros(len(self.recording.target), dtype=bool)
        found[self.recording.entry_row[self.recording.entry_weight != 0.0]] = True
        return found

    def scored_by(self, when: int) -> Ints:
        """Positions that had been scored by then, since the last figure before it was printed.

        Scores that a gradient was asked of are such where the figure is made of those.
        """
        start = max((f.sequence for f in self.figures if f.sequence < when), default=0)
        trains = self.scores is not None and bool(self.grad[self.scores.row].any())
        rows = (~self.grad | trains) & self.sure & (self.sequence > start) & (self.sequence < when)
        return np.unique(self.position[rows & (self.position >= 0)])

    def taken_last(self, share: float) -> tuple[NDArray[np.bool_], int] | None:
        """Positions whose scores were taken after this share of all, and the one of them whose score was first.

        For documents in another order than the stream's: None where the order is the stream's, and where positions are
        scored more than once, which no order explains. That position is the first of them in the stream, too: what
        counts along the stream may know a changed token in all that stands behind it, whenever that is scored.
        """
        scores = self.scores
        if scores is None:
            return None
        position = self.position[scores.row]
        placed = (position >= 0) & self.sure[scores.row]
        when = np.where(scores.own, scores.taken, self.sequence[scores.row])[placed]
        position, taken = position[placed], self.sequence[scores.row][placed]
        along = np.argsort(position, kind="stable")  # what is computed further is taken later, in whatever order
        if not len(when) or any((np.diff(order[along]) >= 0).all() for order in (when, taken)):
            return None
        start = max((f.sequence for f in self.figures if f.sequence < taken.min()), default=0)
        rows = ~self.grad & self.sure & (self.position >= 0) & (self.sequence > start)
        first = np.full(len(self.stream), np.iinfo(np.int64).max)
        np.minimum.at(first, self.position[rows], self.sequence[rows])
        if (first[position] < taken).mean() > _AGAIN:
            return None
        # Within a document, if there is such a place: what adapts to one before it scores it changes the rest of it.
        document = np.cumsum(self.stream == BOS)[position]
        best: tuple[bool, int, NDArray[np.bool_], int] | None = None
        for start in np.unique(when[when >= np.quantile(when, share, method="higher")]):
            soonest = (when == start) & (self.stream[position] > BOS)
            at = int(position[soonest].min(initial=len(self.stream)))
            late, before = (when >= start) & (position >= at), int(((when < start) & (position < at)).sum())
            if not late.any():
                continue
            rank = before >= _BEFORE * len(when) and _cuts(document, late), before
            if best is None or rank > best[:2]:
                best = (*rank, late, at)
        if best is None:
            return None
        mask = np.zeros(len(self.stream), dtype=bool)
        mask[position[best[2]]] = True
        return mask, best[3]

    def trained_first(self, *, summed: bool = False) -> Ints:
        """Positions of batches that the weights had been moved by before these were scored for the number.

        Of batches that are mostly of the stream, as for `trained_after`. `summed`: those alone whose loss is in a sum.
        """
        scores = self.scores
        none: Ints = np.zeros(0, dtype=np.int64)
        moved = np.sort(self.recording.marks["sequence"][self.recording.marks["kind"] == 1])
        if scores is None or not len(moved) or not self.grad.any():
            return none
        counts = self.recording.batches["count"]
        batch = np.repeat(np.arange(len(counts)), counts)
        placed = np.bincount(batch, weights=self.position >= 0, minlength=len(counts))
        wanted = self.grad & self.sure & (self.position >= 0) & (placed >= _MOSTLY * counts)[batch]
        rows = np.flatnonzero(wanted & self.in_sums if summed else wanted)
        after = np.searchsorted(moved, self.sequence[rows])
        rows, after = rows[after < len(moved)], after[after < len(moved)]
        if not len(rows):
            return none
        first = np.full(len(self.stream), np.iinfo(np.int64).max)
        np.minimum.at(first, self.position[rows], moved[after])
        at = self.position[scores.row]
        early = (at >= 0) & self.sure[scores.row] & (first[np.maximum(at, 0)] < self.sequence[scores.row])
        return np.unique(at[early])

    def chosen_by(self) -> int | None:
        """The last position of a sum of scores that something was chosen by before an earlier position was scored.

        None where there is none. A chunk's scores that decide what is done after it are none of these, nor are those of
        other text that shares a phrase with the stream.
        """
        scores = self.scores
        if scores is None:
            return None
        placed, of_the_stream = self.position[scores.row], self._of_the_stream()
        nodes, first = np.unique(self.recording.compared["node"], return_index=True)
        for node, i in list(zip(nodes.tolist(), first.tolist(), strict=True))[:_COMPARISONS]:
            sequence = int(self.recording.compared["sequence"][i])
            later = placed[self.sequence[scores.row] > sequence]
            later = later[later >= 0]
            if not len(later):
                continue
            expanded = self.graph.expand(node, 1.0)
            if expanded is None:
                continue
            rows = expanded.row[~self.grad[expanded.row] & of_the_stream[expanded.row]]
            last = int(self.position[rows].max(initial=-1))
            if last > int(later.min()):
                return last
        return None

    def _of_the_stream(self) -> NDArray[np.bool_]:
        """Of each row whether its batch is of the stream by a part that no phrase is."""
        counts = self.recording.batches["count"]
        batch = np.repeat(np.arange(len(counts)), counts)
        placed = np.bincount(batch, weights=self.position >= 0, minlength=len(counts))
        found: NDArray[np.bool_] = (placed >= _OF_THE_STREAM * counts)[batch]
        return found

    def trained_after(self, first: int, last: int) -> int | None:
        """When the weights had first been moved by targets at positions first..last of the stream; None: never.

        A training text may share a phrase with the stream: a batch that is mostly of other text is not of the stream.
        """
        rows = self.grad & (self.position >= first) & (self.position <= last) & self._of_the_stream()
        if not rows.any():
            return None
        moved = np.sort(self.recording.marks["sequence"][self.recording.marks["kind"] == 1])
        at = np.searchsorted(moved, self.sequence[rows].min())
        return int(moved[at]) if at < len(moved) else None
