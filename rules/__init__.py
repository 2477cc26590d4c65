"""What the law is: one rule, one file, in a folder by what the law speaks of.

`ALL` is found by looking at the packages, so a new file is a new rule.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.rule import Rule

    ALL: tuple[Rule, ...]

# The folders that hold rules. Modules in them that start with "_" hold none.
FOLDERS = ("order", "distribution", "data", "bytes", "budgets", "evidence")


@cache
def load() -> tuple[Rule, ...]:
    """Every rule, sorted by id. Raises TypeError for a module without a `RULE`, ValueError for an id used twice."""
    from auditor.rule import Rule

    found: dict[str, Rule] = {}
    for folder in FOLDERS:
        package = importlib.import_module(f"{__name__}.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("_"):
                continue
            rule = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "RULE", None)
            if not isinstance(rule, Rule):
                raise TypeError(f"rules/{folder}/{module.name}.py holds no RULE")
            if rule.id in found:
                raise ValueError(f"rule id used twice: {rule.id}")
            found[rule.id] = rule
    return tuple(found[key] for key in sorted(found))


def __getattr__(name: str) -> object:
    # `from rules import ALL` imports the rules then, and `import rules` alone imports nothing.
    if name == "ALL":
        return load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
