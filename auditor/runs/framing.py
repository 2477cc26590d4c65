"""What stands before every line of a log, found from what the lines have in common, and the streams that it labels.

A frame is whatever comes before the words that trainers begin their lines with, the same on lines that say different
things: time stamps, levels, ranks, process ids, names of containers and jobs in any order. A number in it that several
lines return to is the label of a stream: ranks and jobs that write into one file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.runs.openers import Sighting, find_sightings
from auditor.runs.prefixes import LEVELS, STAMP, Shape, shape_of
from auditor.runs.shared import shared_shape
from auditor.runs.wrapping import dedented, unwrapped
from auditor.runs.writers import MOST_STREAMS, labels_of

_SAMPLE_HEAD, _SAMPLE_REST = 800, 1_200  # lines that tell the frame
_LEAST_COLUMN = 8  # a frame of that width that is left blank on a line is no indentation
_COVERS = 0.6  # of the lines: a frame before one kind of line only must hold that many

# Without the trainer's own words: what only wrappers put before a line.
_WRAPPERS = re.compile(
    rf"\s{{0,8}}(?:(?:\[(?:rank|default|node|worker|gpu)[ _:=]?\d{{1,4}}\]:?|\[(?:{STAMP.pattern})\]|{STAMP.pattern}"
    rf"|\[(?:{LEVELS})\]|(?:{LEVELS})(?=[ :|-])(?::[\w.]{{1,40}}:)?|\[\d{{1,4}},\d{{1,4}}\]<std(?:out|err)>:"
    r"|\([\w.:-]{1,60} pid=\d{1,9}[^)]{0,60}\))[ \t]{0,4}[-|:]?[ \t]{0,4}){1,5}"
)
_MARKED = re.compile(r"[\d\[\](){}<>|:@#]")
_UNSPOKEN = re.compile(rf"(?:{LEVELS}|[^\w\s])")  # a level, or a sign: no word of a trainer's


@dataclass(frozen=True, slots=True)
class Framed:
    """The lines without their frames, one for each line of the log. `streams` tells which writer each is from."""

    lines: list[str]
    streams: list[int] | None  # None: one writer


def unframe(lines: list[str]) -> Framed:
    """Takes the frames off; what is indented below them stays so. Time is linear in the lines."""
    lines = dedented(unwrapped(lines))
    pattern, labels = _frames(lines)
    if pattern is None:
        return Framed(_without_wrappers(lines), None)
    numbers: dict[tuple[str, ...], int] = {}
    streams: list[int] = []
    bare: list[str] = []
    stream = 0
    width = 0
    for line in lines:
        match = pattern.match(line)
        if match is not None:
            width = match.end()
            bare.append(line[width:])
            if labels:
                key = tuple(match[group] or "" for group in labels)
                stream = numbers.setdefault(key, len(numbers))
        elif width >= _LEAST_COLUMN and line[:width].isspace():
            bare.append(line[width:])  # what goes on stands below what began, where times are printed once
        else:
            bare.append(_without_wrapper(line))
        streams.append(stream)
    return Framed(bare, streams if 1 < len(numbers) <= MOST_STREAMS else None)


def _without_wrappers(lines: list[str]) -> list[str]:
    return [_without_wrapper(line) for line in lines]


def _without_wrapper(line: str) -> str:
    head = line[:1]
    # Most lines of a log begin with a small letter: patterns are not tried on them.
    if head in "[(" or head.isdigit() or head.isupper() or line[:3].strip()[:1] == "[":
        match = _WRAPPERS.match(line)
        return line[match.end() :] if match else line
    return line


def _frames(lines: list[str]) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """One pattern for the log's frames, and the names of its groups that label streams."""
    sample = _sample(lines)
    sightings = list(find_sightings(sample))
    found: dict[Shape, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        if sighting.prefix.strip():
            found[shape_of(sighting.prefix)].append(sighting)
    shapes = _without_indentation([shape for shape, seen in found.items() if _is_frame(shape, seen, sample)])
    if not shapes and (common := shared_shape(sample)) is not None:
        shapes = [common.pattern]
    if not shapes:
        return None, ()
    parts: list[str] = []
    groups: list[str] = []
    # The longest first: a frame may be the beginning of another.
    for index, shape in enumerate(sorted(shapes, key=lambda shape: (-len(shape), shape))):
        numbered, count = _with_groups(shape, index)
        parts.append(f"(?P<f{index}>{numbered})")
        groups += [f"f{index}n{position}" for position in range(count)]
    pattern = re.compile("|".join(parts))
    return pattern, labels_of(pattern, len(shapes), groups, sample, sightings)


def _without_indentation(shapes: Sequence[Shape]) -> list[str]:
    """Of shapes that differ in the blanks at their ends alone, the shortest: the others hold an indentation."""
    least: dict[tuple[str, bool, str], Shape] = {}
    for shape in shapes:
        key = (shape.stem, shape.padded, shape.sign)
        if shape.blanks < least.setdefault(key, shape).blanks:
            least[key] = shape
    return [shape.pattern for shape in least.values()]


def _sample(lines: list[str]) -> list[str]:
    written = [line for line in lines[: 20 * _SAMPLE_HEAD] if line.strip()][:_SAMPLE_HEAD]
    step = max(1, len(lines) // _SAMPLE_REST)
    return written + [line for line in lines[_SAMPLE_HEAD::step] if line.strip()]


def _is_frame(shape: Shape, seen: Sequence[Sighting], sample: Sequence[str]) -> bool:
    """Before lines of two kinds, or before most lines. Words alone are the trainer's."""
    marked = _MARKED.search(seen[0].prefix) is not None
    if not marked and not _UNSPOKEN.fullmatch(seen[0].prefix.strip()):
        return False
    pattern = re.compile(shape.pattern)
    covered = sum(pattern.match(line) is not None for line in sample)
    if marked and len({sighting.kind for sighting in seen}) > 1:
        return covered > 2
    return len(seen) > 2 and covered >= _COVERS * len(sample)


def _with_groups(shape: str, index: int) -> tuple[str, int]:
    """The shape with each number as a group of its own; those of time stamps are none."""
    pieces = shape.split(STAMP.pattern)
    count = 0
    for position, piece in enumerate(pieces):
        parts = piece.split(r"\d+")
        text = parts[0]
        for part in parts[1:]:
            text += rf"(?P<f{index}n{count}>\d+){part}"
            count += 1
        pieces[position] = text
    return STAMP.pattern.join(pieces), count
