"""The paragraph on how the score is made."""

from __future__ import annotations

import pytest
import report_samples as samples

from auditor.config import Configuration
from auditor.judgement.evaluation import how_scored
from auditor.program import Program, analyse
from auditor.source import Sources, Unit, decode
from auditor.submission import Submission, SubmissionFile

SCRIPT = """
import torch
from data import load_validation_tokens
val_tokens = torch.load('fineweb_val_000000.bin')

def evaluate(model, optimizer, val_tokens):
    total = 0.0
    for start in range(0, val_tokens.numel() - 1, 64):
        x = val_tokens[start:start + 64]
        y = val_tokens[start + 1:start + 65]
{body}
    return total / val_tokens.numel()

model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
val_bpb = evaluate(model, optimizer, val_tokens)
print(f"final_score val_bpb:{{val_bpb:.8f}}")
"""
SCORE = """
        loss = torch.nn.functional.cross_entropy(model(x), y)
        total += loss.item()
"""
TRAIN = """
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
"""


def _said(body: str) -> str:
    data = SCRIPT.format(body=body).encode()
    submission = Submission("folder", "sample", (SubmissionFile("train_gpt.py", len(data), data),))
    sources = decode(submission, samples.facts().claims)
    return how_scored(analyse(sources, Configuration()), ())


def test_without_a_score_there_is_nothing_to_say() -> None:
    assert how_scored(Program(), ()) == ""
    unit = Unit("a.py", "", "python")
    assert how_scored(analyse(Sources(unit, (unit,), ()), Configuration()), ()) == ""


def test_a_plain_evaluation_trains_on_nothing() -> None:
    said = _said(SCORE)
    assert 'The figure "final_score" stands on scores taken at train_gpt.py:' in said
    assert "(evaluate)" in said
    assert "Nothing that it depends on is trained on validation tokens." in said


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("final_{x.dtype}_exact val_bpb:", "final_\u2026_exact"),
        ("final_score val_bpb:", "final_score"),
        ("final score {x.dtype} val_bpb:", "final score"),
    ],
)
def test_what_is_filled_in_is_left_open_in_a_name(printed: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "final_score val_bpb:" in SCRIPT
    monkeypatch.setitem(
        globals(), "SCRIPT", SCRIPT.replace("final_score val_bpb:", printed.replace("{", "{{").replace("}", "}}"))
    )
    assert f'The figure "{name}" stands on' in _said(SCORE)


@pytest.mark.parametrize(
    ("body", "words"),
    [(SCORE + TRAIN, "on tokens that were scored before"), (TRAIN + SCORE, "on the very tokens that are scored after")],
)
def test_adaptation_is_told_with_its_order(body: str, words: str) -> None:
    said = _said(body)
    assert "is trained on validation tokens: at train_gpt.py:" in said
    assert words in said
