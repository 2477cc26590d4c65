"""What is known of numbers beside tensors: which shapes weights may have, and by what objects are told apart."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

pytest.importorskip("torch")
from auditor.probe.record.mirror import _spreads_over
from auditor.probe.record.single import identity

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 2, 3)]


@pytest.mark.parametrize(("shape", "over"), list(product(SHAPES, SHAPES)))
def test_weights_spread_over_what_they_are_broadcast_to(shape, over):
    try:
        expected = np.broadcast_shapes(shape, over) == over
    except ValueError:
        expected = False
    assert _spreads_over(shape, over) is expected


def test_equal_objects_are_told_apart():
    one, other = float("1.5"), float("3.0") / 2
    assert one == other
    assert identity(one) == identity(one) != identity(other)
