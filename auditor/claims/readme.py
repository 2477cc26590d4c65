"""The README's headline figure and size."""

from __future__ import annotations

import re

from auditor.claims.model import Claim, SeedClaim
from auditor.claims.tables import seed_rows
from auditor.claims.values import to_bytes

_HEADLINE = re.compile(r"(?:val[_ ]bpb|\bbpb)\W{0,12}(?:[a-z -]{0,20}\W{0,6})?(\d\.\d{3,12})", re.IGNORECASE)
_REVERSED = re.compile(r"(\d\.\d{3,12})\W{0,4}(?:val[_ ])?bpb\b", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,2}[,_]\d{3}[,_]\d{3}|\d{7,9})\s{0,2}(?:bytes|B)\b|(\d{1,2}\.\d{1,4})\s{0,2}MB\b")
_LINE_LIMIT = 2_000


def read_readme(
    text: str, path: str, claimed: float | None = None
) -> tuple[tuple[SeedClaim, ...], Claim[float] | None, Claim[int] | None]:
    """Rows of the tables of seeds, the first BPB of the prose, the largest size of either.

    `claimed` is the score that submission.json claims, in bits per byte: it tells which column is the result.
    """
    lines = [line[:_LINE_LIMIT] for line in text.split("\n")]
    bpb = _headline(lines, path)
    rows = seed_rows(lines, path, [c for c in (claimed, bpb.value if bpb else None) if c is not None])
    sizes = [(r.artifact_bytes, r.where) for r in rows if r.artifact_bytes is not None]
    if sizes:
        return rows, bpb, Claim(*max(sizes))
    return rows, bpb, _size(lines, path)


def _headline(lines: list[str], path: str) -> Claim[float] | None:
    for number, line in enumerate(lines[:60], 1):
        match = _HEADLINE.search(line) or _REVERSED.search(line)
        if match and line[match.start(1) - 1] in "-+\u2212\u00b1" and match.start(1) > 0:
            continue  # a difference
        if match and not line.lstrip().startswith(("|", ">", "```")):
            return Claim(float(match[1]), f"{path}:{number}")
    return None


def _size(lines: list[str], path: str) -> Claim[int] | None:
    for number, line in enumerate(lines[:80], 1):
        match = _SIZE.search(line)
        if match and re.search(r"artifact|size|bytes|MB", line):
            size = to_bytes(match[1] if match[1] else f"{match[2]} MB")
            if size and 100_000 < size < 200_000_000:
                return Claim(size, f"{path}:{number}")
    return None
