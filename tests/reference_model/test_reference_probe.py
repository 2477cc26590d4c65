"""Our own single file, run small in the auditor's sandbox: every measurement holds, of either form and scale."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the probe needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")

from auditor.judgement.gather import gather
from auditor.probe.model import Holds, Kind
from auditor.probe.run import probe
from auditor.submission import load_path
from reference_model.config import SCALES
from reference_model.evaluation.score import Score
from reference_model.joining.single_file import packed, single_file
from reference_model.log import evaluation_line, hyperparameter_lines


@pytest.mark.parametrize(("form", "scale"), [("packed", "record"), ("readable", "small")])
def test_every_measurement_holds(form: str, scale: str, tmp_path: Path) -> None:
    """With the hyperparameters that the run's log begins with, and the figure that it ends with."""
    script, config = single_file(), SCALES[scale]()
    end = Score(1.0, 2.1, 1, 1, 1.0)
    log = [*hyperparameter_lines(config, 1), evaluation_line("final_int6_sliding_window", end)]
    (tmp_path / "train_gpt.py").write_text(packed(script) if form == "packed" else script, "utf-8")
    (tmp_path / "train_seed42.log").write_text("\n".join(log) + "\n", "utf-8")
    (tmp_path / "submission.json").write_text('{"val_bpb": 2.1}', "utf-8")
    (tmp_path / "README.md").write_text(f"```sh\nSCALE={scale} python train_gpt.py\n```\n", "utf-8")
    found = probe(gather(load_path(tmp_path), {}), seconds=400.0, seed=1)
    if found.status == "refused":
        pytest.skip(f"no sandbox on this machine: {found.reason}")
    assert found.status == "ran", found.reason
    held = {m.kind: (m.holds, m.reason) for m in found.measurements}
    assert set(held) >= {Kind.FUTURE_FLIP, Kind.TARGET_FLIP, Kind.SCORE_COUNT, Kind.REPORTED_NUMBER, Kind.NORMALIZATION}
    assert all(holds is Holds.YES for holds, _ in held.values()), held
    assert not found.unseen
