"""The byte ledger: which tokenizer a run used, and what its log divided by."""

from __future__ import annotations

import pytest

from auditor.runs import Run
from auditor.runs.model import Evaluation
from rules.bytes._ledger import canonical_tokens, excess, family
from rules.data import partial_val


def run(**changes: object) -> Run:
    score = Evaluation(line=9, label="final", val_bpb=1.1, val_loss=1.1 * 0.6931471805599453 * 2.436)
    return Run(log="train.log", score=score, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/fineweb10B_sp1024", "sp1024"),
        ("data/fineweb10B_sp8192_lossless_caps_caseops_v1", "caseops_sp8192"),
        ("data/fineweb10B_sp10240_casefold", None),
        ("data/fineweb10B_bytes", None),
    ],
)
def test_family(name: str, expected: str | None) -> None:
    assert family(run(dataset=name)) == expected


@pytest.mark.parametrize(
    ("implied", "off"), [(151_080_891.0, 0.0), (151_130_112.0, 0.0), (150_746_026.0, 0.0), (176_332_748.0, 0.1671)]
)
def test_excess(implied: float, off: float) -> None:
    assert excess(run(implied_bytes=implied)) == pytest.approx(off, abs=1e-4)


def test_excess_without_token_counts() -> None:
    assert excess(run(dataset="fineweb10B_sp1024")) == 0.0
    assert excess(run(dataset="fineweb10B_sp8192")) == pytest.approx(2.436 / 3.727 - 1)
    assert excess(run()) is None


def test_canonical_tokens_floor_to_sequences() -> None:
    assert canonical_tokens(62_021_846) == "sp1024"
    assert canonical_tokens(9_662_464) is None


@pytest.mark.parametrize(("tokens", "share"), [(524_288, "0.8%"), (2_048, "0.0033%")])
def test_a_part_is_said_in_two_digits_at_least(tokens: int, share: str) -> None:
    found = partial_val._of_set(run(dataset="fineweb10B_sp1024", val_tokens=tokens, implied_bytes=2.436 * tokens))
    assert found is not None
    assert f"scores {tokens:,} tokens: {share} of" in found.message
