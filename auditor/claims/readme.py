"""The README's headline figure and size."""

from __future__ import annotations

import re

from auditor.claims.model import Claim, Claims, SeedClaim
from auditor.claims.passes import is_one
from auditor.claims.tables import BESIDE, cells_of, plain, seed_rows
from auditor.claims.values import to_bytes

_HEADLINE = re.compile(r"(?:val[_ ]bpb|\bbpb)\W{0,12}(?:[a-z -]{0,20}\W{0,6})?(\d\.\d{3,12})", re.IGNORECASE)
_REVERSED = re.compile(r"(\d\.\d{3,12})\W{0,4}(?:val[_ ])?bpb\b", re.IGNORECASE)
# What such words announce is a difference, a spread, or the figure of somebody else.
_NOT_OWN = (
    r"by|std|stdev|sigma|delta|gains?|improvements?|gap|margin|diff|difference|reduction|threshold|within|over|than|vs"
    r"|versus|beats|beating|baseline|sota|prior|previous|from"
)
_BEFORE = re.compile(
    r"(?:[-+\u2212\u0394]|(?:\u00b1|\+/-)\s{0,2}"
    rf"|\b(?:{_NOT_OWN})\b\W{{0,6}}(?:of|is|at|about|only|just)?\W{{0,4}})$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s*]{0,4}(?:(?:val[_ ])?bpb\b)?[\s*]{0,4}"
    r"(?:better|worse|lower|higher|improvement|gain|reduction|drop|delta|std|gap|margin)",
    re.IGNORECASE,
)
_KEY_BEFORE = re.compile(r"(?:delta|\u0394|std|gain|baseline|sota|prior|previous)[\s_(*-]{0,4}$", re.IGNORECASE)
_CONTEXT = 40  # characters before a figure that are looked at
_BARE = re.compile(r"~?(\d\.\d{3,12})")
_SIZE = re.compile(
    r"(?<![\d.,])(?:(\d{1,2}[,_]\d{3}[,_]\d{3}|\d{7,9})\s{0,2}(?:bytes|B)\b|(\d{1,2}\.\d{1,4})\s{0,2}MB\b)"
)
_OF_ARTIFACT = re.compile(r"\bartifact\b|\bsubmission(?: size| bytes)|\bmodel size", re.IGNORECASE)
_LINK = re.compile(r"(?: (?:size|bytes))?\W{0,6}(?:is|was|of|at|totals|weighs)?\W{0,6}(?:about )?", re.IGNORECASE)
_OTHER_SIZE = re.compile(
    r"limit|\bcaps?\b|budget|would|without|uncompressed|\braw\b|fp32|fp16|bf16|before|baseline|saved|\bif\b",
    re.IGNORECASE,
)
_LINE_LIMIT = 2_000


def read_readme(
    text: str, path: str, shipped: Claims
) -> tuple[tuple[SeedClaim, ...], Claim[float] | None, Claim[int] | None]:
    """Rows of the tables of seeds, the stated BPB, the largest size.

    `shipped` is what submission.json claims: its score tells which of several figures and columns is the result.
    """
    lines = [line[:_LINE_LIMIT] for line in text.split("\n")]
    claimed = [shipped.val_bpb.value] if shipped.val_bpb is not None else []
    bpb = _headline(lines, path, claimed)
    rows = seed_rows(lines, path, claimed + ([bpb.value] if bpb is not None else []))
    sizes = [(r.artifact_bytes, r.where) for r in rows if r.artifact_bytes is not None]
    if sizes:
        return rows, bpb, Claim(*max(sizes))
    size = _size(lines, path)
    if size is None and shipped.artifact_bytes is None:
        size = _artifact(lines, path)
    return rows, bpb, size


def _headline(lines: list[str], path: str, claimed: list[float]) -> Claim[float] | None:
    """The figure that the README shares with submission.json, else the first of its prose, else of its tables."""
    prose: list[Claim[float]] = []
    tables: list[Claim[float]] = []
    for number, line in enumerate(lines[:60], 1):
        start = line.lstrip()[:1]
        if start == "|":
            tables += [Claim(figure, f"{path}:{number}") for figure in _metric(line)]
        elif start != ">" and not line.lstrip().startswith("```"):
            prose += [Claim(figure, f"{path}:{number}") for figure in _own_figures(line)]
    stated = prose + tables
    shared = [claim for claim in stated if is_one(claim.value, claimed)]
    return next(iter(shared or stated), None)


def _own_figures(line: str) -> list[float]:
    """The scores of a line of prose, without differences, spreads and what they are compared with."""
    found = []
    for match in (*_HEADLINE.finditer(line), *_REVERSED.finditer(line)):
        start = match.start(1)
        before = line[max(0, start - _CONTEXT) : start]
        key = line[max(0, match.start() - _CONTEXT) : match.start()]
        if not (_BEFORE.search(before) or _KEY_BEFORE.search(key) or _AFTER.match(line, match.end(1))):
            found.append(float(match[1]))
    return found


def _metric(line: str) -> list[float]:
    """The score in a row such as `| val_bpb | 1.1234 |`."""
    cells = [plain(cell) for cell in cells_of(line)]
    if len(cells) != 2 or "bpb" not in cells[0].lower() or BESIDE.search(cells[0]):
        return []
    match = _BARE.fullmatch(cells[1])
    return [float(match[1])] if match else []


def _size(lines: list[str], path: str) -> Claim[int] | None:
    for number, line in enumerate(lines[:80], 1):
        match = _SIZE.search(line)
        if match and re.search(r"artifact|size|bytes|MB", line):
            size = _bytes(match)
            if size is not None:
                return Claim(size, f"{path}:{number}")
    return None


def _bytes(match: re.Match[str]) -> int | None:
    size = to_bytes(match[1] if match[1] else f"{match[2]} MB")
    return size if size is not None and 100_000 < size < 200_000_000 else None


def _artifact(lines: list[str], path: str) -> Claim[int] | None:
    """The first size anywhere that a row or a sentence gives to the artifact itself."""
    for number, line in enumerate(lines, 1):
        named = _OF_ARTIFACT.search(line)
        if named is None or _OTHER_SIZE.search(line):
            continue
        if line.lstrip().startswith("|"):
            cells = cells_of(line)
            value = plain(cells[1]) if len(cells) > 1 and _OF_ARTIFACT.search(cells[0]) else ""
            match = _SIZE.search(value)
        else:
            link = _LINK.match(line, named.end())
            match = _SIZE.match(line, link.end() if link else named.end())
        size = _bytes(match) if match else None
        if size is not None:
            return Claim(size, f"{path}:{number}")
    return None
