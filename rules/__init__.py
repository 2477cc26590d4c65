"""What the law is: one rule, one file. `ALL` is found by looking at the package, so a new file is a new rule."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.rule import Rule

    ALL: tuple[Rule, ...]

# Modules of the package that hold no rule; the others, and those that start with "_", do.
_NOT_RULES = frozenset({"limits", "records"})


@cache
def load() -> tuple[Rule, ...]:
    """Every rule, sorted by id. Raises TypeError for a module without a `RULE`, ValueError for an id used twice."""
    from auditor.rule import Rule

    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_") or module.name in _NOT_RULES:
            continue
        rule = getattr(importlib.import_module(f"{__name__}.{module.name}"), "RULE", None)
        if not isinstance(rule, Rule):
            raise TypeError(f"rules/{module.name}.py holds no RULE")
        if rule.id in found:
            raise ValueError(f"rule id used twice: {rule.id}")
        found[rule.id] = rule
    return tuple(found[key] for key in sorted(found))


def __getattr__(name: str) -> object:
    # `from rules import ALL` imports the rules then, and `import rules` alone imports nothing.
    if name == "ALL":
        return load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
