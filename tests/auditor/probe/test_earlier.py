"""Files that an earlier run of the script would have made: which way through it makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.earlier import training_ways
from auditor.probe.job import Failure
from auditor.probe.plan import Plan, make
from auditor.probe.settle import _trained
from auditor.rule import Facts
from auditor.submission import load_path

TWO_STEPS = """
import os, torch

def train(model):
    loss = model(1)
    loss.backward()

def fit(model):
    train(model)

def load():
    return torch.load("model.pt")

def main(model):
    eval_only = os.environ.get("EVAL_ONLY", "1") == "1"
    if os.environ.get("VERBOSE"):
        print("start")
    {steps}
    weights = load()
    if os.environ.get("TTT"):
        fit(weights)

main(None)
"""
BY_ARMS = "if eval_only:\n        print('reads')\n    else:\n        fit(model)"
BY_NOT = "if not eval_only:\n        fit(model)"
BY_RETURN = "if eval_only:\n        print(load())\n        return\n    fit(model)"


def facts(folder: Path, steps: str) -> Facts:
    (folder / "train_gpt.py").write_text(TWO_STEPS.format(steps=steps))
    (folder / "submission.json").write_text('{"val_bpb": 1.1}')
    return gather(load_path(folder), {})


def failure(found: Facts, error: str = "FileNotFoundError") -> Failure:
    text = found.sources.units[0].text.splitlines()
    line = 1 + next(i for i, t in enumerate(text) if "load()" in t and "def" not in t)
    inner = 1 + next(i for i, t in enumerate(text) if "torch.load" in t)
    frames = (("train_gpt.py", line, "main"), ("train_gpt.py", inner, "load"))
    return Failure(error, "[Errno 2] No such file or directory: 'model.pt'", *frames[-1][:2], frames)


@pytest.mark.parametrize(("steps", "way"), [(BY_ARMS, False), (BY_NOT, True), (BY_RETURN, False)])
def test_the_way_that_trains_is_taken(tmp_path: Path, steps: str, way: bool) -> None:
    found = facts(tmp_path, steps)
    [((place, taken), test)] = training_ways(found, failure(found)).items()
    line = 1 + next(i for i, t in enumerate(found.sources.units[0].text.splitlines()) if "eval_only:" in t)
    assert (place, taken) == (f"train_gpt.py:{line}", way)
    assert "eval_only" in test


def test_the_plan_takes_it_once_and_says_so(tmp_path: Path) -> None:
    found = facts(tmp_path, BY_ARMS)
    plan = _trained(Plan(), found, failure(found))
    assert plan is not None
    made = make(found, plan)
    [(place, _, _)] = plan.ways
    assert made.job.branches[place] is False
    assert [(c.name, c.submitted, c.used) for c in made.changed if c.why] == [("eval_only", "True", "False")]
    assert _trained(plan, found, failure(found)) is None


def test_another_error_and_a_script_that_has_one_way_change_nothing(tmp_path: Path) -> None:
    found = facts(tmp_path, BY_ARMS)
    assert training_ways(found, failure(found, "ValueError")) == {}
    assert _trained(Plan(), facts(tmp_path, "fit(model)"), failure(found)) is None
