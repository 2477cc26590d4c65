"""Whether the weights that score are those that training has left, or others were put in their place since."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.program.holdings import module_parts
from auditor.program.values import Instance, Value


def moved(target: Value) -> None:
    """Something is put into a module's weights, other than by an optimizer."""
    if isinstance(target.obj, Instance):
        target.obj.moved = True


def stepped(roots: Iterable[Value]) -> None:
    """A step on training tokens: what was put into the weights before it is no longer what they hold."""
    for target in roots:
        if isinstance(target.obj, Instance):
            for part in module_parts(target.obj):
                part.trained, part.moved = True, False


def in_part(parts: Iterable[Instance]) -> bool:
    """Whether some parts of a model were read back, and others hold what training has left."""
    whole, *inside = parts
    if whole.moved or True not in [part.read_back for part in inside]:
        return False
    return any(part.trained and not (part.moved or part.read_back) for part in inside)


def as_trained(parts: Iterable[Instance]) -> bool:
    """Whether the weights are those that training has left, which nothing was put into since."""
    held = list(parts)
    return any(part.trained for part in held) and not any(part.moved or part.read_back for part in held)
