"""What a log proves of the branches that ran, by the lines that it holds and those that it lacks.

The code's default of a switch is not the run's value. A line in the log that only a left-out branch prints shows
that the branch ran. A complete log without any of the lines that a taken branch prints, through the function that
printed the score, shows that it did not: this is asked only of adaptation, n-gram and PPM code, of whose lines a
run misses none, and only where nothing but the code's default says that the branch is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.config import Configuration
from auditor.program import vocabulary
from auditor.program.interpreter.machine import Branch
from auditor.program.model import Proof
from auditor.program.trace import Trace
from auditor.runs import Run
from auditor.runs.surroundings import kind_of

_SETTING = re.compile(r"[\w.]+\s*[:=]")  # `name:`, as whatever lists names and values prints it
_MIN_LABEL = 4  # characters of a label that are enough to know it again: the whole label must agree


def decided_by_logs(
    active: Trace, dormant: Trace, configuration: Configuration, runs: Sequence[Run]
) -> tuple[dict[Branch, bool], tuple[Proof, ...]]:
    """The way that each branch took according to the log of the first run, and what shows it."""
    forced: dict[Branch, bool] = {}
    proofs: dict[Branch, Proof] = {}
    for run in runs[:1]:
        _shown(active, dormant, run, forced, proofs)
        _missing(active, configuration, run, forced, proofs)
    return forced, tuple(proofs.values())


def _shown(active: Trace, dormant: Trace, run: Run, forced: dict[Branch, bool], proofs: dict[Branch, Proof]) -> None:
    # A line that is also printed elsewhere shows no more than what stands around all of its places.
    left_out = {h: ways for h, ways in dormant.dormant_heads.items() if h not in dormant.heads}
    # With what was set in arms that are left out, a branch may go the other way: the log tells that they ran.
    for head, ways in dormant.entered_heads.items():
        left_out.setdefault(head, {key: way for key, way in ways.items() if active.taken.get(key) is (not way)})
    heads = {h: ways for h, ways in left_out.items() if ways and h not in active.heads}
    if not heads:
        return
    for number, text, label in [*_printed(run), *_others(run)]:
        if any(_prints(head, text, label) for head in active.heads):
            continue
        for head, ways in heads.items():
            if _prints(head, text, label):
                forced.update(ways)
                for branch, way in ways.items():
                    proofs.setdefault(branch, Proof(*branch, run.log, number, text, way=way))


def _missing(
    active: Trace, configuration: Configuration, run: Run, forced: dict[Branch, bool], proofs: dict[Branch, Proof]
) -> None:
    if run.score is None or not run.complete:
        return
    lines = list(_printed(run))
    held = {head for head in active.heads if any(_prints(head, text, label) for _, text, label in lines)}
    channels = {place.channel for head in held for place in active.heads[head]}
    under: dict[Branch, set[str]] = {}  # every line that a branch prints
    ways: dict[Branch, tuple[bool, frozenset[str]]] = {}
    silent: dict[Branch, str] = {}  # a line of a kind of which the log has none
    for head, places in active.heads.items():
        kind = kind_of(head)
        for place in places:
            for branch, way, names in place.decisions:
                if not names or not _defaults(configuration, names):
                    continue
                under.setdefault(branch, set()).add(head)
                ways[branch] = (way, names)
                if kind is not None and not getattr(run, kind) and place.channel in channels:
                    silent.setdefault(branch, head)
    for branch, head in silent.items():
        if branch not in forced and not under[branch] & held:
            way, names = ways[branch]
            forced[branch] = not way
            proofs[branch] = Proof(*branch, run.log, 0, head, names, not way)


def _defaults(configuration: Configuration, names: frozenset[str]) -> bool:
    """Whether nothing but the code says what these switches are."""
    settings = [configuration.settings.get(name) for name in names - vocabulary.NAMES_OF_PROCESSES]
    return bool(settings) and all(s is None or s.source == "default" for s in settings)


def _printed(run: Run) -> Iterator[tuple[int, str, bool]]:
    """The lines of a log that say what ran: (line, text, whether the text is only the line's label)."""
    for line in (*run.adaptation, *run.ngram, *run.ppm):
        yield line.number, line.text.strip(), False
    for evaluation in run.evaluations:
        if evaluation.label:
            yield evaluation.line, evaluation.label, True


def _others(run: Run) -> Iterator[tuple[int, str, bool]]:
    for line in run.beginnings:
        if not _SETTING.fullmatch(line.text.rsplit(" ", 1)[0]):
            yield line.number, line.text, False


def _prints(head: str, text: str, label: bool) -> bool:
    if not label:
        return text.startswith(head)
    plain = re.split(r"[ :]*val_", head, maxsplit=1)[0].strip()
    return len(text) >= _MIN_LABEL and plain == text
