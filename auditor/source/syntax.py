"""Text to syntax tree, for untrusted text: bounded, quiet, and for newer grammar than the running Python has."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from auditor.source.plain import SyntaxProblem, quiet_parse

MAX_TEXT = 2_000_000
"""Characters of source that are parsed, long one-line literals not counted; the largest script seen has 333,753."""

MAX_NESTING = 190
"""Open brackets at once. CPython's own tokenizer gives up at 200; other parsers crash the process far beyond that."""

_ENCODINGS = ("utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1", "latin-1", "cp1252", "windows-1252")

_LONG_LITERAL = re.compile(r"\"[^\"\n]{1000,}\"|'[^'\n]{1000,}'")
_NOT_BRACKETS = re.compile(r"[^()\[\]{}]+")


def python_text(data: bytes) -> str:
    """A script's text as Python reads it: UTF-8, or what its first two lines declare (PEP 263).

    Raises:
        SyntaxProblem: Python refuses the bytes, or reads them by a codec that could hide the code from a reader.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise SyntaxProblem(f"not text that Python reads: {error.msg}", None) from None
    if encoding.lower() not in _ENCODINGS:
        raise SyntaxProblem(f"declares the encoding {encoding!r}, which is not followed", None)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SyntaxProblem(f"not valid {encoding}: Python itself refuses it", line) from None


def parse_python(text: str) -> ast.Module:
    """Parse one module.

    Grammar newer than the running Python (f-strings of PEP 701, type parameters and aliases of PEP 695) is
    rewritten to what it can parse; positions stay lines of `text`.

    Raises:
        SyntaxProblem: the text is too large, binary, nested too deeply, or not Python.
    """
    nul = text.find("\0")
    if nul >= 0:
        raise SyntaxProblem("holds NUL bytes: binary data, not Python", text.count("\n", 0, nul) + 1)
    if len(text) > MAX_TEXT and len(_LONG_LITERAL.sub("", text)) > MAX_TEXT:
        raise SyntaxProblem(f"{len(text):,} characters of source, more than the {MAX_TEXT:,} that are read", None)
    try:
        return quiet_parse(text)
    except SyntaxProblem as problem:
        return _parse_newer(text, problem)


def _parse_newer(text: str, first: SyntaxProblem) -> ast.Module:
    """What `ast` refused, read as newer grammar; the first problem is raised where that does not help."""
    if first.line is None or _deepest_nesting(text) > MAX_NESTING:
        raise first
    from auditor.source.newer import NotNewer, parse_newer  # only the few that need it pay for it

    try:
        return parse_newer(text)
    except NotNewer:
        raise first from None


def _deepest_nesting(text: str) -> int:
    """An upper bound, as brackets in strings count too."""
    depth = deepest = 0
    for character in _NOT_BRACKETS.sub("", _LONG_LITERAL.sub("", text)):
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif depth:
            depth -= 1
    return deepest
