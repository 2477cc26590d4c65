"""Names that decide which tokens are taken, or what attention sees, are told apart from other names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.blocks import FALSE, TRUE, blocks
from auditor.probe.coverage import unseen
from auditor.probe.measure.confined import Survey
from auditor.probe.using import masks, places
from auditor.submission import load_path

FUNCTION = ast.parse("""
def evaluate(model, tokens, losses, size):
    late = size // 5_000_000
    seen = torch.ones(size, size).tril(size // 600)
    other = size // 7
    x = tokens[late : late + 64]
    attend(x, attn_mask=seen[None], scale=other)
    return losses[other:]
""").body[0]


def test_an_index_of_the_stream_says_what_is_read() -> None:
    assert places(FUNCTION, frozenset({"tokens"})) == {"late"}
    assert places(FUNCTION, frozenset({"losses"})) == {"other"}


def test_what_attention_is_given_as_a_mask() -> None:
    assert masks(FUNCTION) == {"seen"}


TAKEN = """
def evaluate(tokens, size):
    late = size // 5_000_000
    {line}
evaluate(None, 9)
"""


@pytest.mark.parametrize(
    ("line", "named"),
    [("return tokens[late:]", True), ("return attend(tokens[:9], attn_mask=late)", True), ("return tokens[:9]", False)],
)
def test_a_number_that_sizes_make_and_that_tells_which_tokens_are_seen_is_named(
    line: str, named: bool, tmp_path: Path
) -> None:
    text = TAKEN.format(line=line)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    entered = (block.place for block in blocks(ast.parse(text)))
    small = frozenset(("train_gpt.py", *place) for place in entered if not TRUE <= place[1] < FALSE)
    survey = Survey(blocks=small, holders=(("train_gpt.py", 2, ("tokens",)),))
    found = unseen(gather(load_path(tmp_path), {}), survey, ())
    assert [u.names for u in found] == ([("late",)] if named else [])
