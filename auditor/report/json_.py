"""JSON and JSON lines: schema 1, keys in a fixed order, byte-identical for the same input.

ASCII only, so that neither a terminal nor a locale can be troubled by what a submission contains.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from auditor import __version__
from auditor.claims import Claim, Claims, Command, SeedClaim
from auditor.findings import Class, Finding, Location, Step
from auditor.judgement.model import Cap, OtherFolder, Report, Said, Waiver
from auditor.report import recipe
from auditor.report.probe_json import as_dict as as_probe
from auditor.report.significance.json_ import as_dict as as_json
from auditor.runs import Evaluation, Run
from auditor.submission import Submission

SCHEMA = 1


def render(report: Report, *, lines: bool = False) -> str:
    """Indented JSON, or one line for JSON lines."""
    if lines:
        return json.dumps(as_dict(report), separators=(",", ":"), allow_nan=False) + "\n"
    return json.dumps(as_dict(report), indent=2, allow_nan=False) + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    """The report as plain JSON values; the keys are documented in the README."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "golf-audit", "version": __version__, "ruleset": report.ruleset},
        "submission": _submission(report.submission),
        "verdict": str(report.verdict),
        "verdict_class": report.verdict_class,
        "verdict_because": report.verdict_because,
        "not_judged": report.not_judged or None,
        "what_if": dict(sorted(report.what_if.items())),
        "said": [_slots(one, Said) for one in report.said],
        "waivers": [_slots(one, Waiver) for one in report.waivers],
        "folders": [{**_slots(one, OtherFolder), "decided_by": list(one.decided_by)} for one in report.folders],
        "claims": _claims(report.claims),
        "runs": _runs(report),
        "configuration": {
            name: {"value": _plain(s.value), "source": s.source, "where": s.where}
            for name, s in sorted(report.configuration.settings.items())
        },
        "conflicts": [
            {"name": c.name, "used": _plain(c.used.value), "used_from": c.used.where}
            | {"other": _plain(c.other.value), "other_from": c.other.where}
            for c in report.configuration.conflicts
        ],
        "caps": [_cap(cap) for cap in report.caps],
        "program": _program(report),
        "evaluation": report.evaluation,
        "recipe": recipe.as_dict(report),
        "outcomes": [
            {"rule": o.rule, "class": o.class_, "outcome": str(o.outcome), "reason": o.reason} for o in report.outcomes
        ],
        "findings": [_finding(f, report.classes.get(f.rule)) for f in report.findings],
        "significance": as_json(report.significance) if report.significance else None,
        "probe": as_probe(report.probe, report.agreement) if report.probe else None,
    }


def _submission(submission: Submission) -> dict[str, Any]:
    return {
        "pr": submission.pr,
        "commit": submission.commit,
        "folder": submission.folder,
        "track": submission.track,
        "files": [{"path": f.path, "bytes": f.size, "sha256": f.sha256} for f in submission.files],
        "origin": submission.origin,
        "title": submission.title,
        "authored": submission.authored,
        "chosen_because": submission.chosen_because,
        "other_folders": list(submission.other_folders),
        "problems": list(submission.problems)
        + [f"{f.path}: {f.problem}" for f in submission.files if f.problem is not None],
    }


def _claims(claims: Claims) -> dict[str, Any]:
    """Every typed claim; the raw JSON object is left out, it is in the submission."""
    known: dict[str, Any] = {}
    for item in fields(Claims):
        value = getattr(claims, item.name)
        if isinstance(value, Claim):
            known[item.name] = {"value": _plain(value.value), "where": value.where}
        elif item.name in ("seeds", "readme_seeds"):
            known[item.name] = [_slots(row, SeedClaim) for row in value]
        elif item.name == "readme_means":
            known[item.name] = [{"value": _plain(mean.value), "where": mean.where} for mean in value]
        elif item.name == "commands":
            known[item.name] = [_command(command) for command in value]
        elif item.name == "problems":
            known[item.name] = list(value)
        elif item.name != "raw":
            known[item.name] = _plain(value)
    return known


def _command(command: Command) -> dict[str, Any]:
    return {
        "where": command.where,
        "script": command.script,
        "processes": command.processes,
        "environment": dict(sorted(command.environment.items())),
        "arguments": list(command.arguments),
    }


def _runs(report: Report) -> list[dict[str, Any]]:
    """Every run; those that the claim stands on with the evaluation that bears it, which need not be the log's last."""
    headline = {(run.log, run.index): run for run in report.headline}
    return [_run(headline.get((run.log, run.index), run), (run.log, run.index) in headline) for run in report.runs]


def _run(run: Run, headline: bool) -> dict[str, Any]:
    return {
        "log": run.log,
        "index": run.index,
        "first_line": run.first_line,
        "headline": headline,
        "seed": run.seed,
        "val_bpb": _plain(run.val_bpb),
        "val_loss": _plain(run.val_loss),
        "val_tokens": run.val_tokens,
        "implied_bytes": _plain(run.implied_bytes),
        "train_seconds": _plain(run.train_seconds),
        "calibration_seconds": _plain(run.calibration_seconds),
        "eval_seconds": _plain(run.eval_seconds),
        "artifact_bytes": run.artifact_bytes,
        "code_bytes": run.code_bytes,
        "model_bytes": run.model_bytes,
        "steps": run.steps,
        "planned_steps": run.planned_steps,
        "world_size": run.world_size,
        "gpu": run.gpu,
        "score": _slots(run.score, Evaluation) if run.score else None,
        "score_because": run.score_because,
        "gates": dict(sorted(run.gates.items())),
        "complete": run.complete,
        "problems": list(run.problems),
    }


def _cap(cap: Cap) -> dict[str, Any]:
    return {
        "name": cap.name,
        "used": _plain(cap.used),
        "limit": _plain(cap.limit),
        "headroom": _plain(cap.headroom),
        "unit": cap.unit,
        "where": cap.where,
        "note": cap.note,
    }


def _program(report: Report) -> dict[str, Any]:
    sources = report.sources
    return {
        "entry": sources.entry.label if sources.entry else None,
        "entry_because": sources.entry_because,
        "code_bytes": sources.code_bytes,
        "files": [{"path": f.path, "bytes": f.bytes, "role": f.role} for f in sources.files],
        "units": [
            {"path": u.path, "layer": u.layer, "packing": u.packing, "language": u.language} for u in sources.units
        ],
        "unused": list(sources.unused),
        "problems": [
            {"path": p.path, "line": p.line, "message": p.message, "decisive": p.decisive} for p in sources.problems
        ],
    }


def _finding(finding: Finding, class_: Class | None) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "class": class_,
        "outcome": str(finding.outcome),
        "active": finding.active,
        "message": finding.message,
        "remedy": finding.remedy,
        "location": _location(finding.location),
        "also": [{"location": _location(other.location), "message": other.message} for other in finding.also],
        "trace": [_step(step) for step in finding.trace],
        "excerpt": finding.excerpt,
        "fingerprint": finding.fingerprint,
    }


def _step(step: Step) -> dict[str, Any]:
    said = f"{step.text}: {step.code}" if step.code else step.text
    return {"event": step.event, "text": said, "code": step.code, "location": _location(step.location)}


def _location(location: Location | None) -> dict[str, Any] | None:
    return None if location is None else _slots(location, Location)


def _slots(value: Any, kind: type) -> dict[str, Any]:
    """A flat dataclass as a dictionary in field order."""
    return {item.name: _plain(getattr(value, item.name)) for item in fields(kind)}


def _plain(value: Any) -> Any:
    """JSON values only: numbers that JSON does not know become null, anything else its text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
