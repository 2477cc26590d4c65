"""Times and sizes that prose states."""

from __future__ import annotations

import pytest

from auditor.claims.sizes import artifact_size
from auditor.claims.times import stated_adaptation, stated_times


def said(line: str) -> tuple[float | None, float | None]:
    train, evaluation = stated_times([("README.md:1", line)], "train"), stated_times([("README.md:1", line)], "eval")
    return (train.value if train else None, evaluation.value if evaluation else None)


@pytest.mark.parametrize(
    ("line", "train", "evaluation"),
    [
        ("- Training time: 600s wallclock per seed", 600, None),
        ("8xH100 SXM | 600s train, ~500s eval", 600, 500),
        ("- **Training under 600s** on all 3 seeds (~588 s actual).", 588, None),
        ("Training < 600s (588s). Eval < 600s (523s: 377s TTT + 98s sliding)", 588, 523),
        ("- eval_time <= 600s: 519.5s", None, 519.5),
        ("- Eval time: 578-584s (within 600s budget)", None, 584),
        ("All seeds train in \u2264600s", 600, None),
        ("| Wallclock cap | none (~80 min on 1xH200) |", 4800, None),
        ("| **Total eval** | **~547s (< 10 min)** |", None, 547),
        ("| Sliding eval | 86s |", None, None),
        ("Measured eval time (8xH100): **~88s**, within the 600s eval budget", None, 88),
        ("**Hardware:** 1x H100 SXM, 600 seconds per run", 600, None),
        ("600s train + 465s TTT + 187s eval", 600, 652),
        ("Training is under 600 seconds. Eval is under 600 seconds.", None, None),
        ("saves ~1.4ms/step, more steps in the 600s budget", None, None),
        ("- Total: ~1020s (within 600s train + 600s eval budgets)", None, None),
        ("a stride of 256 is recommended (estimated ~5 min eval, a gain of 0.02)", None, None),
        ("Quantized sliding-window eval: `eval_time=134105ms`", None, None),
        ("8xH100 SXM, 339s eval", None, 339),
        ("Eval ops total ~700-720s (sliding 115s + TTT 290s plus quantized eval ~30s)", None, 720),
    ],
)
def test_the_time_of_a_phase(line: str, train: float | None, evaluation: float | None) -> None:
    assert said(line) == (train, evaluation)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("  TTT total time: 705s", 705),
        ("| **TTT time** | ~260s | ~157s |", 260),
        ("Total TTT time: 12 min on 8xH100", 720),
        ("- Test-time training total: 410.5 s", 410.5),
        ("TTT time reduced from ~260s to ~157s", None),
        ("TTT phase 1: 100 epochs, lr=0.01", None),
    ],
)
def test_the_time_of_a_whole_test_time_training(line: str, seconds: float | None) -> None:
    claim = stated_adaptation([("README.md:1", line)])
    assert (claim.value if claim else None) == seconds


def test_the_row_of_the_whole_comes_before_an_aside() -> None:
    lines = [("README.md:1", "8xH100 SXM, 600s"), ("README.md:2", "| Training time | 588 s |")]
    claim = stated_times(lines, "train")
    assert claim is not None
    assert (claim.value, claim.where) == (588, "README.md:2")


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("**val_bpb: 1.1147** (3-seed mean) | **~15.91 MB** | 8xH100 SXM", 15_910_000),
        ("The maximum artifact is **15,984,387 bytes**, under the 16,000,000-byte cap.", 15_984_387),
        ("| Artifact | 15.79MB (15,794,883 bytes) |", 15_794_883),
        ("Total submission size: 15 988 293 bytes", 15_988_293),
        ("The fp32 checkpoint on disk is 68,157,440 bytes before int8.", None),
        ("cond tokens=47851520 bytes=164594398 mix", None),
        ("Artifacts stay under 16,000,000 bytes.", None),
        ("int5 for the MLP saves 1.75 MB of the artifact", None),
        ("| Artifact | 15.86 MB | 14.82 MB |", None),
        ("the head (1.05 MB / 7 % of the artifact)", None),
        ("The dataset has 8,000,000,000 bytes", None),
    ],
)
def test_a_size_is_the_artifacts_only_where_the_sentence_says_so(line: str, size: int | None) -> None:
    claim = artifact_size([line], "README.md")
    assert (claim.value if claim else None) == size
