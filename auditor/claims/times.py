"""Seconds of training and of evaluation that prose and tables state: the README's, and texts of submission.json."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from auditor.claims.model import Claim
from auditor.claims.stated import Phase
from auditor.quantities import Reading, find_durations

_CELL = {
    "train": re.compile(
        r"(?:total )?(?:train(?:ing)?|wall-?clock)(?: (?:time|wall-?clock|duration|cap))*", re.IGNORECASE
    ),
    "eval": re.compile(r"(?:total )?eval(?:uation)?(?: (?:time|wall-?clock|duration))*", re.IGNORECASE),
}
# A statement of one phase: what it is called, then the time, with little in between.
_NAMED = {
    "train": re.compile(
        r"\b(?:training|train(?:ed|s)?|train_time|wall-?clock)\b(?! (?:data|shards?|tokens|set|loss|steps?\b))",
        re.IGNORECASE,
    ),
    "eval": re.compile(
        r"\b(?:total )?(?:eval(?:uation|uated)?|eval_time)\b(?! (?:stride|tokens|windows?|set))", re.IGNORECASE
    ),
}
# A time that its phase follows: `600s train`, `~500s eval`, `600s wallclock`, `20 minutes of training`.
_FOLLOWED = {
    "train": re.compile(
        r"\s{0,2}\*{0,2}`?\s?(?:of |as (?:the |its )?)?(?:train(?:ing)?\b|wall[- ]?clock|max wall)", re.IGNORECASE
    ),
    "eval": re.compile(r"\s{0,2}\*{0,2}`?\s?(?:of )?(?:total )?eval(?:uation)?\b", re.IGNORECASE),
}
_ACTUAL = re.compile(
    r"\s{0,3}(?:\((?:was |took |actual:? )?[~\u2248]?\s?$|.{0,30}\([~\u2248]?\s?$|[:=]\s?[~\u2248]?\s?$)"
)
_LIMIT = re.compile(
    r"(?:<|\u2264|<=|under|within|below|at most|less than|no more than|limit of|up to|max)\s{0,2}[~*`]{0,3}\s?$",
    re.IGNORECASE,
)
_STRICT = re.compile(r"(?:\u2264|<=|within|at most)\s{0,2}[~*`]{0,3}\s?$", re.IGNORECASE)
_BETWEEN = re.compile(
    r"[\s:=~*`|(\u2248]{0,8}(?:(?:time|ops|took|takes|run|ran|runs|for|in|is|was|of|stop(?:ped)?|at|total"
    r"|~?[\d,]{1,9} steps|\([^()]{0,20}\)"
    r"|about|approximately|wallclock|all|the|on|per seed|seeds?|\d|[:=~*`()\s-]){0,10})$",
    re.IGNORECASE,
)
# Times of a part, of one step, of somebody else or of a budget.
_PART = re.compile(
    r"roundtrip|sliding|quantized|diagnostic|standard|non-overlap|pass \d|ttt\b|slot|n-?gram|gptq|hessian|compile"
    r"|precompute|per[- ]step|baseline|/step|budget|saves?\b|faster|slower|overhead|extra|additional|reserve|overtime"
    r"|previous|prior|\bvs\b|teacher",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"(?<![\w.])\d{1,6}(?:\.\d{1,4})?\s?[-\u2013]\s?(?=\d{1,6}(?:\.\d{1,4})?\s?(?:s|sec|seconds|ms|min|m)\b)"
)
_ADAPTS = re.compile(r"\s{0,2}(?:of )?(?:legal )?(?:TTT|SLOT|adaptation)\s{0,2}\+\s{0,2}[~\u2248]?", re.IGNORECASE)
_BUDGET = re.compile(r"\s{0,2}(?:budget|limit|cap)s?\b", re.IGNORECASE)
_FORESEEN = re.compile(r"\b(?:estimat|expect|project|predict|anticipat)\w{0,6}\b[^.;|]{0,24}$", re.IGNORECASE)
# A time beside the machine, or beside the steps that were done in it.
_RUN = re.compile(
    r"(?:[HAB][12]00|GPUs?|RTX ?\d{3,4})[^|.;]{0,24}[,:@]\s?[~*`]{0,3}$|\bsteps\b[^|.;]{0,12} in\s?[~*`]{0,3}$"
)
_TRAINED_BESIDE = re.compile(r"[\s*`]{0,4}(?:of )?train(?:ing)?[\s*`]{0,4}\+\s{0,2}[~\u2248]?", re.IGNORECASE)
_ADDED = re.compile(r"\+\s{0,2}[~\u2248]?$")
# The whole of the test-time training: `TTT total time: 705s`, `Total TTT time 12 min`, a row `TTT time`.
_ADAPTATION = re.compile(
    r"(?:total (?:TTT|test-time training)(?: (?:eval(?:uation)?|adaptation))? time"
    r"|(?:TTT|test-time training)(?: (?:eval(?:uation)?|adaptation))? (?:total )?time(?: \(total\))?"
    r"|(?:TTT|test-time training) total)\s{0,3}[|:=]?\s{0,3}[~\u2248]?\s?",
    re.IGNORECASE,
)
_LONGEST = 7 * 86400.0
_LINE = 600
_LINES = 400
_SAME = 0.06  # seconds: half of a tenth, and what binary fractions add


@dataclass(frozen=True, slots=True)
class _Said:
    """A time and how surely it is the whole phase's, the surest first."""

    rank: int
    order: int
    claim: Claim[float]


def stated_times(lines: Sequence[tuple[str, str]], phase: Phase) -> Claim[float] | None:
    """The time of a phase that the lines (place, text) state: of its own row or sentence first, then of an aside."""
    said: list[_Said] = []
    for order, (where, line) in enumerate(lines):
        text = line[:_LINE]
        if text.lstrip().startswith("|"):
            said += _row(text, where, order, phase)
        else:
            said += _sentence(text, where, order, phase)
    return min(said, key=lambda entry: (entry.rank, entry.order)).claim if said else None


def stated_adaptation(lines: Sequence[tuple[str, str]]) -> Claim[float] | None:
    """The longest time that the lines (place, text) state of a whole test-time training, which the score waits for."""
    said: list[Claim[float]] = []
    for where, line in lines:
        text = line[:_LINE].replace("*", "").replace("`", "")
        for match in _ADAPTATION.finditer(text):
            said += [
                Claim(time.value, where)
                for time in find_durations(text)
                if time.start == match.end() and time.value is not None and 0 < time.value < _LONGEST
            ]
    return max(said, key=lambda claim: claim.value, default=None)


def holds_time(lines: Sequence[str], seconds: float) -> bool:
    """Whether any of the first lines holds that time, whatever it is said to be of."""
    return any(
        time.value is not None and abs(time.value - seconds) <= _SAME
        for line in lines[:_LINES]
        for time in find_durations(line[:_LINE])
    )


def _row(line: str, where: str, order: int, phase: Phase) -> Iterator[_Said]:
    cells = [cell.replace("*", "").replace("`", "").strip() for cell in line.strip().strip("|").split("|")]
    name = re.sub(r"\s{0,3}\([^()]{0,40}\)", "", cells[0]).strip()
    if len(cells) < 2 or not _CELL[phase].fullmatch(name):
        return
    times = find_durations(cells[1])
    if times and times[0].value is not None and 0 < times[0].value < _LONGEST:
        yield _Said(0 if name.lower().startswith("total") else 1, order, Claim(times[0].value, where))


def _sentence(line: str, where: str, order: int, phase: Phase) -> Iterator[_Said]:
    # Of a range the larger end is claimed.
    line = _RANGE.sub(lambda match: " " * len(match[0]), line)
    times = find_durations(line)
    if phase == "eval" and (total := _sum(line, times)) is not None:
        yield _Said(1, order, Claim(total, where))
    for index, time in enumerate(times):
        if time.value is None or not 0 < time.value < _LONGEST:
            continue
        rank = _rank(line, times, index, phase)
        if rank is not None:
            yield _Said(rank, order, Claim(time.value, where))


def _sum(line: str, times: Sequence[Reading]) -> float | None:
    """`465s TTT + 187s eval`: both belong to the evaluation."""
    for first, second in pairwise(times):
        adapts = _ADAPTS.fullmatch(line[first.end : second.start])
        if adapts and _FOLLOWED["eval"].match(line, second.end) and first.value and second.value:
            return first.value + second.value
    return None


def _rank(line: str, times: Sequence[Reading], index: int, phase: Phase) -> int | None:
    """How surely a time of a line is that of the phase, None where it is not."""
    time = times[index]
    start = times[index - 1].end if index else 0
    before = line[max(start, time.start - 90) : time.start]
    if _FORESEEN.search(before):
        return None
    if _ADDED.search(before) and not _TRAINED_BESIDE.fullmatch(line[start : time.start]):
        return None
    # `Training < 600s (588s)`, `train_time <= 600s: 599.6s`: behind a limit stands what it was.
    if index and _ACTUAL.match(line[start : time.start]) and _limits(line, times[index - 1]):
        named = _last_named(line[max(0, times[index - 1].start - 60) : times[index - 1].start], phase)
        return 0 if named else None
    follows = _FOLLOWED[phase].match(line, time.end)
    if follows and not _LIMIT.search(before) and not _PART.search(before[-24:]):
        if _BUDGET.match(line, follows.end()):
            return 4 if phase == "train" else None  # training uses its budget up, an evaluation need not
        return 2
    aside_of_eval = _NAMED["eval"].search(before) or _FOLLOWED["eval"].match(line, time.end)
    if phase == "train" and _RUN.search(before) and not aside_of_eval and not _PART.search(before):
        return 3
    named = _last_named(before, phase)
    # An evaluation has many passes, each with a time of its own.
    aside = 16 if phase == "train" else 60
    if named is None or _PART.search(before[max(0, named.start() - aside) :]):
        return None
    between = before[named.end() :]
    if _LIMIT.search(before):
        # A bound that is met exactly says what the training took; one of the evaluation says nothing.
        return 5 if phase == "train" and _STRICT.search(before) and len(between) < 30 else None
    return 1 if _BETWEEN.fullmatch(between) else None


def _limits(line: str, time: Reading) -> bool:
    return _LIMIT.search(line[max(0, time.start - 20) : time.start]) is not None


def _last_named(text: str, phase: Phase) -> re.Match[str] | None:
    """The last word in the text that names the phase, where the other one is not named after it."""
    named = list(_NAMED[phase].finditer(text))
    other = list(_NAMED["eval" if phase == "train" else "train"].finditer(text))
    if not named or (other and other[-1].start() > named[-1].start()):
        return None
    return named[-1]
