"""Loops that count and sums: which are read in the one form, that they do the same in it, and which stay."""

from __future__ import annotations

import ast

import pytest

from auditor.source.forms import parse_to_follow

_LAST = """
def f(n, step):
    seen = []
    at = 0
    while at < n:
        seen.append(at)
        at += step
    return seen
"""
_FIRST = """
def f(n, step):
    seen = []
    at = 0
    end = n - 1
    while at < end:
        now = at
        at += step
        if now % 2:
            continue
        seen.append(now)
    return seen
"""
_SUM = (
    "def f(n, step):\n    total = other = 0\n    for i in range(0, n, step):\n        total = total + i\n"
    "        other = i - other\n    return total, other\n"
)


def _kinds(text: str) -> list[str]:
    kept = (ast.While, ast.For, ast.AugAssign)
    return [type(node).__name__ for node in ast.walk(parse_to_follow(text)) if isinstance(node, kept)]


@pytest.mark.parametrize(
    ("text", "kinds"), [(_LAST, ["For"]), (_FIRST, ["For"]), (_SUM, ["For", "AugAssign"])], ids=["last", "first", "sum"]
)
def test_one_form_does_the_same(text: str, kinds: list[str]) -> None:
    assert _kinds(text) == kinds
    results = []
    for tree in (ast.parse(text), parse_to_follow(text)):
        names: dict[str, object] = {}
        exec(compile(ast.fix_missing_locations(tree), "here", "exec"), names)
        results.append([names["f"](n, step) for n in (0, 1, 7, 12) for step in (1, 3)])  # type: ignore[operator]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "loop",
    [
        "while at < n:\n        if at % 2:\n            continue\n        at += 1",
        "while at < len(waiting):\n        waiting.append(at)\n        at += 1",
        "while at < n:\n        n -= 1\n        at += 1",
        "while at < n:\n        at += 1\n        at += 2",
        "while at < n:\n        show(at)\n        at += 1\n    show(at)",
        "while at < n:\n        show(at)\n        at += -1",
    ],
    ids=["continued", "a list that grows", "an end that moves", "raised twice", "read behind it", "downwards"],
)
def test_other_loops_stay(loop: str) -> None:
    assert "While" in _kinds(f"def f(n, waiting):\n    at = 0\n    {loop}\n")


@pytest.mark.parametrize(
    "text",
    [
        "def f(x, blocks):\n    for block in blocks:\n        x = x + block(x)\n    return x\n",
        "def f(model, g):\n    w = model.weight\n    w = w + g\n    return w\n",
    ],
    ids=["a parameter", "what something else holds"],
)
def test_what_may_have_other_names_is_not_changed_in_place(text: str) -> None:
    assert "AugAssign" not in _kinds(text)


def test_places_stay() -> None:
    loop = next(n for n in ast.walk(parse_to_follow(_FIRST)) if isinstance(n, ast.For))
    assert (loop.lineno, loop.end_lineno, loop.body[0].lineno) == (6, 11, 9)
    assert ast.unparse(loop.iter) == "range(0, n - 1, step)"


_BOUND = "import torch.nn.functional as F\n\nattend = F.softmax\n\ndef f(x):\n    return attend(x, -1)\n"


def test_a_function_of_a_library_under_a_name_is_what_it_is() -> None:
    tree = parse_to_follow(_BOUND)
    assert "return F.softmax(x, -1)" in ast.unparse(tree)
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call))
    assert (call.func.lineno, call.func.col_offset) == (6, 11)


@pytest.mark.parametrize(
    "more",
    ["F.softmax = lambda x, d: x\n", 'setattr(F, "softmax", None)\n', "attend = print\n", "def g(attend):\n    pass\n"],
    ids=["something else in its place", "by name", "given again", "a parameter of that name"],
)
def test_a_name_that_may_be_something_else_stays(more: str) -> None:
    assert "return attend(x, -1)" in ast.unparse(parse_to_follow(_BOUND + more))
