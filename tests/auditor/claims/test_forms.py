"""The same claims in the forms that people give them: tables of every kind, lists, sentences, nested keys."""

from __future__ import annotations

import json

import pytest

from auditor.claims import Claims, read_claims
from auditor.claims.model import SeedClaim
from auditor.submission import Submission, SubmissionFile

FIGURES = {42: 1.1187, 1337: 1.1190, 7: 1.1201}


def claims(readme: str | None = None, fields: object = None) -> Claims:
    files = []
    for name, text in (("README.md", readme), ("submission.json", None if fields is None else json.dumps(fields))):
        if text is not None:
            files.append(SubmissionFile(name, len(text.encode()), text.encode()))
    folder = "records/track_10min_16mb/2026-04-05_Example"
    return read_claims(Submission("folder", folder, tuple(files), track="track_10min_16mb"))


def of(rows: tuple[SeedClaim, ...]) -> dict[int | None, float | None]:
    return {row.seed: row.val_bpb for row in rows}


def table(header: str, row: str) -> str:
    rule = "|".join("---" for _ in header.strip("|").split("|"))
    rows = "\n".join(row.replace("SEED", str(seed)).replace("BPB", f"{bpb:.4f}") for seed, bpb in FIGURES.items())
    return f"{header}\n|{rule}|\n{rows}\n"


def lines(row: str, begin: str = "", end: str = "") -> str:
    rows = "\n".join(row.replace("SEED", str(seed)).replace("BPB", f"{bpb:.4f}") for seed, bpb in FIGURES.items())
    return f"{begin}{rows}\n{end}"


READMES = {
    "seeds in another column": table("| Run | BPB |", "| Seed SEED | BPB |"),
    "metrics and values": table("| Metric | Value |", "| Seed SEED | BPB |"),
    "seed in a metric's name": table("| Metric | Value |", "| val_bpb (seed SEED) | BPB |"),
    "assignments": table("| Run | val_bpb |", "| seed=SEED | BPB |"),
    "names of logs": table("| Log | val_bpb |", "| train_seedSEED.log | BPB |"),
    "links": table("| Seed | val_bpb |", "| [SEED](train_seedSEED.log) | BPB |"),
    "signs in headings": table("| \U0001f331 Seed | \U0001f4c9 val_bpb |", "| SEED | BPB \u2705 |"),
    "bits per byte": table("| Seed | Bits per byte |", "| SEED | BPB |"),
    "no rule": lines("| SEED | BPB |", "| Seed | val_bpb |\n"),
    "grid": lines("| SEED | BPB |\n+----+----+", "+----+----+\n| Seed | val_bpb |\n+====+====+\n"),
    "reStructuredText": lines("SEED  BPB", "====  =======\nSeed  val_bpb\n====  =======\n", "====  =======\n"),
    "columns in a fence": lines("SEED     BPB", "```\nseed   val_bpb\n", "mean   1.1193\n```\n"),
    "CSV in a fence": lines("SEED,BPB", "```csv\nseed,val_bpb\n", "```\n"),
    "HTML": lines(
        "<tr><td>SEED</td><td>BPB</td></tr>", "<table><tr><th>Seed</th><th>val_bpb</th></tr>\n", "</table>\n"
    ),
    "turned": "| Metric | s42 | s1337 | s7 |\n|---|---|---|---|\n| val_bpb | 1.1187 | 1.1190 | 1.1201 |\n",
    "turned, bare": "| Metric | 42 | 1337 | 7 |\n|---|---|---|---|\n| val_bpb | 1.1187 | 1.1190 | 1.1201 |\n",
    "below a paragraph with pipes": "**1.1193 BPB** | 15.9 MB\n" + table("| Seed | val_bpb |", "| SEED | BPB |"),
    "list": lines("- Seed SEED: BPB", end="- Mean: 1.1193\n"),
    "list of assignments": lines("- `seed=SEED`: **BPB**"),
    "fields": lines("seed=SEED val_bpb=BPB", "```\n", "```\n"),
    "pairs": "3-seed results: 42: 1.1187, 1337: 1.1190, 7: 1.1201 (mean 1.1193), three seeds\n",
    "parallel": "Seeds 42/1337/7: 1.1187 / 1.1190 / 1.1201 val_bpb\n",
    "past line 60": "word\n" * 90 + table("| Seed | val_bpb |", "| SEED | BPB |"),
}


@pytest.mark.parametrize("readme", READMES.values(), ids=READMES)
def test_seeds_of_a_readme(readme: str) -> None:
    assert of(claims(readme).readme_seeds) == FIGURES


@pytest.mark.parametrize(
    "line",
    ["Seed 42: pre-quant 1.1187", "Seed 42 baseline: 1.1187", "Seed 42 was used; the gain is 0.0123", "| Seed 42 |"],
)
def test_other_figures_of_a_seed(line: str) -> None:
    assert of(claims(line).readme_seeds).get(42) is None


OBJECTS: dict[str, object] = {
    "a key for each seed": {f"val_bpb_seed{seed}": bpb for seed, bpb in FIGURES.items()},
    "seed first": {f"seed_{seed}_val_bpb": bpb for seed, bpb in FIGURES.items()},
    "short": {f"bpb_s{seed}": bpb for seed, bpb in FIGURES.items()},
    "pairs": {"seeds": [[seed, bpb] for seed, bpb in FIGURES.items()]},
    "texts": {"seeds": [f"{seed}: {bpb:.4f}" for seed, bpb in FIGURES.items()]},
    "objects in objects": {"runs": [{"seed": seed, "metrics": {"val_bpb": bpb}} for seed, bpb in FIGURES.items()]},
    "deep": {"submission": {"results": {"per_seed": {str(s): {"val_bpb": bpb} for s, bpb in FIGURES.items()}}}},
    "parallel": {"results": {"seeds": list(FIGURES), "val_bpb": list(FIGURES.values())}},
}


@pytest.mark.parametrize("fields", OBJECTS.values(), ids=OBJECTS)
def test_seeds_of_an_object(fields: object) -> None:
    assert of(claims(fields=fields).seeds) == FIGURES


@pytest.mark.parametrize(
    "fields",
    [
        {"valBpb": 1.1193},
        {"val-bpb": 1.1193},
        {"Val BPB": "1.1193 \u00b1 0.0007"},
        {"metrics": {"final": {"val_bpb": 1.1193}}},
        {"metrics": {"val": {"bpb": 1.1193}}},
        {"submission": {"results": {"mean_val_bpb": 1.1193}}},
    ],
)
def test_score_of_an_object(fields: object) -> None:
    found = claims(fields=fields).val_bpb
    assert found is not None
    assert found.value == pytest.approx(1.1193)


def test_sizes_in_an_object_of_their_own() -> None:
    found = claims(fields={"val_bpb": 1.1, "bytes": {"total": 15_900_000, "code": 50_000}})
    assert found.artifact_bytes is not None
    assert found.code_bytes is not None
    assert (found.artifact_bytes.value, found.code_bytes.value) == (15_900_000, 50_000)


@pytest.mark.parametrize(
    "readme",
    [
        "Final score: 1.1193 bits per byte",
        "We reach 1.1193 bits/byte.",
        "Pre-quantization val_bpb: 1.1100\nPost-quantization val_bpb: 1.1193",
        "**1.1193 (\u00b10.0007)** val_bpb, 3 seeds",
        "Mean val_bpb over 3 seeds = 1.1193 (std 0.0007)",
        "val_bpb (3-seed mean): 1.1193",
        "val_bpb 1.2244 \u2192 1.1193",
        "Improves val_bpb from 1.2244 to 1.1193",
        "| Model | val_bpb |\n|---|---|\n| Baseline | 1.2244 |\n| **Ours** | **1.1193** |",
    ],
)
def test_headline_of_a_readme(readme: str) -> None:
    found = claims(readme).readme_val_bpb
    assert found is not None
    assert found.value == 1.1193


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("This is a non-record submission.", True),
        ("It is submitted to the non-record track because it took 4 hours.", True),
        ("This submission is not a record attempt.", True),
        ("Not a record; it is an exploration.", True),
        ("This run is not intended as a record; it is an ablation.", True),
        ("Track: unlimited compute", True),
        ("| Track | non-record 16MB |", True),
        ("Our base is the non-record submission of PR #200.", False),
        ("Unlike non-record entries, this beats the leader.", False),
        ("This is not a non-record submission.", False),
        ("If more seeds fail, treat this as a non-record submission.", False),
    ],
)
def test_track_of_a_sentence(sentence: str, said: bool) -> None:
    found = claims("# Example\n\n" + "word\n" * 70 + sentence + "\n").non_record
    assert found is not None
    assert found.value is said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"is_record": False}, True),
        ({"is_record": "no"}, True),
        ({"record_attempt": False}, True),
        ({"metadata": {"track": "non-record"}}, True),
        ({"notes": "This is not a record submission."}, True),
        ({"blurb": "A non-record exploration of depth."}, True),
        ({"blurb": "Beats the previous non-record best."}, False),
        ({"is_record": True}, False),
    ],
)
def test_track_of_a_key(fields: object, said: bool) -> None:
    found = claims(fields=fields).non_record
    assert found is not None
    assert found.value is said


def test_seeds_in_brackets_of_a_column_that_says_so() -> None:
    readme = "| Run (seed) | Final BPB |\n|---|---|\n| A (42) | 1.1187 |\n| B (1337) | 1.1190 |\n"
    assert of(claims(readme).readme_seeds) == {42: 1.1187, 1337: 1.119}


def test_bytes_with_blanks_between_the_thousands() -> None:
    found = claims(fields={"val_bpb": 1.1, "artifact_bytes": "15 988 293"}).artifact_bytes
    assert found is not None
    assert found.value == 15_988_293


def test_a_size_that_is_a_sum() -> None:
    found = claims("- compressed size: 15,806,940 B + code 11,562 B = 15,818,502 B\n").readme_artifact_bytes
    assert found is not None
    assert found.value == 15_818_502


def test_what_the_weights_leave_free_is_no_size() -> None:
    line = "switched from int8 to int6, which frees up {} in the artifact budget\n"
    assert claims(line.format("~3MB")).readme_artifact_bytes is None
    assert claims(line.replace("frees up", "makes").format("~13MB of artifact, inside") + "\n").readme_artifact_bytes


def test_a_teacher_s_time_is_not_the_training_s() -> None:
    assert claims("The teacher was trained for 68 seconds on one shard.\n").readme_train_seconds is None
    found = claims("The model was trained for 68 seconds on one shard.\n").readme_train_seconds
    assert found is not None
    assert found.value == 68


def test_a_stride_in_a_key_is_no_seed() -> None:
    assert claims(fields={"val_bpb": 1.129, "sliding_s64_val_bpb": 1.129}).seeds == ()
    assert [row.seed for row in claims(fields={"val_bpb": 1.129, "s64_val_bpb": 1.129}).seeds] == [64]


@pytest.mark.parametrize(
    ("line", "figure"),
    [
        ("Target: `val_bpb 1.123-1.128` on 8xH100 in 600s.\n", None),
        ("Baseline completed 9717 steps, final post-quant **1.154 BPB**.\n", None),
        ("The quantization gap grows from 0.0072 BPB (10-min run) to 0.0325 BPB (4 hours).\n", None),
        ("The gap is small. We went from 1.2244 BPB to 1.1540 BPB.\n", 1.154),
        ("The run completed 9717 steps, final post-quant **1.154 BPB**.\n", 1.154),
    ],
)
def test_what_was_aimed_at_and_what_the_baseline_came_to_is_no_claim(line: str, figure: float | None) -> None:
    found = claims(line).readme_val_bpb
    assert (found.value if found else None) == figure


def test_a_figure_under_its_full_name() -> None:
    found = claims(fields={"validation_bpb": "1.3434"}).val_bpb
    assert found is not None
    assert found.value == 1.3434


def test_a_comment_in_a_command_is_a_plan() -> None:
    block = "```bash\n# Train (~12 min including compilation)\ntorchrun train_gpt.py\n```\n"
    assert claims(block).readme_train_seconds is None
    found = claims(f"{block}\n# Training: 588 s\n").readme_train_seconds
    assert found is not None
    assert found.value == 588  # a heading behind the block
    printed = claims("```text\n# Training: 588 s\n```\n").readme_train_seconds
    assert printed is not None
    assert printed.value == 588  # what a run printed


def test_a_key_of_its_own_says_more_of_the_time_than_the_readme() -> None:
    fields = {"val_bpb": 1.1, "wallclock_seconds_train": 437, "ablations": {"train_seconds": 99}}
    found = claims("540s training + 322s eval\n", fields)
    assert found.train_seconds is not None
    assert found.train_seconds.value == 437
    nested = claims("540s training + 322s eval\n", {"val_bpb": 1.1, "ablations": {"train_seconds": 99}})
    assert nested.train_seconds is not None
    assert nested.train_seconds.value == 540


def test_an_evaluation_beside_a_training() -> None:
    found = claims("8xH100 SXM, 590s train + 120s eval\n")
    assert found.readme_train_seconds is not None
    assert found.readme_eval_seconds is not None
    assert (found.readme_train_seconds.value, found.readme_eval_seconds.value) == (590, 120)
