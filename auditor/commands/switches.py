"""--switches: which rules flip when a switch is turned. Each try is an audit of its own under that what-if."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from auditor.commands.work import Terms

if TYPE_CHECKING:
    from auditor.config.model import Switch
    from auditor.findings import Outcome
    from auditor.report.switches import Turn
    from auditor.rule import Facts

_MACHINE = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SEED"}  # a run's, no choice of method
_OFF, _ON = {"0", "false", "no", "off"}, {"1", "true", "yes", "on"}


def turned(facts: Facts, terms: Terms, progress: Callable[[str], None]) -> tuple[Turn, ...]:
    """Every two-valued switch turned over, with the rules whose outcome that changes.

    Two-valued: its value is 0 or 1, true or false. Another figure (a learning rate) has no other side to turn it to.
    """
    from auditor.config.defaults import switches
    from auditor.report.switches import Turn

    before = _outcomes(facts, {}, terms)
    turns = []
    for switch in switches(facts.sources):
        other = _other(facts, switch)
        if other is None:
            continue
        progress(f"{switch.name}={other}")
        after = _outcomes(facts, {switch.name: other}, terms)
        flips = tuple((rule, before[rule], after[rule]) for rule in sorted(before) if before[rule] is not after[rule])
        turns.append(Turn(switch.name, other, flips))
    return tuple(turns)


def _other(facts: Facts, switch: Switch) -> str | None:
    setting = facts.configuration.settings.get(switch.name)
    value = setting.value if setting is not None else switch.default
    text = str(value).strip().lower()
    if switch.kind == "constant" or value is None or switch.name in _MACHINE:
        return None
    return "1" if text in _OFF else "0" if text in _ON else None


def _outcomes(facts: Facts, settings: Mapping[str, str], terms: Terms) -> dict[str, Outcome]:
    from dataclasses import replace

    from auditor.commands.law import law
    from auditor.judgement.gather import gather
    from auditor.judgement.judge import judge

    rules, budgets = law()
    again = gather(facts.submission, {**terms.settings, **settings}, strict=terms.debug)
    report = judge(replace(again, significance=None), rules, budgets)
    return {row.rule: row.outcome for row in report.outcomes}
