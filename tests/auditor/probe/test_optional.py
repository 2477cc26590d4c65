"""Modules that are missing and that a switch asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.job import Failure
from auditor.probe.optional import without
from auditor.probe.plan import Plan, make
from auditor.probe.run import _lacking
from auditor.rule import Facts
from auditor.submission import load_path

SCRIPT = """
import os, torch
{given}
def main(model):
    print(model)

main(None)
"""
BY_NAME = 'FUSED = os.environ.get("FUSED_MLP", "1") == "1"\nif FUSED:\n    from my_kernels import fused'
AT_ONCE = 'if os.environ.get("FUSED_MLP", "1") == "1":\n    import my_kernels'
ALWAYS = 'FUSED = os.environ.get("FUSED_MLP", "1") == "1"\nfrom my_kernels import fused'
ELSE = BY_NAME.replace("if FUSED:", "if FUSED:\n    fused = None\nelse:")
BY_RANK = "if torch.cuda.is_available():\n    from my_kernels import fused"


def facts(folder: Path, given: str) -> Facts:
    (folder / "train_gpt.py").write_text(SCRIPT.format(given=given))
    (folder / "submission.json").write_text('{"val_bpb": 1.1}')
    return gather(load_path(folder), {})


def failure(found: Facts, error: str = "ModuleNotFoundError") -> Failure:
    text = found.sources.units[0].text.splitlines()
    line = 1 + next(i for i, t in enumerate(text) if "my_kernels" in t)
    return Failure(error, "No module named 'my_kernels'", "train_gpt.py", line)


@pytest.mark.parametrize("given", [BY_NAME, AT_ONCE])
def test_the_switch_that_asks_for_a_missing_module_is_off_and_nothing_holds_then(tmp_path: Path, given: str) -> None:
    found = facts(tmp_path, given)
    plan = without(Plan(), found, failure(found))
    assert plan is not None
    assert [(name, value) for name, value, _ in plan.overrides] == [("FUSED_MLP", "0")]
    (unseen,) = _lacking(make(found, plan))
    assert unseen.names == ("what my_kernels computes",)
    assert unseen.location.line == failure(found).line
    assert without(plan, found, failure(found)) is None, "once"


@pytest.mark.parametrize("given", [ALWAYS, ELSE, BY_RANK])
def test_a_module_that_no_switch_can_do_without_stays_missing(tmp_path: Path, given: str) -> None:
    found = facts(tmp_path, given)
    assert without(Plan(), found, failure(found)) is None


def test_another_error_changes_nothing(tmp_path: Path) -> None:
    found = facts(tmp_path, BY_NAME)
    assert without(Plan(), found, failure(found, "RuntimeError")) is None
