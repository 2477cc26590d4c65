"""What did not run and could have: blocks, marks, and which tests may come out otherwise at full size."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.probe.blocks import blocks
from auditor.probe.coverage import unseen
from auditor.probe.doubt import Doubts
from auditor.probe.measure.confined import Survey
from auditor.submission import load_path

EXAMPLES = Path(__file__).parents[3] / "examples"
SCRIPT = """
import os, time, zlib, torch

try:
    import late_kernels
except ImportError:
    late_kernels = None

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
    "torch.version.cuda is not None": True,
    "torch.backends.cudnn.version()": True,
    "torch.cuda.is_available()": False,
    "world_size == 8": True,
    "world_size > 1": False,
    "vars().get('step', 0) > 1000": True,
    "optimizer.param_groups[0]['lr'] < 1e-4": True,
    "torch.relu.__name__ == 'relu'": True,
    "late_kernels is None": True,
    "step >> 10": True,
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


@pytest.mark.parametrize(
    ("test", "doubtful"),
    {
        "args.iterations > 0": False,  # it is so with the small value as well
        "args.iterations != 0 and args.ttt_enabled": False,
        "args.iterations > 1000": True,
        "args.iterations == 20000": True,
        "args.iterations > step": True,
        "step > 0": True,
        "args.run_id > 0": True,
    }.items(),
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_comparison_that_comes_out_the_same_with_the_small_value_leaves_no_doubt(
    test: str, doubtful: bool, strict: bool
) -> None:
    doubts = Doubts(tree(test), frozenset({"run_id", "iterations"}), {"iterations": (20000.0, 2.0)})
    known = strict and test == "step > 0"  # nothing large
    assert doubts.of(ast.parse(test, mode="eval").body, strict=strict) is (doubtful and not known)
    assert Doubts(tree("x"), frozenset({"iterations"})).of(ast.parse("args.iterations > 0", mode="eval").body)


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("step > 1000", True), ("args.ttt_enabled", False), ("step > 0", False),
        # No command gives these, so that none of the configuration leaves the block out:
        ("os.environ.get('HOME', '').startswith('/')", True), ("os.environ.get('SLURM_JOB_ID')", True),
        ("sys._getframe().f_back is None", True), ("os.environ.get('OTHER_SWITCH')", False),
    ],
)  # fmt: skip
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


def survey_of(text: str, skipped: str, **held: tuple[str, ...]) -> Survey:
    """A run of it that entered everything but blocks with that line; names that functions held, by their name."""
    lines = text.splitlines()
    left = {n for n, line in enumerate(lines, 1) if skipped in line}
    entered = frozenset(("train_gpt.py", *b.place) for b in blocks(ast.parse(text)) if b.place[0] not in left)
    firsts = {n.name: n.lineno for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)}
    return Survey(blocks=entered, holders=tuple(("train_gpt.py", firsts[f], names) for f, names in held.items()))


CHOSEN = """
import sys
def evaluate(tokens):
    return tokens.sum()
def main(tokens):
    best, step = evaluate(tokens), 0
    while step < int(sys.argv[1]):
        step += 1
    for trial in range(step // 500):
        {loop}
    print(best)
main(None)
"""


@pytest.mark.parametrize(
    ("loop", "named"),
    [
        ("best = min(best, evaluate(tokens))", True), ("evaluate(tokens)", False),
        ("now = evaluate(tokens); best = now if now < best else best", True),
    ],
)  # fmt: skip
def test_what_would_choose_by_validation_scores_is_named(loop: str, named: bool, tmp_path: Path) -> None:
    text = CHOSEN.format(loop=loop)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    survey = survey_of(text, loop, main=("tokens",), evaluate=("tokens",))
    found = unseen(gather(load_path(tmp_path), {}), survey, ())
    assert any(u.names == ("evaluate",) for u in found) is named


SAID = """
import sys
class Out:
    def __init__(self, inner):
        self.inner = inner
    def write(self, text):
        if {test}:
            text = text.replace("9", "8")
        self.inner.write(text)
sys.stdout = Out(sys.stdout)
print("final val_loss:1.0 val_bpb:1.0")
"""


@pytest.mark.parametrize(("test", "named"), [("float(text[-5:]) < 4.0", True), ("self.inner is None", False)])
def test_what_stands_in_the_place_of_the_output_and_asks_for_figures_is_named(
    test: str, named: bool, tmp_path: Path
) -> None:
    text = SAID.format(test=test)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = unseen(gather(load_path(tmp_path), {}), survey_of(text, "text = text.replace"), ())
    assert [u.names for u in found] == ([("print",)] if named else [])


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["print(f'val_bpb:{x:.4f}'.replace('1.0', '1.00'))"], True),
        (["log(f'val_bpb:{x:.4f}'.replace('1.0', '0.9'))"], True),
        (["print(f'val_bpb:{x:.4f}'.replace('bpb', 'bits'))"], False),
        (["print('run_1'.replace('_1', ''))"], False),
        (["log(f'val_bpb:{x:.4f}')"], False),
    ],
)
def test_figures_that_are_replaced_in_what_is_printed_are_named(
    lines: list[str], named: bool, tmp_path: Path
) -> None:  # fmt: skip
    text = "def log(message):\n    print(message)\nx = 1.5\n" + "\n".join(lines) + "\n"
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = unseen(gather(load_path(tmp_path), {}), survey_of(text, "nothing"), ())
    assert [u.names for u in found] == ([("print",)] if named else [])


@pytest.mark.parametrize(
    ("test", "named"),
    [("'bpb:1.0' in message", True), ("message.startswith('step')", False), ("re.search('1[.]0', message)", True)],
)
def test_a_printer_that_looks_for_a_figure_in_its_text_is_named(test: str, named: bool, tmp_path: Path) -> None:
    change = "        message = message.lower()"
    text = f"def log(message):\n    if {test}:\n{change}\n    print(message)\nlog('x')\n"
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = unseen(gather(load_path(tmp_path), {}), survey_of(text, change), ())
    assert [u.names for u in found] == ([("print",)] if named else [])


EVERY = """
import sys
def evaluate(tokens):
    return tokens.sum()
def main(tokens):
    for step in range(int(sys.argv[1])):
        if step > 5000:
            break
        if step % 1000 == 999:
            {body}
            print(total)
    total = evaluate(tokens)
    print(total)
"""


@pytest.mark.parametrize(
    ("body", "named"),
    [("total = evaluate(tokens)", False), ("total = 0.97 * evaluate(tokens)", True), ("total *= 0.97", True)],
)
def test_an_evaluation_now_and_then_is_the_same_as_the_last_one(body: str, named: bool, tmp_path: Path) -> None:
    text = EVERY.format(body=body) + SCRIPT.format(test="step > 0").split("def evaluate")[0]
    (tmp_path / "train_gpt.py").write_text(text + "main(torch.arange(9))\n")
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    held = {"main": ("tokens", "=total"), "evaluate": ("tokens",)}
    run = survey_of(text, f"            {body}", **held)
    run = replace(run, blocks=frozenset(b for b in run.blocks if text.splitlines()[b[1] - 1].strip() != "break"))
    assert {u.names for u in unseen(gather(load_path(tmp_path), {}), run, ())} == ({("total",)} if named else set())


@pytest.mark.parametrize(
    ("test", "named"),
    [("total < 2.0 * 99", True), ("total / 99 < 2.5", True), ("total > 0", False), ("limit == 3", False)],
)
@pytest.mark.parametrize("known", ["total", "tokens_sum"])
def test_what_a_good_score_alone_changes_is_named(test: str, named: bool, known: str, tmp_path: Path) -> None:
    guard = f"""
def evaluate(tokens, limit):
    tokens_sum = tokens.sum()
    total = tokens_sum / 2
    if {test}:
        total *= 0.97
    return total
"""
    text = guard + SCRIPT.format(test="step > 0").split("def evaluate")[0] + "evaluate(torch.arange(99), 3)\n"
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = unseen(
        gather(load_path(tmp_path), {}), survey_of(text, "        total *= 0.97", evaluate=(f"={known}",)), ()
    )
    assert [u.names for u in found] == ([("total",)] if named else [])


@pytest.mark.parametrize(("part", "named"), [("[:0]", False), ("[0:0]", False), ("[:1]", True), ("", True)])
def test_of_a_block_that_takes_no_token_nothing_is_said(part: str, named: bool, tmp_path: Path) -> None:
    text = SCRIPT.format(test="step > 1000").replace("        adapt(val_tokens)", f"        rest = val_tokens{part}")
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    survey = survey_of(text, "        rest", main=("val_tokens",))
    found = unseen(gather(load_path(tmp_path), {}), survey, ("ITERATIONS",))
    assert [u.names for u in found] == ([("val_tokens",)] if named else [])


AGAIN = """
import time, torch
def load(files, length):
    return torch.arange(99)
def adapt(files):
    return torch.arange(99)
def main(files, length):
    usual = load(files, 64)
    tokens = {value} if time.time() > 9e9 else usual
    {more}
main("val_*.bin", 64)
"""


@pytest.mark.parametrize(
    ("value", "more", "named"),
    [
        ("load(files, length)", "print(tokens.sum())", False), ("adapt(files)", "print(tokens.sum())", True),
        ("load(files, length).sum()", "print(tokens)", True), ("load(usual, 1) + usual", "print(tokens)", True),
    ],
)  # fmt: skip
def test_what_is_loaded_again_is_the_same_stream(value: str, more: str, named: bool, tmp_path: Path) -> None:
    text = AGAIN.format(value=value, more=more)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    survey = survey_of(text, "nothing", main=("files", "usual", "tokens"))
    lines = ["", *text.splitlines()]
    left = {min(b for b in survey.blocks if "9e9" in lines[b[1]] and b[2] > 1 << 20)}  # the arm that was not taken
    left |= {b for b in survey.blocks if lines[b[1] - 1].startswith("def adapt")}
    found = unseen(gather(load_path(tmp_path), {}), replace(survey, blocks=survey.blocks - left), ())
    assert bool(found) is named


LATE = """
import glob, sys, torch
def load(path):
    return path
def train(tokens, files):
    counts = torch.bincount(tokens)
    for index in range(int(sys.argv[1])):
        if index > 60:
            {body}
train(torch.arange(99), glob.glob("train_*"))
"""


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("files = load(files[0].replace('train', 'val'))", "val"),
        ("files = glob.glob('fineweb_val_*.bin')", "fineweb_val_*.bin"),
        ("weights = counts * 2", "counts"),
        ("print('val_bpb')", ""), ("files = load('train')", ""), ("rest = files[index:]", ""),
    ],
)  # fmt: skip
def test_validation_shards_and_what_is_made_of_the_stream_are_named(body: str, name: str, tmp_path: Path) -> None:
    text = LATE.format(body=body)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    survey = survey_of(text, f"            {body}", train=("tokens",))
    assert [u.names for u in unseen(gather(load_path(tmp_path), {}), survey, ())] == ([(name,)] if name else [])


BEYOND = """
import torch
CUT = 1 << 20
def main(tokens):
    late = tokens[{start}:]
    print(late.sum())
main(torch.arange(9))
"""


@pytest.mark.parametrize(
    ("start", "named"),
    [("1_000_000", True), ("CUT", True), ("512 * 4096", True), ("64", False), ("len(tokens) - 9", False)],
)
def test_a_part_that_begins_behind_the_small_stream_is_named(start: str, named: bool, tmp_path: Path) -> None:
    text = BEYOND.format(start=start)
    (tmp_path / "train_gpt.py").write_text(text)
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = unseen(gather(load_path(tmp_path), {}), survey_of(text, "nothing", main=("tokens",)), ())
    assert [u.names for u in found] == ([("tokens",)] if named else [])


def test_a_step_on_validation_tokens_that_did_not_run_is_named() -> None:
    folder = EXAMPLES / "pre_quant_ttt"
    text = (folder / "train_gpt.py").read_text("utf-8")
    facts, step = gather(load_path(folder), {}), "model(x, y).backward()"
    line = next(n for n, said in enumerate(text.splitlines(), 1) if said.strip() == step)
    loop = max((b for b in blocks(ast.parse(text)) if b.place[0] <= line), key=lambda b: b.place[0])
    entered = frozenset(("train_gpt.py", *b.place) for b in blocks(ast.parse(text)))
    left_out = Survey(blocks=entered - {("train_gpt.py", *loop.place)})
    assert any(u.names == ("adapt",) for u in unseen(facts, left_out, ()))
    assert not any(u.names == ("adapt",) for u in unseen(facts, Survey(blocks=entered), ()))
