"""What stands before every line of a log, found from what the lines have in common, and the streams that it labels.

A frame is whatever comes before the words that trainers begin their lines with, the same on lines that say different
things: time stamps, levels, ranks, process ids, names of containers and jobs in any order. A number in it that several
lines return to is the label of a stream: ranks and jobs that write into one file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from auditor.runs.wrapping import dedented, unwrapped

# How trainers of the challenge begin their lines. Each stands at the left margin where nothing wraps the log.
_OPENERS = re.compile(
    r"(?<![\w/.\"'])(?:(?P<step>step[: ]\s{0,6}\d{1,9}(?:/\d{1,9})?\b|\d{1,9}/\d{1,9} (?:train|val)_loss)"
    r"|(?P<warmup>warmup_step[: ])|(?P<loader>(?:train|val)_loader:)|(?P<params>model_params:|world_size:)"
    r"|(?P<seed>seed:\d)|(?P<dump>Hyper-?parameters\b)|(?P<sizes>Total submission|Serialized model|Code size)"
    r"|(?P<stop>stopping_early)|(?P<peak>peak memory)|(?P<bpb>val_bpb:enabled)|(?P<final>final_\w{1,40} val_)"
    r"|(?P<ttt>ttt\w{0,12}:)|(?P<quant>gptq:|quantiz\w{2,8}:|pre-quant\w{0,12})|(?P<smi>\| NVIDIA-SMI)"
    r"|(?P<torch>Running (?:Python|PyTorch) \d))"
)
_WORDS = (
    "step:", "step ", "warmup_step", "train_loss", "val_loss", "train_loader:", "val_loader:", "model_params:",
    "world_size:", "seed:", "Hyperparameters", "Hyper-parameters", "Total submission", "Serialized model", "Code size",
    "stopping_early", "peak memory", "val_bpb:enabled", "final_", "ttt", "gptq:", "quantiz", "pre-quant",
    "| NVIDIA-SMI", "Running P",
)  # fmt: skip
_COLUMNS = 160  # of a line in which its first words are looked for
_SAMPLE_HEAD, _SAMPLE_REST = 800, 1_200  # lines that tell the frame
_MOST_STREAMS = 64
_LEAST_COLUMN = 8  # a frame of that width that is left blank on a line is no indentation
_COVERS = 0.6  # of the lines: a frame before one kind of line only must hold that many

_DAY = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}(?:[-/.]\d{2,4})?"
    r"|(?:[A-Z][a-z]{2},? )?(?:[A-Z][a-z]{2} {1,2}\d{1,2}|\d{1,2}[ -][A-Z][a-z]{2})(?:[ -]\d{4})?"
)
_CLOCK = (
    r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?: ?[AP]M)?(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}(?= )|[+-]\d\d:?\d\d))?(?: \d{4})?"
)
_STAMP = re.compile(rf"(?<![\w.:])(?:(?:{_DAY})[T _,]{{1,2}}(?:{_CLOCK})|(?:{_CLOCK})|\d{{10}}\.\d{{1,9}})(?![\w:])")
_LEVELS = (
    "TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARNING|WARN|ERROR|CRITICAL|FATAL|debug|info|notice|warning|warn|error|critical"
)
_LEVEL = re.compile(rf"(?<!\w)(?:{_LEVELS})(?!\w)")
_PIECE = re.compile(
    rf"(?P<stamp>{_STAMP.pattern})|(?P<level>{_LEVEL.pattern})|(?P<number>\d{{1,20}})|(?P<blank>\s{{1,40}})"
)
_PIECES = {"stamp": f"(?:{_STAMP.pattern})", "level": f"(?:{_LEVELS})", "number": r"\d+", "blank": r"[ \t]+"}
# Without the trainer's own words: what only wrappers put before a line.
_WRAPPERS = re.compile(
    rf"\s{{0,8}}(?:(?:\[(?:rank|default|node|worker|gpu)[ _:=]?\d{{1,4}}\]:?|\[(?:{_STAMP.pattern})\]|{_STAMP.pattern}"
    rf"|\[(?:{_LEVELS})\]|(?:{_LEVELS})(?=[ :|-])(?::[\w.]{{1,40}}:)?|\[\d{{1,4}},\d{{1,4}}\]<std(?:out|err)>:"
    r"|\([\w.:-]{1,60} pid=\d{1,9}[^)]{0,60}\))[ \t]{0,4}[-|:]?[ \t]{0,4}){1,5}"
)
_RANK = re.compile(r"(?:rank|default|worker|proc|process|node|gpu|pid|task)[ _:=#-]?$|\[\d{1,4},$", re.IGNORECASE)
_STEP_NUMBER = re.compile(r"\d{1,9}")
_MARKED = re.compile(r"[\d\[\](){}<>|:@#]")
_UNSPOKEN = re.compile(rf"(?:{_LEVELS}|[^\w\s])")  # a level, or a sign: no word of a trainer's


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
    return Framed(bare, streams if 1 < len(numbers) <= _MOST_STREAMS else None)


def _without_wrappers(lines: list[str]) -> list[str]:
    return [_without_wrapper(line) for line in lines]


def _without_wrapper(line: str) -> str:
    head = line[:1]
    # Most lines of a log begin with a small letter: patterns are not tried on them.
    if head in "[(" or head.isdigit() or head.isupper() or line[:3].strip()[:1] == "[":
        match = _WRAPPERS.match(line)
        return line[match.end() :] if match else line
    return line


@dataclass(frozen=True, slots=True)
class _Shape:
    """A frame's pattern without its last blanks, and how many those are; with a padded level, how wide that is."""

    stem: str
    padded: bool
    blanks: int

    @property
    def pattern(self) -> str:
        if self.padded:
            return self.stem + _padded_level(self.blanks)
        return self.stem + (rf"[ \t]{{{self.blanks}}}" if self.blanks else "")


def _padded_level(width: int) -> str:
    """Any level with the blanks that fill it up to `width`, one at least."""
    return "(?:" + "|".join(rf"{level}[ \t]{{{max(1, width - len(level))}}}" for level in _LEVELS.split("|")) + ")"


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A line whose first words are known: where it stands in the sample, the kind of those words, what is before."""

    index: int
    kind: str
    prefix: str


def _frames(lines: list[str]) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """One pattern for the log's frames, and the names of its groups that label streams."""
    sample = _sample(lines)
    sightings = list(_sightings(sample))
    found: dict[_Shape, list[_Sighting]] = defaultdict(list)
    for sighting in sightings:
        if sighting.prefix.strip():
            found[_shape(sighting.prefix)].append(sighting)
    shapes = _without_indentation([shape for shape, seen in found.items() if _is_frame(shape, seen, sample)])
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
    return pattern, _labels(pattern, len(shapes), groups, sample, sightings)


def _without_indentation(shapes: Sequence[_Shape]) -> list[str]:
    """Of shapes that differ in the blanks at their ends alone, the shortest: the others hold an indentation."""
    least: dict[tuple[str, bool], _Shape] = {}
    for shape in shapes:
        known = least.setdefault((shape.stem, shape.padded), shape)
        if shape.blanks < known.blanks:
            least[shape.stem, shape.padded] = shape
    return [shape.pattern for shape in least.values()]


def _sample(lines: list[str]) -> list[str]:
    written = [line for line in lines[: 20 * _SAMPLE_HEAD] if line.strip()][:_SAMPLE_HEAD]
    step = max(1, len(lines) // _SAMPLE_REST)
    return written + [line for line in lines[_SAMPLE_HEAD::step] if line.strip()]


def _sightings(sample: Sequence[str]) -> Iterator[_Sighting]:
    for index, line in enumerate(sample):
        head = line[: _COLUMNS + 40]
        places = (head.find(word) for word in _WORDS if word in head)
        # A digit may stand before the word that tells what it is: `100/200 train_loss`.
        matches = [match for at in places if at <= _COLUMNS and (match := _opener(head, at)) is not None]
        if matches:
            first = min(matches, key=lambda match: match.start())
            yield _Sighting(index, first.lastgroup or "", line[: first.start()])


def _opener(head: str, at: int) -> re.Match[str] | None:
    found = _OPENERS.match(head, at)
    if found is None and head.startswith(("train_loss", "val_loss"), at):
        return _OPENERS.search(head, max(0, at - 21), at + 10)
    return found


def _shape(prefix: str) -> _Shape:
    """What prefixes have in common that differ in nothing but times, levels and numbers."""
    body = prefix.rstrip()
    blanks = len(prefix) - len(body)
    parts: list[str] = []
    at = 0
    for match in _PIECE.finditer(body):
        parts.append(re.escape(body[at : match.start()]))
        at = match.end()
        if match.lastgroup == "level" and at == len(body) and blanks:
            return _Shape("".join(parts), True, len(match[0]) + blanks)
        parts.append(_PIECES[match.lastgroup or ""])
    parts.append(re.escape(body[at:]))
    return _Shape("".join(parts), False, blanks)


def _is_frame(shape: _Shape, seen: Sequence[_Sighting], sample: Sequence[str]) -> bool:
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
    pieces = shape.split(_STAMP.pattern)
    count = 0
    for position, piece in enumerate(pieces):
        parts = piece.split(r"\d+")
        text = parts[0]
        for part in parts[1:]:
            text += rf"(?P<f{index}n{count}>\d+){part}"
            count += 1
        pieces[position] = text
    return _STAMP.pattern.join(pieces), count


def _labels(
    pattern: re.Pattern[str], shapes: int, groups: Sequence[str], sample: Sequence[str], sightings: Sequence[_Sighting]
) -> tuple[str, ...]:
    """The groups by which writers take turns; `f0`, `f1` where whole frames do.

    A number that stands for a rank or a process does so on all lines; of others only lines of one kind tell, and those
    only where their steps do not rise as those of one writer: a number may be the line of the code that printed it.
    """
    everywhere = [match for line in sample if (match := pattern.match(line)) is not None]
    kind = Counter(sighting.kind for sighting in sightings).most_common(1)[0][0]
    same = [s for s in sightings if s.kind == kind]
    one_writer = kind == "step" and _rises([_number(sample[s.index], len(s.prefix)) for s in same])
    ours = [match for s in same if (match := pattern.match(sample[s.index])) is not None]
    labels = []
    for name in groups:
        if _is_rank(name, everywhere):
            turns = _take_turns([match[name] for match in everywhere if match[name]])
        else:
            turns = not one_writer and _take_turns([match[name] for match in ours if match[name]])
        labels += [name] if turns else []
    for name in () if one_writer else (f"f{index}" for index in range(shapes)):
        labels += [name] if _take_turns(["here" if match[name] is not None else "" for match in ours]) else []
    return tuple(labels)


def _is_rank(name: str, matches: Sequence[re.Match[str]]) -> bool:
    """Whether what stands before the number of a group calls it a rank, or nothing does and a colon follows."""
    first = next((match for match in matches if match[name]), None)
    return first is not None and (
        _RANK.search(first.string[: first.start(name)]) is not None
        or (first.start(name) < 2 and first.string[first.end(name) : first.end(name) + 2] == ": ")
    )


def _number(line: str, at: int) -> int:
    match = _STEP_NUMBER.search(line, at)
    return int(match[0]) if match else 0


def _rises(numbers: Sequence[int]) -> bool:
    return all(a <= b for a, b in pairwise(numbers)) and len(set(numbers)) * 4 > len(numbers) * 3


def _take_turns(values: Sequence[str]) -> bool:
    """Whether a few values come again after others: a counter or a clock never does."""
    different = len(set(values))
    if not 2 <= different <= min(_MOST_STREAMS, len(values) // 2):
        return False
    changes = sum(a != b for a, b in pairwise(values))
    return changes >= different
