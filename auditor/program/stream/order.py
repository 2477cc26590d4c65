"""Parts of the validation stream that are sorted or shuffled, and whether something learns along them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auditor.program import vocabulary
from auditor.program.model import Program
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.phases import Phases
from auditor.program.syntax import Function, calls, function_of, last_name, names
from auditor.source.index import of_type, walk

_PARTS = re.compile(r"(?i)(^|_)(docs?|documents?|doc_\w+|windows?|chunks?|segments?|batches|window_starts)(_|$)")
_SHUFFLES = frozenset({"shuffle", "randperm", "permutation"})
_LENGTH = re.compile(r"(?i)len")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Seen):
    """One call that reorders. `carries`: what is trained along the parts stays; None where nothing is trained there."""

    how: Literal["shuffled", "sorted by length"]
    carries: bool | None


def reorders(module: Module) -> Iterator[Reorder]:
    text = module.unit.text
    if "sort" not in text and not any(word in text for word in _SHUFFLES):
        return
    learns = _learns(module.program)
    for call in calls(module.tree):
        how = _how(module.origins, call)
        if how is not None:
            carries = _carries(module.phases, call) if learns else None
            yield Reorder(place=module.place(call), active=module.reached(call), how=how, carries=carries)


def _learns(program: Program) -> bool:
    """Whether anything is trained on validation tokens, or may be: what was not followed is taken to."""
    dormant = program.dormant.adapts if program.dormant is not None else ()
    return not program.followed or bool(program.trace.adapts or dormant)


def _how(origins: Origins, call: ast.Call) -> Literal["shuffled", "sorted by length"] | None:
    name = last_name(call.func)
    if name in _SHUFFLES:
        return "shuffled" if call.args and _of_validation(origins, call.args[0]) else None
    if name == "sorted" and call.args:
        subject = call.args[0]
    elif name == "sort" and isinstance(call.func, ast.Attribute):
        subject = call.func.value
    else:
        return None
    key = next((k.value for k in call.keywords if k.arg == "key"), None)
    by_length = key is not None and _by_length(key) and _of_validation(origins, subject)
    return "sorted by length" if by_length else None


def _of_validation(origins: Origins, subject: ast.expr) -> bool:
    kinds = origins.of(subject)
    if "validation" in kinds:
        return "training" not in kinds
    # The tokens are lost on the way through queues and records: parts of a stream by their name, unless of training.
    return "training" not in kinds and any(_PARTS.search(name) for name in names(subject))


def _by_length(key: ast.expr) -> bool:
    """`len`, `lambda d: d[1]`, `lambda d: (d[1] - 2) // chunk`: not the first field, which is the position."""
    if isinstance(key, ast.Name):
        return key.id == "len"
    if not isinstance(key, ast.Lambda) or isinstance(key.body, ast.Tuple):
        return False
    for node in walk(key.body):
        if isinstance(node, ast.Call) and last_name(node.func) == "len":
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 1:
            return True
        if isinstance(node, ast.Attribute) and _LENGTH.search(node.attr):
            return True
    return False


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
        last_name(call.func) in vocabulary.REPLACES_WEIGHTS or last_name(call.func) in phases.modules
        for loop in of_type(function, ast.For, ast.While)
        for call in phases.calls_from(loop)
    )
