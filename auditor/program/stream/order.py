"""Parts of the validation stream that are sorted or shuffled, and whether something learns along them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.model import Program
from auditor.program.module import Module, Seen
from auditor.program.phases import Phases
from auditor.program.syntax import Function, called, calls, function_of, last_name
from auditor.program.trace import Reordered
from auditor.source.index import of_type

_HOW = {"their length": "sorted by length", "what they hold": "sorted by what they hold", "chance": "shuffled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Seen):
    """One call that reorders. `carries`: what is trained along the parts stays; None where nothing is trained there."""

    how: str
    carries: bool | None


def reorders(module: Module) -> Iterator[Reorder]:
    """The calls that put parts of the stream in another order, as the abstract runs have met them."""
    met = {event.place.key: event for event in _events(module.program) if event.place.unit is module.unit}
    if not met:
        return
    learns = _learns(module.program)
    for call in calls(module.tree):
        event = met.pop(module.place(call).key, None)
        if event is not None:
            carries = _carries(module.phases, call) if learns else None
            yield Reorder(place=module.place(call), active=module.reached(call), how=_HOW[event.by], carries=carries)


def _events(program: Program) -> Iterator[Reordered]:
    """Those of the branches that run go before those that are left out."""
    if program.dormant is not None:
        yield from program.dormant.reordered.values()
    yield from program.trace.reordered.values()


def _learns(program: Program) -> bool:
    """Whether anything is trained on validation tokens, or may be: what was not followed is taken to."""
    dormant = program.dormant.adapts if program.dormant is not None else ()
    return not program.followed or bool(program.trace.adapts or dormant)


def _carries(phases: Phases, call: ast.Call) -> bool | None:
    """Whether what is trained along the parts that a call reorders stays: None where nothing is trained there."""
    holder = function_of(call)
    if holder is None:
        return None
    users = [holder]
    users += [f for f in phases.functions.values() if f is not holder and holder in phases.called_by(f)]
    trained = [f for f in users if _trains(phases, f, call)]
    return not any(_resets(phases, function) for function in trained) if trained else None


def _trains(phases: Phases, function: Function, after: ast.Call) -> bool:
    training = vocabulary.TRAINING_STEPS | phases.reaching(vocabulary.TRAINING_STEPS)
    called = list(calls(function))
    behind = called[called.index(after) + 1 :] if after in called else called
    return any(last_name(call.func) in training for call in behind)


def _resets(phases: Phases, function: Function) -> bool:
    """Whether a loop of the function overwrites, or builds anew, what it trains."""
    return any(
        called(call) in vocabulary.REPLACES_WEIGHTS or last_name(call.func) in phases.modules
        for loop in of_type(function, ast.For, ast.While)
        for call in phases.calls_from(loop)
    )
