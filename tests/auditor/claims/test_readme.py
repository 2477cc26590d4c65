"""The README's table of seeds and the documented commands."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.claims import Claims, Command, read_claims
from auditor.submission import Submission, SubmissionFile


def read(**files: str) -> Claims:
    names = {"readme": "README.md", "run": "run.sh", "claims": "submission.json"}
    loaded = tuple(SubmissionFile(names[k], len(v), v.encode("utf-8", "surrogatepass")) for k, v in files.items())
    return read_claims(Submission("folder", "x", loaded))


def command(*lines: str) -> Command:
    (only,) = read(readme="```bash\n" + "\n".join(lines) + "\n```\n").commands
    return only


def test_untrained_is_no_time_of_training() -> None:
    stages = "| Seed | Untrained | Trained (s) | val_bpb |\n|---|---|---|---|\n| 42 | 4.9410 | 590.1 | 1.0927 |\n"
    (row,) = read(readme=stages).readme_seeds
    assert (row.seed, row.train_seconds, row.val_bpb) == (42, 590.1, 1.0927)
    (row,) = read(readme=stages.replace(" Trained (s) | ", " ").replace("590.1 | ", "")).readme_seeds
    assert row.train_seconds is None


def test_table_with_bold_figures_units_and_a_mean() -> None:
    claims = read(
        readme="""# val_bpb: **1.0565** (3 seeds)

| Seed | Steps | Pre-TTT BPB | **Post-TTT BPB** | Eval time (s) | Artifact |
|------|------:|-------------|------------------|---------------|----------|
| 0    | 4,997 | 1.06105556  | **1.05679341**   | 567.1         | 15,942,822 B |
| **42** | 5,001 | 1.06026908 | **1.05610947**  | 540.1         | 15.94 MB |
| **Mean** | 4,994 | 1.0607 | **1.05650768** | 558 | 15,945,206 |
"""
    )
    assert [(r.seed, r.val_bpb, r.steps, r.eval_seconds, r.artifact_bytes) for r in claims.readme_seeds] == [
        (0, 1.05679341, 4997, 567.1, 15_942_822),
        (42, 1.05610947, 5001, 540.1, 15_940_000),
    ]
    assert claims.readme_seeds[0].where == "README.md:5"
    assert claims.readme_val_bpb is not None
    assert (claims.readme_val_bpb.value, claims.readme_val_bpb.where) == (1.0565, "README.md:1")
    assert claims.readme_artifact_bytes is not None
    assert claims.readme_artifact_bytes.value == 15_942_822


def test_seeds_as_columns() -> None:
    rows = read(
        readme="| metric | seed 1 | seed 2 | mean |\n|---|---|---|---|\n| val_bpb | 1.1 | 1.2 | 1.15 |\n"
    ).readme_seeds
    assert [(r.seed, r.val_bpb) for r in rows] == [(1, 1.1), (2, 1.2)]


def test_second_table_fills_in_and_adds_no_seeds() -> None:
    first = "| Seed | val_bpb |\n|---|---|\n| 1 | 1.1 |\n"
    second = "\n| Seed | val_bpb | Artifact bytes | Train time (ms) |\n|---|---|---|---|\n"
    second += "| 1 | 9.9 | 15,000,000 | 590,000 |\n| 5 | 1.4 | 1 | 1 |\n"
    (row,) = read(readme=first + second).readme_seeds
    assert (row.seed, row.val_bpb, row.artifact_bytes, row.train_seconds) == (1, 1.1, 15_000_000, 590.0)


COLUMNS = """
| Seed | Sliding BPB | 9-gram BPB | Blend | Steps |
|------|-------------|------------|-------|-------|
| 1 | 1.1210 | 0.9631 | 1.0001 | 4,000 |
| 2 | 1.1196 | 0.9620 | 1.0103 | 4,000 |
| Mean | 1.1203 | 0.9625 | 1.0052 | |
"""


@pytest.mark.parametrize(
    ("claim", "figures"),
    [
        (1.1203, [1.1210, 1.1196]),
        (0.9625, [0.9631, 0.9620]),
        (1.0052, [1.0001, 1.0103]),  # a column need not be called BPB
        (0.9631, [0.9631, 0.9620]),  # one seed's figure
        (0.5, [0.9631, 0.9620]),  # the last that is named like a result
    ],
)
def test_the_column_that_bears_the_claim_is_the_result(claim: float, figures: list[float]) -> None:
    table = "\n".join(line.strip() for line in COLUMNS.splitlines())
    for readme, shipped in ((table, json.dumps({"val_bpb": claim})), (f"val_bpb: {claim:.4f}\n{table}", "{}")):
        rows = read(readme=readme, claims=shipped).readme_seeds
        assert [row.val_bpb for row in rows] == figures
        assert dict(rows[0].figures) == {"Sliding BPB": 1.1210, "9-gram BPB": 0.9631, "Blend": 1.0001}


def test_a_bold_column_outweighs_names_but_not_a_bold_best_seed() -> None:
    bold = "| Seed | Sliding BPB | Blended BPB |\n|--|--|--|\n| 1 | 1.12 | **0.96** |\n| 2 | 1.13 | **0.97** |\n"
    assert [row.val_bpb for row in read(readme=bold).readme_seeds] == [0.96, 0.97]
    best = "| Seed | Sliding BPB | Other BPB |\n|--|--|--|\n| 1 | 1.12 | **0.96** |\n| 2 | 1.13 | 0.97 |\n"
    assert [row.val_bpb for row in read(readme=best).readme_seeds] == [1.12, 1.13]


def test_a_column_without_the_name_is_no_result_on_its_own() -> None:
    table = "| Seed | Entropy | Size |\n|--|--|--|\n| 1 | 1.1210 | 15.9 MB |\n"
    (row,) = read(readme=table).readme_seeds
    assert (row.val_bpb, row.artifact_bytes) == (None, 15_900_000)


def test_the_claimed_column_may_stand_in_a_later_table() -> None:
    first = "| Seed | val_bpb |\n|---|---|\n| 1 | 1.1 |\n| 2 | 1.2 |\n\n"
    second = "| Seed | with cache, bpb |\n|---|---|\n| 1 | 1.01 |\n| 2 | 1.03 |\n"
    rows = read(readme=first + second, claims='{"val_bpb": 1.02}').readme_seeds
    assert [row.val_bpb for row in rows] == [1.01, 1.03]


def test_rows_of_a_turned_table_are_columns() -> None:
    table = "| metric | seed 1 | seed 2 |\n|--|--|--|\n| cached bpb | 1.01 | 1.03 |\n| val_bpb | 1.1 | 1.2 |\n"
    rows = read(readme=table, claims='{"val_bpb": 1.02}').readme_seeds
    assert [row.val_bpb for row in rows] == [1.01, 1.03]


def test_other_tables_are_no_seed_tables() -> None:
    assert read(readme="| Change | BPB |\n|---|---|\n| 42 | 1.1 |\n").readme_seeds == ()


def test_a_difference_is_no_headline() -> None:
    assert read(readme="improves val_bpb: -0.0029 over the last one\n").readme_val_bpb is None


@pytest.mark.parametrize(
    "line",
    [
        "It beats the baseline by ~0.006 bpb at equal steps.",
        "val_bpb std: 0.0131",
        "0.0029 BPB better than before",
        "bpb improvement of 0.0061",
        "val_bpb \u00b1 0.0005",
        "delta val_bpb: 0.0123",
        "an improvement over val_bpb than 1.2244",
    ],
)
def test_differences_spreads_and_rivals_are_no_headline(line: str) -> None:
    assert read(readme=f"{line}\n").readme_val_bpb is None
    after = read(readme=f"{line}\n\n**val_bpb: 1.1617** (worse than best)\n").readme_val_bpb
    assert after is not None
    assert (after.value, after.where) == (1.1617, "README.md:3")


def test_a_figure_after_a_difference_on_one_line() -> None:
    claim = read(readme="improves val_bpb by 0.0061 to val_bpb 1.1617\n").readme_val_bpb
    assert claim is not None
    assert claim.value == 1.1617


def test_a_row_of_metrics_states_the_score_where_the_prose_does_not() -> None:
    table = "| Metric | Value |\n|---|---|\n| pre-quant bpb | 1.15 |\n| val_bpb (int8+zlib) | **1.16166728** |\n"
    claim = read(readme=table + "\nIt gains 0.006 bpb.\n").readme_val_bpb
    assert claim is not None
    assert (claim.value, claim.where) == (1.16166728, "README.md:4")
    prose = read(readme=table + "\nval_bpb: 1.1700\n").readme_val_bpb
    assert prose is not None
    assert prose.value == 1.17


def test_what_the_model_was_before_it_was_quantized_is_not_the_result() -> None:
    readme = "**val_bpb:** 1.8989\n\n| step | val_bpb | |\n|---|---|---|\n| 20,000 | 1.9002 | Pre-quantization |\n"
    claims = read(readme=readme, claims=json.dumps({"val_bpb": 1.9002}))
    assert claims.readme_val_bpb is not None
    assert claims.readme_val_bpb.value == 1.8989


def test_the_figure_that_submission_json_shares_is_the_headline() -> None:
    text = "Earlier val_bpb: 1.2000\n\nval_bpb: 1.1617\n"
    claim = read(readme=text, claims='{"val_bpb": 1.16168}').readme_val_bpb
    assert claim is not None
    assert (claim.value, claim.where) == (1.1617, "README.md:3")


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("| Artifact size | 18.1 MB (int8+zlib) |", 18_100_000),
        ("| **Model size** | 17,132,420 bytes |", 17_132_420),
        ("The submission size is 15.93 MB.", 15_930_000),
        ("**Artifact:** ~15.9 MB", 15_900_000),
        ("| Artifact limit | 16.0 MB |", None),
        ("The artifact would be 18.1 MB without pruning", None),
        ("model size uncompressed 67.2 MB", None),
        ("| Step time | 18.1 MB |", None),
    ],
)
def test_an_artifact_size_is_read_wherever_it_stands(line: str, size: int | None) -> None:
    readme = "\n" * 100 + line + "\n"
    claim = read(readme=readme, claims="{}").readme_artifact_bytes
    assert (claim.value if claim else None) == size
    if claim is not None:
        assert claim.where == "README.md:101"


def test_a_size_is_not_the_tail_of_a_larger_one() -> None:
    assert read(readme="Weights: 115.14 MB, 117,132,420 bytes\n").readme_artifact_bytes is None


def test_prefixes_and_continuations() -> None:
    found = command(
        "SEED=42 TTT_ENABLED=1 \\", "  torchrun --standalone --nproc_per_node=8 train_gpt.py --x 1 2>&1 | tee a.log"
    )
    assert found.environment == {"SEED": "42", "TTT_ENABLED": "1"}
    assert (found.script, found.processes, found.where) == ("train_gpt.py", 8, "README.md:2")
    assert found.arguments == ("--x", "1")


def test_exports_hold_for_what_follows() -> None:
    found = command(
        "export A=1 B='two words'", "# export C=3", "X=5", "env D=$X torchrun --nproc-per-node 4 train_gpt.py"
    )
    assert found.environment == {"A": "1", "B": "two words", "D": "5"} | {"X": "5"}
    assert found.processes == 4


def test_exports_end_with_their_block() -> None:
    text = "```\nexport A=1\n```\n\n```\npython train_gpt.py\n```\n"
    block, found = read(readme=text).commands
    assert (block.script, block.environment) == (None, {"A": "1"})
    assert (found.script, found.environment) == ("train_gpt.py", {})


@pytest.mark.parametrize(
    "line",
    [
        "for SEED in 1 2 3; do SEED=$SEED torchrun --nproc_per_node=8 train_gpt.py; done",
        "SEED=1 python3 -m torch.distributed.run --nproc_per_node=8 train_gpt.py",
        "cd records && SEED=1 torchrun --nproc_per_node=8 train_gpt.py || exit 1",
    ],
)
def test_forms(line: str) -> None:
    found = read(readme=f"```sh\n{line}\n```\n").commands
    assert found
    assert (found[-1].script, found[-1].environment.get("SEED"), found[-1].processes) == ("train_gpt.py", "1", 8)


def test_loop_over_lines() -> None:
    found = command("for SEED in 42 314; do", "  SEED=$SEED torchrun --nproc_per_node=8 train_gpt.py", "done")
    assert found.environment["SEED"] == "42"


@pytest.mark.parametrize(
    "line",
    [
        "python data/cached_challenge_fineweb.py --variant sp1024",
        "python prepare_caseops_data.py",
        "pip install -r requirements.txt",
        "huggingface-cli download x",
        "bash setup.sh",
        "python -c 'import torch'",
        "echo torchrun train_gpt.py",
        "python -m venv .venv",
    ],
)
def test_preparation_is_no_run(line: str) -> None:
    assert read(readme=f"```bash\n{line}\n```\n").commands == ()


def test_a_block_of_assignments_is_a_configuration() -> None:
    found = command("# the switches", "RUN_ID=x TTT_ENABLED=1 \\", 'LR=0.5 NAME="two words"', "export XSA=4")
    assert (found.script, found.arguments, found.where) == (None, (), "README.md:3")
    assert found.environment == {"RUN_ID": "x", "TTT_ENABLED": "1", "LR": "0.5", "NAME": "two words", "XSA": "4"}


@pytest.mark.parametrize("line", ["val_bpb=1.2", "TTT_ENABLED = 1", "step 5 LOSS=2", "cd records", "export A"])
def test_a_block_with_anything_else_is_none(line: str) -> None:
    assert read(readme=f"```bash\nTTT_ENABLED=1\n{line}\n```\n").commands == ()


def test_assignments_beside_a_command_stay_the_commands() -> None:
    assert command("TTT_ENABLED=1", "torchrun train_gpt.py").script == "train_gpt.py"
    assert read(run="TTT_ENABLED=1\n").commands == ()  # a file of settings that some other script reads


def test_other_languages_are_no_commands() -> None:
    assert read(readme="```python\npython train_gpt.py\n```\n").commands == ()


@pytest.mark.parametrize(
    "readme",
    [
        "Run:\n\n    TTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py\n\nDone.\n",
        "Run:\n\n\tTTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py\n",
        "Run:\n\n    export TTT_ENABLED=1\n    SEED=42 \\\n      torchrun --nproc_per_node=8 train_gpt.py\n",
        "1. Run\n\n    TTT_ENABLED=1 \\\n    SEED=42 \\\n    torchrun --nproc_per_node=8 train_gpt.py\n",
        "<pre><code>\nTTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py\n</code></pre>\n",
        "Run `TTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py` in this folder.\n",
        "- command: `TTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py`\n",
        "~~~sh\nTTT_ENABLED=1 SEED=42 torchrun --nproc_per_node=8 train_gpt.py\n~~~\n",
    ],
)
def test_a_command_in_any_kind_of_code(readme: str) -> None:
    (only,) = read(readme=readme).commands
    assert (only.script, only.processes) == ("train_gpt.py", 8)
    assert only.environment == {"TTT_ENABLED": "1", "SEED": "42"}


@pytest.mark.parametrize(
    "readme",
    [
        "We ran it with torchrun and\n    TTT_ENABLED=1 torchrun train_gpt.py goes on a line of prose.\n",
        "```python\n    TTT_ENABLED=1 torchrun train_gpt.py\n```\n",
        "Set `TTT_ENABLED=1` and see.\n",
    ],
)
def test_other_texts_hold_no_command(readme: str) -> None:
    assert read(readme=readme).commands == ()


def test_settings_in_the_spans_of_a_sentence() -> None:
    said = read(readme="The `#1` stack is scored with `EVAL_MODE=ngram` and `SLOT=0`, `a = 1`.\n\n```\n`TTT=1`\n```\n")
    assert [(m.environment, m.where) for m in said.mentioned] == [
        ({"EVAL_MODE": "ngram"}, "README.md:1"),
        ({"SLOT": "0"}, "README.md:1"),
    ]


def test_a_span_beside_a_block_is_a_mention() -> None:
    text = "`TTT_ENABLED=1 torchrun train_gpt.py` was tried.\n\n```bash\nSEED=7 torchrun train_gpt.py\n```\n"
    assert [c.environment for c in read(readme=text).commands] == [{"SEED": "7"}]


@pytest.mark.parametrize(
    "line",
    [
        "**Base:** PR #325 by Somebody (1.1462 bpb)",
        "Based on PR #549, val_bpb 1.1194",
        "Inspired by PR #1180 which achieved 1.0577 BPB with another loss",
        "The stack of PR #287 (val_bpb 1.1271) is where it comes from.",
        "As pull request 1180 scored 1.0577 BPB",
    ],
)
def test_the_figure_of_another_pull_request_is_no_claim(line: str) -> None:
    assert read(readme=f"# Mine\n\n{line}\n").readme_val_bpb is None
    own = read(readme=f"# Mine: val_bpb 1.0999\n\n{line}\n").readme_val_bpb
    assert own is not None
    assert own.value == 1.0999


def test_a_heading_that_names_its_base_states_its_own_figure() -> None:
    claim = read(readme="# PR #1874 with other settings \u2014 val_bpb 1.06844 (3-seed mean)\n").readme_val_bpb
    assert claim is not None
    assert claim.value == 1.06844


def test_rows_of_earlier_runs_are_no_seeds() -> None:
    table = (
        "| Run | val_bpb | Total bytes |\n|---|---|---|\n"
        "| Earlier control (`control_seed1337`) | 1.12946402 | 15,857,552 |\n"
        "| **This run** | 1.12311898 | 15,683,276 |\n"
    )
    assert read(readme=table).readme_seeds == ()


def test_launcher() -> None:
    script = '#!/bin/bash\nset -e\nexport TTT_ENABLED="${TTT_ENABLED:-1}"\nSEED=${1:-42}\n: "${ITER:=7}"\n'
    script += "SEED=$SEED torchrun --nproc_per_node=8 train_gpt.py\n"
    (found,) = read(run=script).commands
    assert found.where == "run.sh:6"
    assert found.environment["TTT_ENABLED"] == "1"
    assert found.script == "train_gpt.py"
    assert read(readme="```bash\nbash run.sh\n```").commands[0].script == "run.sh"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("|-`\n $={}()'\"\\;&#SEEDbpb1.2torchrun.py export for in do"), max_size=200))
def test_any_text(text: str) -> None:
    read(readme="```\n" + text, run=text)
    read(readme="| Seed | BPB |\n|---|---|\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        "|" * 300_000,
        "| a |\n|--|\n" * 30_000,
        "```\n" + "A=1 " * 60_000 + "\n",
        "```\n" + "${A:-" * 60_000,
        "val_bpb " * 40_000,
        "```\n" + "for x in " * 30_000,
        "```\n" + "'" * 200_001,
    ],
    ids=["bars", "tables", "assignments", "references", "figures", "loops", "quotes"],
)
def test_time_is_linear(text: str) -> None:
    start = time.process_time()
    read(readme=text, run=text)
    assert time.process_time() - start < 3.0
