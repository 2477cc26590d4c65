"""Seeds and their figures in lists and sentences: `- Seed 42: 1.1187`, `Seeds 42/1337: 1.1187 / 1.1190`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.claims.model import SeedClaim

_SEED = re.compile(r"(?<![a-z])seed[\s_=:#`*]{0,4}(\d{1,10})(?![\d.])", re.IGNORECASE)
_FIGURE = re.compile(r"(?<![\d.])([0-7]\.\d{3,12})(?![\d.])")
_NAMED = re.compile(r"(?:val_?)?bpb[\s:=`*(]{0,6}(?=\d)|(?<=\d)[`*\s]{0,4}(?:val_?)?bpb", re.IGNORECASE)
_BETWEEN = re.compile(
    r"[\s:=|,(\[`*\u2192>~-]{0,12}(?:(?:val|mean|final|sliding|score|result|bpb)[\s_:=`*]{0,6}){0,4}", re.IGNORECASE
)
# What such words speak of is another figure of the seed, or somebody else's.
_OTHER = re.compile(r"pre-?quant|before|baseline|delta|loss|gain|std|roundtrip|previous|\bvs\b|train", re.IGNORECASE)
# A seed that such words stand before is another submission's, or of another pass.
_OTHERS_SEED = re.compile(
    r"(?:\bvs\b\.?|\bversus|\bthan|baseline|reference|previous|prior|parent|(?:\bPR ?#?|#)\d{1,5}(?:'s)?|pre-?quant)"
    r"[\s:,(`*]{0,6}$",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(r"(?:[-+\u2212]|\bby\b[\s`*~]{0,4})$", re.IGNORECASE)
# As many figures as seeds, in one order; or each seed with its figure.
_MANY = re.compile(
    r"\bseeds?\b[\s:=(*`]{0,6}(\d{1,10}(?:[\s,/&;|]{1,4}(?:and )?\d{1,10}){1,11})(?![\d.])", re.IGNORECASE
)
_PAIR = re.compile(r"(?<![\d.])(\d{1,10})[`*]{0,2}\s?[:=][\s`*]{0,3}([0-7]\.\d{3,12})(?![\d.])")
_SEVERAL = re.compile(r"\bseeds?\b", re.IGNORECASE)
_LINE = 600


def listed_seeds(lines: Sequence[str], path: str) -> tuple[SeedClaim, ...]:
    """The first figure that a line gives to each seed."""
    found: dict[int, SeedClaim] = {}
    for number, line in enumerate(lines, 1):
        if line.lstrip()[:1] in ("|", ">") or "seed" not in line.lower():
            continue
        for seed, figure in _of_line(line[:_LINE]):
            where = f"{path}:{number}"
            found.setdefault(seed, SeedClaim(where, seed, val_bpb=figure, figures={"bpb": figure}))
    return tuple(found.values())


def _of_line(line: str) -> Iterator[tuple[int, float]]:
    seeds = list(_SEED.finditer(line))
    if seeds:
        ends = [match.start() for match in seeds[1:]] + [len(line)]
        for match, end in zip(seeds, ends, strict=True):
            others = _OTHERS_SEED.search(line[max(0, match.start() - 40) : match.start()])
            figure = None if others else _figure(line[match.end() : end])
            if figure is not None:
                yield int(match[1]), figure
        return
    many = _MANY.search(line)
    if many:
        numbers = re.findall(r"\d{1,10}", many[1])
        figures = _FIGURE.findall(line, many.end())
        if len(figures) >= len(numbers) and not _OTHER.search(line):
            yield from zip(map(int, numbers), map(float, figures), strict=False)
        return
    pairs = _PAIR.findall(line)
    if len(pairs) > 1 and _SEVERAL.search(line) and not _OTHER.search(line):
        yield from ((int(seed), float(figure)) for seed, figure in pairs)


def _figure(text: str) -> float | None:
    """What is called BPB, else what follows the seed at once."""
    named = _NAMED.search(text)
    for match in _FIGURE.finditer(text):
        before = text[: match.start()]
        if _OTHER.search(before[-30:]) or _DIFFERENCE.search(before):
            continue
        if named is not None and abs(match.start() - named.end()) > 1 and abs(match.end() - named.start()) > 1:
            continue
        if named is not None or _BETWEEN.fullmatch(before):
            return float(match[1])
    return None
