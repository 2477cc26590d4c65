"""The size of the artifact where a README states it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.claims.model import Claim
from auditor.quantities import Reading, size_at

_DIGIT = re.compile(r"(?<![\w.,/:=-])\d")
_OF_ARTIFACT = re.compile(
    r"\bartifacts?\b|\bsubmission (?:size|bytes|model)|\btotal (?:size|bytes|submission)"
    r"|\b(?:compressed|packed|final) size|\bmodel size|\bserialized (?:model )?(?:int|quant|q\d|mixed)"
    r"|\b(?:submission|artifact) weighs",
    re.IGNORECASE,
)
# What such words speak of is not the artifact, not this one, or not what it has become.
_OTHER = re.compile(
    r"uncompressed|\braw\b|fp32|fp16|bf16|float\d|checkpoint|before|baseline|saved?\b|saves|\bif\b|would|without"
    r"|\btokens?\b|\bdataset|\bshards?\b|per (?:step|token)|\bcode\b(?! ?\+)|headroom|memory|vram|\bparams?\b"
    r"|inflat|\bvs\b|previous|overhead|\bPR ?#",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"limit|\bcaps?\b|budget", re.IGNORECASE)
_LIMIT_BEFORE = re.compile(
    r"(?:<|\u2264|<=|under|within|below|limit of|cap of|/)\s{0,2}(?:the )?[~*`]{0,3}\s?$", re.IGNORECASE
)
_LIMIT_AFTER = re.compile(
    r"\s{0,2}[-\u2010 ]?(?:byte)?s?[)*`]{0,3}\s{0,2}(?:decimal )?(?:cap|limit|budget|artifact (?:cap|limit))",
    re.IGNORECASE,
)
_SHARE = re.compile(r"\d ?%|\bpart of|\bof the artifact|\bbytes? of (?:code|headroom)", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;|](?!\d)| (?:but|while|whereas) ")
_WORD = re.compile(r"[A-Za-z]{3}")
# The code comes on top of what such words name: a total anywhere goes before it.
_MODEL_ALONE = re.compile(r"serialized|model size|compressed size|packed size", re.IGNORECASE)
_CAP = 16_000_000
_HEADLINE_LINES = 12  # of a README: its bar of `val_bpb | 15.91 MB | 8xH100`
_LEAST, _MOST = 100_000, 200_000_000
_LINE = 1_000


def artifact_size(lines: Sequence[str], path: str) -> Claim[int] | None:
    """The first size that a row, a sentence or the headline gives to the artifact itself, in bytes."""
    model: Claim[int] | None = None
    for number, line in enumerate(lines, 1):
        line = line[:_LINE]
        sizes = _of_row(line) if line.lstrip().startswith("|") else _of_sentence(line, number <= _HEADLINE_LINES)
        size = max(sizes, key=lambda s: s.exact, default=None)
        if size is None or size.value is None or size.value == _CAP:
            continue
        claim = Claim(round(size.value), f"{path}:{number}")
        if not _MODEL_ALONE.search(line):
            return claim
        model = model or claim
    return model


def _sizes(text: str) -> Iterator[Reading]:
    end = 0
    for match in _DIGIT.finditer(text):
        if match.start() < end:
            continue
        reading = size_at(text, match.start())
        if reading is None or reading.value is None:
            continue
        end = reading.end
        limits = _LIMIT_BEFORE.search(text[: match.start()]) or _LIMIT_AFTER.match(text, reading.end)
        if _LEAST < reading.value < _MOST and not limits:
            yield reading


def _of_row(line: str) -> list[Reading]:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    named = _OF_ARTIFACT.search(cells[0])
    if len(cells) < 2 or not named or _OTHER.search(cells[0]) or _LIMIT.search(cells[0]):
        return []
    beside = [cell for cell in cells[2:] if any(True for _ in _sizes(cell))]
    # Which of several columns is the submission's is not told by the row.
    return [] if beside else list(_sizes(cells[1]))


def _of_sentence(line: str, headline: bool) -> list[Reading]:
    found = []
    for size in _sizes(line):
        starts = [match.end() for match in _CLAUSE.finditer(line, 0, size.start)]
        stop = _CLAUSE.search(line, size.end)
        clause = line[starts[-1] if starts else 0 : stop.start() if stop else len(line)]
        named = _OF_ARTIFACT.search(clause) is not None and not _OTHER.search(clause)
        named = named and not _SHARE.search(clause)
        alone = not _WORD.search(clause.replace(line[size.start : size.end], "", 1))
        if named or (headline and alone and "|" in line and "bpb" in line.lower()):
            found.append(size)
    return found
