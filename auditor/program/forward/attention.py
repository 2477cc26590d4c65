"""Calls of attention, and whether they are causal by what they are told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.module import Module, Seen
from auditor.program.syntax import called, calls
from auditor.program.vocabulary import ATTENTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Seen):
    """One call. `open`: it is told not to be causal and has no mask, so each position sees what follows it."""

    open: bool


def attention(module: Module) -> Iterator[Attention]:
    if "attn" not in module.unit.text and "attention" not in module.unit.text:
        return
    for call in calls(module.tree):
        if called(call) in ATTENTION:
            options = {k.arg: k.value for k in call.keywords}
            causal = options.get("is_causal", options.get("causal"))
            told = isinstance(causal, ast.Constant) and causal.value is False
            masked = "attn_mask" in options
            yield Attention(place=module.place(call), active=module.reached(call), open=told and not masked)
