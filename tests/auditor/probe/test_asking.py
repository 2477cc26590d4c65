"""What a test rests on: settings as submitted, names and their values, the process, counts."""

from __future__ import annotations

import ast

import pytest

from auditor.probe.blocks import blocks
from auditor.probe.doubt import Doubts


def test_settings_that_are_equal_as_submitted_and_here_leave_no_doubt() -> None:
    script = ast.parse(
        "length = args.eval_len if args.eval_len > 0 else args.train_len\n"
        "self.train_len = train_len\nargs.train_len = int(text)\n"  # handed on under its own name
    )
    test = ast.parse("length != args.train_len", mode="eval").body
    chosen = frozenset({"train_len"})
    same = {"eval_len": (0.0, 0.0), "train_len": (1024.0, 64.0)}
    assert not Doubts(script, chosen, same).of(test)
    assert Doubts(script, chosen, {**same, "eval_len": (2048.0, 64.0)}).of(test)  # longer at full size
    assert Doubts(script, chosen, {"train_len": (1024.0, 64.0)}).of(test)


@pytest.mark.parametrize(("passed", "doubtful"), [("args.stride", False), ("stride", False), ("size // 1000", True)])
def test_a_parameter_is_what_is_passed_for_it_whatever_its_name(passed: str, doubtful: bool) -> None:
    script = ast.parse(f"size = len(tokens)\ndef late(stride):\n    return stride > 16\nlate({passed})\n")
    test = script.body[1].body[0].value  # type: ignore[attr-defined]
    assert Doubts(script, frozenset({"stride"}), {"stride": (64.0, 32.0)}).of(test) is doubtful


def test_a_test_that_is_false_as_submitted_is_known() -> None:
    doubts = Doubts(ast.parse("width = f(x)\n"), frozenset({"stride"}), {"stride": (64.0, 32.0)})

    def submitted(test: str) -> bool | None:
        return doubts.submitted(ast.parse(test, mode="eval").body)

    assert submitted("args.stride != 64 and 64 < width") is False
    assert submitted("args.stride == 64 and 64 < width") is None
    assert submitted("not args.stride != 64") is True
    assert submitted("args.stride == 64 or 64 < width") is True
    assert submitted("width > 64") is None


def test_an_attribute_that_the_script_gives_is_asked_for_by_its_value() -> None:
    script = ast.parse("class T: pass\nmodel.tracker = T()\nmodel.late = step > 1000\nstep += 1\n")
    doubts = Doubts(script, frozenset())
    for test, doubtful in {"tracker": False, "late": True, "unknown": True}.items():
        assert doubts.of(ast.parse(f"hasattr(model, '{test}')", mode="eval").body) is doubtful


COMPREHENSION = """
wanted = None
if args.wanted != "":
    wanted = set(int(x) for x in args.wanted.split(",") if x.strip())
late = any(x for x in [x])
for x, y in loader:
    step += 1
"""


@pytest.mark.parametrize(
    ("test", "doubtful"), {"wanted is not None": False, "late": True, "any(x > 1000 for x in [step])": True}.items()
)
def test_a_name_of_a_comprehension_is_no_other_name(test: str, doubtful: bool) -> None:
    doubts = Doubts(ast.parse(COMPREHENSION), frozenset())
    assert doubts.of(ast.parse(test, mode="eval").body) is doubtful


def test_a_setting_that_the_code_gives_another_value_is_in_doubt() -> None:
    script = ast.parse("class A:\n    n = 20\na = A()\na.n = a.n * 40\n")
    doubts = Doubts(script, frozenset({"n"}), {"n": (20.0, 2.0)})
    assert doubts.of(ast.parse("a.n > 0", mode="eval").body)


@pytest.mark.parametrize(
    "test",
    [
        "len(os.environ) > 25", "any(k.startswith('X') for k in os.environ)", "'TERM' in os.environ",
        "F.cross_entropy.__module__ == 'torch.nn.functional'", "len(adapt.__code__.co_names) < 11",
        "'stage' in inspect.getsource(torch.compile)", "error.__traceback__.tb_frame.f_back is None",
    ],
)  # fmt: skip
def test_what_the_process_and_its_functions_are_is_of_the_machine(test: str) -> None:
    asked = ast.parse(test, mode="eval").body
    assert Doubts(ast.parse(""), frozenset()).of_the_machine(asked)
    assert not Doubts(ast.parse(""), frozenset()).of_the_machine(ast.parse("os.environ.get('TTT')").body[0])


def test_the_rest_of_a_loop_that_nothing_broke_is_decided_by_what_would_break_it() -> None:
    loop = "step += 1\nfor i in range(9):\n    if i >= step:\n        break\nelse:\n    adapt(tokens)\n"
    end = next(b for b in blocks(ast.parse(loop)) if b.place == (6, 4))
    assert Doubts(ast.parse(loop), frozenset()).of(end.test)


def test_a_count_kept_on_a_function_and_what_a_file_says_are_doubtful() -> None:
    text = 'f.calls = getattr(f, "calls", 0) + 1\nname = open("/proc/1/comm").read()\nplain = "a"\n'
    doubts = Doubts(ast.parse(text), frozenset())
    asked = ("f.calls > 500", "name.startswith('torchrun')", "plain.startswith('b')")
    assert [doubts.of(ast.parse(a, mode="eval").body) for a in asked] == [True, True, False]


REST = """
start = 0 if first else max(length - stride, 0)
left = length - start
hidden = length - 50_000
late = int(seen > 10_000) - 1
seen += 1
"""


@pytest.mark.parametrize(
    ("test", "doubtful"), {"left <= 0": False, "hidden <= 0": True, "late <= 0": True, "stride <= 0": True}.items()
)
def test_whether_anything_is_left_does_not_rest_on_sizes(test: str, doubtful: bool) -> None:
    doubts = Doubts(ast.parse(REST), frozenset({"stride", "length"}))
    assert doubts.of(ast.parse(test, mode="eval").body, strict=True) is doubtful


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
        ("time.time() > 2e9", True), ("len(windows) == 0", False), ("tokens.numel() > 10**7", True),
        ("world_size == 8", True), ("world_size > 1", False), ("torch.version.cuda", True),
        ("device.type == 'cuda'", True), ("datetime.date.today().year > 2025", True), ("len(str(i)) > 3", True),
        ("math.log10(i + 1) > 3", True), ("i >> 10", True), ("loss_sum.item() < 2.0", True),
        ("count.item() == 0", False),
        ("count.item() > 0", False), ("i == len(chunks) - 1", False), ("torch.get_num_threads() > 1", True),
    ],
)  # fmt: skip
def test_of_what_sets_figures_alone_only_what_is_held_against_size_or_clock_is_named(test: str, named: bool) -> None:
    doubts = Doubts(ast.parse(FIGURES.format(test=test)), frozenset())
    assert doubts.of(ast.parse(test, mode="eval").body, strict=True) is named
