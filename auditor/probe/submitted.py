"""The settings of a script that are numbers: as they were submitted, and as the probe used them."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.probe.model import Shrunk
from auditor.rule import Facts


def key_of(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()


def values_of(facts: Facts, chosen: frozenset[str], shrunk: Iterable[Shrunk]) -> dict[str, tuple[float, float]]:
    """Settings that are numbers, by name in lower case: as submitted, and as they were used."""
    found: dict[str, tuple[float, float]] = {}
    for switch in facts.configuration.switches:
        setting = facts.configuration.settings.get(switch.name)
        value = switch.default if setting is None else setting.value
        pair = _pair(value, value)
        if pair is not None and key_of(switch.name) not in chosen:
            found |= {key_of(switch.name): pair, switch.attribute.lower(): pair}
    return found | {key_of(s.name): pair for s in shrunk if (pair := _pair(s.submitted, s.used)) is not None}


def _pair(submitted: object, used: object) -> tuple[float, float] | None:
    try:
        return float(str(submitted)), float(str(used))
    except ValueError:
        return None
