"""A report in which every text that does not come from this project is the same text, whatever fields there are.

The fields are found by reflection: one that is added later is filled too.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import probe_reports

from auditor.judgement.model import Report
from auditor.source import Unit

# Words of this project: the law, names of rules, what guards a run.
OURS = frozenset({
    "rule", "subject", "ruleset", "titles", "references", "criteria", "classes", "isolation", "bars", "frontier",
})  # fmt: skip
_WORDS = frozenset({"artifact", "training", "evaluation", "bytes", "seconds"})  # names and units of budgets


@cache
def rich() -> Report:
    """A real report with everything in it: findings, claims, runs, a recipe, a comparison and a probe."""
    from auditor.commands.options import read
    from auditor.commands.work import audit
    from auditor.submission import load_path

    place = str(Path(__file__).resolve().parents[2] / "examples" / "pre_quant_ttt")
    made = audit(load_path(Path(place)), read([place, "--baseline", "1019"]))
    probe = probe_reports.broken(probe_reports.witness())
    seen = probe_reports.judged(probe, probe_reports.slot())
    full = dataclasses.replace(
        made, probe=dataclasses.replace(probe, attempts=probe_reports.failed().attempts, reason="x"),
        agreement=seen.agreement, findings=(*made.findings, *seen.findings), what_if={"A": "b"},
        titles={**made.titles, **seen.titles}, classes={**made.classes, **seen.classes},
    )  # fmt: skip
    assert full.recipe is not None
    assert full.significance is not None
    assert full.runs
    assert full.caps
    return full


def filled(text: str, code: str) -> Report:
    """`rich()` with `text` in every field; units of code keep their lines, with `code` at the end of each."""
    return typing.cast("Report", _filled(rich(), str, text, code, {}))


def _filled(value: Any, hint: Any, text: str, code: str, done: dict[int, Any]) -> Any:
    if isinstance(value, Unit):
        if id(value) not in done:
            lines = "\n".join(f"{line} # {code}" for line in value.text.split("\n"))
            done[id(value)] = Unit(text, lines, value.language)
        return done[id(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if id(value) not in done:
            hints = _hints(type(value))
            changed = {
                field.name: _filled(getattr(value, field.name), hints.get(field.name), text, code, done)
                for field in dataclasses.fields(value)
                if field.init and field.name not in OURS
            }
            done[id(value)] = dataclasses.replace(value, **changed)
        return done[id(value)]
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(_filled(item, str, text, code, done) for item in value)
    if isinstance(value, Mapping):
        return {_filled(k, str, text, code, done): _filled(v, str, text, code, done) for k, v in value.items()}
    free = type(value) is str and typing.Literal not in _kinds(hint) and value not in _WORDS
    return text if free else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except NameError:  # a type that is imported for the type checker alone
        return {}


def _kinds(hint: Any) -> set[Any]:
    """The origins of a type and of what it is made of."""
    return {typing.get_origin(hint)} | {kind for part in typing.get_args(hint) for kind in _kinds(part)}
