"""Tokens exchanged in forks of a run: mixtures that are distributions and such that are not, and what is believed."""

from __future__ import annotations

import gc
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import probe_samples as samples
import pytest
from probe_exchanges import LAWFUL, UNLAWFUL, exchanged, series, streams

from auditor.probe.job import Exchange
from auditor.probe.measure.exchange import Asked, Tried, exchange
from auditor.probe.model import Chosen, Holds, Kind, Measurement, Shrunk
from auditor.probe.record import exchange as forks
from auditor.probe.record import read
from auditor.probe.run import _Series

pytest.importorskip("torch", reason="the recorder runs beside torch")


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> Iterator[None]:
    """What is there before a run is no part of it, as in the sandbox: forks look for the stream in the rest alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", LAWFUL)
def test_a_distribution_is_not_accused(name: str) -> None:
    found = exchanged(name)
    assert (found.holds, found.witnesses, found.reported) == (Holds.YES, (), True), found.reason
    assert found.total is not None
    assert found.total <= 1.001
    assert found.compared > 40


def test_a_score_that_is_made_of_several_sums_is_not_told_by_the_first() -> None:
    found = exchanged("numbers, a gate that is added")
    assert found.holds is Holds.UNKNOWN
    assert "not known for certain" in found.reason


@pytest.mark.parametrize("name", UNLAWFUL)
def test_what_is_no_distribution_is_witnessed_at_two_positions(name: str) -> None:
    found = exchanged(name)
    assert (found.holds, found.reported) == (Holds.NO, True), found.reason
    assert {w.condition for w in found.witnesses} == {"C2"}
    assert {w.position for w in found.witnesses} == {site.position for site in streams().sites}
    assert all(w.after > 1.001 and w.location is not None for w in found.witnesses)
    assert len(found.terms) >= 12
    assert "no distribution" in found.reason


def after_training(name: str, text: str) -> _Series:
    """The sample behind losses of something else, as training leaves them: its first scores can be exchanged."""
    name = f"after training, {name}"
    samples.SAMPLES[name] = "F.cross_entropy(torch.zeros(4, V), torch.arange(4))\n" + text
    return series(name)[0]


def exchanged_early(made: _Series) -> bool:
    return any(e.position < 9 for e in read(made.runs["future"]).exchanged)


def small_vocabulary(used: int, constant: int) -> Measurement:
    """Counts smoothed over so many tokens, where the probe has put `used` for a setting."""
    mix = samples.MIXTURES["smoothed counts"][1]
    text = samples.SAMPLES["smoothed counts"].replace(mix, mix.replace("0.1 * V", f"0.1 * {constant}"))
    assert text != samples.SAMPLES["smoothed counts"]
    made = after_training(f"smoothed over {constant}", text)
    made.settled.made.changed = (Shrunk("COUNTED_VOCABULARY", "128", str(used)), Shrunk("SWITCH", "1", "0"))
    found = made.probed().find(Kind.EXCHANGE)
    assert found is not None
    assert exchanged_early(made)
    return found


def test_a_constant_that_the_probe_made_small_is_no_witness() -> None:
    """Too much everywhere, and as much before anything was counted: it is not of what was counted."""
    found = small_vocabulary(16, 16)
    assert (found.holds, found.witnesses) == (Holds.UNKNOWN, ())
    assert "where nothing had been counted" in found.reason
    assert "one of 16, a number that the probe has made small" in found.reason


def test_a_constant_of_the_submissions_own_is_one() -> None:
    found = small_vocabulary(32, 16)
    assert found.holds is Holds.NO
    assert found.witnesses


@pytest.mark.parametrize("name", UNLAWFUL)
def test_what_was_counted_is_one_whatever_was_made_small(name: str) -> None:
    made = after_training(name, samples.SAMPLES[name])
    made.settled.made.changed = tuple(Shrunk("A", "9999", str(n)) for n in range(2, 300))
    found = made.probed().find(Kind.EXCHANGE)
    assert found is not None
    assert exchanged_early(made)
    assert found.holds is Holds.NO
    assert found.witnesses


@pytest.mark.parametrize("name", [*LAWFUL, *UNLAWFUL])
def test_the_whole_vocabulary_gives_the_sum_itself(name: str) -> None:
    found = exchanged(name, exhaustive=True)
    assert found.total is not None
    assert found.compared == samples.VOCABULARY
    if name in LAWFUL:
        assert found.total == pytest.approx(1.0, abs=1e-3)
        assert found.holds is Holds.YES
    else:
        assert found.total > 1.01
        assert found.holds is Holds.NO
        some = exchanged(name)
        at = streams().sites[-1].position
        bound = next((w.after for w in some.witnesses if w.position == at), None)
        assert bound is None or bound <= found.total + 1e-3  # a lower bound


def test_scores_that_are_rows_need_no_exchange() -> None:
    found = series("sliding")[0]
    found.facts.headline[0].score.label = "final_sliding"
    measurement = found.probed().find(Kind.EXCHANGE)
    assert measurement is not None
    assert measurement.holds is Holds.YES
    assert "cross-entropy of a whole row" in measurement.reason
    assert "null" not in found.runs  # and no null run, where nothing changed


@pytest.mark.parametrize(
    ("name", "holds", "condition"),
    [
        ("by_length", Holds.YES, None),
        ("by_length_first", Holds.NO, "C3"),  # its own document before it is scored
        ("by_length_tuned", Holds.NO, "C3"),  # all of them before any is scored
    ],
)
def test_where_documents_have_another_order_what_is_scored_last_is_flipped(
    name: str, holds: Holds, condition: str | None
) -> None:
    made, _ = series(name, documents=True)
    made.facts.headline[0].score.label = "final_ttt"
    found = made.probed()
    assert found.status == "ran", found.reason
    flip = found.find(Kind.FUTURE_FLIP)
    assert flip is not None
    assert flip.holds is holds, flip.reason
    assert flip.compared > 0.5 * samples.LENGTH
    assert "scored with it or later" in flip.reason
    assert {w.condition for w in flip.witnesses} == ({condition} if condition else set())
    late = made.streams.late
    assert late is not None
    assert (np.diff(np.flatnonzero(late)) > 1).any()  # no end of the stream
    assert ((made.streams.future != made.streams.base) <= late).all()
    if holds is Holds.YES:
        assert set(made.runs) == {"base", "future"}
        assert flip.changed == 0


def test_what_counts_along_the_stream_may_know_what_stands_before_whatever_is_scored_last() -> None:
    made, _ = series("by_length_counted", documents=True)
    made.facts.headline[0].score.label = "final_ttt"
    found = made.probed()
    flip = found.find(Kind.FUTURE_FLIP)
    assert flip is not None
    assert made.streams.late is not None
    assert (flip.holds, flip.witnesses) == (Holds.UNKNOWN, ()), flip.reason
    assert "stand behind a changed token" in flip.reason


@pytest.mark.parametrize(("name", "holds"), [("by_length_mixed", Holds.YES), ("by_length_oversold", Holds.NO)])
def test_where_documents_have_another_order_tokens_are_exchanged_in_the_base_run(name: str, holds: Holds) -> None:
    made, _ = series(name, documents=True)
    made.facts.headline[0].score.label = "final_ttt"
    found = made.probed()
    flip, exchange = found.find(Kind.FUTURE_FLIP), found.find(Kind.EXCHANGE)
    assert flip is not None
    assert exchange is not None
    assert (flip.holds, exchange.holds) == (Holds.YES, holds), (flip.reason, exchange.reason)
    assert bool(exchange.witnesses) is (holds is Holds.NO)
    assert "scored with it or later" in flip.reason


def test_what_is_computed_further_is_taken_later_and_in_no_other_order() -> None:
    made, here = series("partly_further")
    made.facts.headline[0].score.label = "final_ttt"
    found = made.probed()
    assert made.streams.late is None
    assert here.exchanges
    exchange = found.find(Kind.EXCHANGE)
    assert exchange is not None
    assert exchange.holds is Holds.YES, exchange.reason


def test_a_copy_that_is_out_of_reach_is_noticed() -> None:
    """Counts made from the stream before the fork do not know the other token: the target flip's own run does."""
    name = "a gate on the token's count, made early"
    body = samples.SAMPLES["a gate on the token's count"]
    samples.SAMPLES[name] = body.replace("pairs, before =", "early = val.float().clone()\npairs, before =").replace(
        "val_np[start + 1 : end + 1]", "early.numpy()[start + 1 : end + 1].astype(np.int64)"
    )
    found = exchanged(name)
    assert found.holds is Holds.UNKNOWN
    assert "otherwise than in a run of its own" in found.reason


def test_terms_that_do_not_belong_to_the_token_are_not_believed() -> None:
    base = samples.run("a power", streams().base.astype(np.int64), Path(tempfile.mkdtemp()))
    from auditor.probe.measure.runs import Read

    read = Read(base, streams().base, "final_mixture", None)
    position = streams().sites[0].position
    tried = (Tried(7, 9, 1.0, 0.1), Tried(8, 8, 1.0, 0.1))
    asked = Asked(position, {7: "drawn", 8: "seen"}, tried, {}, {8: 0.1})
    found = exchange(read, [asked])
    assert found.holds is Holds.UNKNOWN
    assert "could not be exchanged where the script keeps it" in found.reason
    one = replace(asked, known={}, tried=(Tried(7, 7, 1.0, 0.1), Tried(8, 8, 1.0, 0.1)))
    assert "compared with a run of its own" in exchange(read, [one]).reason
    one = replace(asked, tried=(Tried(7, 7, 1.0, 0.1), Tried(8, 8, 1.0, 0.1)))
    alone = exchange(read, [one])
    assert (alone.holds, alone.reported) == (Holds.NO, None)  # once is a hint
    twice = exchange(read, [one, replace(one, position=streams().sites[1].position)])
    assert (twice.holds, twice.reported) == (Holds.NO, True)


def test_what_chance_drew_at_one_position_alone_accuses_nobody() -> None:
    """The bound is too high at one position in a hundred; at two, of which both show it, in ten thousand."""
    base = samples.run("a power", streams().base.astype(np.int64), Path(tempfile.mkdtemp()))
    from auditor.probe.measure.runs import Read

    read = Read(base, streams().base, "final_mixture", None)
    first, second = (site.position for site in streams().sites)
    chosen: dict[int, Chosen] = {9: "seen", **dict.fromkeys(range(10, 30), "drawn")}

    def asked(position: int, score: float) -> Asked:
        tried = (Tried(9, 9, 3.0, 3.0), *(Tried(t, t, 5.0, score) for t in range(10, 30)))
        return Asked(position, chosen, tried, {}, {9: 3.0}, mass=0.9)

    found = exchange(read, [asked(first, 4.5), asked(second, 5.0)])
    assert "drew all have at least 1" in found.reason
    assert (found.holds, found.witnesses) == (Holds.UNKNOWN, ())
    assert exchange(read, [asked(first, 4.5), asked(second, 4.5)]).holds is Holds.NO


def test_too_few_tokens_say_nothing_of_the_others() -> None:
    base = samples.run("a power", streams().base.astype(np.int64), Path(tempfile.mkdtemp()))
    from auditor.probe.measure.runs import Read

    read = Read(base, streams().base, "final_mixture", None)
    tried = (*(Tried(t, t, 5.0, 5.0) for t in range(10, 16)), Tried(9, 9, 3.0, 2.5))
    asked = Asked(
        streams().sites[0].position, {**dict.fromkeys(range(10, 16), "drawn"), 9: "seen"}, tried, {}, {9: 2.5}
    )
    found = exchange(read, [asked])
    assert found.holds is Holds.UNKNOWN
    assert "too few" in found.reason


@pytest.mark.parametrize(
    ("count", "holds", "said"),
    [
        (100, Holds.UNKNOWN, "100 of the 128 tokens of the vocabulary"),
        (128, Holds.NO, "0.5000 of probability together, where a distribution has 1"),
    ],
)
def test_a_part_of_the_vocabulary_tells_no_sum_of_the_whole(count: int, holds: Holds, said: str) -> None:
    from auditor.probe.measure.exchange import summed
    from auditor.probe.measure.runs import Read

    base = samples.run("a power", streams().base.astype(np.int64), Path(tempfile.mkdtemp()))
    each = math.log(2 * samples.VOCABULARY)
    tried = tuple(Tried(token, token, each, each) for token in range(count))
    chosen: dict[int, Chosen] = dict.fromkeys(range(samples.VOCABULARY), "drawn")
    found = summed(
        Read(base, streams().base, "final_mixture", None),
        Asked(streams().sites[-1].position, chosen, tried, {}, {}, whole=True),
    )
    assert found.holds is holds
    assert said in found.reason


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.int64])
def test_every_copy_is_found(kind: Any) -> None:
    stream = np.arange(100, 400)
    held = [stream.astype(kind), stream.astype(kind)[50:150].copy(), stream.tolist()]
    one = Exchange(140, 0, 0, (), tuple(range(220, 244)), 20, (7,))
    found = [(copy, places) for copy, places in forks.found(one) if len(copy) in (300, 100)]
    assert len(found) >= 3
    for copy, places in found:
        assert [int(copy[place]) for place in places] == [240]
    assert held


def test_forks_that_the_kernel_refuses_are_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise PermissionError

    monkeypatch.setattr(forks, "_fork", refused)
    made, here = series("a power")
    here.alone = False  # where it is refused
    found = made.probed().find(Kind.EXCHANGE)
    assert found is not None
    assert found.holds is Holds.UNKNOWN
    assert "no token could be exchanged" in found.reason


def test_forks_that_do_not_end_cost_no_more_than_their_share() -> None:
    """Each ends by its own limit, and none is begun once the time of a position is used up."""
    name = "a power, for ever where a token is another"
    given = 'np.load(os.environ["SAMPLE_STREAM"]).astype(np.int64)[start + 1 : end + 1]'
    samples.SAMPLES[name] = samples.SAMPLES["a power"].replace(
        "p = p**0.8", f"p = p**0.8\n    while (cur != {given}).any():\n        pass"
    )
    made, here = series(name)
    made.options = replace(made.options, seconds=3.0)
    found = made.probed().find(Kind.EXCHANGE)
    assert [one.seconds for one in here.exchanges] == [1.0, 1.0]
    assert 1 < here.forks < 8
    assert found is not None
    assert found.holds is Holds.UNKNOWN
