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
    r"|\b(?:submission|artifact) weighs|\b(?:model|weights) ?\+ ?code\b|\bcode ?\+ ?(?:model|weights)\b",
    re.IGNORECASE,
)
# What such words speak of is not the artifact, not this one, or not what it has become.
_OTHER = re.compile(
    r"uncompressed|\braw\b|fp32|fp16|bf16|float\d|checkpoint|before|baseline|sav(?:e|es|ed|ing|ings)\b|\bfree(?:s|d|ing)?\b|\bif\b|would"
    r"|without|\btokens?\b|\bdataset|\bshards?\b|per (?:step|token)|(?<!\+ )(?<!\+)\bcode\b(?! ?\+)|headroom|memory"
    r"|vram|\bparams?\b|inflat|\bvs\b|previous|overhead|\bPR ?#|fewer|estimated?\b|n[o'\u2019]t fit|cannot fit"
    r"|too (?:big|large)",
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
# A block of a log that such a line announces is another submission's.
_OF_ANOTHER = re.compile(
    r"\b(?:in|from|of)\b[^.;]{0,60}\b(?:baseline|reference|parent|previous|PR ?#?\d)[^.;]{0,40}:\W{0,3}$", re.IGNORECASE
)
_SUMMED = re.compile(r"\d.{0,40}\+.{0,40}\d.{0,20}=[\s*`~]{0,4}$")  # `15,806,940 B + code 11,562 B = `
_BYTES_NAMED = re.compile(r"\bbytes\W{1,6}$", re.IGNORECASE)  # `artifact bytes: 2705939`
_SHARE = re.compile(r"\d ?%|\bpart of|\bof the artifact|\bbytes? of (?:code|headroom)", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;|](?!\d)| (?:but|while|whereas) ")
_WORD = re.compile(r"[A-Za-z]{3}")
# The code comes on top of what such words name: a total anywhere goes before it.
_MODEL_ALONE = re.compile(r"serialized|model size|compressed size|packed size", re.IGNORECASE)
_CAP = 16_000_000
_HEADLINE_LINES = 12  # of a README: its bar of `val_bpb | 15.91 MB | 8xH100`
_LEAST, _MOST = 100_000, 200_000_000
_THOUSAND = 1_000
_TENTH, _HUNDREDTH = 60_000, 10_000  # bytes that rounding to such a part of a megabyte, or cutting off, may take
_LINE = 1_000


def artifact_size(lines: Sequence[str], path: str) -> Claim[int] | None:
    """The first size that a row, a sentence or the headline gives to the artifact itself, in bytes."""
    model: Claim[int] | None = None
    for claim, alone in _stated(lines, path):
        if not alone:
            return claim
        model = model or claim
    return model


def exact_of(claim: Claim[int], lines: Sequence[str], path: str) -> Claim[int]:
    """A size in megabytes as the README states it to the byte elsewhere; the claim itself where it does not."""
    if claim.value % _THOUSAND:
        return claim
    exact = (stated for stated, alone in _stated(lines, path) if not alone and stated.value % _THOUSAND)
    rounded = _TENTH if claim.value % 100_000 == 0 else _HUNDREDTH
    return next((stated for stated in exact if abs(stated.value - claim.value) <= rounded), claim)


def _stated(lines: Sequence[str], path: str) -> Iterator[tuple[Claim[int], bool]]:
    """Every size that is given to the artifact, and whether it is that of the model alone."""
    for number, line in _own_lines(lines):
        sizes = _of_row(line) if line.lstrip().startswith("|") else _of_sentence(line, number <= _HEADLINE_LINES)
        size = max(sizes, key=lambda s: s.exact, default=None)
        if size is not None and size.value is not None and size.value != _CAP:
            yield Claim(round(size.value), f"{path}:{number}"), _MODEL_ALONE.search(line) is not None


def _own_lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, but for code blocks that a sentence announces as of another submission."""
    announced, inside, others = "", False, False
    for number, line in enumerate(lines, 1):
        text = line[:_LINE]
        if text.lstrip()[:3] in ("```", "~~~"):
            inside = not inside
            others = inside and _OF_ANOTHER.search(announced) is not None
            continue
        if not inside and text.strip():
            announced = text.strip()
        if not (inside and others):
            yield number, text


def _sizes(text: str, unit: str = "") -> Iterator[Reading]:
    """The sizes of a text that are no limits; `unit` is that of bare numbers."""
    end = 0
    for match in _DIGIT.finditer(text):
        if match.start() < end:
            continue
        named = "bytes" if _BYTES_NAMED.search(text[max(0, match.start() - 12) : match.start()]) else unit
        reading = size_at(text, match.start(), named)
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
    unit = "bytes" if "bytes" in cells[0].lower() else ""
    beside = [cell for cell in cells[2:] if any(True for _ in _sizes(cell, unit))]
    # Which of several columns is the submission's is not told by the row.
    return [] if beside else list(_sizes(cells[1], unit))


def _of_sentence(line: str, headline: bool) -> list[Reading]:
    found = []
    for size in _sizes(line):
        starts = [match.end() for match in _CLAUSE.finditer(line, 0, size.start)]
        stop = _CLAUSE.search(line, size.end)
        clause = line[starts[-1] if starts else 0 : stop.start() if stop else len(line)]
        named = _OF_ARTIFACT.search(clause) is not None and not _OTHER.search(clause)
        named = named and not _SHARE.search(clause)
        alone = not _WORD.search(clause.replace(line[size.start : size.end], "", 1))
        if named and _SUMMED.search(line[: size.start]):
            return [size]  # the model and the code are its parts
        if named or (headline and alone and "|" in line and "bpb" in line.lower()):
            found.append(size)
    return found
