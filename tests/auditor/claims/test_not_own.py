"""What a README says of others, of plans and of differences is none of its claims; what it says of itself is."""

from __future__ import annotations

import json

import pytest

from auditor.claims import Claims, read_claims
from auditor.submission import Submission, SubmissionFile


def claims(readme: str = "# Example\n", fields: object = None) -> Claims:
    texts = {"README.md": readme, "submission.json": json.dumps({"val_bpb": 1.1} if fields is None else fields)}
    files = tuple(SubmissionFile(name, len(text), text.encode()) for name, text in texts.items())
    return read_claims(Submission("folder", "records/track_10min_16mb/x", files))


@pytest.mark.parametrize(
    "line",
    [
        "Our gap to the leader without adaptation: 0.0315 BPB",
        "It takes the SOTA stack (its author, 1.1428 bpb) and adapts it.",
        "**Current accepted SOTA to beat:** `2026-04-27_Some_Stack` at `1.0611` BPB",
        "Score to beat: 1.0611 BPB",
        "- PR #517 (somebody): the schedule that made 0.978 bpb possible",
        "Stacked they are projected to **0.823-0.829 BPB** on three seeds",
        "estimated at ~1.187 bpb on eight cards",
        "- **Estimated total: ~1.116 BPB** (before adaptation), **~1.113 BPB** (with it)",
        "somebody1's winning 1.1428 bpb architecture + 4 innovations",
        "some-body\u2019s 1.1428 val_bpb stack is the base",
        "The current first (PR #1493, 1.0810 BPB) loops three layers alike.",
        "a BPB recovery (1.06157 base on PR #1787) was seen there",
    ],
)
def test_figures_of_others(line: str) -> None:
    found = claims(line + "\n\nWe reach val_bpb 1.1193.\n", {}).readme_val_bpb
    assert found is not None
    assert found.value == 1.1193
    assert claims(line + "\n", {}).readme_val_bpb is None


@pytest.mark.parametrize(
    "line",
    [
        "The final submission (1.1193 BPB)",
        "The model's final 1.1193 bpb",
        "This run's 1.1193 val_bpb",
        "Our stack's 1.1193 bpb",
        "the seeds' mean 1.1193 BPB",
    ],
)
def test_what_belongs_to_a_thing_is_ones_own(line: str) -> None:
    found = claims(line + "\n", {}).readme_val_bpb
    assert found is not None
    assert found.value == 1.1193


@pytest.mark.parametrize(
    "row",
    [
        "| PR1471 public reference | 3-seed mean | 1.0866 |",
        "| Published baseline | mean | 1.0866 |",
        "| Mean of PR #1471 | | 1.0866 |",
    ],
)
def test_a_mean_of_others(row: str) -> None:
    table = f"| Run | Seed | val_bpb |\n|---|---|---|\n{row}\n| ours | 42 | 1.0950 |\n"
    assert claims(table).readme_means == ()
    own = table + "| Mean | | 1.0950 |\n"
    assert [mean.value for mean in claims(own).readme_means] == [1.095]


@pytest.mark.parametrize(
    "line",
    [
        "pre-quant val_bpb: 1.08830 vs baseline seed314 1.08775",
        "val_bpb 1.0996, PR #1493 seed 314: 1.0878",
        "better than seed 314 (1.0878)",
        "Relative to\n#2060 seed 42 (`1.0578`), it is worse by `+0.0003 BPB`.",
        "seed 42 is worse by 0.1003 BPB",
    ],
)
def test_a_seed_of_others(line: str) -> None:
    assert [row.val_bpb for row in claims(line + "\n").readme_seeds] == []
    assert [row.val_bpb for row in claims("seed314: 1.0878\n").readme_seeds] == [1.0878]


@pytest.mark.parametrize(
    "line",
    [
        "**A wider MLP doesn't fit**: artifact size goes to 17.6MB (cap is 16MB).",
        "It is worse, while still saving about `1.8 MB` of total artifact size.",
        "Estimated total size with packed code: ~15,875,599 bytes",
        "In the baseline log from PR #1493:\n\n```text\nTotal submission size: 15,992,919 bytes\n```",
    ],
)
def test_sizes_of_others(line: str) -> None:
    assert claims(line + "\n").readme_artifact_bytes is None
    found = claims(line + "\n\nArtifact: 15,818,502 bytes\n").readme_artifact_bytes
    assert found is not None
    assert found.value == 15_818_502


@pytest.mark.parametrize(
    ("readme", "size"),
    [
        ("| Metric | Value |\n|---|---|\n| Total artifact bytes | `15,559,229` |\n", 15_559_229),
        ("- artifact bytes: `2705939`\n", 2_705_939),
        ("- **Size**: ~14.5MB total (model + code).\n", 14_500_000),
        ("**val_bpb 1.1** | **15.85 MB**\n\n| Artifact size | 15,851,371 bytes |\n", 15_851_371),
        (
            "| Seed | BPB | Artifact |\n|---|---|---|\n| 1 | 1.1 | 15.28 MB |\n\nArtifact: 15,281,626 bytes\n",
            15_281_626,
        ),
    ],
)
def test_sizes_by_their_names(readme: str, size: int) -> None:
    found = claims(readme).readme_artifact_bytes
    assert found is not None
    assert found.value == size


@pytest.mark.parametrize(
    "readme",
    [
        "| Metric | Baseline | Ours |\n|---|---|---|\n| Artifact bytes | 15863489 | 15912648 |\n",
        "| Seed | BPB | Artifact |\n|---|---|---|\n| 1 | 1.1 | 15.59 MB |\n\nArtifact: model 15,542,968 bytes\n",
    ],
)
def test_sizes_of_another_column_or_another_thing(readme: str) -> None:
    found = claims(readme).readme_artifact_bytes
    assert found is None or found.value == 15_590_000


@pytest.mark.parametrize(
    ("row", "steps"),
    [
        ("| Training steps | 9,618 |", 9_618),
        ("| Stop step | `4837 / 20000` |", 4_837),
        ("| Steps completed | 7926 |", 7_926),
        ("| ms/step | 85 |", None),
        ("| Step time | 85 ms |", None),
        ("| Steps | 1.2k |", None),
    ],
)
def test_steps_of_a_row(row: str, steps: int | None) -> None:
    found = claims(f"| Metric | Value |\n|---|---|\n{row}\n").readme_steps
    assert (found.value if found else None) == steps


@pytest.mark.parametrize("key", ["step_stop", "train_steps", "steps"])
def test_steps_of_an_object(key: str) -> None:
    found = claims(fields={"val_bpb": 1.1, key: 9009}).steps
    assert found is not None
    assert (found.value, found.where) == (9009, f"submission.json:{key}")


def test_the_packed_total_of_several() -> None:
    found = claims(fields={"artifact_bytes_total": 67_183_487, "artifact_bytes_int8_zlib_total": 15_811_202})
    assert found.artifact_bytes is not None
    assert found.artifact_bytes.value == 15_811_202


def test_an_artifact_that_is_the_model_alone() -> None:
    row = {"val_bpb": 1.1, "artifact_bytes": 14_622_509, "code_bytes": 92_135, "total_bytes": 14_714_644}
    assert claims(fields={"seed_results": {"42": row}}).seeds[0].artifact_bytes == 14_714_644


def test_a_loss_in_nats() -> None:
    found = claims(fields={"val_bpb": 1.1, "val_loss_nats": 2.791}).val_loss
    assert found is not None
    assert found.value == 2.791


def test_rows_that_were_not_filled_in() -> None:
    rows = {"42": {"val_bpb": None, "artifact_bytes": None, "val_tokens": 47_853_343}}
    found = claims(fields={"val_bpb": 1.1, "seed_results": rows})
    assert found.problems == ()


@pytest.mark.parametrize(
    ("lead", "trial"),
    [
        ("Single-GPU smoke (smaller batch):", True),
        ("### Smoke test on one GPU\n\nRun it directly.", True),
        ("For a quick check of the setup:", True),
        ("## Reproduce", False),
    ],
)
def test_a_trial_is_no_run_command(lead: str, trial: bool) -> None:
    block = "```bash\nITERATIONS={} torchrun train_gpt.py\n```\n"
    found = claims(f"## Run\n{block.format(20000)}\n{lead}\n\n{block.format(50)}").commands
    assert [c.environment["ITERATIONS"] for c in found] == (["20000"] if trial else ["20000", "50"])
    alone = claims(f"{lead}\n\n{block.format(50)}").commands
    assert [c.environment["ITERATIONS"] for c in alone] == ["50"]


def test_what_a_launcher_falls_back_on() -> None:
    launcher = 'export LAYERS="${LAYERS:-10}"\nDIM=${DIM:-512} WIDTH=3 python3 train_gpt.py\n'
    file = SubmissionFile("run.sh", len(launcher), launcher.encode())
    (command,) = read_claims(Submission("folder", "x", (file,))).commands
    assert command.defaults == {"LAYERS", "DIM"}
    assert command.environment["WIDTH"] == "3"


def test_training_within_a_wall_clock() -> None:
    found = claims("The run was made on 1xH100, with 600s as the wall clock.\n").readme_train_seconds
    assert found is not None
    assert found.value == 600


def test_configurations_that_are_numbered_are_no_seeds() -> None:
    table = "| Run | BPB |\n|---|---|\n| {}1 | 1.69 |\n| {}2 | 1.70 |\n"
    assert claims(table.format("S", "S")).readme_seeds == ()
    assert [row.seed for row in claims(table.format("s4", "s4")).readme_seeds] == [41, 42]


def test_figures_below_a_name_that_speaks_of_steps() -> None:
    table = "| Method | Seed 1337 | Seed 42 |\n|---|---|---|\n| Average (every 120 steps) | 1.1354 | 1.1355 |\n"
    assert all(row.steps is None for row in claims(table).readme_seeds)


def test_a_row_of_anothers_in_a_table_of_seeds() -> None:
    table = (
        "| Run | Base | Seed | BPB |\n|---|---|---|---|\n| {} | x | 1337 | 1.0512 |\n| control | x | 42 | 1.0606 |\n"
    )
    for name in ("PR #2018 reference", "public leader", "PR2018"):
        assert [row.seed for row in claims(table.format(name)).readme_seeds] == [42]
    assert [row.seed for row in claims(table.format("ours")).readme_seeds] == [1337, 42]


@pytest.mark.parametrize(
    ("cell", "steps"), [("5 538", 5_538), ("50K", 50_000), ("`7,101`", 7_101), ("4837/20000", 4_837), ("1.5", None)]
)
def test_steps_of_a_cell(cell: str, steps: int | None) -> None:
    (row,) = claims(f"| Seed | Steps | BPB |\n|---|---|---|\n| 42 | {cell} | 1.1 |\n").readme_seeds
    assert row.steps == steps
