"""The table of `--smoke`, for a terminal or as JSON."""

from __future__ import annotations

import json
import math
import textwrap
from typing import Any

from auditor import __version__
from auditor.probe.model import Smoke
from auditor.report.probe import isolation
from auditor.report.probe_json import number
from auditor.report.text import grouped, one_line
from auditor.rule import Facts

SCHEMA = 1
_LABEL = 13  # columns


def render(facts: Facts, smoke: Smoke, *, form: str, width: int = 80) -> str:
    """The whole answer, ending in a newline."""
    if form == "json":
        return json.dumps(as_dict(facts, smoke), indent=2, allow_nan=False) + "\n"
    lines: list[str] = []
    for label, value in _rows(facts, smoke):
        start = f"{label:<{_LABEL}}"
        lines += textwrap.wrap(
            one_line(value, 1000) or "-",
            max(min(width, 100), 40),
            break_on_hyphens=False,
            initial_indent=start,
            subsequent_indent=" " * _LABEL,
        )
    return "\n".join(lines) + "\n"


def as_dict(facts: Facts, smoke: Smoke) -> dict[str, Any]:
    """Seconds are wall clock: this is the one output that is not the same twice."""
    expected = math.log(smoke.vocabulary) if smoke.vocabulary else None
    return {
        "schema": SCHEMA,
        "tool": {"name": "golf-audit", "version": __version__},
        "submission": {"pr": facts.submission.pr, "folder": facts.submission.folder},
        "smoke": {
            "status": smoke.status,
            "reason": smoke.reason,
            "import_seconds": number(smoke.import_seconds),
            "width": smoke.width,
            "layers": smoke.layers,
            "vocabulary": smoke.vocabulary,
            "parameters": smoke.parameters,
            "code_bytes": smoke.code_bytes,
            "loss": number(smoke.loss),
            "loss_untrained": expected,
            "absent": list(smoke.absent),
            "isolation": {
                "guards": dict(smoke.isolation.guards),
                "missing": list(smoke.isolation.missing),
                "unsafe": smoke.isolation.unsafe,
            },
        },
    }


def _rows(facts: Facts, smoke: Smoke) -> list[tuple[str, str]]:
    program = facts.sources.entry.label if facts.sources.entry else "no training script was found"
    rows = [("folder", facts.submission.folder or "unknown"), ("program", program)]
    if smoke.status != "ran":
        rows.append(("not run" if smoke.status == "refused" else "failed", _why(smoke)))
    if smoke.status != "refused":
        rows += [
            ("import", grouped(smoke.import_seconds, 2, "seconds")),
            ("width", grouped(smoke.width)),
            ("layers", grouped(smoke.layers)),
            ("vocabulary", grouped(smoke.vocabulary)),
            ("parameters", grouped(smoke.parameters)),
            ("code", grouped(smoke.code_bytes, 0, "bytes")),
            ("loss", _loss(smoke)),
        ]
    if smoke.absent:
        rows.append(("not here", ", ".join(smoke.absent)))
    rows.append(("isolation", isolation(smoke.isolation, smoke.status != "refused")))
    return rows


def _why(smoke: Smoke) -> str:
    hint = smoke.status == "refused" and smoke.isolation.missing and "--probe-unsafe" not in smoke.reason
    return smoke.reason + ("; --probe-unsafe runs it all the same" if hint else "")


def _loss(smoke: Smoke) -> str:
    if smoke.loss is None or not math.isfinite(smoke.loss):
        return "?" if smoke.loss is None else f"{smoke.loss} nats per token"
    said = f"{smoke.loss:.4f} nats per token"
    if not smoke.vocabulary:
        return said
    expected = math.log(smoke.vocabulary)
    return f"{said}; ln({smoke.vocabulary:,}) is {expected:.4f} ({smoke.loss - expected:+.4f})"
