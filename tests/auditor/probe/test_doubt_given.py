"""What the names of a test were given, and what decided that."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest

from auditor.probe.doubt import Doubts
from auditor.probe.model import Shrunk
from auditor.probe.plan import Plan
from auditor.probe.settle import reopened


@pytest.mark.parametrize(
    ("given", "asked", "doubtful"),
    [
        ('state["late"] = True', "state['late']", True), ("late[0] = True", "late[0]", True),
        ('setattr(model, "late", True)', "model.late", True), ('model.late = True', "model.late", True),
        ('os.environ["LATE"] = "1"', "os.environ.get('OTHER') == '1'", False), ("rows[i] = True", "rows[0]", False),
    ],
)  # fmt: skip
def test_a_flag_is_one_wherever_it_is_kept(given: str, asked: str, doubtful: bool) -> None:
    script = ast.parse(f"""
import os
state = {{"late": False}}
late, rows = [False], [False]
model.late = False
while step < limit:
    step += 1
    if step > 1000:
        {given}
""")
    for strict in (False, True):
        found = Doubts(script, frozenset()).of(ast.parse(asked, mode="eval").body, strict=strict)
        assert found is doubtful, strict


@pytest.mark.parametrize(
    ("test", "doubtful"),
    [
        ("start >= end", False), ("end - start <= 0", False),
        ("start >= limit", True), ("seen >= limit", True), ("start >= far", True),
    ],
)  # fmt: skip
def test_whether_a_part_is_empty_does_not_rest_on_sizes(test: str, doubtful: bool) -> None:
    script = ast.parse(f"""
def evaluate(scores, windows, args):
    limit, far, seen = args.stride, 50_000, 0
    far = far * 2
    for window in windows:
        end = min(window + 9, len(scores))
        start = max(end - args.stride, 0)
        if {test}:
            continue
        seen += 1
        total = scores[start:end].sum() + scores[start:far].sum() + scores[seen:end].sum()
""")
    asked = next(n.test for n in ast.walk(script) if isinstance(n, ast.If))
    assert Doubts(script, frozenset({"stride"})).of(asked, strict=True) is doubtful


@pytest.mark.parametrize(
    ("test", "doubtful"),
    [
        ("late(step)", True), ("flag(step)", True), ("late(args.passes)", False), ("chosen('x', 1)", False),
        ("kept(step)", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_what_a_function_says_rests_on_what_it_asks(test: str, doubtful: bool, strict: bool) -> None:
    script = ast.parse(
        "def late(n):\n    if n > 1000:\n        return True\n    return False\n"
        "def flag(n):\n    return n > 1000\n"
        "def kept(n):\n    on = n > 1000\n    return on\n"
        "def chosen(name, default):\n    if name is None:\n        return default\n    return True\n"
        "def main(args, tokens):\n    for step in range(args.iterations):\n        step += 1\n    " + test
    )
    asked = script.body[-1].body[-1].value  # type: ignore[attr-defined]
    if test == "late(args.passes)":  # it is asked about a setting alone
        script.body[-1].body = script.body[-1].body[1:]  # type: ignore[attr-defined]
    assert Doubts(script, frozenset({"iterations"})).of(asked, strict=strict) is doubtful


def test_what_a_small_value_turned_is_told_by_the_name_of_the_setting() -> None:
    doubts = Doubts(
        ast.parse("x = 1"), frozenset({"warmup_steps"}), {"warmup_steps": (20.0, 0.0), "passes": (3.0, 2.0)}
    )
    for test, turned in (("args.warmup_steps > 0", {"warmup_steps"}), ("args.passes > 0", set()), ("other > 0", set()),
                         ("args.passes > 0 and args.warmup_steps >= 1", {"warmup_steps"})):  # fmt: skip
        assert doubts.turned(ast.parse(test, mode="eval").body) == turned


def test_a_setting_whose_small_value_turned_a_branch_is_as_submitted_in_another_go() -> None:
    changed = (
        Shrunk("WARMUP_STEPS", "20", "0"),
        Shrunk("--val-every", "100", "7"),
        Shrunk("MODEL_DIM", "512", "64", "an error"),
    )
    settled = SimpleNamespace(plan=Plan(), made=SimpleNamespace(changed=changed))
    plan = reopened(settled, ("warmup_steps", "val_every", "model_dim", "other"))  # type: ignore[arg-type]
    assert plan is not None
    assert [(name, value) for name, value, _ in plan.overrides] == [("WARMUP_STEPS", "1"), ("--val-every", "100")]
    assert reopened(settled, ("model_dim",)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("test", "doubtful"), [("taken <= 0", False), ("late == 2", True), ("either == 2", True), ("kept == 2", True)]
)
@pytest.mark.parametrize("strict", [False, True])
def test_what_one_has_come_by_does_not_decide_which_value_a_name_has(test: str, doubtful: bool, strict: bool) -> None:
    script = ast.parse(
        "def main(args, deadline, spans):\n    kept = 1\n    for n, span in enumerate(spans):\n"
        "        if time.perf_counter() > deadline:\n            kept = 2\n            break\n"
        "        late = 1\n        size = len(span) - n\n        size = span[0] - span[1]\n"
        "        taken = size - span[2]\n"
        "        if n > 1000:\n            late = 2\n"
        "        either = 1 if args.passes else 3\n        if time.perf_counter() > 9:\n            either = 2\n"
        f"        if {test}:\n            continue\n"
    )
    asked = next(n.test for n in ast.walk(script) if isinstance(n, ast.If) and ast.unparse(n.test) == test)
    if strict or doubtful:
        assert Doubts(script, frozenset()).of(asked, strict=strict) is doubtful


@pytest.mark.parametrize(
    ("before", "test", "phases", "never"),
    [
        ("", "c in ends and c < last", 0.0, True),
        ("", "c in ends or c < last", 0.0, False),
        ("", "c in ends", 2.0, False),
        ("", "c not in ends", 0.0, False),
        ("ends.append(3)", "c in ends", 0.0, False),
        ("ends += [3]", "c in ends", 0.0, False),
        ("other = consolidate", "c in ends", 0.0, False),
        ("consolidate(3)", "c in ends", 0.0, False),
        ("ends = ends or [3]", "c in ends", 0.0, False),
        ("", "c > last", 0.0, False),
    ],
)
def test_a_function_that_waits_for_what_is_in_an_empty_list_is_never_called(
    before: str, test: str, phases: float, never: bool
) -> None:
    script = ast.parse(
        "def main(args, last):\n    phases = args.phases\n"
        "    if phases > 0 and last > phases:\n        ends = [last // phases]\n    else:\n        ends = []\n"
        f"    def consolidate(c):\n        step(c)\n    {before}\n"
        f"    for c in range(last):\n        if {test}:\n            consolidate(c)\n"
    )
    assert Doubts(script, frozenset(), {"phases": (phases, phases)}).is_never_called("consolidate") is never


@pytest.mark.parametrize(
    ("call", "doubtful"), [("evaluate(1)", False), ("evaluate(1, 0)", False), ("evaluate(1, n)", True)]
)
def test_a_parameter_that_every_call_makes_come_out_alike(call: str, doubtful: bool) -> None:
    body = "def evaluate(x, size=0):\n    return x if size > 0 else 2\nn = len(a)\nevaluate(1, args.eval_seq_len)\n"
    tree = ast.parse(body + call)
    test = next(node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    doubts = Doubts(tree, frozenset({"eval_seq_len"}), {"eval_seq_len": (1024.0, 16.0)})
    assert doubts.of(test) is doubtful
