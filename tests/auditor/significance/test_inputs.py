"""What is wrong about evidence is named, and changes the answer or refuses it."""

from __future__ import annotations

from datetime import date

import pytest

from auditor.commands import stats_law
from auditor.significance.compare import compare, two_sided
from auditor.significance.inputs import from_values, pooled
from auditor.significance.model import Comparison, Side
from auditor.submission import Submission, SubmissionFile
from rules.examples import folders as examples

BASE = [1.1060, 1.1064, 1.1057]


def submission(**changes: object) -> Submission:
    files = examples.folder(**changes)  # type: ignore[arg-type]
    shipped = [
        SubmissionFile(path, len(data), data.encode() if isinstance(data, str) else data)
        for path, data in files.items()
    ]
    return Submission("folder", "records/track_10min_16mb/2026-04-10_Example", tuple(shipped))


def side(**changes: object) -> Side:
    return stats_law.side_of(stats_law.facts_of(submission(**changes)))


def answer(new: Side, base: Side | None = None) -> Comparison:
    return compare(new, base or from_values(BASE, "base"), stats_law.terms(date(2026, 4, 10)))


def codes(found: Side) -> dict[str, str]:
    return {remark.code: remark.effect for remark in found.remarks}


def untestable(found: Comparison) -> bool:
    """Neither bar has an answer, and nowhere stands a p."""
    bars = all(b.met is None and b.p is None and not b.tests and b.power is None for b in found.bars)
    return bars and all(m.welch is None and m.permutation is None for m in found.measured)


def test_three_seeds_are_taken_as_they_are() -> None:
    found = side()
    assert found.remarks == ()
    assert sorted(f.val_bpb for f in found.figures) == [1.0998, 1.1001, 1.1004]
    assert (found.claimed, found.date) == (pytest.approx(1.1001), "2026-04-10")
    tested = answer(found)
    assert [b.met for b in tested.bars] == [True, True]
    assert tested.deciding is not None
    assert tested.deciding.bar.id == "progression"


def test_one_seed() -> None:
    found = side(logs={42: examples.log(42, 1.1)})
    assert codes(found) == {"one-seed": "refused"}
    tested = answer(found)
    assert untestable(tested)
    # The second opinion is there, and decides nothing.
    assert all(b.known_sd is not None and 0 < b.known_sd.p < 1 for b in tested.bars)
    assert untestable(answer(side(), from_values([1.2], "base")))


def test_zero_variance() -> None:
    found = side(logs={seed: examples.log(seed, 1.1, steps=6000 + seed) for seed in (42, 314, 999)})
    assert codes(found) == {"zero-variance": "refused"}
    assert untestable(answer(found))
    typed = from_values([1.1, 1.1, 1.1], "typed")
    assert codes(typed) == {"zero-variance": "refused"}
    assert untestable(answer(typed))
    assert untestable(answer(side(), typed))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0, 1e308])
def test_what_is_no_number(value: float) -> None:
    typed = from_values([1.1, value, 1.2], "typed")
    assert codes(typed)["not-a-number"] == "refused"
    tested = answer(typed)
    assert untestable(tested)
    assert tested.measured == ()


def test_a_seed_that_diverged_cannot_be_left_out() -> None:
    broken = (
        examples.log(999, 1.1).replace("val_bpb:1.10000000", "val_bpb:nan").replace("val_bpb:1.1000", "val_bpb:nan")
    )
    assert "val_bpb:nan" in broken
    found = side(logs=examples.seeds((1.1001, 1.0998)), extra={"train_seed999.log": broken})
    assert codes(found)["not-a-number"] == "refused"
    assert untestable(answer(found))


def test_the_same_seed_twice_counts_once() -> None:
    found = side(
        logs=examples.seeds((1.1001, 1.0998)),
        extra={"rerun.log": examples.log(42, 1.1011, steps=6010)},
        submission={"seed_results": None, "val_bpb": 1.10033333, "seeds": None},
        readme="# Example\n",
    )
    assert codes(found)["same-seed"] == "changed"
    assert sorted(f.val_bpb for f in found.figures) == [1.0998, pytest.approx((1.1001 + 1.1011) / 2)]


def test_a_log_that_is_a_copy_counts_once() -> None:
    found = side(extra={"train.log": examples.log(42, 1.1001)})
    assert codes(found) == {"copy": "changed"}
    assert len(found.figures) == 3
    renamed = side(logs={seed: examples.log(seed, 1.1) for seed in (42, 314, 999)})
    assert "under 3 seeds" in " ".join(r.message for r in renamed.remarks)
    assert untestable(answer(renamed))


def test_seeds_of_different_configurations_are_refused() -> None:
    logs = {
        seed: examples.log(seed, bpb, hyperparameters={"num_layers": layers, "seed": seed})
        for seed, bpb, layers in ((42, 1.1001, 9), (314, 1.0998, 9), (999, 1.1004, 10))
    }
    found = side(logs=logs)
    assert codes(found) == {"mixed-settings": "refused"}
    tested = answer(found)
    assert untestable(tested)
    assert all(b.known_sd is None for b in tested.bars)  # no second opinion on a mixture either


def test_seeds_of_different_code_are_tested_both_ways() -> None:
    logs = {**examples.seeds(), 999: examples.log(999, 1.0994, code_bytes=48_030)}
    found = side(logs=logs)
    assert codes(found) == {"mixed-code": "changed"}
    assert sorted(f.val_bpb for f in found.stricter) == [1.0998, 1.1001]
    base = from_values([1.1003, 1.1001, 1.1006], "base")
    with_all = answer(side(logs=examples.seeds((1.1001, 1.0998, 1.0994))), base).bars[1].p
    tested = answer(found, base)
    assert tested.new.figures == found.stricter
    assert tested.bars[1].p is not None
    assert with_all is not None
    assert tested.bars[1].p > with_all
    # Where the odd one is the worse one, it stays in.
    worse = answer(side(logs={**examples.seeds(), 999: examples.log(999, 1.1020, code_bytes=48_030)}), base)
    assert len(worse.new.figures) == 3


def test_seeds_claimed_without_a_log_do_not_count() -> None:
    rows = {str(seed): {"val_bpb": bpb} for seed, bpb in ((42, 1.1001), (314, 1.0998), (999, 1.1004))}
    found = side(logs=examples.seeds((1.1001, 1.0998)), submission={"seed_results": rows, "val_bpb": 1.1001})
    assert codes(found)["fewer-logs"] == "changed"
    assert len(found.figures) == 2


def test_logs_left_out_of_the_claim_are_counted_in() -> None:
    chosen = examples.folder(logs=examples.seeds())
    bad = examples.log(7, 1.1031, steps=5990, code_bytes=len(str(chosen["train_gpt.py"]).encode()))
    found = side(logs=examples.seeds(), extra={"train_seed7.log": bad})
    assert codes(found) == {"subset": "changed"}
    assert len(found.figures) == 4
    assert "train_seed7.log" in found.remarks[0].message
    assert "train_seed7.log" not in chosen
    fair, picked = answer(found).bars[1].p, answer(side()).bars[1].p
    assert fair is not None
    assert picked is not None
    assert fair > picked


def test_a_log_of_another_configuration_beside_the_claim_stays_out() -> None:
    other = examples.log(7, 1.1031, steps=5990, code_bytes=50_000)
    assert side(logs=examples.seeds(), extra={"ablation.log": other}).remarks == ()
    lines = examples.log(7, 1.1031, steps=5990).splitlines(keepends=True)
    unknown = "".join(line for line in lines if "size" not in line.lower() and "Serialized" not in line)
    assert side(logs=examples.seeds(), extra={"ablation.log": unknown}).remarks == ()


def test_claims_that_differ_from_the_logs_lose() -> None:
    rows = {str(seed): {"val_bpb": bpb} for seed, bpb in ((42, 1.09), (314, 1.0998), (999, 1.1004))}
    found = side(submission={"seed_results": rows, "val_bpb": 1.0967})
    assert codes(found)["claim-differs"] == "changed"
    assert sorted(f.val_bpb for f in found.figures) == [1.0998, 1.1001, 1.1004]


def test_no_log_at_all() -> None:
    found = side(drop=("train_seed42.log", "train_seed314.log", "train_seed999.log"))
    assert codes(found)["no-figure"] == "refused"
    assert untestable(answer(found))


def test_reproductions_are_pooled_without_copies() -> None:
    one = from_values([1.1], "first")
    more = pooled(one, [from_values([1.1002, 1.0999], "rerun")], two_sided)
    assert len(more.figures) == 3
    assert codes(more) == {"pooled": "changed"}
    assert more.name == "first + rerun"
    again = pooled(side(), [side()], two_sided)
    assert codes(again)["copy"] == "changed"
    assert len(again.figures) == 3
    apart = pooled(side(), [from_values([1.2001, 1.2002, 1.2004], "other")], two_sided)
    assert any("mixes two things" in r.message for r in apart.remarks)


def test_units_across_tokenizers_are_converted_and_said() -> None:
    new = side()  # 2.436 bytes per token
    base = stats_law.source("1493", None)[0]
    tested = answer(new, base)
    nats = tested.in_unit("nats")
    bpb = tested.in_unit("bpb")
    assert "another tokenizer" in tested.units_note
    assert nats is not None
    assert bpb is not None
    assert tested.bytes_per_token is not None
    assert nats.base.mean == pytest.approx(bpb.base.mean * 0.6931471805599453 * tested.bytes_per_token)
    same = answer(side(), stats_law.source("1019", None)[0])
    assert "losses as logged" in same.units_note
    logged = same.in_unit("nats")
    assert logged is not None
    assert logged.base.mean == pytest.approx(1.88217853, abs=1e-8)


def test_without_bytes_per_token_the_margin_cannot_be_tested() -> None:
    tested = answer(from_values([1.1, 1.1002, 1.0999], "new"))
    readme, progression = tested.bars
    assert (readme.met, readme.p) == (None, None)
    assert "bytes-per-token" in readme.reason
    assert progression.met is True


def test_each_bar_has_its_own_level() -> None:
    """#549 against #414: above the margin at p = 0.044, which is not below 0.01."""
    tested = answer(stats_law.source("549", None)[0], stats_law.source("414", None)[0])
    readme, progression = tested.bars
    assert readme.p == pytest.approx(0.0444, abs=1e-4)
    assert (readme.met, progression.met) == (False, True)
