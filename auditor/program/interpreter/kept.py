"""What names, attributes, lists and dicts held before a block, or an arm of a branch, has changed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auditor.program.values import Class, Frame, Function, Instance, Mapping, Sequence, Value

Holder = Instance | Class | Function | Frame
"""What has attributes, or names."""

Journal = dict[tuple[int, str], tuple[Holder, Value | None]]
"""Attributes, and names outside of the function that runs, that were assigned, and what they held before."""


@dataclass(slots=True)
class Kept:
    """What a block has changed, as it was before: names and attributes by where they are held, lists and dicts."""

    names: dict[tuple[int, str], tuple[Holder, Value | None]] = field(default_factory=dict)
    containers: dict[int, tuple[Mapping | Sequence, Any]] = field(default_factory=dict)

    def add(self, inner: Kept) -> None:
        """A block within it has changed these."""
        for key, was in inner.names.items():
            self.names.setdefault(key, was)
        for number, held in inner.containers.items():
            self.containers.setdefault(number, held)
