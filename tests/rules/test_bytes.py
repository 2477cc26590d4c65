"""The parsing helpers of the rules on bytes, data and isolation."""

from __future__ import annotations

import ast
import io
import struct
import zipfile

import pytest

from auditor.runs import Run
from auditor.runs.model import Evaluation
from auditor.source import Unit
from rules.analysis.bytetable import ByteTable, adds_leading_space, byte_tables
from rules.analysis.origin import Origins
from rules.analysis.syntax import both
from rules.analysis.vocabulary import (
    BYTE,
    NORMAL,
    example_meta,
    example_model,
    example_vocab,
    pieces,
    side_table,
    token_lengths,
)
from rules.bytes._ledger import canonical_tokens, excess, family
from rules.examples.folders import TABLES


def tables(source: str) -> tuple[ByteTable, ...]:
    tree = ast.parse(source)
    return byte_tables(Unit("t.py", source, "python", tree=tree), tree)


def only(source: str) -> ByteTable:
    found = tables(source)
    assert len(found) == 1, found
    return found[0]


def test_the_canonical_table_is_worked_out() -> None:
    table = only(TABLES)
    assert (table.of("word"), table.of("spaced"), table.of("byte")) == (3, 3, 1)
    assert (table.of("control"), table.of("unknown"), table.of("unused")) == (0, 0, 0)
    assert (table.flags, table.boundaries) == ("leading_space", "boundary")


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
    assert (table.of("spaced"), table.of("byte")) == (spaced, byte)


def test_a_table_over_a_list_of_pieces() -> None:
    source = (
        "def build(sp, n):\n"
        "    pieces = [sp.id_to_piece(i) for i in range(n)]\n"
        "    w = []\n"
        "    for i, piece in enumerate(pieces):\n"
        "        w.append(len(piece.encode()))\n"
        "    return w\n"
    )
    assert only(source).of("spaced") == 6


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
    assert (adds_leading_space(ast.parse(f"x = {expression}")) is not None) is adds


def test_side_table_round_trip() -> None:
    assert side_table(example_meta([1, 3, 7]), "base_bytes") == ((1, 3, 7), "")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04garbage", example_meta([1, 2])[:40], example_meta([1, 2]).replace(b"<i2", b"|O8")]
)
def test_a_side_table_that_is_none(data: bytes) -> None:
    numbers, problem = side_table(data, "base_bytes")
    assert numbers is None
    assert problem


def test_a_side_table_of_objects_is_refused() -> None:
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + "\n"
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"cos\nsystem\n."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("base_bytes.npy", raw)
    assert side_table(buffer.getvalue(), "base_bytes")[0] is None


def test_token_lengths() -> None:
    assert token_lengths(example_vocab([b"a", b"\xe2", b"word"])) == (1, 1, 4)
    assert token_lengths(b"\x00" * 400) is None
    assert token_lengths(b"") is None


def test_pieces_of_a_model() -> None:
    entries = (("\u2581", NORMAL), ("<0x41>", BYTE))
    assert pieces(example_model(entries)) == entries
    assert pieces(b"\xff" * 64) is None
    assert pieces(b"") is None


def run(**changes: object) -> Run:
    score = Evaluation(line=9, label="final", val_bpb=1.1, val_loss=1.1 * 0.6931471805599453 * 2.436)
    return Run(log="train.log", score=score, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/fineweb10B_sp1024", "sp1024"),
        ("data/fineweb10B_sp8192_lossless_caps_caseops_v1", "caseops_sp8192"),
        ("data/fineweb10B_sp10240_casefold", None),
        ("data/fineweb10B_bytes", None),
    ],
)
def test_family(name: str, expected: str | None) -> None:
    assert family(run(dataset=name)) == expected


@pytest.mark.parametrize(
    ("implied", "off"), [(151_080_891.0, 0.0), (151_130_112.0, 0.0), (150_746_026.0, 0.0), (176_332_748.0, 0.1671)]
)
def test_excess(implied: float, off: float) -> None:
    assert excess(run(implied_bytes=implied)) == pytest.approx(off, abs=1e-4)


def test_excess_without_token_counts() -> None:
    assert excess(run(dataset="fineweb10B_sp1024")) == 0.0
    assert excess(run(dataset="fineweb10B_sp8192")) == pytest.approx(2.436 / 3.727 - 1)
    assert excess(run()) is None


def test_canonical_tokens_floor_to_sequences() -> None:
    assert canonical_tokens(62_021_846) == "sp1024"
    assert canonical_tokens(9_662_464) is None


def test_origins_follow_helpers_and_attributes() -> None:
    source = (
        "class H:\n    files = os.path.join(root, 'fineweb_val_*.bin')\n    other = 'fineweb_train_*.bin'\n"
        "def load(pattern):\n    return read(sorted(glob(pattern)))\n"
        "def use(tokens):\n    return tokens[1:]\n"
        "held = load(H.files)\nuse(held)\nseen = load(H.other)\n"
    )
    tree = ast.parse(source)
    origins = Origins(tree)
    parameter = next(n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "tokens")
    seen = next(n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "seen")
    assert "validation" in origins.of(parameter)
    assert "training" in origins.of(seen.value)
    assert not origins.of(ast.parse("1 + 1").body[0])


def test_three_valued_and() -> None:
    assert both(True, True) is True
    assert both(None, True) is None
    assert both(None, False) is False
