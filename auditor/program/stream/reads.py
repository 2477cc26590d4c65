"""Which part of the data is read where: by the training loop, by calibration, by the evaluation, over the network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.phases import Phases
from auditor.program.syntax import (
    called,
    calls,
    dotted,
    function_name,
    last_name,
    line_of,
    strings,
)
from auditor.source.index import own_of_type, parent

FetchKind = Literal["kernel", "weights", "tokenizer", "download", "package"]


# --- evaluation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRead(Seen):
    """A read of training shards during evaluation. `scoring`: in a function that scores, else behind the artifact."""

    reader: str
    scoring: bool


def training_reads(module: Module) -> Iterator[TrainingRead]:
    phases, origins = module.phases, module.origins
    loaded = _loaded_back(phases, origins)
    late = phases.called_after(loaded) if loaded is not None else frozenset()
    readers = vocabulary.OPENS | phases.reaching(vocabulary.OPENS)
    printers = phases.reaching(frozenset({"print"}))
    for call in calls(module.tree):
        reader = last_name(call.func)
        if reader not in readers:
            continue
        if reader in printers and isinstance(parent(call), ast.Expr):
            continue  # `log0(...)`, which opens the log
        holder = function_name(call)
        behind = loaded is not None and line_of(call) > loaded and phases.after_training(call)
        scoring = holder in phases.scoring and holder != "__init__"  # which each class has one of
        if not (scoring or behind or holder in late):
            continue
        sources = [*call.args, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]
        if any("training" in kinds and "validation" not in kinds for kinds in map(origins.of, sources)):
            yield TrainingRead(
                place=module.place(call),
                active=module.reached(call),
                reader=reader,
                scoring=scoring,
            )


def _loaded_back(phases: Phases, origins: Origins) -> int | None:
    """The line behind training where the compressed artifact is loaded back: what follows is evaluation."""
    if phases.training_end is None:
        return None
    scope, end = phases.training_end
    loading = {name for name, f in phases.functions.items() if any(_loads(call, origins) for call in calls(f))}
    behind = [call for call in own_of_type(scope, ast.Call) if line_of(call) > end]
    lines = [line_of(call) for call in behind if last_name(call.func) in loading or _loads(call, origins)]
    return max(lines, default=None)


def _loads(call: ast.Call, origins: Origins) -> bool:
    """`model.load_state_dict(...)` of what was packed, or comes from disk."""
    if last_name(call.func) != "load_state_dict" or called(call) != "load_state_dict":
        return False
    return any("blob" in origins.of(a) or _from_disk(a) for a in call.args)


def _from_disk(node: ast.expr) -> bool:
    return any(dotted(c.func) == "torch.load" for c in calls(node))


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
