"""Whole probes and smoke tests, in the sandbox: our own examples and small scripts, from a folder to the result."""

from __future__ import annotations

import ast
import functools
import math
import resource
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="a submission is run with torch: pip install '.[probe]'")
pytest.importorskip("sentencepiece", reason="tokenizers are trained with sentencepiece: pip install '.[probe]'")

from auditor.judgement.gather import gather
from auditor.probe import settle
from auditor.probe.cold import libraries
from auditor.probe.job import Exchange
from auditor.probe.model import Holds, Kind, Probe
from auditor.probe.run import probe
from auditor.probe.runner import Home, Runner
from auditor.probe.sandbox import Refused, available
from auditor.probe.sandbox.capabilities import isolation
from auditor.probe.scene import Layout, NoTokenizer, Workspace
from auditor.probe.smoke import smoke
from auditor.rule import Facts
from auditor.submission import load_path

EXAMPLES = Path(__file__).parents[3] / "examples"
MODEL = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1024, 32)
        self.blocks = nn.ModuleList([nn.Linear(32, 32) for _ in range(3)])
    def forward(self, tokens):
        hidden = self.embedding(tokens)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return nn.functional.linear(hidden, self.embedding.weight)

Model().cuda()(torch.zeros(1, 16, dtype=torch.int64, device="cuda"))
"""


@pytest.fixture(autouse=True)
def confined() -> None:
    try:
        isolation(available(), unsafe=False)
    except Refused as error:
        pytest.skip(str(error))


def submission(folder: Path, script: str) -> Facts:
    (folder / "train_gpt.py").write_text(script)
    (folder / "submission.json").write_text('{"val_bpb": 1.1}')
    return gather(load_path(folder), {})


@functools.cache
def probed(example: str) -> Probe:
    return probe(gather(load_path(EXAMPLES / example), {}), seconds=600)


def test_the_legal_example_holds() -> None:
    found = probed("score_first_ttt")
    assert (found.status, found.reason) == ("ran", "")
    assert found.decided
    assert found.witnesses == ()
    assert {m.kind: m.holds for m in found.measurements if m.holds is not Holds.YES} == {}
    for kind in (Kind.FUTURE_FLIP, Kind.TARGET_FLIP):
        flip = found.find(kind)
        assert flip is not None
        assert (flip.changed, flip.effect, flip.noise, flip.reported) == (0, 0.0, 0.0, True)
        assert flip.compared > 0.9 * (flip.flipped or 0)
    assert {guarded for guarded, _ in found.isolation.guards} >= {"files", "network", "processes"}


def test_the_example_that_adapts_first_is_witnessed() -> None:
    found = probed("pre_quant_ttt")
    flip = found.find(Kind.FUTURE_FLIP)
    assert flip is not None
    assert (flip.holds, flip.reported) == (Holds.NO, True)
    assert flip.changed > 0.9 * flip.compared
    witness = flip.witnesses[0]
    assert (witness.condition, witness.flipped) == ("C3", flip.flipped)
    assert witness.position < (flip.flipped or 0)
    assert witness.before != witness.after
    assert witness.location is not None
    text = (EXAMPLES / "pre_quant_ttt" / "train_gpt.py").read_text("utf-8").splitlines()
    assert witness.location.path == "train_gpt.py"
    assert "F.cross_entropy(" in text[(witness.location.line or 0) - 1]


def test_the_smoke_test_builds_the_model_and_times_a_cold_import(tmp_path: Path) -> None:
    said: list[str] = []
    found = smoke(submission(tmp_path, MODEL), progress=said.append)
    assert (found.status, found.reason) == ("ran", "")
    assert (found.width, found.layers, found.vocabulary) == (32, 3, 1024)
    assert found.parameters == 1024 * 32 + 3 * (32 * 32 + 32)
    assert found.loss is not None
    assert found.loss > 6
    assert found.import_seconds is not None
    assert found.import_seconds > 0.1  # with torch: it was not there before
    assert said == ["imports, model and one forward pass"]


def test_a_script_that_does_not_end_takes_no_more_than_its_time(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = probe(submission(tmp_path, "while True:\n    pass\n"), seconds=5)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert found.status == "failed"
    assert "it took more than its time" in found.reason
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 5 + 10  # the sandbox imports torch besides


def test_submissions_take_turns_in_one_sandbox_and_find_nothing_of_each_other(tmp_path: Path) -> None:
    """One start and one import of torch for all of them."""
    script = """
import os
found = sorted(os.path.join(where, name) for top in (".", os.path.dirname(__file__)) for where, _, names in os.walk(top)
               for name in names if name.startswith("left"))
open("left_by_the_run", "w").write("x")
raise RuntimeError(f"found {[os.path.basename(name) for name in found]}")
"""
    home = Home()
    try:
        said, wardens = [], []
        for name in ("left_by_the_first", "other"):
            folder = tmp_path / name
            folder.mkdir()
            (folder / f"{name}.py").write_text("")
            found = probe(submission(folder, script), home=lambda: home)
            said.append(found.reason.partition("RuntimeError: ")[2])
            wardens.append(home.jail._keeper and home.jail._keeper._number)
        assert said == ["found ['left_by_the_first.py']", "found []"]
        assert wardens[0] == wardens[1] is not None
        assert [list(folder.iterdir()) for folder in (home.root, home.scenes)] == [[], []]
    finally:
        home.close()
    assert not home.base.exists()


def test_what_a_script_imports_from_libraries() -> None:
    script = """
import os, torch.nn as nn
from . import sibling
from helper import x
try:
    import flash_attn
    from torch.nn.attention import flex_attention
except ImportError:
    pass
class A:
    import zlib
def late():
    import decimal
"""
    assert list(libraries(ast.parse(script))) == ["os", "torch.nn", "torch.nn.attention", "zlib"]


def test_a_reason_names_no_folder_of_this_one_run(tmp_path: Path) -> None:
    script = (
        "import os\nraise RuntimeError(f'{__file__} {os.getcwd()} {os.getcwd()}/logs ' + os.path.dirname(__file__))\n"
    )
    facts = submission(tmp_path, script)
    found = [smoke(facts) for _ in range(2)]
    assert found[0].status == "failed"
    assert found[0].reason == "RuntimeError: ./train_gpt.py . ./logs ."
    assert found[0] == found[1]


def test_a_vocabulary_without_a_tokenizer_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(layout: Layout, seed: int) -> Workspace:
        raise NoTokenizer("no tokenizer of 9 pieces")

    monkeypatch.setattr(settle, "Workspace", none)
    facts = submission(tmp_path, MODEL)
    for found in (probe(facts), smoke(facts)):
        assert (found.status, found.reason) == ("failed", "no tokenizer of 9 pieces")


def test_a_run_that_forks_for_a_whole_vocabulary_has_time_to_fork() -> None:
    one = Exchange(9, 1, 2, (), (1,), 0, tuple(range(1024)), 1.0, 60.0, math.inf, most=60.0)
    own = Runner._own_seconds(Runner.__new__(Runner), 90.0, (one,))
    assert own == pytest.approx(90.0 - 60.0 + 1024 * 0.02)
    assert Runner._own_seconds(Runner.__new__(Runner), 30.0, (one,)) <= 30.0
