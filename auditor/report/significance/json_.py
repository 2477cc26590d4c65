"""JSON of a comparison and of the chain: full precision, fixed order, null where something is not known."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from auditor import __version__
from auditor.significance.model import BarResult, Chain, Comparison

SCHEMA = 1


def render(answer: Comparison | Chain) -> str:
    what = {"chain": chain_dict(answer)} if isinstance(answer, Chain) else {"significance": as_dict(answer)}
    tool = {"name": "golf-stats", "version": __version__}
    return json.dumps({"schema": SCHEMA, "tool": tool, **what}, indent=2, allow_nan=False) + "\n"


def as_dict(c: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values: the section `significance` of golf-audit's reports."""
    deciding = c.deciding
    known = {"decided_by": deciding.bar.id if deciding else None, "met": deciding.met if deciding else None}
    return known | _fields(c) | {"bars": [_bar(b) for b in c.bars]}


def chain_dict(chain: Chain) -> dict[str, Any]:
    rows = [_fields(row) | {"met": dict(row.met)} for row in chain.rows]
    return _fields(chain) | {"rows": rows}


def _bar(b: BarResult) -> dict[str, Any]:
    tests = [{"unit": unit, "welch": _plain(w), "permutation": _plain(p)} for unit, w, p in b.tests]
    return {"p": b.p} | _fields(b) | {"tests": tests}


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
