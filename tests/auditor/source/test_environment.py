"""Which calls read the environment: by what a function does with its arguments, whatever it is called."""

from __future__ import annotations

import ast

import pytest

from auditor.source.environment import read_by, readers


def _read(text: str) -> list[tuple[str, str | None]]:
    tree = ast.parse(text)
    known = readers([tree])
    found = (read_by(n, known) for n in ast.walk(tree) if isinstance(n, ast.Call))
    return [(name, None if default is None else ast.unparse(default)) for name, default in (r for r in found if r)]


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ('import os\nx = os.environ.get("A1", "3")', "'3'"),
        ('import os\nx = int(os.getenv("A1"))', None),
        ('from os import getenv as g\nx = g("A1", "3")', "'3'"),
        ('from os import environ as e\nx = e.get("A1", "3")', "'3'"),
        ('import os\nlog = os.environ.get\nx = log("A1", 3)', "3"),
        ('import os\nclean = lambda n, d: type(d)(os.environ.get(n, d))\nx = clean("A1", 3)', "3"),
        ('import os\ndef f(n, c, d):\n    return c(os.environ.get(n, d))\nx = f("A1", int, 3)', "3"),
        ('import os\ndef f(c, n, d=0):\n    return c(os.environ.get(n, d))\nx = f(int, "A1", d=3)', "3"),
        (
            "import os\ndef f(n, d):\n    v = os.environ.get(n)\n    return d if v is None else int(v)\n"
            "def g(n, d=1):\n    return bool(f(n, d))\nx = g('A1', 3)",
            "3",
        ),
        ('import os\ndef f(n):\n    return os.environ[n]\nx = f("A1")', None),
        (
            "import os\ndef f(n, d):\n    return os.environ.get(n, d)\n"
            "def g(*a, **k):\n    return f(*a, **k)\nx = g('A1', 3)",
            "3",
        ),
    ],
)
def test_what_reads_a_variable(text: str, default: str | None) -> None:
    assert _read(text) == [("A1", default)]


@pytest.mark.parametrize(
    "text",
    [
        'def log(s):\n    print(s)\nlog("RUN_COMPLETE")',
        'def env_int(s, d):\n    return d\nx = env_int("A1", 3)',
        'def _e(s, d):\n    return TABLE[s]\nx = _e("A1", 3)',
        'import os\ndef f(n):\n    return os.environ.get("HOME") + n\nx = f("A1")',
    ],
)
def test_what_only_sounds_like_it(text: str) -> None:
    assert not [name for name, _ in _read(text) if name == "A1" or name == "RUN_COMPLETE"]


def test_what_reads_is_looked_for_once() -> None:
    tree = ast.parse("import os\ndef read(name):\n    return os.environ.get(name)\n")
    assert readers([tree]) is readers(iter((tree,)))
