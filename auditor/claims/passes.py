"""Which of several figures of a seed is the claimed one: tables show a seed's other passes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.claims.model import SeedClaim

# Claims are often printed with four decimals.
FIGURE_TOLERANCE = 6e-5
# Rows with four decimals round once more than their mean does.
MEAN_TOLERANCE = 1.1e-4


def settle(rows: Sequence[SeedClaim], claims: Sequence[float]) -> list[SeedClaim]:
    """The rows with `val_bpb` out of the column whose mean is claimed, else of the one that shows the claim.

    `claims` are in bits per byte, the most certain first. A column counts if every row that has columns at all has
    it; the current one is kept where it fits. Of several that fit, the last wins: columns come least likely first.
    """
    shown = [row.figures for row in rows if row.figures]
    common = [name for name in shown[0] if all(name in figures for figures in shown)] if shown else []
    current = [row.val_bpb for row in rows if row.val_bpb is not None]
    for claim in claims:
        for fits in (is_mean, is_one):
            if fits(claim, current):
                return list(rows)
            for name in reversed(common):
                if fits(claim, [figures[name] for figures in shown]):
                    return [replace(r, val_bpb=r.figures[name]) if r.figures else r for r in rows]
    return list(rows)


def is_mean(claim: float, figures: Sequence[float]) -> bool:
    return bool(figures) and abs(sum(figures) / len(figures) - claim) <= MEAN_TOLERANCE


def is_one(claim: float, figures: Sequence[float]) -> bool:
    return any(abs(figure - claim) <= FIGURE_TOLERANCE for figure in figures)


def says_nothing(row: SeedClaim) -> bool:
    """Whether the row holds no more than columns of which none is known to be its result."""
    return replace(row, figures={}) == SeedClaim(row.where, row.seed)
