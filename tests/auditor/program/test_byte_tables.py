"""Byte tables are worked out on sample pieces, whatever their spelling."""

from __future__ import annotations

import ast

import pytest

from auditor.config import Configuration
from auditor.program import Program
from auditor.program.bytes.tables import ByteTable, added_space, byte_tables
from auditor.program.module import Module
from auditor.source import Sources, Unit
from rules.examples.scripts import TABLES


def module(source: str) -> Module:
    tree = ast.parse(source)
    unit = Unit("t.py", source, "python", tree=tree)
    return Module(unit, tree, Sources(unit, (unit,), ()), Configuration(), Program())


def tables(source: str) -> tuple[ByteTable, ...]:
    return byte_tables(module(source))


def only(source: str) -> ByteTable:
    found = tables(source)
    assert len(found) == 1, found
    return found[0]


def test_the_canonical_table_is_worked_out() -> None:
    table = only(TABLES)
    assert (table.width["word"], table.width["spaced"], table.width["byte"]) == (3, 3, 1)
    assert (table.width["control"], table.width["unknown"], table.width["unused"]) == (0, 0, 0)
    assert (table.flags, table.boundaries) == ("leading_space", "boundary")


@pytest.mark.parametrize("huge", ["9" * 400, "-" + "9" * 4000, "1e999", "float('nan')", "10**40"])
def test_a_width_that_is_none_is_not_known(huge: str) -> None:
    assert tables(TABLES.replace("base_bytes[i] = ", f"base_bytes[i] = {huge} + ")) == ()


@pytest.mark.parametrize(
    ("before", "piece", "accented", "quoted"),
    [
        ("import unicodedata", 'unicodedata.normalize("NFKD", piece)', 6, 3),
        ("from urllib.parse import quote", "quote(piece)", 9, 9),
        ("import re", 're.sub("[^a-z]", "", piece)', 3, 0),
        ("import json", "json.dumps(piece)[1:-1]", 9, 4),
        ("", "repr(piece)[1:-1]", 5, 4),
    ],
)
def test_what_is_done_to_a_piece_before_it_is_measured(before: str, piece: str, accented: int, quoted: int) -> None:
    table = only(f"{before}\n" + TABLES.replace("len(piece.encode", f"len({piece}.encode"))
    assert (table.width["accented"], table.width["quoted"]) == (accented, quoted)


@pytest.mark.parametrize("pattern", ["(", "a" * 400])
def test_a_pattern_that_is_none_is_not_known(pattern: str) -> None:
    assert tables("import re\n" + TABLES.replace("len(piece", f"len(re.sub({pattern!r}, '', piece)")) == ()


def test_two_tables_are_filled_at_once() -> None:
    at_once = "base_bytes[i], leading_space[i] = len(piece.encode()), False"
    assert only(TABLES.replace('base_bytes[i] = len(piece.encode("utf-8"))', at_once)).flags is None


@pytest.mark.parametrize("leaving", ["return base_bytes", "break", "continue"])
def test_a_loop_that_may_be_left_is_worked_out_as_far_as_it_goes(leaving: str) -> None:
    stored = '        base_bytes[i] = len(piece.encode("utf-8"))\n'
    assert only(TABLES.replace(stored, f"{stored}        {leaving}\n")).width["word"] == 3
    assert tables(TABLES.replace(stored, f"        {leaving}\n{stored}")) == ()


def test_a_value_that_takes_too_much_hides_no_table() -> None:
    grown = "    q = [[0] * 10**5] * 10**5\n    r = [x[:] for x in q]\n"
    start = TABLES.index("    for ")
    assert only(TABLES[:start] + grown + TABLES[start:]).width == only(TABLES).width


@pytest.mark.parametrize(
    ("expression", "spaced", "byte"),
    [
        ('len(p.replace("\\u2581", " ").encode())', 4, 6),
        ('len(p.replace("\\u2581", "").encode("utf-8"))', 3, 6),
        ('len(p.lstrip("\\u2581").encode())', 3, 6),
        ('len(p.removeprefix("\\u2581").encode())', 3, 6),
        ("len(p.encode())", 6, 6),
        ('len((" " + p[1:]).encode() if p.startswith("\\u2581") else p.encode())', 4, 6),
        ("1 if sp.is_byte(i) else len(p.encode()) - 2 * p.count('\\u2581')", 4, 1),
        ("width_of(p)", 4, 6),
    ],
)
def test_spellings_of_a_width(expression: str, spaced: int, byte: int) -> None:
    source = (
        "def width_of(text):\n"
        '    text = text.replace("\\u2581", " ")\n'
        "    return len(text.encode())\n"
        "def build(sp, n):\n"
        "    w = np.zeros(n)\n"
        "    for i in range(n):\n"
        "        p = sp.IdToPiece(i)\n"
        f"        w[i] = {expression}\n"
        "    return w\n"
    )
    table = only(source)
    assert (table.width["spaced"], table.width["byte"]) == (spaced, byte)


def test_a_letter_by_itself_is_a_sample() -> None:
    source = (
        "def build(sp, n):\n    w = np.zeros(n)\n    for i in range(n):\n"
        "        w[i] = max(2, len(sp.id_to_piece(i).encode()))\n    return w\n"
    )
    assert only(source).excess("letter") == 1


def test_a_table_over_a_list_of_pieces() -> None:
    source = (
        "def build(sp, n):\n"
        "    pieces = [sp.id_to_piece(i) for i in range(n)]\n"
        "    w = []\n"
        "    for i, piece in enumerate(pieces):\n"
        "        w.append(len(piece.encode()))\n"
        "    return w\n"
    )
    assert only(source).width["spaced"] == 6


def test_a_loop_that_measures_nothing_is_no_table() -> None:
    assert not tables("def f(sp):\n    for i in range(9):\n        print(sp.id_to_piece(i))\n")


def test_an_endless_helper_is_left() -> None:
    source = (
        "def again(p):\n    return again(p)\n"
        "def build(sp, w):\n    for i in range(9):\n        w[i] = again(sp.id_to_piece(i))\n"
    )
    assert not tables(source)


@pytest.mark.parametrize(
    ("expression", "adds"),
    [
        ("n + (space[t] & ~edge[p]).to(torch.int16)", True),
        ("n + torch.logical_and(space[t], torch.logical_not(edge[p])).float()", True),
        ("n + base[t]", False),
        ("n + (a & b)", False),
    ],
)
def test_the_added_space(expression: str, adds: bool) -> None:
    assert (added_space(module(f"x = {expression}")) is not None) is adds


_LOOP = """
MARK = "\u2581"

def build(sp, n, known):
    w = np.zeros(n)
    for i in range(n):
        p = sp.id_to_piece(i)
        {}
    return w
"""


@pytest.mark.parametrize(
    ("statement", "kind", "width"),
    [
        ("w[i] = len(p)", "accented", 4),
        ('w[i] = len(p.encode("latin-1", "ignore"))', "foreign", 0),
        ('w[i] = len(p.encode("utf-16-le"))', "word", 6),
        ("w[i] = len(sp.decode([i]).encode())", "byte", 3),
        ("w[i] = len(sp.decode([i]).encode())", "spaced", 3),
        ('w[i] = len((p[1:] if p.startswith("_") else p).encode())', "spaced", 6),
        ("w[i] = 0 if i in {sp.bos_id(), sp.eos_id()} else len(p.encode())", "control", 0),
        ("if i < known:\n            w[i] = len(p.encode())", "word", 3),
        ('w[i] = 1 if hasattr(sp, "is_byte") and sp.is_byte(i) else len(p.encode())', "byte", 1),
        ("if p[0] == MARK:\n            p = p[1:]\n        w[i] = len(p.encode())", "spaced", 3),
    ],
)
def test_what_a_table_holds(statement: str, kind: str, width: int) -> None:
    assert dict(only(_LOOP.format(statement)).width)[kind] == width  # type: ignore[index]


def test_what_depends_on_something_unknown_is_no_table() -> None:
    assert not tables(_LOOP.format("w[i] = len(p.encode())\n        if p in known:\n            w[i] = 1"))


@pytest.mark.parametrize(
    "source",
    [
        "w = torch.tensor([len(sp.id_to_piece(i).encode()) for i in range(n)])",
        "w = {i: len(sp.id_to_piece(i).encode()) for i in range(n)}",
        "def widths(sp, n):\n    return np.array([len(sp.id_to_piece(i).encode()) for i in range(n)])",
    ],
)
def test_a_table_made_by_a_comprehension(source: str) -> None:
    assert only(source).width["spaced"] == 6


def test_byte_level_marks_are_told_from_sentencepiece() -> None:
    loop = _LOOP.format('w[i] = len(p.replace("\\u0120", "").encode())').replace("id_to_piece", "id_to_token")
    assert only(loop).width["spaced"] == 3
    assert only("import sentencepiece\n" + loop).width["spaced"] == 6


def test_helpers_that_call_each_other_end() -> None:
    helpers = """
def f(sp, i):
    for j in range(3):
        g(sp, j)
    return sp.id_to_piece(i)
def g(sp, i):
    return f(sp, i)
"""
    assert only(f"{helpers}{TABLES}").width["word"] == 3
