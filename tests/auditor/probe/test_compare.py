"""What counts as a change of a score."""

from __future__ import annotations

import pytest

from auditor.probe.measure.compare import Bound


@pytest.mark.parametrize("same_shapes", [True, False])
def test_the_last_places_of_a_score_are_no_change(same_shapes: bool) -> None:
    """Two of them were once taken for a witness (#1104): a model whose chunks depend on the text adds up otherwise."""
    limit = Bound(0.0, same_shapes, 0.0).limit
    assert 2 * 2.0**-20 < limit < 3e-5  # the least that a script was ever seen to add to its scores on purpose


def test_noise_and_rounding_that_were_measured_count_beside_it() -> None:
    assert Bound(1e-4, same_shapes=True, rounding=1e-2).limit == pytest.approx(8e-4)
    assert Bound(1e-4, same_shapes=False, rounding=1e-3).limit == pytest.approx(8e-3)
