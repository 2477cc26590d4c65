"""What decides whether a name is given something, which layer it is, and what a block does that was not entered."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.coverage import unseen
from auditor.probe.doubt import Doubts
from auditor.probe.measure.confined import Survey
from auditor.probe.model import Shrunk
from auditor.submission import load_path
from tests.auditor.probe.test_coverage import SCRIPT, survey_of

GIVEN = """
import sys
import torch
from torch import nn

class Leak:
    pass

class Model(nn.Module):
    def __init__(self, layers, rank, leak=None, cut=-1):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(layers)])
        self.adapter = nn.Linear(rank, 4) if rank > 0 else None
        self.extra = None
        self.flag = False
        self.leak = leak
        self.cut = cut if cut >= 0 else layers // 2

    def forward(self, x, y, lora=None):
        for i in range(len(self.blocks)):
            if {test}:
                x = x + y
        return x

def halves(x):
    if x.any():
        return x, x + 1
    return x + 2, torch.cat([x, x])

def found(step):
    if step > 1000:
        return Leak()
    return None

def one_of(x, step):
    if step > 1000:
        return x + 1, Leak()
    return x + 1, None

def silent(step):
    if step > 1000:
        return Leak()

def main(args, tokens):
    model = Model(args.layers, args.rank, leak=Leak() if args.leak else None)
    _, half = halves(tokens) if args.halves else (None, None)
    _, other = one_of(tokens, args.iterations)
    chunks = [tokens[k : k + 9] for k in range(0, len(tokens), 9)]
    for step in range(args.iterations):
        if step > 1000:
            model.flag = True
            model.extra = Leak()
    late = Leak() if step > 1000 else None
    model(tokens, tokens, lora={lora})
    for n in range(len(chunks)):
        print(n)
"""


@pytest.mark.parametrize(
    ("test", "lora", "doubtful"),
    [
        ("self.adapter is not None", "None", False), ("self.leak is not None", "None", False),
        ("i == self.cut", "None", False), ("self.adapter is not None and i == self.cut", "None", False),
        ("i > 100", "None", False), ("lora is not None", "None", False),
        ("lora is not None", "halves(tokens)", False), ("lora is not None", "half", False),
        # These may come out otherwise:
        ("lora is not None", "found(args.iterations)", True), ("lora is not None", "other", True),
        ("lora is not None", "silent(args.iterations)", True),
        ("self.extra is not None", "None", True), ("self.flag", "None", True), ("hasattr(self, 'flag')", "None", True),
        ("lora is not None", "late", True), ("lora is not None", "Leak() if step > 1000 else None", True),
        ("self.adapter is None and step > 1000", "None", True), ("args.iterations > 9 and self.flag", "None", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_there_and_which_layer_it_is_rest_on_what_decides_them(
    test: str, lora: str, doubtful: bool, strict: bool
) -> None:
    text = GIVEN.format(test=test, lora=lora)
    script = ast.parse(text)
    asked = next(n.test for n in ast.walk(script) if isinstance(n, ast.If) and ast.unparse(n.test) == test)
    known = strict and test.startswith("hasattr")
    assert Doubts(script, frozenset({"rank", "iterations"}), {"rank": (8.0, 4.0)}).of(asked, strict=strict) is (
        doubtful and not known
    )


def places(text: str, survey: Survey, tmp_path: Path, *shrunk: Shrunk) -> list[tuple[str, ...]]:
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    return [u.names for u in unseen(gather(load_path(tmp_path), {}), survey, [s.name for s in shrunk], shrunk)]


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("args.iterations > 0 and step > 1000", True), ("not args.ttt_enabled and step > 1000", True),
        ("args.iterations != 20000 and step > 1000", False),  # not so as submitted
    ],
)  # fmt: skip
def test_each_part_of_a_condition_may_come_out_otherwise(test: str, named: bool, tmp_path: Path) -> None:
    text = SCRIPT.format(test=test)
    survey = survey_of(text, "        adapt(val_tokens)", main=("val_tokens",))
    assert bool(places(text, survey, tmp_path, Shrunk("ITERATIONS", "20000", "2"))) is named


SKIPPED = """
import sys
def evaluate(tokens, adapt):
    loss_sum, seen = 0.0, 0
    for chunk in tokens:
        {before}
        seen += 1
        if seen > 5000:
            {leaves}
        adapt(seen)
        {after}
    return loss_sum
evaluate(None, None)
"""


@pytest.mark.parametrize(
    ("leaves", "before", "after", "named"),
    [
        ("continue", "loss_sum += 1.0", "pass", False), ("continue", "pass", "loss_sum += 1.0", True),
        ("break", "loss_sum += 1.0", "pass", True),
    ],
)  # fmt: skip
def test_what_continue_skips_is_behind_it(leaves: str, before: str, after: str, named: bool, tmp_path: Path) -> None:
    text = SKIPPED.format(leaves=leaves, before=before, after=after)
    survey = survey_of(text, f"            {leaves}", evaluate=("=loss_sum",))
    assert bool(places(text, survey, tmp_path)) is named


EMBEDDED = """
import sys, torch
from torch import nn
from torch.nn import functional as F
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(9, 4)
        self.mixes = nn.Conv1d(4, 4, 3)
        self.bits = 0
    def forward(self, ids):
        x = self.rows(ids)
        if self.bits > 0:
            {body}
        return x
def main(model, step):
    while step < int(sys.argv[1]):
        step += 1
        if step > 1000:
            model.bits = 6
    model(torch.arange(9))
main(Model(), 0)
"""


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("x = F.embedding(ids, self.rows.weight / 2)", False), ("x = self.rows(ids) / 2", False),
        ("x = self.attend(x, causal=True)", False), ("x = self.attend(x, causal=self.bits > 9)", True),
        ("x = x + self.mixes(ids)", True), ("x = x + self.rows(ids.roll(-1))", True),
    ],
)  # fmt: skip
def test_a_row_for_each_token_looks_at_no_other(body: str, named: bool, tmp_path: Path) -> None:
    text = EMBEDDED.format(body=body)
    survey = survey_of(text, f"            {body}", forward=("~ids",))
    assert bool(places(text, survey, tmp_path)) is named


WARMED = """
import sys, torch
def main(loader, model, tokens, step):
    for x in tokens:
        model(x)
    while step < int(sys.argv[1]):
        x, y = loader.next(8)
        model(x)
        step += 1
        if step > 1000:
            {body}
main(None, None, torch.arange(9), 0)
"""


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("x, y = loader.next(8)", False), ("x, y = loader.other(8)", True), ("y = x; x, y = loader.next(8)", True),
    ],
)  # fmt: skip
def test_a_name_that_is_given_its_value_again_is_no_longer_of_the_stream(
    body: str, named: bool, tmp_path: Path
) -> None:  # fmt: skip
    text = WARMED.format(body=f"{body}\n            model(x + 1)")
    survey = survey_of(text, f"            {body}", main=("tokens", "x", "~x"))
    assert bool(places(text, survey, tmp_path)) is named


@pytest.mark.parametrize(
    ("test", "doubtful"),
    [
        ("args.extra", False), ("args.other", True), ("len(model.heads) > 0", False), ("len(chunks) > 1000", True),
    ],
)  # fmt: skip
def test_what_a_setting_is_read_by_and_how_many_layers_there_are_is_as_submitted(test: str, doubtful: bool) -> None:
    script = ast.parse("""
import os, mystery
from torch import nn
def read(name, default, kind=str):
    value = os.environ.get(name)
    return default if value is None else kind(value)
class Settings:
    extra = read("EXTRA", 0, bool)
    other = mystery.ask("OTHER")
def build(model, args, tokens):
    model.heads = nn.ModuleList([nn.Linear(4, 4) for _ in range(args.layers)])
    chunks = [tokens[i : i + 9] for i in range(0, mystery.size(tokens), 9)]
""")
    assert Doubts(script, frozenset()).of(ast.parse(test, mode="eval").body) is doubtful


def test_the_shape_that_a_tensor_is_given_makes_no_size_of_it() -> None:
    script = ast.parse("rows = x.reshape(-1, x.size(-1))\nlse = rows.logsumexp(-1)\ncount = x.numel()\n")
    doubts = Doubts(script, frozenset())
    sizes = [doubts.is_a_size(ast.parse(text, mode="eval").body) for text in ("(lse ** 2).mean()", "count", "rows")]
    assert sizes == [False, True, False]


@pytest.mark.parametrize(("last", "named"), [("now", False), ("0.97 * now", True)])
def test_a_figure_that_is_an_evaluation_as_it_stands_is_none_that_a_loop_makes(
    last: str, named: bool, tmp_path: Path
) -> None:  # fmt: skip
    text = (
        SCRIPT.format(test="step > 0").split("def evaluate")[0]
        + f"""
def evaluate(tokens):
    return tokens.sum()
def train(tokens):
    last, step = 9.0, 0
    while step < Hyperparameters.iterations:
        if step > 5000:
            break
        step += 1
        now = evaluate(tokens)
        last = {last}
    return last
train(torch.arange(9))
"""
    )
    survey = survey_of(text, "            break", train=("tokens", "=last"), evaluate=("tokens",))
    assert bool(places(text, survey, tmp_path)) is named


@pytest.mark.parametrize(
    ("guard", "named"),
    [
        ("args.ttt_enabled", False),  # which no command turns on
        ("'SLURM_JOB_ID' in os.environ", True), ("step > 1000", True), ("args.ttt_enabled or step > 1000", True),
    ],
)  # fmt: skip
def test_what_the_configuration_leaves_out_gives_nothing(guard: str, named: bool, tmp_path: Path) -> None:
    given = f"    extra = None\n    if {guard}:\n        extra = adapt\n    late = "
    text = SCRIPT.format(test="extra is not None").replace("    late = ", given)
    survey = survey_of(text, "        adapt(val_tokens)", main=("val_tokens",))
    left = {b for b in survey.blocks if "extra = adapt" in text.splitlines()[b[1] - 1]}
    survey = replace(survey, blocks=survey.blocks - left)
    assert bool(places(text, survey, tmp_path)) is named


@pytest.mark.parametrize(("given", "named"), [("True", False), ("late", True), ("not late", True)])
def test_attention_that_is_given_nothing_but_true_does_not_look_ahead(given: str, named: bool) -> None:
    text = (
        "def attend(q, causal=True):\n    return flash(q, causal=causal)\n"
        f"def main(q, late):\n    attend(q, causal={given})\n"
    )
    script = ast.parse(text)
    passed = script.body[0].body[0].value.keywords[0].value  # type: ignore[attr-defined]
    assert Doubts(script, frozenset()).is_true(passed) is not named
