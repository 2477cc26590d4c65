"""Tokenizer files are read as data: bounded, nothing is unpickled."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from auditor.program.bytes.tokenizers import BYTE, NORMAL, pieces, side_table, token_lengths
from rules.examples.tokenizers import model, token_bytes, vocabulary


def test_side_table_round_trip() -> None:
    assert side_table(token_bytes([1, 3, 7]), "base_bytes") == ((1, 3, 7), "")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04garbage", token_bytes([1, 2])[:40], token_bytes([1, 2]).replace(b"<i2", b"|O8")]
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
    assert token_lengths(vocabulary([b"a", b"\xe2", b"word"])) == (1, 1, 4)
    assert token_lengths(b"\x00" * 400) is None
    assert token_lengths(b"") is None


def test_pieces_of_a_model() -> None:
    entries = (("\u2581", NORMAL), ("<0x41>", BYTE))
    assert pieces(model(entries)) == entries
    assert pieces(b"\xff" * 64) is None
    assert pieces(b"") is None
