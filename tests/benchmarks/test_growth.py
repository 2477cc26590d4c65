"""Nothing that is handed in costs much more than in proportion to its size, counted in steps of the analyser."""

from __future__ import annotations

import pytest
from growth import ALL, LIMIT, cost, exponents, measured


@pytest.mark.parametrize("kind", ALL)
def test_no_kind_grows_much_faster_than_its_size(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = (20, 80)
    if kind == "loops within each other":
        # They double the work down to a depth, and only from there on add to it; the depth is less here, to save time.
        monkeypatch.setattr("auditor.program.interpreter.language.iteration.MAX_LOOPS", 5)
        sizes = (40, 80)
    costs = measured(kind, sizes, timed=False)
    assert exponents(costs)[0] <= LIMIT, costs


def test_a_quadratic_cost_is_seen() -> None:
    def step() -> None:
        pass

    def squared(n: int) -> None:
        for _ in range(n * n):
            step()

    (exponent,) = exponents([cost(n, lambda n=n: squared(n)) for n in (10, 40)])  # type: ignore[misc]
    assert exponent > 1.9
