"""Parsing of untrusted Python: newer grammar with the same lines, and refusal of everything else in one line."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.source.newer import parse_newer
from auditor.source.plain import SyntaxProblem
from auditor.source.syntax import MAX_TEXT, parse_python


def names(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ('f"{cat}: {", ".join(sorted(c[cat]))}"', "f\"{cat}: {', '.join(sorted(c[cat]))}\""),
        ("f'{d['k']:,.2f} {{}} {x!r}'", "f'{d[\"k\"]:,.2f} {{}} {x!r}'"),
        ("f'{\"\\n\".join(a)}'", None),
        ('f"{f"{f"{deep}"}"}"', "f'''{f\"\"\"{f'{deep}'}\"\"\"}'''"),
        ('f"{a if b == "x" else c != "y"}"', "f\"{a if b == 'x' else c != 'y'}\""),
        ('f"{v:>{w["k"]}}"', "f\"{v:>{w['k']}}\""),
        ('f"{(lambda q: q["z"])(r):x}"', "f\"{(lambda q: q['z'])(r):x}\""),
        ('f"\\N{EM DASH} {d["k"]}"', "f\"\\N{EM DASH} {d['k']}\""),
        ('rf"\\d{n["k"]}"', "rf\"\\d{n['k']}\""),
        ('f"{x["a"]}" "plain" f\'{y}\'', "f\"{x['a']}\" \"plain\" f'{y}'"),
        ('if\'a\'in f"{x["a"]}":pass', "if'a'in f\"{x['a']}\":pass"),
    ],
)
def test_f_strings_of_pep_701(newer: str, older: str | None) -> None:
    tree = parse_newer(newer)
    if older is not None:
        assert ast.dump(tree) == ast.dump(ast.parse(older))
    assert not any(n.startswith("_field") for n in names(tree))


def test_fields_over_several_lines_keep_every_line() -> None:
    text = 'first = f"{\n  left["a"]  # why\n  +\n  right\n}" ; second = 2\nthird = 3\n'
    tree = parse_python(text)
    assert [s.lineno for s in tree.body] == [1, 5, 6]
    lines = {n.id: n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert (lines["left"], lines["right"]) == (2, 4)


def test_type_parameters_and_aliases() -> None:
    text = (
        "def f[T: int](x: T) -> T:\n    type A[K] = dict[K, int]\n    return x\nclass C[\n  T,\n](B): pass\nlast = 1\n"
    )
    tree = parse_python(text)
    assert [s.lineno for s in tree.body] == [1, 4, 7]
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    assert [a.arg for a in function.args.args] == ["x"]
    assert isinstance(function.body[0], ast.Assign)


@settings(max_examples=60, deadline=None)
@given(
    keys=st.lists(st.text(alphabet="abc, :!={}[]()#\n", max_size=6), min_size=1, max_size=4),
    before=st.integers(0, 5),
)
def test_any_key_in_a_field_is_read_back(keys: list[str], before: int) -> None:
    # The key is a string literal with the quotes of the f-string that it stands in.
    fields = " ".join('{d["' + key.replace("\n", "\\n") + '"]}' for key in keys)
    text = "\n" * before + f'x = f"{fields}"\ny = 1\n'
    tree = parse_newer(text)
    found = [
        n.slice.value for n in ast.walk(tree) if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
    ]
    assert sorted(map(str, found)) == sorted(keys)
    assert [s.lineno for s in tree.body] == [before + 1, before + 2]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="f\"'{}[]()\\\n#:=!x rt", max_size=60))
def test_no_text_raises_anything_but_a_syntax_problem(text: str) -> None:
    message, tree = "", None
    try:
        tree = parse_python(text)
    except SyntaxProblem as problem:
        message = problem.message
    assert (tree is None) == bool(message)
    assert "\n" not in message


HOSTILE = {
    "parentheses": "(" * 1500 + ")" * 1500,
    "brackets in a field": 'f"{' + "(" * 50_000,
    "sum": "+".join(["1"] * 100_000),
    "unary": "-" * 100_000 + "1",
    "attributes": "a" + ".a" * 50_000 + "(",
    "huge number": "1" * 5000,
    "nul": "x = 1\0",
    "surrogate": "x = '\ud800'",
    "braces": 'f"' + "{" * 99_999,
    "nested f-strings": 'f"{' * 2000,
    "unterminated": 'f"{x["' + "a" * 100_000,
    "continuations": 'x="' + "\\\n" * 10_000,
    "type parameters": "def f[" * 20_000,
    "plain nonsense": "this is no Python",
    "too long": "a = 1\n" * (MAX_TEXT // 6 + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_quickly(text: str) -> None:
    start = time.process_time()
    with pytest.raises(SyntaxProblem):
        parse_python(text)
    assert time.process_time() - start < 2


def test_many_newer_f_strings_take_linear_time() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        parse_newer('x = f"{d["k"]}"\n' * count)
        return time.process_time() - start

    seconds(100)
    assert seconds(4000) < 12 * seconds(1000) + 0.1


def test_the_line_of_an_error_is_named() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse_python("a = 1\nb = = 2\n")
    assert caught.value.line == 2


def test_a_long_literal_does_not_count_as_source() -> None:
    tree = parse_python('blob = "' + "x" * (MAX_TEXT + 10) + '"\n')
    assert len(tree.body) == 1


@pytest.mark.parametrize(
    "clause",
    [
        "except ValueError, TypeError:",
        "except* a.B, c.D, E:",
        "except A,B:  # this, or that",
        "except \\\n        A, \\\n        B:",
    ],
)
def test_several_exceptions_without_parentheses(clause: str) -> None:
    text = f"try:\n    x = 1\n{clause}\n    x = 'except A, B:'\ny = 2\n"
    tree = parse_python(text)
    assert [s.lineno for s in tree.body] == [1, 5 + clause.count("\n")]
    assert {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)} == {1, 2, "except A, B:"}
