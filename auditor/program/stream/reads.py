"""Which part of the data is read where: by the training loop, by calibration, by the evaluation, over the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.syntax import (
    called,
    calls,
    dotted,
    last_name,
    strings,
)

FetchKind = Literal["kernel", "weights", "tokenizer", "download", "package"]


# --- the network ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Seen):
    """A call that can reach the network. `evaluating`: it stands in a function that scores, or behind training."""

    call: str
    kind: FetchKind
    evaluating: bool


def fetches(module: Module) -> Iterator[Fetch]:
    for call in calls(module.tree):
        kind = _fetched(call)
        if kind is not None:
            evaluating = module.phases.in_scoring(call) or module.phases.after_training(call)
            name = dotted(call.func) or last_name(call.func)
            yield Fetch(
                place=module.place(call), active=module.reached(call), call=name, kind=kind, evaluating=evaluating
            )


def _fetched(call: ast.Call) -> FetchKind | None:
    last = called(call)
    if last == "get_kernel":
        return "kernel"
    name = dotted(call.func)
    if last == "load_state_dict_from_url" or name.endswith("hub.load"):
        return "weights"
    if last == "from_pretrained":
        return "tokenizer" if "okeniz" in name or "onfig" in name else "weights"
    if last in vocabulary.DOWNLOADS or name in vocabulary.HTTP:
        return "download"
    if last in vocabulary.SHELL and any(part in name for part in vocabulary.SHELL_OWNERS):
        words = f" {' '.join(s for argument in call.args[:1] for s in strings(argument)).replace(',', ' ')} "
        if "pip install" in words or " -m pip " in words or words.startswith(" pip "):
            return "package"
        if any(f" {fetcher} " in words for fetcher in vocabulary.FETCHERS):
            return "download"
    return None
