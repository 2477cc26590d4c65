"""Did the rerun reproduce the claim? Two one-sided tests (TOST, Schuirmann 1987) that a difference is small."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special

from auditor.significance.model import Equivalence, Unit
from auditor.significance.welch import has_spread, mean, variance, welch_df

ALPHA = 0.05


def tost(
    rerun: Sequence[float],
    claim: Sequence[float],
    *,
    unit: Unit,
    margin: float,
    alpha: float = ALPHA,
    bank: tuple[float, int, int] | None = None,
) -> Equivalence:
    """Is |mean(rerun) - mean(claim)| < margin?

    One figure of the claim is taken for a stated mean, which has no spread of its own. A rerun without a spread
    needs `bank`, the standard deviation of a bank of runs; without it the answer is that nothing can be tested.
    """
    difference = mean(rerun) - mean(claim)
    if has_spread(rerun) and has_spread(claim):
        a, b = variance(rerun) / len(rerun), variance(claim) / len(claim)
        df = welch_df(variance(rerun), len(rerun), variance(claim), len(claim))
        return _judge(difference, math.sqrt(a + b), df, unit, margin, alpha, "Welch, two samples")
    if has_spread(rerun) and len(claim) == 1:
        se = math.sqrt(variance(rerun) / len(rerun))
        return _judge(difference, se, len(rerun) - 1, unit, margin, alpha, "one sample against a stated mean")
    if bank is not None:
        of_claim = 1 / len(claim) if len(claim) > 1 else 0.0
        se = bank[0] * math.sqrt(1 / len(rerun) + of_claim)
        how = f"normal, with the standard deviation of {bank[2]} records"
        return _judge(difference, se, None, unit, margin, alpha, how)
    reason = "a side without a spread, and no bank of runs to take one from"
    return Equivalence(unit, margin, alpha, difference, None, None, None, None, None, None, "", reason)


def _judge(
    difference: float, se: float, df: float | None, unit: Unit, margin: float, alpha: float, how: str
) -> Equivalence:
    def below(x: float) -> float:
        return float(special.ndtr(x) if df is None else special.stdtr(df, x))

    p_above, p_below = below((difference - margin) / se), below(-(difference + margin) / se)
    quantile = float(special.ndtri(1 - alpha) if df is None else special.stdtrit(df, 1 - alpha))
    low, high = difference - quantile * se, difference + quantile * se
    return Equivalence(
        unit, margin, alpha, difference, p_above, p_below, low, high, df, max(p_above, p_below) < alpha, how
    )
