"""The values of a comparison. Losses in bits per byte (`bpb`) or nats per token (`nats`); lower is better.

A difference is new less baseline, a gain is baseline less new: a record has a negative difference and a positive gain.
Nothing here computes, so that a report can hold a comparison without loading scipy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Unit = Literal["bpb", "nats"]
UNIT_NAMES = {"bpb": "bits per byte", "nats": "nats per token"}


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of one seed. `log` says where it was read, "" for a figure that was typed in."""

    val_bpb: float
    val_loss: float | None = None
    seed: int | None = None
    log: str = ""

    @property
    def label(self) -> str:
        """`seed 42`, else the log, else nothing."""
        return f"seed {self.seed}" if self.seed is not None else self.log


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the evidence that a reader must know.

    `effect`: `refused` (no test is possible with it), `changed` (the answer is another one because of it), `noted`.
    """

    code: str  # one-seed, copy, same-seed, ...
    effect: Literal["refused", "changed", "noted"]
    message: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison: its figures, one for each seed that counts.

    `stricter` is a second choice of figures; where it is set, the less favourable of the two decides. `claimed` is the
    mean that the submission states (bits per byte). `bytes_per_token` is that of the runs' own tokenizer.
    """

    name: str
    kind: Literal["submission", "record", "values"]
    figures: tuple[Figure, ...]
    bytes_per_token: float | None = None
    date: str = ""  # ISO day
    source: str = ""  # URL or where the figures come from
    claimed: float | None = None
    stricter: tuple[Figure, ...] = ()
    remarks: tuple[Remark, ...] = ()
    score: float | None = None  # of the leaderboard's row

    @property
    def refusals(self) -> tuple[Remark, ...]:
        return tuple(r for r in self.remarks if r.effect == "refused")


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean, sample standard deviation (n - 1; None for one figure) and standard error of one side."""

    n: int
    mean: float
    sd: float | None
    se: float | None
    low: float | None = None  # confidence interval of the mean
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Welch:
    """Welch's test that the mean of the new side plus `shift` lies below the baseline's.

    `difference` is new less baseline without the shift; `low` and `high` bound it at `confidence` (two-sided).
    """

    shift: float
    difference: float
    standard_error: float
    df: float
    t: float
    p: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Permutation:
    """Exact one-sided permutation test of the mean; p is never below `floor`, 1 in so many regroupings."""

    p: float
    floor: float
    regroupings: int


@dataclass(frozen=True, slots=True)
class KnownSd:
    """z test with a standard deviation taken from elsewhere: a second opinion where a side has one seed."""

    shift: float
    sd: float
    df: int  # behind the pooled standard deviation
    records: int
    z: float
    p: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything measured in one unit, without a margin."""

    unit: Unit
    new: Summary
    base: Summary
    welch: Welch | None
    hedges_g: float | None
    permutation: Permutation | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A rule that was applied to records: the gain must exceed `margin_nats` (nats per token) at p < `alpha`."""

    id: str
    title: str
    short: str  # for the head of a column
    margin_nats: float
    alpha: float
    since: date  # first day whose rows it was applied to
    said: str  # who, when
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SeedsNeeded:
    """Seeds for a power, were the observed gain the true one; None: no number up to `most` is enough."""

    power: float
    new_side: int | None  # with the baseline's seeds as they are
    each_side: int | None


@dataclass(frozen=True, slots=True)
class Power:
    """Of a bar's test at the observed standard deviations; gains in the unit of the bar's test."""

    size: float  # chance of a pass were the true gain exactly the margin; nominally alpha
    at_observed: float  # chance of a pass were the observed gain the true one
    least_passing: float  # the smallest observed gain that would have passed
    detectable: float  # the true gain that passes in 80 of 100 repetitions
    needed: tuple[SeedsNeeded, ...]
    curve: tuple[tuple[float, float], ...]  # (true gain, power)


@dataclass(frozen=True, slots=True)
class BarResult:
    """One bar: `met` is None where it cannot be tested, `reason` says why. `in_force`: applied on the day in question.

    `unit` is the one that decides: the margin's, nats per token, where they are known, else bits per byte.
    """

    bar: Bar
    in_force: bool
    met: bool | None
    reason: str
    unit: Unit
    margin: float
    margin_bpb: float | None  # the margin in bits per byte, by the new side's bytes per token
    tests: tuple[tuple[Unit, Welch, Permutation | None], ...] = ()
    known_sd: KnownSd | None = None
    power: Power | None = None

    @property
    def p(self) -> float | None:
        """The p that decides."""
        return next((welch.p for unit, welch, _ in self.tests if unit == self.unit), None)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests that two sides differ by less than `margin` (in `unit`); p is the larger of the two.

    `p_above` tests difference < margin, `p_below` difference > -margin. `low` and `high` bound the difference at
    1 - 2 alpha. `how` names the test: two samples, one sample against a stated mean, or known standard deviation.
    """

    unit: Unit
    margin: float
    alpha: float
    difference: float
    p_above: float | None
    p_below: float | None
    low: float | None
    high: float | None
    df: float | None
    equivalent: bool | None
    how: str
    reason: str = ""

    @property
    def p(self) -> float | None:
        return None if self.p_above is None or self.p_below is None else max(self.p_above, self.p_below)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole answer. `baseline_because` says why this baseline; `units_note` how units were converted."""

    new: Side
    base: Side
    as_of: str
    baseline_because: str
    measured: tuple[Measured, ...]
    bars: tuple[BarResult, ...]
    remarks: tuple[Remark, ...]
    units_note: str
    bytes_per_token: float | None
    pooled_sd: tuple[float, int, int] | None  # bits per byte, degrees of freedom, records
    equivalence: Equivalence | None = None
    frontier: tuple[tuple[str, float, str], ...] = ()  # (ISO day, bits per byte, name) of the accepted records

    @property
    def deciding(self) -> BarResult | None:
        """The bar that was being applied on the day: of those in force the one that came last."""
        return max((b for b in self.bars if b.in_force), key=lambda b: b.bar.since, default=None)

    def in_unit(self, unit: Unit) -> Measured | None:
        return next((m for m in self.measured if m.unit == unit), None)


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A record against the one before it (the best score accepted earlier); gains in both units.

    `tested` names what gave the p-values: `welch`, `known-sd` where a side has one seed, "" where nothing could.
    `met` maps a bar's id to whether it is met. `kept` says that it would be a record had the README's bar been kept.
    """

    name: str
    pr: int | None
    date: str
    score: float
    mean: float
    n: int
    url: str
    before: str
    gain_bpb: float | None
    gain_nats: float | None
    p: float | None
    p_margin: float | None
    tested: str
    met: tuple[tuple[str, bool], ...]
    kept: bool
    kept_reason: str
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Every accepted record in order. `kept_final` is the record had the first bar been kept."""

    rows: tuple[ChainRow, ...]
    bars: tuple[Bar, ...]
    kept_final: ChainRow
    pooled_sd: tuple[float, int, int]
