"""How the score is made, in a paragraph: read off the evaluation trace for people, never parsed again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from auditor.program.model import Program
from auditor.program.recipe.formula import Formula, formula
from auditor.program.trace import Order, Output, Place, ReportLine, Trace
from auditor.runs import Run

_LISTED = 4  # places of one kind that are named
_FILLED = re.compile(r"\{[^{}]*\}")
_VALUE = re.compile(
    r"[:=]\W{0,3}\u2026|^\W{0,6}\u2026\W{0,6}$"
)  # a value: `val_bpb:\u2026`, or one that stands by itself

_ORDER = {
    Order.EARLIER: "on tokens that were scored before",
    Order.SAME: "on the very tokens that are scored after it",
    Order.OTHER_PASS: "in a whole pass over the validation tokens before they are scored",
}


def how_scored(program: Program, headline: Sequence[Run]) -> str:
    """Where the reported figure is printed, where its scores are taken, and what was adapted before.

    Empty when the trace holds no score: then a rule or a problem says why.
    """
    trace = program.trace
    line = _reported(trace, [run.score.label for run in headline if run.score and run.score.label])
    if line is None:
        return ""
    scores = [trace.outputs[number] for number in sorted(line.outputs) if number in trace.outputs]
    if not scores:
        return ""
    said = [f"{_name(line)} stands on scores taken {_at(score.place for score in scores)}{_summed(scores)}."]
    said.append(_adapted(trace, scores))
    if trace.lookups:
        keys = _at(look.place for look in trace.lookups.values())
        said.append(f"Counts are looked up with the scored token in the key {keys}.")
    said += [
        f"The branch at {proof.path}:{proof.line} is taken because {proof.log}:{proof.log_line} shows that it ran."
        if proof.log_line
        else f"The branch at {proof.path}:{proof.line} is left out because {proof.log} has no line such as "
        f'"{proof.text[:40]}".'
        for proof in program.proofs[:_LISTED]
    ]
    if any(not score.certain for score in scores):
        said.append("Whether all of it runs could not be told.")
    return " ".join(said)


def recipe_of(program: Program, headline: Sequence[Run]) -> Formula | None:
    """The formula of the reported figure; None where no figure could be traced to a model's output."""
    line = _reported(program.trace, [run.score.label for run in headline if run.score and run.score.label])
    return formula(line) if line is not None else None


def _name(line: ReportLine) -> str:
    """`The figure "final_sliding_window"`: the printed line's text up to the names of its values."""
    words = []
    for word in _FILLED.sub("\u2026", line.text).split():
        if _VALUE.search(word):
            break
        if not word.endswith((":", "=")):
            words.append(word)
    return f'The figure "{" ".join(words)[:60]}"' if words else f"The figure printed {_at([line.place])}"


def _reported(trace: Trace, labels: Sequence[str]) -> ReportLine | None:
    """The printed line that the logs' score comes from, else the last that prints a score."""
    scored = [line for line in trace.reports if line.outputs]
    for line in reversed(scored):
        if any(label in line.text for label in labels):
            return line
    return scored[-1] if scored else None


def _summed(scores: Sequence[Output]) -> str:
    places = [score.accumulated for score in scores if score.accumulated is not None]
    return f", summed up {_at(places)}" if places else ""


def _adapted(trace: Trace, scores: Sequence[Output]) -> str:
    """What the scores depend on: adaptations of any earlier state, and how they stand to the scored tokens."""
    orders: dict[Order, list[Place]] = {}
    for score in scores:
        for number in sorted(score.state):
            adapt = trace.adapts.get(number)
            if adapt is not None:
                orders.setdefault(trace.relation(adapt, score), []).append(adapt.place)
    if not orders:
        return "Nothing that it depends on is trained on validation tokens."
    parts = [f"{_at(places)} {_ORDER[order]}" for order, places in orders.items()]
    return f"What it depends on is trained on validation tokens: {'; '.join(parts)}."


def _at(places: Iterable[Place]) -> str:
    """`at train_gpt.py:12 (evaluate) and train_gpt.py:40 (main)`."""
    names: dict[str, None] = {}
    for place in places:
        where = f"{place.unit.path}:{place.line}" + (f" of layer {place.unit.layer}" if place.unit.layer else "")
        names[where + (f" ({place.function})" if place.function else "")] = None
    shown = list(names)[:_LISTED]
    hidden = len(names) - len(shown)
    last = f"{hidden} more" if hidden else shown.pop()
    return f"at {', '.join(shown)} and {last}" if shown else f"at {last}"
