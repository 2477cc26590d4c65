"""A printed figure with the digits that the print does not show: both the run and whoever measures it read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.runs.evaluations import parse_evaluation, stem
from auditor.runs.text import clean


def whole_bpb(line: str, exact: Sequence[tuple[str, float]], label: str) -> float | None:
    """Bits per byte under that label; None where the line has none, or its digits are not among the `exact` ones."""
    parsed = parse_evaluation(0, clean(line))
    if parsed is None or parsed.val_bpb is None or same_pass(parsed.label) != same_pass(label):
        return None
    return as_held(exact, parsed.val_bpb)


def same_pass(label: str) -> str:
    """The label without what is another number in each run: `ppm_mix bytes=5,154 mix`."""
    return re.sub(r"([=:]\s*)\d[\d.,]*", r"\1#", stem(label))


def as_held(exact: Sequence[tuple[str, float]], printed: float) -> float | None:
    """The number that was printed so, None where it is not among them."""
    return next((value for text, value in exact if float(text) == printed), None)
