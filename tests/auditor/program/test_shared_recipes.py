"""A figure that is made of itself, of itself, ... is a small graph with very many ways through it."""

from __future__ import annotations

import time

import pytest
from folders_in_memory import loaded

from auditor.judgement import evaluation
from auditor.judgement.gather import gather
from rules import ALL
from rules.examples.folders import folder

LINES = (
    "q = q * q",
    "q = q / (q * q)",
    "q = q + q",
    "q = 0.5 * q + 0.5 * q",
    "q = torch.maximum(q, q)",
    "q = q * 1.5 * q",
)


@pytest.mark.parametrize("line", LINES)
def test_a_loss_of_itself_is_read_at_once(line: str) -> None:
    script = str(folder()["train_gpt.py"])
    before, summed, after = script.partition("            loss_sum += ")
    assert summed
    again = f"            {line.replace('q', 'scored')}\n" * 40
    start = time.process_time()
    facts = gather(loaded({**folder(), "train_gpt.py": before + again + summed + after}), {}, strict=True)
    evaluation.recipe_of(facts.program, facts.headline)
    for rule in ALL:
        rule.check(facts)
    assert time.process_time() - start < 20
