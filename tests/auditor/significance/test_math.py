"""The statistics: known answers of accepted records, agreement with scipy.stats, no answer without a spread."""

from __future__ import annotations

import math
from datetime import date

import pytest
from scipy import stats

from auditor.significance import welch as tests
from auditor.significance.compare import Terms, compare
from auditor.significance.equivalence import tost
from auditor.significance.model import Bar, Figure, Side
from auditor.significance.probability import said_p, show_p
from auditor.significance.units import LN2
from rules.law import records

PR_1395 = [1.09269085, 1.09269834, 1.0919412]


def seeds(pr: int, what: str = "val_bpb") -> list[float]:
    return [getattr(seed, what) for seed in records.of_pull_request(pr)[0].seeds]


def test_the_record_of_1395_against_1019() -> None:
    test = tests.welch(PR_1395, seeds(1019))
    assert test is not None
    assert round(test.t, 2) == -68.85
    assert round(test.df, 2) == 3.84
    assert round(test.difference, 8) == -0.02229163


@pytest.mark.parametrize(
    ("new", "base", "p"),
    [(1514, 1493, 0.020), (1529, 1514, 0.001), (1769, 1736, 0.063), (2135, 2014, 0.014)],
)
@pytest.mark.parametrize("unit", ["val_bpb", "val_loss"])
def test_p_values_that_maintainers_published(new: int, base: int, p: float, unit: str) -> None:
    test = tests.welch(seeds(new, unit), seeds(base, unit))
    assert test is not None
    assert round(test.p, 3) == p


SAMPLES = [
    ([1.1, 1.2, 1.15], [1.3, 1.25, 1.31]),
    ([1.1, 1.2], [1.3, 1.25, 1.31, 1.0, 1.4]),
    (PR_1395, [1.1150812, 1.11437394, 1.11475014]),
    ([2.0, 1.0, 3.0], [1.0, 1.5, 0.9, 1.2]),
]


@pytest.mark.parametrize(("new", "base"), SAMPLES)
@pytest.mark.parametrize("shift", [0.0, 0.005, 0.4])
def test_welch_is_what_scipy_makes_of_shifted_figures(new: list[float], base: list[float], shift: float) -> None:
    ours = tests.welch(new, base, shift=shift, confidence=0.9)
    theirs = stats.ttest_ind([x + shift for x in new], base, equal_var=False, alternative="less")
    assert ours is not None
    assert ours.t == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.df == pytest.approx(theirs.df, rel=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-7)
    interval = stats.ttest_ind(new, base, equal_var=False).confidence_interval(0.9)
    assert (ours.low, ours.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert ours.difference == pytest.approx(sum(new) / len(new) - sum(base) / len(base))


@pytest.mark.parametrize(("new", "base"), SAMPLES)
def test_permutation_is_what_scipy_enumerates(new: list[float], base: list[float]) -> None:
    ours = tests.permutation(new, base)
    theirs = stats.permutation_test(
        (new, base), lambda a, b: sum(a) / len(a) - sum(b) / len(b), alternative="less", n_resamples=math.inf
    )
    assert ours is not None
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.floor == pytest.approx(1 / math.comb(len(new) + len(base), len(new)))
    assert ours.p >= ours.floor


def test_permutation_of_three_seeds_cannot_go_below_a_twentieth() -> None:
    best = tests.permutation(PR_1395, seeds(1019))
    assert best is not None
    assert (best.p, best.floor) == (0.05, 0.05)
    shifted = tests.permutation([1.0, 1.1, 1.2], [1.3, 1.31, 1.32], shift=0.5)
    assert shifted is not None
    assert shifted.p == 1.0
    assert tests.permutation([0.1 * i for i in range(20)], [0.2 * i for i in range(20)]) is None


def test_hedges_g_by_hand() -> None:
    # pooled sd 1, difference 2, J(4) = gamma(2) / (sqrt(2) * gamma(1.5))
    assert tests.hedges_g([1.0, 2.0, 3.0], [3.0, 4.0, 5.0]) == pytest.approx(2 / (math.sqrt(2) * math.gamma(1.5)))


def test_summary_of_three() -> None:
    found = tests.summary([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.se == pytest.approx(1 / math.sqrt(3))
    assert found.high == pytest.approx(2 + 4.302652729911275 / math.sqrt(3))
    assert tests.summary([1.0]).sd is None


@pytest.mark.parametrize(("new", "base"), [([1.0], [1.1, 1.2]), ([1.0, 1.0], [1.1, 1.2]), ([1.0, 1.1], [1.2])])
def test_nothing_is_tested_without_a_spread(new: list[float], base: list[float]) -> None:
    assert tests.welch(new, base) is None
    assert tests.hedges_g(new, base) is None


def test_losses_that_do_not_differ_are_not_tested_though_the_scores_do() -> None:
    """A log that prints its losses with few digits and its bits per byte with many."""

    def side(name: str, mean: float) -> Side:
        return Side(
            name, "submission", tuple(Figure(mean + d, 2.8, n, f"{n}.log") for n, d in enumerate((0, 1e-4, 2e-4)))
        )

    bar = Bar("b", "bar", "b", 0.005, 0.01, date(2026, 1, 1), "said", "https://example.org")
    terms = Terms((bar,), None, date(2026, 4, 1), 0.01, 0.95)
    (result,) = compare(side("new", 1.09), side("base", 1.10), terms, baseline_because="then").bars
    assert (result.met, result.tests, result.p) == (None, (), None)
    assert "losses of the seeds do not differ" in result.reason


def test_known_sd_is_a_z_test() -> None:
    found = tests.known_sd([1.0], [1.1, 1.3], (0.1, 50, 20), shift=0.05)
    assert found.z == pytest.approx(-0.15 / (0.1 * math.sqrt(1.5)))
    assert found.p == pytest.approx(stats.norm.cdf(found.z))


def test_the_bank_pools_what_has_a_spread() -> None:
    assert tests.pooled_sd([[1.0, 3.0], [5.0], [2.0, 4.0, 6.0], [7.0, 7.0]]) == (pytest.approx(math.sqrt(10 / 3)), 3, 2)
    assert tests.pooled_sd([[1.0], [2.0, 2.0]]) is None


def test_equivalence_is_two_one_sided_tests() -> None:
    rerun, claim, margin = [1.0, 1.01, 1.02], [1.0, 1.02, 1.01, 1.03], 0.05
    found = tost(rerun, claim, unit="bpb", margin=margin)
    above = stats.ttest_ind([x - margin for x in rerun], claim, equal_var=False, alternative="less").pvalue
    below = stats.ttest_ind([x + margin for x in rerun], claim, equal_var=False, alternative="greater").pvalue
    assert (found.p_above, found.p_below) == (pytest.approx(above), pytest.approx(below))
    assert found.p == pytest.approx(max(above, below))
    assert found.equivalent is True
    assert found.low is not None
    assert found.high is not None
    assert -margin < found.low < found.high < margin
    assert tost(rerun, claim, unit="bpb", margin=0.01).equivalent is False


def test_equivalence_to_a_stated_mean_and_of_one_rerun() -> None:
    stated = tost([1.0, 1.01, 1.02], [1.011], unit="bpb", margin=0.05)
    assert stated.p_above == pytest.approx(stats.ttest_1samp([1.0, 1.01, 1.02], 1.061, alternative="less").pvalue)
    assert tost([1.0], [1.001], unit="bpb", margin=0.05).equivalent is None
    assert tost([1.0], [1.001], unit="bpb", margin=0.05, bank=(0.001, 80, 40)).equivalent is True
    assert tost([1.0], [1.049], unit="bpb", margin=0.05, bank=(0.001, 80, 40)).equivalent is False


def test_p_is_written_as_neither_nought_nor_one() -> None:
    assert (show_p(0.0), show_p(1.0), show_p(None)) == ("< 1e-300", "> 0.999", "-")
    assert (said_p(0.0203), said_p(1.0), show_p(2.2e-7)) == ("p = 0.0203", "p > 0.999", "2.20e-07")


def test_nats_per_token_of_the_logs_agree_with_the_conversion() -> None:
    for record in records.accepted(records.load()):
        for seed in record.seeds:
            if seed.val_loss is not None:
                assert 0.9 < seed.val_loss / LN2 / seed.val_bpb < 4.5, record.pr
