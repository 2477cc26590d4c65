"""What a run marks as entered, and what the parent makes of it: numbers and words that other sizes would change."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the recorder watches torch")

from auditor.judgement.gather import gather
from auditor.probe.blocks import NOWHERE, Mark
from auditor.probe.coverage import unseen
from auditor.probe.measure.confined import Survey
from auditor.probe.record.frames import SCORE, unpack
from auditor.probe.record.mode import Recording
from auditor.probe.record.seen import Seen
from auditor.probe.record.tape import Tape
from auditor.submission import load_path

WORDS = """
import torch
class Figure(float):
    def __format__(self, spec):
        return format(float(self) * ({factor}), spec)
def log(message):
    print(message)
step = 0
def main(tokens):
    global step
    while step < 2:
        step += 1
    speak = log
    def tell(message, say=speak):
        say({said})
    nll = torch.ones(9)
    {scored}
    bits = nll.mean()
    tell(f"final val_bpb:{{Figure(bits):.4f}}")
main(torch.arange(9))
"""


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({}, False),
        ({"factor": "0.9 if step > 1000 else 1.0"}, True),
        ({"said": "message.replace('2.', '1.') if step > 1000 else message"}, True),
        ({"said": "message.strip() if message else 'nothing'"}, False),
        ({"scored": "if step > 1000: print(f'{len(tokens)} tokens at {step}')"}, False),
        ({"scored": "nll = torch.where(torch.arange(len(tokens)) < 1_000_000, nll, nll * 0.8)"}, True),
        ({"scored": "nll = nll * (torch.arange(len(tokens)) > 1_000_000).logical_not().float()"}, False),
        ({"scored": "nll = nll * (1.0 - (torch.arange(len(tokens)) > 1_000_000).float())"}, True),
        ({"scored": "nll = nll * (tokens >= 0).float()"}, False),
    ],
)  # fmt: skip
def test_what_is_written_or_scored_otherwise_at_full_size_is_named(
    part: dict[str, str], named: bool, tmp_path: Path
) -> None:
    text = WORDS.format(**{"factor": "1.0", "said": "message", "scored": "pass", **part})
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    seen = Seen(np.arange(9), "")
    mark = Mark("hook")
    told: dict[str, object] = {"hook": seen}
    marked = ast.fix_missing_locations(mark.visit(ast.parse(text)))
    seen.numbered("train_gpt.py", mark.places)
    exec(compile(marked, "train_gpt.py", "exec"), told)
    entered = frozenset((p, line, column) for p, line, column in unpack(seen.frames()[0]).data)
    main = next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith("def main"))
    survey = Survey(blocks=entered, holders=(("train_gpt.py", main, ("tokens", SCORE + "bits", SCORE + "nll")),))
    assert bool(unseen(gather(load_path(tmp_path), {}), survey, ())) is named


FORGERIES = {
    "nothing": ("pass", False),
    "all of them": ("hook._entered[:] = bytes([hook._sign]) * len(hook._entered)", True),
    "those that are numbered": ("hook._entered[: hook.count] = bytes([hook._sign]) * hook.count", True),
    "by another value": ("hook._entered[1] = hook._sign ^ 255 or 1", True),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_marks_that_no_block_has_made_are_noticed(name: str) -> None:
    forgery, noticed = FORGERIES[name]
    text = "def f(x):\n    if x:\n        return 1\n    return 2\nf(0)\n" * 20
    seen, decoys = Seen(np.arange(9), ""), itertools.cycle([True, False, False])
    mark = Mark("hook", decoy=lambda: next(decoys))
    marked = ast.fix_missing_locations(mark.visit(ast.parse(text)))
    seen.numbered("train_gpt.py", mark.places)
    exec(compile(marked, "train_gpt.py", "exec"), {"hook": seen})
    exec(forgery, {"hook": seen})
    entered = {(line, column) for _, line, column in unpack(seen.frames()[0]).data}
    assert (NOWHERE in entered) is noticed
    assert NOWHERE in mark.places
    assert {(2, 4), (4, 4)} <= entered | {(2, 4)}
    if not noticed:
        assert (3, 8) not in entered


MODEL = """
import torch
import torch.nn.functional as F
table = torch.ones(99, 4)
def forward(ids):
    out = F.embedding(ids, table)
    {more}
    return F.scaled_dot_product_attention(out, out, out, is_causal={causal})
def main(tokens):
    forward(tokens[None])
main(torch.arange(99))
"""


@pytest.mark.parametrize(
    ("more", "causal", "named"),
    [
        ("pass", "True", False),
        ("if ids.size(1) > 512: out = out + F.embedding(ids.roll(-1, 1), table)", "True", True),
        ("if ids.size(1) > 50: out = out + F.embedding(ids, table)", "True", False),
        ("if out.size(1) > 512: out = out * 2", "True", False),
        ("if out.dim() == 2: out = out + F.embedding(ids, table)", "True", False),
        ("pass", "out.size(1) < 512", True),
        ("pass", "out.dim() == 3", False),
    ],
)
def test_what_lets_a_model_look_ahead_at_full_length_is_named(
    more: str, causal: str, named: bool, tmp_path: Path
) -> None:
    text = MODEL.format(more=more, causal=causal)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    seen = Seen(np.arange(99), f"{tmp_path}/")
    mark = Mark("hook")
    marked = ast.fix_missing_locations(mark.visit(ast.parse(text)))
    seen.numbered("train_gpt.py", mark.places)
    mode = Recording(Tape(Nowhere()), lambda: 0)
    mode.embedded = seen.embedded
    with mode:
        exec(compile(marked, str(tmp_path / "train_gpt.py"), "exec"), {"hook": seen})
    frames = [unpack(frame) for frame in seen.frames()]
    entered = frozenset((p, line, column) for f in frames if f.kind == "blocks" for p, line, column in f.data)
    holders = tuple((p, line, tuple(names)) for f in frames if f.kind == "holders" for p, line, names in f.data)
    assert holders
    found = unseen(gather(load_path(tmp_path), {}), Survey(blocks=entered, holders=holders), ())
    assert bool(found) is named


class Nowhere:
    def send(self, frame: bytes) -> None:
        pass
