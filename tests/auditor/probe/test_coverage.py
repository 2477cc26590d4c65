"""What did not run and could have: blocks, marks, and which tests may come out otherwise at full size."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.blocks import Mark, blocks
from auditor.probe.coverage import unseen
from auditor.probe.doubt import Doubts
from auditor.probe.measure.confined import Survey
from auditor.program.evasion import evasions
from auditor.submission import load_path

EXAMPLES = Path(__file__).parents[3] / "examples"
SCRIPT = """
import os, time, zlib, torch

class Hyperparameters:
    ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "0")))
    run_id = os.environ.get("RUN_ID", "x")
    iterations = int(os.environ.get("ITERATIONS", 20000))

def adapt(tokens):
    return tokens.sum()

def evaluate(model, tokens, lora=None):
    if lora:
        adapt(tokens)
    return [model(t) for t in tokens]

def main():
    args = Hyperparameters()
    val_tokens = torch.arange(100)
    step, start = 0, time.perf_counter()
    while step < args.iterations:
        step += 1
    late = step > 1000
    if {test}:
        adapt(val_tokens)
    evaluate(print, val_tokens, lora=args.ttt_enabled)
    print(f"final val_loss:{{1.0}} val_bpb:{{1.0}}")

main()
"""
DOUBTFUL = {
    "late": True,
    "step > 1000": True,
    "time.perf_counter() - start > 60": True,
    "torch.cuda.max_memory_allocated() > 1 << 30": True,
    "args.run_id != 'probe'": True,
    "args.iterations > 1000": True,
    "os.environ.get('RUN_ID') != 'probe'": True,
    "zlib.crc32(val_tokens.numpy().tobytes()) == 1": True,
    "args.ttt_enabled": False,
    "args.ttt_enabled and len('x') == 1": False,
    "getattr(args, 'ttt_enabled', False)": False,
}


def tree(test: str) -> ast.Module:
    return ast.parse(SCRIPT.format(test=test))


@pytest.mark.parametrize(("test", "doubtful"), DOUBTFUL.items())
def test_what_the_probe_chose_and_counts_decide_is_doubtful(test: str, doubtful: bool) -> None:
    doubts = Doubts(tree(test), frozenset({"run_id", "iterations"}))
    assert doubts.of(ast.parse(test, mode="eval").body) is doubtful
    assert doubts.of(None)
    assert not doubts.of(ast.parse("lora", mode="eval").body)  # a parameter, given a setting


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/train_gpt.py")), ids=lambda p: p.parent.name)
def test_marks_are_at_the_blocks_and_change_nothing_else(path: Path) -> None:
    text = path.read_text("utf-8")
    mark = Mark("hook")
    marked = ast.fix_missing_locations(mark.visit(ast.parse(text)))
    assert sorted(mark.places) == sorted(block.place for block in blocks(ast.parse(text)))
    assert len(mark.places) > 20
    compile(marked, str(path), "exec")


def test_a_marked_script_does_what_it_did() -> None:
    text = '''
def f(xs):
    """Doc."""
    out = [g(x) if x else g(-1) for x in xs]
    try:
        assert out or g(0)
        for _ in range(0):
            out.append(9)
        else:
            out.append(len(out) and g(5))
    finally:
        pass
    return out

def g(x):
    if x > 2:
        return x
    elif x < 0:
        return None
    return 0

result = f([1, 5, 0])
'''

    class Hook:
        entered: list[int] = []  # noqa: RUF012

        def e(self, number: int) -> None:
            self.entered.append(number)

    plain: dict[str, object] = {}
    exec(text, plain)
    mark, hook = Mark("hook"), Hook()
    told: dict[str, object] = {"hook": hook}
    exec(compile(ast.fix_missing_locations(mark.visit(ast.parse(text))), "x", "exec"), told)
    assert told["result"] == plain["result"] == [0, 5, None, 5]
    assert getattr(told["f"], "__doc__", "") == "Doc."
    ran = {mark.places[number][0] for number in hook.entered}
    left_out = {place[0] for place in mark.places} - ran
    assert left_out == {6, 8}  # the loop over nothing, and what `or` did not come to


@pytest.mark.parametrize(("test", "named"), [("step > 1000", True), ("args.ttt_enabled", False), ("step > 0", False)])
def test_a_block_that_did_not_run_is_named(test: str, named: bool, tmp_path: Path) -> None:
    (tmp_path / "train_gpt.py").write_text(SCRIPT.format(test=test))
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    facts = gather(load_path(tmp_path), {})
    lines = SCRIPT.format(test=test).splitlines()
    guarded = next(n for n, line in enumerate(lines, 1) if line.startswith("        adapt(val_tokens)"))
    skipped = {guarded} if test != "step > 0" else set()
    every = blocks(ast.parse(SCRIPT.format(test=test)))
    main = next(n for n, line in enumerate(lines, 1) if line.startswith("def main"))
    entered = frozenset(("train_gpt.py", *b.place) for b in every if b.place[0] not in skipped)
    survey = Survey(blocks=entered, holders=(("train_gpt.py", main, ("val_tokens",)),))
    found = unseen(facts, survey, ("ITERATIONS", "RUN_ID"))
    assert [(u.location.line, u.names) for u in found] == ([(guarded, ("val_tokens",))] if named else [])


def test_code_that_looks_for_the_probe_is_named(tmp_path: Path) -> None:
    (tmp_path / "train_gpt.py").write_text(
        "import sys\nfrom torch.utils._python_dispatch import _disable_current_modes\n"
        'watched = "auditor.probe" in sys.modules\nprint("audited by golf-audit, which found nothing at all here")\n'
    )
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = evasions(gather(load_path(tmp_path), {}).sources)
    assert [place.line for _, place in found] == [2, 3]


FIGURES = """
import time
def evaluate(tokens, limit=32768):
    loss_sum, count, seen = 0.0, 0, [0]
    chunks = [[] for _ in range((tokens.numel() + limit - 1) // limit)]
    for i, chunk in enumerate(chunks):
        windows = chunks[i]
        if {test}:
            continue
        seen[0] += 1
        loss_sum += 1.0
        count += 1
    return loss_sum / count
"""


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("not windows", False), ("i < 0", False), ("i > 1000", True), ("seen[0] > 5000", True),
        ("tokens.numel() > 100_000", True),
        ("time.time() > 2e9", True), ("len(windows) == 0", False),
    ],
)  # fmt: skip
def test_of_what_sets_figures_alone_only_what_is_held_against_size_or_clock_is_named(test: str, named: bool) -> None:
    doubts = Doubts(ast.parse(FIGURES.format(test=test)), frozenset())
    assert doubts.of(ast.parse(test, mode="eval").body, strict=True) is named
