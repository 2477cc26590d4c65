"""What makes another run of the base stream necessary."""

from __future__ import annotations

import pytest
from probe_reports import measurement, unknown

from auditor.probe.belief import moved
from auditor.probe.measure import Measured
from auditor.probe.model import Kind, Measurement


@pytest.mark.parametrize(
    ("flip", "wanted"),
    [
        (measurement(Kind.FUTURE_FLIP), False),
        (measurement(Kind.FUTURE_FLIP, changed=3, effect=0.1), True),
        # Two units in the last place: nothing that counts as changed, and no control that is the same to the last bit.
        (Measurement(Kind.FUTURE_FLIP, unknown(Kind.FUTURE_FLIP).holds, "", 1_158, 0, None, 9.5e-7), True),
    ],
)
def test_a_null_run_is_asked_for_by_the_least_change(flip: Measurement, wanted: bool) -> None:
    still = measurement(Kind.DETERMINISM)
    assert moved(Measured((flip, still), (), 1)) is wanted
