"""The printed figure: whose it is, and what it is made of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import probe_samples as samples
import pytest
from probe_measured import measured, of

from auditor.probe.measure.ending import is_traced
from auditor.probe.measure.runs import Read
from auditor.probe.model import Holds, Kind

pytest.importorskip("torch", reason="the recorder runs beside torch")

YES, NO, UNKNOWN = Holds.YES, Holds.NO, Holds.UNKNOWN


def test_a_figure_that_is_not_the_claimed_one_decides_nothing() -> None:
    flip = of("pre_quant", Kind.FUTURE_FLIP, "before")
    assert flip.holds is YES
    assert flip.witnesses == ()
    assert "do not enter the reported number" in flip.reason


def test_another_figure_than_the_claimed_one_is_no_pass_and_no_proof() -> None:
    for kind in set(Kind) - {Kind.DETERMINISM}:
        found = of("sliding", kind, "final_ngram")
        assert (found.holds, found.reported) == (UNKNOWN, None)
        assert "'final_ngram' was not printed" in found.reason
    broken = of("pre_quant", Kind.FUTURE_FLIP, "final_ngram")
    assert (broken.holds, broken.reported) == (NO, None)
    assert "was not printed" in broken.reason


def test_the_last_figure_of_a_script_without_logs_is_a_hint_alone() -> None:
    broken = of("pre_quant", Kind.FUTURE_FLIP, assumed=True)
    assert (broken.holds, broken.reported) == (NO, None)
    assert broken.witnesses
    assert "no log says which figure is claimed" in broken.reason
    assert (of("sliding", Kind.FUTURE_FLIP, assumed=True).holds) is YES
    other = of("sliding", Kind.FUTURE_FLIP, claim="run=8 score")
    assert (other.holds, "was not printed" in other.reason) == (UNKNOWN, True)
    assert of("sliding", Kind.FUTURE_FLIP, claim="run=8 score", foreign=True).holds is YES  # another program's line


def test_passes_that_print_the_same_few_digits_are_not_told_apart() -> None:
    assert "could not be traced" in of("alike", Kind.FUTURE_FLIP).reason


def test_labels_that_name_another_compressor_are_the_same() -> None:
    assert of("sliding", Kind.FUTURE_FLIP, "final_int6_zstd-22_sliding_exact").reported is True
    assert of("sliding", Kind.FUTURE_FLIP, "final_ttt_sliding").reported is None


@pytest.mark.parametrize("name", ["sliding", "mean", "score_first", "slot", "ngram", "token_by_token"])
def test_the_figure_is_the_mean_over_the_true_bytes(name: str) -> None:
    number = of(name, Kind.REPORTED_NUMBER)
    assert number.holds is YES, number.reason
    assert number.effect is not None
    assert number.effect < 1e-4


@pytest.mark.parametrize(
    ("name", "number", "exchange", "said"),
    [
        ("taken_off", NO, UNKNOWN, "-0.05 nats a token were added"),
        ("put_on", UNKNOWN, UNKNOWN, "1e-07 nats a token were added"),
        ("tilted", UNKNOWN, UNKNOWN, "factors that differ by"),
        ("mean", YES, YES, ""),
    ],
)
def test_what_makes_the_figure_beside_its_scores_is_told(
    name: str, number: Holds, exchange: Holds, said: str
) -> None:  # fmt: skip
    found = of(name, Kind.REPORTED_NUMBER), of(name, Kind.EXCHANGE)
    assert tuple(m.holds for m in found) == (number, exchange), found
    assert all(said in m.reason for m in found)


def test_bytes_that_were_counted_otherwise_are_told() -> None:
    number = of("wrong_bytes", Kind.REPORTED_NUMBER)
    assert number.holds is NO
    assert number.effect == pytest.approx(0.198, abs=0.01)


@pytest.mark.parametrize(
    ("name", "exchange"),
    [("wrong_bytes", YES), ("other_bytes", YES), ("bent_bytes", UNKNOWN), ("bent_bpb", UNKNOWN), ("mean", YES)],
)
def test_a_figure_over_no_whole_number_of_bytes_is_a_function_of_the_scores(name: str, exchange: Holds) -> None:
    found = of(name, Kind.EXCHANGE)
    assert found.holds is exchange, found.reason
    assert ("no whole number of bytes" in found.reason) is (exchange is UNKNOWN)


@pytest.mark.parametrize(
    ("name", "traced"), [("wrong_bytes", True), ("bits times a number", True), ("bits of other numbers", False)]
)
def test_bits_over_other_bytes_are_those_of_the_scores(name: str, traced: bool) -> None:
    """A number that is the scores times one factor is no other score; one that something was taken off may be."""
    base = samples.streams()[0]
    read = Read(samples.run(name, base, Path(tempfile.mkdtemp())), base, "", samples.true_bytes(base))
    assert is_traced(read) is traced
    assert of(name, Kind.REPORTED_NUMBER).holds is NO  # whatever it is a multiple of


def test_the_claimed_label_comes_first() -> None:
    assert measured("pre_quant").labels == ("final_sliding", "before")
    assert measured("pre_quant", "before").labels == ("before", "final_sliding")


def test_scores_beside_what_no_score_accounts_for_are_not_scaled_to_the_figure() -> None:
    for kind in (Kind.FUTURE_FLIP, Kind.SCORE_COUNT):
        found = of("half_traced", kind)
        assert (found.holds, found.witnesses) == (UNKNOWN, ())
        assert "could not be traced" in found.reason
