"""The configuration: the value of every switch that decides which path runs, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool | None
SettingSource = Literal["default", "command", "log", "set"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One switch. `value` is None when the code computes it from something that is not known."""

    name: str  # environment variable or option, upper case where the code spells it so
    value: Scalar
    source: SettingSource
    where: str  # "train_gpt.py:37", "README.md:80", "train_seed42.log:61", "--set"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sources that say different things of one switch; the later one was used."""

    name: str
    used: Setting
    other: Setting


@dataclass(frozen=True)
class Configuration:
    settings: Mapping[str, Setting] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
