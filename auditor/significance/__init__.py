"""Is it a record? Figures of seeds become samples, samples become tests, tests meet bars.

`model` holds the values and needs no scipy; the other modules compute, and are imported by name.
"""

from auditor.significance.model import (
    Bar,
    BarResult,
    Chain,
    ChainRow,
    Comparison,
    Equivalence,
    Figure,
    Remark,
    Side,
)

__all__ = ["Bar", "BarResult", "Chain", "ChainRow", "Comparison", "Equivalence", "Figure", "Remark", "Side"]
