"""The modules of a library that a forward pass applies, and whether one of them looks at later positions."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.forward.padded import kept_behind
from auditor.program.values import UNKNOWN, Function, Instance
from auditor.source.index import of_type

_OPTIONS = ("bidirectional", "padding", "kernel_size", "stride")


@dataclass(frozen=True, slots=True)
class Part:
    """A module of a library by its dotted name, and the options it was made with; None where one is not told."""

    dotted: str
    bidirectional: object = None
    padding: object = None
    kernel_size: object = None
    stride: object = None

    @property
    def steps_over(self) -> bool:
        """Whether a convolution or a pool makes neighbours one."""
        if not self.dotted.endswith((*vocabulary.CONVOLUTIONS, *vocabulary.POOLS)):
            return False
        default = self.kernel_size if self.dotted.endswith(vocabulary.POOLS) else 1
        return (default if self.stride is None else self.stride) not in (1, (1,))

    def looks_ahead(self, call: ast.Call) -> bool:
        """Whether it lets a position see what follows it, as this call applies it."""
        if self.dotted.endswith(vocabulary.RECURRENT):
            return self.bidirectional is True
        if self.dotted.endswith(vocabulary.ATTENTION_MODULES):
            positional = 1 if "Transformer" in self.dotted else 3
            return len(call.args) <= positional and not any(
                k.arg in vocabulary.MASK_PARAMETERS or k.arg is None for k in call.keywords
            )
        size, padding = self.kernel_size, self.padding
        if not self.dotted.endswith(vocabulary.CONVOLUTIONS) or not isinstance(size, int):
            return False
        if isinstance(padding, int) and padding > 0 and kept_behind(call):
            return True
        return (size > 1 and padding == "same") or (isinstance(padding, int) and 0 < 2 * padding == size - 1)


Parts = Mapping[ast.Call, Part]


def applied(function: Function, owners: Sequence[Instance]) -> Parts:
    """The calls of a method that apply a module of a library which the model, or a part of it, holds by that name."""
    found: dict[ast.Call, Part] = {}
    for call in of_type(function.node, ast.Call) if owners else ():
        if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
            continue
        for owner in owners:
            held = owner.attributes.get(call.func.attr)
            if held is not None and isinstance(held.obj, Instance) and held.obj.cls is None:
                found[call] = _part(held.obj)
                break
    return found


def _part(module: Instance) -> Part:
    given = [module.attributes.get(name) for name in _OPTIONS]
    return Part(module.dotted, *(_told(value.const) if value is not None else None for value in given))


def _told(option: object) -> object:
    """An option as it can be compared, and looked up."""
    if isinstance(option, (list, tuple)):
        return tuple(_told(one) for one in option)
    return option if isinstance(option, (int, str)) or option is None else UNKNOWN
