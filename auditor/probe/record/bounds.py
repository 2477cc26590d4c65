"""Bounds on scores that none of a run's scores came to, and totals that lose what is added to them at full size.

`loss.clamp(max=9)` does nothing to losses that are all less, so a run on which none is more says nothing of it. What a
bound would do is asked of the function itself, with what a worse or a better score would have given it: which losses
the numbers are of is known, and so is how they were computed from these, as long as that is a line or a probability. A
bound that lies behind a probability of 1e-7 (16 nats) gives a whole vocabulary next to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditor.probe.record.single import Single

BOUNDS = frozenset({
    "clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_", "minimum", "maximum",
    "fmin", "fmax", "min", "max", "hardtanh", "hardtanh_", "relu", "relu_", "relu6", "threshold", "threshold_",
    "nan_to_num", "nan_to_num_",
})  # fmt: skip
ROW_BOUNDS = frozenset({
    "clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_", "minimum", "maximum",
})  # fmt: skip
"""Those that whole distributions are given."""
BOUND, LOST = "a bound of scores that none came to", "what a total loses of them"
_LOOKS, _BATCHES = 12, 256  # at one line; of which the losses are kept
_WITHIN = (0.01, 4.0, 9.0, 16.0)  # nats that a score may have
_LEAST_VOCABULARY = 64
_CLOSE = 1e-4
_LIKE_A_LINE, _LEAST_RANGE = 1e-3, 0.01  # of its height; nats
_FEW_ROWS, _MANY_SUMS = 3, 64  # added at once; times, of one line


class Bounds:
    def __init__(self, site: Callable[[], int], frames: Callable[[int], Sequence[tuple[str, int, str]]]) -> None:
        """`site` numbers the line at work, `frames` tells which that is."""
        self._site, self._frames = site, frames
        self._looks: Counter[int] = Counter()
        self._few: Counter[int] = Counter()
        self._losses: dict[int, NDArray[Any]] = {}  # by the first row of a batch
        self._met: set[int] = set()  # lines where a bound was come to
        self._found: dict[int, str] = {}

    @property
    def found(self) -> set[tuple[str, int, str]]:
        """Path, line and what did nothing there."""
        places = ((self._frames(site), what) for site, what in self._found.items() if site not in self._met)
        return {(frames[0][0], frames[0][1], what) for frames, what in places if frames}

    def batch(self, first: int, losses: NDArray[Any]) -> None:
        self._losses[first] = losses
        if len(self._losses) > _BATCHES:
            del self._losses[next(iter(self._losses))]

    def look(self, func: Any, args: Any, kwargs: Any, operand: Any, rows: NDArray[Any], out: Any) -> None:
        """A bound was put on an operand whose numbers are each of one row; `out`: what came of it."""
        values = np.asarray(out.detach() if isinstance(out, Tensor) else out, dtype=np.float64).reshape(-1)
        if values.size != rows.size or not self._first_looks():
            return
        known = rows >= 0
        losses = self._of(rows[known])
        if losses is None or len(losses) < 2:
            return
        if func.__name__.startswith("nan_to_num"):
            self._note(self._site(), BOUND)
            return
        (off, line), (other, probability) = _line(losses, values[known]), _probability(losses, values[known])
        if min(off, other) < _LIKE_A_LINE:
            made = line if off <= other else probability
            self._reach(func, args, kwargs, operand, [made(loss) for loss in _WITHIN], small=off > other)

    def look_at_one(self, function: Any, args: Sequence[Any], of: int, single: Single) -> None:
        """`min` or `max` of two numbers, one of which is of one row."""
        if single.own or not isinstance(args[1 - of], int | float):
            return
        site = self._site()
        if function(*args) is not args[of]:
            self._met.add(site)
            return
        for loss in _WITHIN:
            given = list(args)
            given[of] = single.factor * loss + single.added
            if function(*given) != given[of]:
                self._note(site, BOUND)

    def look_at_rows(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """A bound was put on whole distributions."""
        given = args[0] if args else kwargs.get("input")
        if not isinstance(given, Tensor) or not isinstance(out, Tensor) or given.dim() < 2 or given.requires_grad:
            return
        if given.shape[-1] < _LEAST_VOCABULARY or not given.is_floating_point() or out.shape != given.shape:
            return
        some = out.detach().reshape(-1, out.shape[-1])[:4].double()
        log = bool((some <= _CLOSE).all())
        sums = (some.exp() if log else some).sum(-1)
        if not log and bool((some < 0).any()):
            return
        if bool(((sums - 1).abs() > 1e-3).any()) or not self._first_looks():
            return
        values = [-loss if log else float(np.exp(-loss)) for loss in _WITHIN]
        self._reach(func, args, kwargs, given, values, small=not log)

    def summed(self, total: int, added: int) -> None:
        """Rows were added to a running total of single precision, which has so many."""
        if not 0 < added <= _FEW_ROWS or added >= total:
            return
        site = self._site()
        self._few[site] += 1
        if self._few[site] == _MANY_SUMS:
            self._note(site, LOST)

    def _first_looks(self) -> bool:
        site = self._site()
        self._looks[site] += 1
        return self._looks[site] <= _LOOKS

    def _of(self, rows: NDArray[Any]) -> NDArray[Any] | None:
        """The recorded losses of these rows."""
        if not len(rows):
            return None
        found = np.full(len(rows), np.nan)
        for first, losses in reversed(self._losses.items()):
            inside = (rows >= first) & (rows < first + len(losses))
            found[inside] = losses[rows[inside] - first]
            if not np.isnan(found).any():
                return found
        return None

    def _reach(
        self, func: Any, args: Any, kwargs: Any, operand: Any, values: Sequence[float], *, small: bool
    ) -> None:  # fmt: skip
        """Notes the line where the function makes something else of one of these values."""
        for value in values:
            other = torch.full_like(operand, value) if isinstance(operand, Tensor) else np.full_like(operand, value)
            given = tuple(other if part is operand else part for part in args)
            named = {n: other if part is operand else part for n, part in kwargs.items() if n != "out"}
            made = np.asarray(func(*given, **named), dtype=np.float64)
            least = _CLOSE * abs(value) if small else _CLOSE * max(1.0, abs(value))
            if bool((np.abs(made - value) > least).any()):
                self._note(self._site(), BOUND)
                return

    def _note(self, site: int, what: str) -> None:
        self._found[site] = what


_Curve = tuple[float, Callable[[float], float]]


def _line(losses: NDArray[Any], values: NDArray[Any]) -> _Curve:
    """What a loss gives, where the values are a line of the losses, and by which part of its height they are off it."""
    low, high = int(losses.argmin()), int(losses.argmax())
    if losses[high] - losses[low] < _LEAST_RANGE:
        return np.inf, float
    slope = float((values[high] - values[low]) / (losses[high] - losses[low]))
    start = float(values[low] - slope * losses[low])
    height = abs(float(values[high] - values[low]))
    off = float(np.abs(values - slope * losses - start).max()) / height if height else np.inf
    return off, lambda loss: slope * loss + start


def _probability(losses: NDArray[Any], values: NDArray[Any]) -> _Curve:
    """The same of probabilities, some multiple of them."""
    if (values <= 0).any():
        return np.inf, float
    off, made = _line(losses, np.log(values))
    return off, lambda loss: float(np.exp(made(loss)))
