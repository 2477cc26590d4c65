"""Which runs a claim stands on, and which line of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.claims import Claim, Claims, SeedClaim
from auditor.runs import Run, headline, read_log


def run(seed: int | None, bpb: float, name: str = "", sliding: float | None = None) -> Run:
    lines = [f"seed:{seed}"] if seed is not None else []
    lines += ["model_params:10", "step:1/9 train_loss:2 train_time:5ms", "step:2/9 train_loss:2 train_time:9ms"]
    if sliding is not None:
        lines.append(f"final_sliding_window_exact val_loss:2.1 val_bpb:{sliding:.8f}")
    lines.append(f"final_int8_ttt_exact val_loss:2.0 val_bpb:{bpb:.8f}")
    (read,) = read_log(name or f"logs/{seed}_{bpb}.txt", "\n".join(lines))
    return read


def seeds(*figures: tuple[int, float]) -> tuple[SeedClaim, ...]:
    return tuple(SeedClaim(f"submission.json:seeds.{s}", s, val_bpb=b) for s, b in figures)


def test_claimed_seeds_leave_superseded_logs_out() -> None:
    runs = (run(1, 1.2), run(1, 1.1), run(2, 1.11), run(3, 1.3))
    chosen = headline(runs, Claims(seeds=seeds((1, 1.1), (2, 1.11))))
    assert [(r.seed, r.val_bpb) for r in chosen] == [(1, 1.1), (2, 1.11)]
    assert "claimed for seed 1 in submission.json:seeds.1" in chosen[0].headline_because


PACKED = """\
model_params:10
step:2/9 train_loss:2 train_time:9ms
Serialized model: 87413467 bytes
Code size: 55906 bytes
Total submission size: 87469373 bytes
quant_int6: artifact=15876343 bytes (15.14 MB) total_submission=15932249 bytes
roundtrip_int6: val_loss=1.93 val_bpb=1.145622 eval_time=15523ms
quant_int5: artifact=14042960 bytes (13.39 MB) total_submission=14098866 bytes
roundtrip_int5: val_loss=1.94 val_bpb=1.152391 eval_time=15441ms
quant_int4: artifact=11841296 bytes (11.29 MB) total_submission=11897202 bytes
roundtrip_int4: val_loss=2.05 val_bpb=1.218322 eval_time=15444ms
"""


@pytest.mark.parametrize(
    ("claimed", "size"), [(1.145622, 15_932_249), (1.152391, 14_098_866), (1.218322, 11_897_202), (1.3, 11_897_202)]
)
def test_of_several_packings_the_claimed_one_is_weighed(claimed: float, size: int) -> None:
    (chosen,) = headline(read_log("train.log", PACKED), Claims(val_bpb=Claim(claimed, "submission.json:val_bpb")))
    assert chosen.artifact_bytes == size


def test_the_size_that_stands_behind_a_pass_before_it_was_packed_stays() -> None:
    """A claim of the figure before quantization: the raw model's total comes before it, the artifact's after it."""
    log = PACKED.replace("quant_int6:", "pre_quant val_loss:1.92 val_bpb:1.1401\nquant_int6:")
    (chosen,) = headline(read_log("train.log", log), Claims(val_bpb=Claim(1.1401, "submission.json:val_bpb")))
    assert chosen.val_bpb == 1.1401
    assert chosen.artifact_bytes == 11_897_202


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("  Budget: 16,000,000 bytes", 14_827_660),
        ("budget:15993853/16000000 bytes", 15_993_853),
        ("Budget: 15,993,853 of 16,000,000 bytes", 15_993_853),
    ],
)
def test_a_budget_is_no_size_unless_it_says_what_is_used_up(line: str, size: int) -> None:
    total = "  Total: 14827660 bytes (14.1MB)"
    steps = ["step:1/9 train_loss:2 train_time:5ms", "step:2/9 train_loss:2 train_time:9ms"]
    log = ["model_params:10", *steps, total, line, "final_exact val_loss:4.16 val_bpb:2.46"]
    (read,) = read_log("train.log", "\n".join(log))
    assert read.artifact_bytes == size


def test_all_runs_whose_mean_is_claimed_are_taken_whatever_a_table_says_of_them() -> None:
    runs = (run(42, 1.0783), run(314, 1.0785), run(999, 1.0787))
    table = seeds((42, 1.0784), (314, 1.0786), (999, 1.0785))
    claim = Claim(1.0785, "submission.json:val_bpb")
    assert len(headline(runs, Claims(val_bpb=claim, readme_seeds=table))) == 3
    superseded = (*runs, run(7, 1.2))
    assert len(headline(superseded, Claims(val_bpb=claim, readme_seeds=table))) == 2
    own = seeds((42, 1.0783), (314, 1.0787))
    two = (run(42, 1.0783), run(314, 1.0787), run(999, 1.09))
    assert len(headline(two, Claims(val_bpb=claim, readme_seeds=own))) == 2


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        (" tokens:2048", 2_048),
        ("", 62_021_632),
        (" tokens:62021632", 62_021_632),
        (" tokens:7752704", 62_021_632),  # one of eight ranks' share
        (" peak_tokens:2048", 62_021_632),
    ],
)
def test_a_final_line_says_how_many_tokens_it_covers(said: str, tokens: int) -> None:
    log = ["val_loader:shards:1 tokens:62021632", "model_params:10", "step:1/9 train_loss:2 train_time:5ms"]
    log += [
        f"final_eval val_loss:3.6626 val_bpb:1.9835{said}",
        "final_eval_exact val_loss:3.66264856 val_bpb:1.98346882",
    ]
    (read,) = read_log("train.log", "\n".join(log))
    assert (read.val_bpb, read.val_tokens) == (1.98346882, tokens)


def test_score_moves_to_the_claimed_line() -> None:
    (chosen,) = headline((run(1, 1.1, sliding=1.15),), Claims(seeds=seeds((1, 1.15))))
    assert chosen.val_bpb == 1.15
    assert chosen.score is not None
    assert chosen.score.label == "final_sliding_window_exact"
    assert "submission.json:seeds.1" in chosen.score_because


def test_rounded_claims_match() -> None:
    chosen = headline((run(1, 1.10004999), run(2, 1.2)), Claims(seeds=seeds((1, 1.1))))
    assert [r.seed for r in chosen] == [1]


def test_own_seed_wins_over_an_equal_figure() -> None:
    chosen = headline((run(2, 1.1, "a.txt", sliding=1.3), run(1, 1.1, "b.txt")), Claims(seeds=seeds((1, 1.1))))
    assert [r.log for r in chosen if "claimed for seed 1" in r.headline_because] == ["b.txt"]


def test_mean() -> None:
    runs = (run(1, 1.1), run(2, 1.2), run(3, 1.3), run(4, 1.9))
    chosen = headline(runs, Claims(val_bpb=Claim(1.2, "submission.json:val_bpb")))
    assert [r.seed for r in chosen] == [1, 2, 3]
    assert "mean of these 3 runs" in chosen[0].headline_because


def test_a_table_of_another_pass_does_not_stand_for_the_claimed_mean() -> None:
    runs = (run(1, 1.1, sliding=1.16), run(2, 1.2, sliding=1.26))
    rows = seeds((1, 1.16), (2, 1.26))
    for claims in (Claims(seeds=rows), Claims(readme_seeds=rows)):
        chosen = headline(runs, replace(claims, val_bpb=Claim(1.15, "submission.json:val_bpb")))
        assert [r.val_bpb for r in chosen] == [1.1, 1.2]


@pytest.mark.parametrize(
    "claim",
    [
        1.15004,  # the figure of one of the rows
        1.2,  # the mean of the rows
        1.15008,  # nothing else shows it either
    ],
)
def test_a_table_that_bears_the_claim_or_has_no_rival_is_followed(claim: float) -> None:
    runs = (run(1, 1.1, sliding=1.15), run(2, 1.2, sliding=1.25))
    claims = Claims(val_bpb=Claim(claim, "submission.json:val_bpb"), readme_seeds=seeds((1, 1.15), (2, 1.25)))
    assert [r.val_bpb for r in headline(runs, claims)] == [1.15, 1.25]


def test_one_shipped_log_of_several_claimed_seeds_keeps_its_row() -> None:
    claims = Claims(val_bpb=Claim(1.12, "submission.json:val_bpb"), seeds=seeds((1, 1.1), (2, 1.12001), (3, 1.13999)))
    (chosen,) = headline((run(1, 1.05, sliding=1.1),), claims)
    assert chosen.val_bpb == 1.1


def test_one_figure_brings_the_other_seeds_of_its_configuration() -> None:
    runs = (run(1, 1.1), run(2, 1.101), run(3, 1.4))
    chosen = headline(runs, Claims(val_bpb=Claim(1.1, "submission.json:val_bpb")))
    assert [r.seed for r in chosen] == [1, 2]
    assert "another seed" in chosen[1].headline_because


def test_copies_count_once() -> None:
    runs = (run(1, 1.1, "train_seed1.log"), run(1, 1.1, "copy.log"))
    assert len(headline(runs, Claims())) == 1


def test_nothing_matches() -> None:
    chosen = headline((run(1, 1.1), run(2, 1.3)), Claims(val_bpb=Claim(0.5, "submission.json:val_bpb")))
    assert len(chosen) == 2
    assert "no log shows" in chosen[0].headline_because
    assert headline((), Claims()) == ()


def test_unknown_seed_is_told_by_the_figure() -> None:
    (chosen,) = headline((run(None, 1.1, "train.log"),), Claims(seeds=seeds((7, 1.1))))
    assert chosen.seed == 7
    assert "by the figure" in chosen.seed_source


def test_of_two_logs_that_show_a_figure_the_one_with_the_claimed_steps_is_taken() -> None:
    near, far = run(1, 1.1372, "a.txt"), replace(run(1, 1.1372, "b.txt"), steps=6042, content_digest="b")
    rows = tuple(replace(row, steps=6042) for row in seeds((1, 1.1372)))
    assert [r.log for r in headline((near, far), Claims(seeds=rows))] == ["b.txt"]
    assert [r.log for r in headline((near, far), Claims(seeds=seeds((1, 1.1372))))] == ["a.txt"]


def test_the_loss_beside_the_very_figure_is_taken_not_a_rounded_one() -> None:
    text = (
        "seed:1\nmodel_params:10\nstep:1/9 train_loss:2 train_time:5ms\nstep:2/9 train_loss:2 train_time:9ms\n"
        "final_int8 val_loss:3.5759 val_bpb:1.3844 eval_time:80025ms\n"
        "final_int8_exact val_loss:3.57592604 val_bpb:1.38435241\nvariant=a variant_bpb=1.38435241\n"
    )
    (chosen,) = headline(read_log("a.txt", text), Claims(seeds=seeds((1, 1.38435241))))
    assert (chosen.val_loss, chosen.eval_seconds) == (3.57592604, 80.025)


def test_a_figure_to_the_last_digit_goes_before_a_mean_that_is_near() -> None:
    runs = (run(1, 3.26066687), run(2, 3.26105237), run(3, 3.26090698))
    claim = Claim(3.26090698, "submission.json:val_bpb")  # the mean of the first two lies 0.00005 off
    chosen = headline(runs, Claims(val_bpb=claim))
    assert [r.seed for r in chosen if r.headline_because.startswith("its figure is the one claimed")] == [3]
    rounded = headline(runs[:2], Claims(val_bpb=Claim(3.2609, "submission.json:val_bpb")))
    assert [r.seed for r in rounded] == [1, 2]


def test_seeds_of_another_machine_are_of_another_configuration() -> None:
    claims = Claims(val_bpb=Claim(1.1224, "submission.json:val_bpb"))
    first, second = run(1, 1.1224), run(2, 1.1213)
    assert [r.seed for r in headline((first, second), claims)] == [1, 2]
    for there, here in ((2, 8), (8, None)):
        told = (replace(first, world_size=8), replace(second, world_size=there if here else None))
        assert [r.seed for r in headline(told, claims)] == ([1] if here else [1, 2])
    told = (replace(first, gpu="NVIDIA H100"), replace(second, gpu="NVIDIA RTX A6000"))
    assert [r.seed for r in headline(told, claims)] == [1]


def _two_figures(seed: int, blended: float, gain: float = 0.9) -> Run:
    log = f"""\
seed:{seed}
model_params:10
step:1/9 train_loss:2 train_time:5ms
step:2/9 train_loss:2 train_time:{seed}9ms
final_mixed_exact plain_loss:2.5 mixed_loss:{blended * 1.5} plain_bpb:1.503 mixed_bpb:{blended} gain_bpb:{gain}
final_sliding_window_exact val_loss:2.48 val_bpb:1.47{seed}
"""
    (read,) = read_log(f"{seed}.log", log)
    return read


def test_a_claim_may_be_a_figure_of_another_name_on_a_line_of_several() -> None:
    runs = (_two_figures(1, 0.61),)
    (chosen,) = headline(runs, Claims(val_bpb=Claim(0.61, "submission.json:val_bpb")))
    assert chosen.score is not None
    assert chosen.score.line == 5
    assert (chosen.val_bpb, chosen.val_loss) == (0.61, 0.915)


def test_a_claim_may_be_the_mean_of_such_figures() -> None:
    runs = tuple(_two_figures(seed, 0.6 + 0.01 * seed) for seed in (1, 2, 4))
    chosen = headline(runs, Claims(val_bpb=Claim(0.62333, "submission.json:val_bpb")))
    assert [r.val_bpb for r in chosen] == pytest.approx([0.61, 0.62, 0.64])


@pytest.mark.parametrize("claimed", [0.9, 1.471])
def test_a_gain_beside_a_figure_is_no_score_and_plain_figures_go_first(claimed: float) -> None:
    (chosen,) = headline((_two_figures(1, 0.61),), Claims(val_bpb=Claim(claimed, "submission.json:val_bpb")))
    assert chosen.score is not None
    assert chosen.score.line == 6
