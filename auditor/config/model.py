"""The configuration as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool | None
SettingSource = Literal["default", "command", "log", "set"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One switch. `value` is None when the code computes it from something that is not known."""

    name: str  # environment variable (`TTT_ENABLED`), option (`--ttt`) or constant in the code
    value: Scalar
    source: SettingSource
    where: str  # "train_gpt.py:37", "README.md:80", "train_seed42.log:61", "--set"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch of the program. `attribute` is the name under which the program keeps the value."""

    name: str
    kind: Literal["environment", "option", "constant"]
    default: Scalar
    where: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sources that say different things of one switch; the later one was used."""

    name: str
    used: Setting
    other: Setting


@dataclass(frozen=True)
class Configuration:
    """Every switch by name, each with the source that won, and the conflicts among the sources.

    `environment` holds the switches that the program reads from outside (environment variables and
    command-line options); `constants` those that stand in the code as plain values and that something else
    (the log's dump, `--set`) contradicts.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    constants: Mapping[str, Scalar] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()  # `--set` names that the program does not read
    unsettled: frozenset[str] = frozenset()  # switches that documented commands set in different ways
    switches: tuple[Switch, ...] = ()  # those that the program's texts have, in order of appearance

    def __call__(self, name: str, default: object) -> Scalar:
        """What the program sees when it reads `name`: None where nothing but the code's default says."""
        return self.environment.get(name)

    def describe(self, name: str) -> str:
        """`TTT_ENABLED=0 (train_seed42.log:61)`, for messages."""
        setting = self.settings.get(name)
        return name if setting is None else f"{name.lstrip('-')}={setting.value} ({setting.where})"
