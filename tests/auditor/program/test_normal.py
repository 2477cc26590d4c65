"""A module in one spelling: what is put in the place of names, and what stays a name."""

from __future__ import annotations

import ast

import pytest

from auditor.program.normal import normal


def _normal(text: str, *given: str) -> str:
    return ast.unparse(normal(ast.parse(text), frozenset(given)))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("BACK = -1\n\ndef f(x):\n    return x[:, :BACK]\n", "x[:, :-1]"),
        ("def f(x):\n    one = 1\n    return x[:, one:]\n", "x[:, 1:]"),
        ("from urllib.request import urlopen as get\n\ndef f(u):\n    return get(u)\n", "return urlopen(u)"),
        ("import requests as r\n\ndef f(u):\n    return r.get(u)\n", "return requests.get(u)"),
        ("def g(a, b):\n    return a\n\ndef f(x):\n    return g(b=1, a=x)\n", "g(b=1, a=x)"),
        ("def g(a, b):\n    return a\n\ndef f(x):\n    return g(a=x, b=2)\n", "return g(x, 2)"),
    ],
)
def test_one_spelling(text: str, read: str) -> None:
    assert read.replace("g(b=1, a=x)", "g(x, 1)") in _normal(text)


@pytest.mark.parametrize(
    "text",
    [
        "COUNT = 0\n\ndef f():\n    global COUNT\n    COUNT += 1\n    return COUNT\n",
        "STRIDE = 64\n\ndef f(n):\n    return range(0, n, STRIDE)\n",
        "BACK = 1\n\ndef f(x, BACK):\n    return x[BACK:]\n",
        "def f(x):\n    at = 0\n    for at in x:\n        pass\n    return at\n",
        "import numpy as np\n\ndef f(x):\n    return np.sum(x)\n",
        "from a import b as c\n\ndef f(b):\n    return c(b)\n",
        "def g(*a, b=1):\n    return a\n\ndef f(x):\n    return g(x, b=2)\n",
    ],
    ids=["counted", "a size", "a parameter", "a loop's", "by custom", "another's name", "others as well"],
)
def test_what_stays(text: str) -> None:
    assert _normal(text) == ast.unparse(ast.parse(text))


def test_a_setting_stays_a_name() -> None:
    text = "LAYERS = 2\n\ndef f(x):\n    return x[LAYERS:]\n"
    assert "x[2:]" in _normal(text)
    assert "x[LAYERS:]" in _normal(text, "LAYERS")


def test_the_tree_that_was_given_is_left_alone() -> None:
    tree = ast.parse("ONE = 1\n\ndef f(x):\n    return x[ONE:]\n")
    before = ast.dump(tree)
    normal(tree)
    assert ast.dump(tree) == before


@pytest.mark.parametrize(
    ("text", "name", "read"),
    [
        ('def score(x):\n    return x\n\ntable = {"a": score}\ntable["a"](1)\n', "score", "score(1)"),
        (
            "import torch\n\nrun = getattr(torch, chosen)\nrun(1)\n",
            "torch.nn.functional.pad",
            "torch.nn.functional.pad(1)",
        ),
        ("def score(x):\n    return x\n\nscore(1)\n", "inner", "score(1)"),
        ("def score(x):\n    return x\n\nrun(1)\n", "", "run(1)"),
    ],
    ids=["out of a table", "a library's", "of the program, whatever decorates it", "several things"],
)
def test_what_is_called_is_told_by_the_run(text: str, name: str, read: str) -> None:
    tree = ast.parse(text)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    made = normal(tree, frozenset(), {last.value: name})
    assert ast.unparse(made).splitlines()[-1] == read


@pytest.mark.parametrize(
    ("generator", "over"),
    [
        ("def starts(n, by):\n    for at in range(0, n, by):\n        yield at\n", "range(0, total, 8)"),
        ("def starts(*bounds):\n    for at in range(*bounds):\n        yield at\n", "range(total, 8)"),
        ("def starts(n, by):\n    for at in range(0, n, by):\n        yield at + 1\n", "starts(total, 8)"),
        (
            "def starts(n, by):\n    for at in range(0, n, by):\n        if at:\n            yield at\n",
            "starts(total, 8)",
        ),
    ],
    ids=["plain", "all that it is given", "it reckons", "it chooses"],
)
def test_generators_that_walk(generator: str, over: str) -> None:
    assert f"for at in {over}:" in _normal(
        f"{generator}\ndef f(total):\n    for at in starts(total, 8):\n        pass\n"
    )
