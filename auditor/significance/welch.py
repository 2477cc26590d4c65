"""Welch's test with a margin, Hedges' g and the exact permutation test, on plain sequences of figures.

scipy.stats.ttest_ind knows no null other than equality and its import takes longer than the rest of golf-stats: the
statistics are worked out here on scipy.special's t distribution, and the tests compare them with ttest_ind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from scipy import special

from auditor.significance.model import KnownSd, Permutation, Summary, Welch

CONFIDENCE = 0.95
MOST_REGROUPINGS = 200_000
_TIE = 1e-12  # sums of the same figures in another order differ by rounding


def mean(figures: Sequence[float]) -> float:
    return math.fsum(figures) / len(figures)


def variance(figures: Sequence[float]) -> float:
    """Sample variance (n - 1); needs two figures."""
    centre = mean(figures)
    return math.fsum((x - centre) ** 2 for x in figures) / (len(figures) - 1)


def has_spread(figures: Sequence[float]) -> bool:
    """Two figures at least, and not all the same: a standard deviation can be estimated."""
    return len(set(figures)) > 1


def summary(figures: Sequence[float], confidence: float = CONFIDENCE) -> Summary:
    """Mean, sd, standard error and confidence interval of the mean; only the mean where there is no spread."""
    n, centre = len(figures), mean(figures)
    if n < 2:
        return Summary(n, centre, None, None)
    sd = math.sqrt(variance(figures)) if has_spread(figures) else 0.0
    se = sd / math.sqrt(n)
    if se == 0:
        return Summary(n, centre, sd, se)
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * se
    return Summary(n, centre, sd, se, centre - half, centre + half)


def welch_df(variance_1: float, n_1: int, variance_2: float, n_2: int) -> float:
    """Welch-Satterthwaite degrees of freedom."""
    a, b = variance_1 / n_1, variance_2 / n_2
    return (a + b) ** 2 / (a * a / (n_1 - 1) + b * b / (n_2 - 1))


def welch(
    new: Sequence[float], base: Sequence[float], *, shift: float = 0.0, confidence: float = CONFIDENCE
) -> Welch | None:
    """Is mean(new) + shift < mean(base)? One-sided. None where a side has no spread: nothing can be tested then."""
    if not (has_spread(new) and has_spread(base)):
        return None
    variance_new, variance_base = variance(new), variance(base)
    se = math.sqrt(variance_new / len(new) + variance_base / len(base))
    df = welch_df(variance_new, len(new), variance_base, len(base))
    difference = mean(new) - mean(base)
    t = (difference + shift) / se
    half = float(special.stdtrit(df, (1 + confidence) / 2)) * se
    p = float(special.stdtr(df, t))
    return Welch(shift, difference, se, df, t, p, difference - half, difference + half, confidence)


def hedges_g(new: Sequence[float], base: Sequence[float]) -> float | None:
    """Gain in pooled standard deviations, freed of its small-sample bias (Hedges 1981); positive is better."""
    if not (has_spread(new) and has_spread(base)):
        return None
    df = len(new) + len(base) - 2
    pooled = math.sqrt(((len(new) - 1) * variance(new) + (len(base) - 1) * variance(base)) / df)
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return correction * (mean(base) - mean(new)) / pooled


def permutation(new: Sequence[float], base: Sequence[float], *, shift: float = 0.0) -> Permutation | None:
    """Share of all regroupings whose new group has a sum as low as the observed one.

    None where there are more than MOST_REGROUPINGS of them, or only one.
    """
    total = math.comb(len(new) + len(base), len(new))
    if total > MOST_REGROUPINGS or not new or not base:
        return None
    everything = [x + shift for x in new] + list(base)
    centre = mean(everything)
    centred = [x - centre for x in everything]
    observed = math.fsum(centred[: len(new)])
    hits = sum(sum(group) <= observed + _TIE for group in combinations(centred, len(new)))
    return Permutation(hits / total, 1 / total, total)


def pooled_sd(groups: Sequence[Sequence[float]]) -> tuple[float, int, int] | None:
    """(sd, degrees of freedom, groups) pooled over the groups that have a spread; None without any."""
    usable = [g for g in groups if has_spread(g)]
    df = sum(len(g) - 1 for g in usable)
    if not df:
        return None
    return math.sqrt(math.fsum((len(g) - 1) * variance(g) for g in usable) / df), df, len(usable)


def known_sd(
    new: Sequence[float], base: Sequence[float], bank: tuple[float, int, int], *, shift: float = 0.0
) -> KnownSd:
    """The z test with a standard deviation from a bank of runs (same unit as the figures) on both sides."""
    sd, df, groups = bank
    z = (mean(new) - mean(base) + shift) / (sd * math.sqrt(1 / len(new) + 1 / len(base)))
    return KnownSd(shift, sd, df, groups, z, float(special.ndtr(z)))
