"""What one abstract run has worked out and need not work out again: quiet calls, and what forward passes hold."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from auditor.program.forward.applied import Part
from auditor.program.forward.handmade import Written
from auditor.program.forward.mixing import Mixed
from auditor.program.interpreter.scoring.forward import ForwardLoss
from auditor.program.values import Class, Value


@dataclass(frozen=True, slots=True)
class Repeat:
    """A quiet call of a function (`repeated`): what it found, and what it gave."""

    found: tuple[object, ...]
    changes: int | None  # where it looked at objects that it was not given: how much had been stored in any by then
    files: tuple[object, ...] | None  # where it looked into files: what had been written there by then
    result: Value


@dataclass(slots=True)
class ForwardPasses:
    """By forward pass: models are made and looked at again and again, of the same classes."""

    mixed: dict[tuple[ast.AST, tuple[tuple[ast.Call, Part], ...]], tuple[Mixed, ...]] = field(default_factory=dict)
    """With the modules of a library that it applies: the operations that mix positions."""
    written_out: dict[ast.AST, tuple[Written, ...]] = field(default_factory=dict)
    """Its attention by hand."""
    led_to: dict[tuple[ast.AST, frozenset[Class], int], frozenset[ast.AST]] = field(default_factory=dict)
    """With the classes of the model's parts, and how often names were bound anew: the functions that it may run."""
    forwards: dict[tuple[ast.AST, Class | None], bool] = field(default_factory=dict)
    """With the class whose method it is: whether it computes with weights."""
    shifting: dict[ast.ClassDef, bool] = field(default_factory=dict)
    """By class: whether its code moves positions by one."""
    losses: dict[tuple[object, ...], ForwardLoss] = field(default_factory=dict)
    """What models make of their losses."""
