"""Scripts that score legally and not, recorded and measured: what each must and must not be witnessed for."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import probe_samples as samples
import pytest
from probe_measured import measured, of

from auditor.probe.job import STEP
from auditor.probe.measure import Claim, Runs, Stream, measure
from auditor.probe.measure.runs import Read
from auditor.probe.model import Holds, Kind, Measurement

pytest.importorskip("torch", reason="the recorder runs beside torch")


YES, NO, UNKNOWN = Holds.YES, Holds.NO, Holds.UNKNOWN


LEGAL = [
    "sliding",
    "mean",
    "score_first",
    "ngram",
    "log_softmax",
    "unnormalized",
    "token_by_token",
    "wrong_bytes",
    "tempered",
    "side_by_side",
]


@pytest.mark.parametrize("name", LEGAL)
def test_a_causal_script_is_not_witnessed(name: str) -> None:
    found = measured(name)
    assert [m for m in found.measurements if m.witnesses] == []
    for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP):
        flip = of(name, kind)
        assert (flip.holds, flip.changed, flip.reported) == (YES, 0, True), flip.reason
        assert flip.compared > 400
        assert flip.effect == flip.noise == 0.0


@pytest.mark.parametrize(
    ("name", "holds", "said"),
    [
        ("sized", YES, "none of"), ("sized_future_leak", Holds.NO, "changed"),
        ("sized_coarsely", Holds.UNKNOWN, "by more than rounding does"),
    ],
)  # fmt: skip
def test_what_other_sizes_of_batches_do_is_measured(name: str, holds: Holds, said: str) -> None:
    """By a run of the same stream without its end; without it a change in such batches says nothing."""
    base, future, target = samples.streams()
    folder = Path(tempfile.mkdtemp())
    recordings = [samples.run(name, stream, folder) for stream in (base, base, future, target)]
    stream = Stream(base, future, target, samples.FLIP, samples.TARGET, samples.true_bytes(base), samples.VOCABULARY)
    before = measure(Runs(*recordings), stream, Claim())
    assert before.resized
    flip = next(m for m in before.measurements if m.kind is Kind.FUTURE_FLIP)
    assert (flip.holds, flip.witnesses) == (Holds.UNKNOWN, ())
    assert "batches of other sizes" in flip.reason
    resized = samples.run(name, base[:-STEP], folder)
    flip = next(
        m for m in measure(Runs(*recordings, resized=resized), stream, Claim()).measurements
        if m.kind is Kind.FUTURE_FLIP
    )  # fmt: skip
    assert (flip.holds, bool(flip.witnesses)) == (holds, holds is Holds.NO), flip.reason
    assert said in flip.reason
    assert not measured("sliding").resized


def test_documents_in_another_order_may_adapt_to_what_is_scored() -> None:
    """Longest first: what is flipped may be scored, and trained on, before documents that stand before it."""
    found = measured("by_length")
    assert [m for m in found.measurements if m.witnesses] == []
    flip = of("by_length", Kind.FUTURE_FLIP)
    assert flip.holds is UNKNOWN
    assert "of documents that were scored after changed ones" in flip.reason
    first = of("by_length_first", Kind.FUTURE_FLIP)
    assert first.holds is NO  # its own document before it is scored
    assert {w.condition for w in first.witnesses} == {"C3"}


@pytest.mark.parametrize(
    ("name", "condition", "at_least", "first"),
    [
        ("adapt_first", "C3", 300, 1001),  # the chunk that holds the flip begins at 1,000
        ("pre_quant", "C3", 1100, 1),
        ("slot", "C3", 20, 1329),  # the batch of windows that holds the flip
        ("two_pass", "C3", 1100, 1),
        ("final_epoch", "C3", 300, 1001),
        ("minimum", "C3", 800, 1),
        ("future_leak", "C1", 1, 1337),
        ("future_leak_trained", "C1", 1, 1337),
        ("ngram_two_pass", "C1", 900, 1),
        ("ngram_rescored_start", "C1", 400, 1),
    ],
)
def test_what_depends_on_later_tokens_is_witnessed(name: str, condition: str, at_least: int, first: int) -> None:
    flip = of(name, Kind.FUTURE_FLIP)
    assert (flip.holds, flip.reported, flip.flipped) == (NO, True, samples.FLIP)
    assert flip.changed >= at_least
    assert {w.condition for w in flip.witnesses} == {condition}
    assert min(w.position for w in flip.witnesses) >= first
    assert all(w.position < samples.FLIP and w.before != w.after and w.label for w in flip.witnesses)
    assert all(w.location is not None and w.location.path == "train_gpt.py" for w in flip.witnesses)
    assert flip.effect is not None
    assert flip.effect > 1e-3
    assert flip.profile
    assert max(p for p, _ in flip.profile) < samples.FLIP


def test_a_distribution_that_saw_its_target_is_witnessed() -> None:
    flip = of("target_in_logits", Kind.TARGET_FLIP)
    assert of("target_in_logits", Kind.FUTURE_FLIP).holds is YES
    assert flip.holds is NO
    assert [(w.condition, w.position) for w in flip.witnesses] == [("C1", samples.TARGET)]


def test_noise_is_not_taken_for_change() -> None:
    assert of("noise", Kind.DETERMINISM).holds is NO
    for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP):
        assert (of("noise", kind).holds, of("noise", kind).witnesses) == (UNKNOWN, ())
    assert of("sliding", Kind.DETERMINISM).holds is YES


def test_small_noise_raises_the_bar() -> None:
    assert 0.0 < (of("faint_noise", Kind.DETERMINISM).noise or 0.0) < 1e-3
    assert of("faint_noise", Kind.FUTURE_FLIP).holds is YES
    assert of("faint_noise_pre_quant", Kind.FUTURE_FLIP).holds is NO


@pytest.mark.parametrize(
    ("name", "holds", "changed", "words"),
    [
        ("sliding", YES, 0, "each of 2,000 positions"),
        ("side_by_side", NO, 20, "20 of 2,000 positions are never scored"),
        ("mean", NO, 16, "the last 16 of 2,000"),
        ("token_by_token", NO, 1401, "never scored"),
        ("twice", NO, 1936, "more than once"),
    ],
)
def test_every_position_is_counted(name: str, holds: Holds, changed: int, words: str) -> None:
    count = of(name, Kind.SCORE_COUNT)
    assert (count.holds, count.changed) == (holds, changed)
    assert words in count.reason
    assert {w.condition for w in count.witnesses} == ({"C4"} if name == "twice" else set())


def test_a_few_positions_at_the_end_scored_twice_are_no_witness() -> None:
    count = of("tail_twice", Kind.SCORE_COUNT)
    assert count.holds is NO
    assert count.changed == 32
    assert count.witnesses == ()


def test_normalization() -> None:
    assert of("log_softmax", Kind.NORMALIZATION).holds is YES
    assert of("sliding", Kind.NORMALIZATION).holds is YES
    broken = of("unnormalized", Kind.NORMALIZATION)
    assert (broken.holds, broken.changed) == (NO, 2000)
    assert broken.effect == pytest.approx(0.028, abs=1e-3)  # 0.9 + 128 * 0.001 - 1
    assert of("ngram", Kind.NORMALIZATION).holds is UNKNOWN


def test_runs_that_did_not_end_are_not_checked() -> None:
    base, future, target = samples.streams()
    recording = samples.run("sliding", base, Path(tempfile.mkdtemp()))
    stream = Stream(base, future, target, samples.FLIP, samples.TARGET, None, samples.VOCABULARY)
    found = measure(Runs(recording, missing={"future": "killed"}), stream, Claim())
    flip, _, count, number, _, _, control = found.measurements
    assert (flip.holds, flip.reason) == (UNKNOWN, "the run did not end: killed")
    assert control.holds is UNKNOWN
    assert count.holds is YES
    assert "could not be checked" in number.reason


def test_a_few_scores_that_do_not_change_say_nothing_of_the_others() -> None:
    for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP):
        flip = of("scattered", kind)
        assert flip.holds is UNKNOWN
        assert flip.compared > 0
        assert "of 2,000 scores alone" in flip.reason
    assert of("scattered", Kind.SCORE_COUNT).holds is not NO


def test_without_the_null_control_nothing_is_compared() -> None:
    base, future, target = samples.streams()
    folder = Path(tempfile.mkdtemp())
    recordings = [samples.run("pre_quant", stream, folder) for stream in (base, future)]
    stream = Stream(base, future, target, samples.FLIP, samples.TARGET, None, samples.VOCABULARY)
    flip = measure(Runs(recordings[0], future=recordings[1]), stream, Claim()).measurements[0]
    assert (flip.holds, flip.witnesses) == (UNKNOWN, ())


def test_measurements_come_in_the_order_of_a_report() -> None:
    assert [m.kind for m in measured("sliding").measurements] == list(Kind)


def test_the_same_recordings_give_the_same_measurements() -> None:
    first = measured("slot")
    measured.cache_clear()
    assert measured("slot") == first


def test_streams_of_the_samples_differ_where_they_say() -> None:
    base, future, target = samples.streams()
    assert np.flatnonzero(base != future)[0] == samples.FLIP
    assert np.flatnonzero(base != target).tolist() == [samples.TARGET]


def test_what_was_chosen_by_later_scores_is_no_hold() -> None:
    flip = of("selected", Kind.FUTURE_FLIP)
    assert (flip.holds, flip.witnesses) == (UNKNOWN, ())
    assert "something was chosen by scores up to position 2,000" in flip.reason
    for how in ("being_the_least", "the_rest", "name", "a_difference", "a_gain", "a_ratio", "whole_numbers"):
        assert of(f"selected_by_{how}", Kind.FUTURE_FLIP).holds is UNKNOWN, how
    assert of("the_lesser_is_printed", Kind.FUTURE_FLIP).holds is YES  # of two figures; nothing is decided by it
    assert of("score_first", Kind.FUTURE_FLIP).holds is YES
    assert of("selected_against_nothing", Kind.FUTURE_FLIP).holds is YES
    assert of("selected_elsewhere", Kind.FUTURE_FLIP).holds is YES  # on training text that has a phrase of the stream


@pytest.mark.parametrize(
    ("name", "holds"), [("gradients_for_nothing", UNKNOWN), ("gradients_put_aside", UNKNOWN), ("masked_ahead", YES)]
)
def test_gradients_of_what_is_not_scored_yet_that_move_nothing_are_no_hold(name: str, holds: Holds) -> None:
    """A rate of nothing here may be one at full size; what is masked out of a loss is in no gradient."""
    flip = of(name, Kind.FUTURE_FLIP)
    assert (flip.holds, flip.changed) == (holds, 0), flip.reason
    if holds is UNKNOWN:
        assert "gradients were taken of" in flip.reason


def test_a_smoothed_loss_is_not_what_the_row_gives_its_target() -> None:
    assert of("smoothed_loss", Kind.EXCHANGE).holds is UNKNOWN  # each is computed further, and none was exchanged
    assert of("smoothed_loss", Kind.REPORTED_NUMBER).holds is YES  # all the same the figure is their mean


def test_positions_that_one_run_alone_scores_twice_are_no_witness() -> None:
    base, future, target = samples.streams()
    folder = Path(tempfile.mkdtemp())
    twice = [samples.run("twice", tokens, folder) for tokens in (base, future)]
    held = [samples.run("sliding", tokens, folder) for tokens in (future, target)]
    stream = Stream(base, future, target, samples.FLIP, samples.TARGET, None, samples.VOCABULARY)

    def counted(*others: Any) -> Measurement:
        found = measure(Runs(twice[0], None, *others), stream, Claim())
        return next(m for m in found.measurements if m.kind is Kind.SCORE_COUNT)

    alone, again = counted(*held), counted(twice[1], held[1])
    assert (alone.holds, alone.witnesses) == (UNKNOWN, ())
    assert "no run with other tokens showed it again" in alone.reason
    assert again.holds is NO
    assert {w.condition for w in again.witnesses} == {"C4"}


def test_a_flip_that_no_other_repeats_is_no_witness() -> None:
    """As of a race: one run of five comes out otherwise."""
    base, future, target = samples.streams()
    folder = Path(tempfile.mkdtemp())
    plain = samples.run("sliding", base, folder)
    broken = samples.run("pre_quant", future, folder)
    held, again = samples.run("sliding", target, folder), samples.run("sliding", samples.another(base), folder)
    stream = Stream(base, future, target, samples.FLIP, samples.TARGET, None, samples.VOCABULARY, samples.another(base))
    resized = samples.run("sliding", base[:-STEP], folder)
    found = measure(Runs(plain, plain, broken, held, again=again, resized=resized), stream, Claim())
    flip = next(m for m in found.measurements if m.kind is Kind.FUTURE_FLIP)
    assert (flip.holds, flip.witnesses) == (UNKNOWN, ())
    assert "nothing changed" in flip.reason


def test_what_was_scored_by_then_was_so_with_a_gradient_as_well_where_the_figure_is_made_of_such() -> None:
    base, _, _ = samples.streams()
    for name, least, most in (("final_epoch", 350, 500), ("score_first", 40, 165)):  # a whole chunk in each epoch; none
        read = Read(samples.run(name, base, Path(tempfile.mkdtemp())), base, "")
        assert read.scores is not None
        at = np.flatnonzero(read.position[read.scores.row] == 100)[0]
        known = read.scored_by(int(read.sequence[read.scores.row][at]))
        assert least <= len(known) <= most, (name, len(known))


@pytest.mark.parametrize(("name", "holds"), [("masked_ahead", YES), ("masked_little", UNKNOWN)])
def test_what_is_masked_out_of_a_batch_is_asked_for_by_another_token_there(name: str, holds: Holds) -> None:
    """Where no flip was among those positions; 800 to 849 are in a batch that is trained on before they are scored."""
    base, _, _ = samples.streams()
    late = np.zeros(len(base), dtype=bool)
    late[1960:1990] = True
    future, again, masked = (np.where(late, 1 + (base + k) % (samples.VOCABULARY - 1), base) for k in (5, 40, 0))
    masked[825] = 1 + (base[825] + 6) % (samples.VOCABULARY - 1)
    folder = Path(tempfile.mkdtemp())
    stream = Stream(base, future, base, 1960, 860, None, samples.VOCABULARY, again, late, masked)
    runs = Runs(*(samples.run(name, tokens, folder) for tokens in (base, base, future)))
    for found, expected in (
        (measure(runs, stream, Claim()), UNKNOWN),
        (measure(replace(runs, masked=samples.run(name, masked, folder)), stream, Claim()), holds),
    ):
        flip = next(m for m in found.measurements if m.kind is Kind.FUTURE_FLIP)
        assert (flip.holds, flip.witnesses) == (expected, ()), flip.reason
    assert ("another token at 825" in flip.reason) is (holds is YES)
