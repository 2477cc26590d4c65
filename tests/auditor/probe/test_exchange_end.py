"""Tokens exchanged at the end of a stream, and which tokens are tried."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import probe_samples as samples
import pytest
from probe_exchanges import LAWFUL, exchanged, series

from auditor.probe.candidates import ordered
from auditor.probe.digits import whole_bpb
from auditor.probe.measure.exchange import at_least
from auditor.probe.model import Chosen, Holds, Kind

pytest.importorskip("torch", reason="the recorder runs beside torch")


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> Iterator[None]:
    """What is there before a run is no part of it, as in the sandbox: forks look for the stream in the rest alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("name", "lawful"), [("untraced, better of two", False), ("untraced, smoothed", True)])
def test_a_mixture_that_no_score_can_be_traced_through_is_exchanged_at_the_end(name: str, lawful: bool) -> None:
    found = exchanged(name)
    assert found.total is not None, found.reason
    assert found.compared >= 8
    assert {t.position for t in found.terms} == {samples.LENGTH - 1}
    if lawful:
        assert (found.holds, found.witnesses) == (Holds.UNKNOWN, ())
        assert found.total < 1.001
    else:
        assert (found.holds, found.reported) == (Holds.NO, True), found.reason
        assert [w.position for w in found.witnesses] == [samples.LENGTH - 1]
        assert "the printed figure tells what each would have cost" in found.reason


@pytest.mark.parametrize(("name", "lawful"), [("a floor", False), ("smoothed", True)])
def test_the_end_is_told_where_a_loader_cuts_the_stream_to_whole_windows(name: str, lawful: bool) -> None:
    found, here = series(f"untraced, whole windows, {name}")
    measurement = found.probed().find(Kind.EXCHANGE)
    assert measurement is not None
    assert "future" not in found.runs  # no flip says anything of what is not traced
    assert sum(len(e.tokens) for e in here.exchanges) > 20
    if lawful:
        assert (measurement.holds, measurement.witnesses) == (Holds.UNKNOWN, ())
        assert measurement.total is not None
        assert measurement.total < 1.001
    else:
        assert measurement.holds is Holds.NO, measurement.reason
        assert "by the 12 of them that chance drew" in measurement.reason


def test_what_chance_drew_bounds_a_sum_from_below() -> None:
    """Of 1,000 tokens evenly drawn: as much each as a distribution gives them says nothing, twice as much does."""
    rng = np.random.default_rng(0)
    false, seen = 0, 0
    for _ in range(100):
        fair = rng.dirichlet(np.full(1000, 0.3))
        false += at_least(0.0, [(float(p), 1e-3) for p in rng.permutation(fair)[:28]]) > 1.001
        doubled = 2.0 * rng.dirichlet(np.full(1000, 20.0))
        bound = at_least(0.0, [(float(p), 1e-3) for p in rng.permutation(doubled)[:28]])
        seen += bound > 1.001
        false += bound > 2.0
    assert false <= 4  # of 200, for a chance of 1 %
    assert seen > 95
    assert at_least(0.7, [(0.2, 0.25), (0.2, 0.25)]) == pytest.approx(1.1)  # what was tried alone
    assert at_least(0.5, []) == 0.5


def test_another_count_of_bytes_is_no_mixture() -> None:
    found = exchanged("untraced, other bytes")
    assert (found.holds, found.witnesses) == (Holds.UNKNOWN, ())
    assert "another count of bytes" in found.reason


def test_a_figure_is_known_by_its_label_whatever_it_counts() -> None:
    line = "ppm_mix bytes=5154 mix_bpb=2.985578 nn_only=3.841046"
    exact = [("2.985578", 2.9855781), ("3.841046", 3.841)]
    assert whole_bpb(line, exact, "ppm_mix bytes=5,457 mix") == 2.9855781
    assert whole_bpb(line, exact[1:], "ppm_mix bytes=5,457 mix") is None
    assert whole_bpb("final_int6 val_loss:2.0 val_bpb:1.2", [("1.2", 1.21)], "final_int8") is None


def test_the_token_that_another_run_tells_of_is_tried_before_there_are_enough() -> None:
    chosen: dict[int, Chosen] = {**dict.fromkeys(range(20), "seen"), **dict.fromkeys(range(20, 60), "drawn")}
    for seed in range(20):
        tokens = ordered(chosen, 7, np.random.default_rng(seed), 40)
        assert sorted(tokens) == list(range(60))
        assert tokens.index(7) < 4  # forks may be slow
        assert [chosen[t] for t in tokens[:9]].count("drawn") >= 2  # of what was not tried they alone speak
        assert {chosen[t] for t in tokens[24:]} == {"drawn"}
    assert set(ordered(dict.fromkeys(range(9), "seen"), 7, np.random.default_rng(0), 40)) == set(range(9))
    assert 99 not in ordered(chosen, 99, np.random.default_rng(0), 40)


def test_the_first_that_chance_drew_are_tried_as_they_were_drawn() -> None:
    drawn = np.random.default_rng(1).permutation(np.arange(20, 60)).tolist()
    chosen: dict[int, Chosen] = {**dict.fromkeys(range(20), "seen"), **dict.fromkeys(drawn, "drawn")}
    for seed in range(5):
        tokens = ordered(chosen, 7, np.random.default_rng(seed), 24)
        assert [t for t in tokens if chosen[t] == "drawn"] == drawn[:24]


def test_further_tokens_are_drawn_where_the_first_say_too_little() -> None:
    made, here = series("a little for what came before")
    found = made.probed().find(Kind.EXCHANGE)
    assert found is not None
    assert (found.holds, found.reported) == (Holds.NO, True), found.reason
    assert "more" in made.runs
    had = [len(one.tokens) for one in here.exchanges]
    assert max(had) <= 40  # each is tried once
    for name in LAWFUL[:2]:
        lawful, _ = series(name)
        assert lawful.probed().status == "ran"
        assert "more" not in lawful.runs
