"""Where training ends and evaluation begins, whatever their functions are called."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from auditor.commands.audit import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "score_first_ttt"


def test_putting_a_model_into_training_calls_no_function_named_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop over training tokens is a function `train`; what is evaluated calls `model.train()` between scores."""
    folder = tmp_path / "submission"
    shutil.copytree(EXAMPLE, folder)
    script = folder / "train_gpt.py"
    text = script.read_text("utf-8")
    (loop,) = re.findall(r"^    step, train_start = 0,.*?(?=^    train_ms = )", text, re.MULTILINE | re.DOTALL)
    assert "        model.train()\n" in text.partition("def eval_val_ttt")[2]
    text = text.replace(loop, "    step, train_start = train(args, parallel, optimizer, loader, device)\n")
    function = f"def train(args, parallel, optimizer, loader, device):\n{loop}    return step, train_start\n\n\n"
    script.write_text(text.replace("def main()", f"{function}def main()"), "utf-8")
    assert main([str(folder)]) == 0, capsys.readouterr().out
