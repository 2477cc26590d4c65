"""The probe and its agreement with the code as plain JSON values; docs/probe.md says what the keys mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from auditor.findings import Location
from auditor.judgement.agreement import Agreement
from auditor.probe.model import Attempt, Measurement, Probe, Witness


def as_dict(probe: Probe, agreement: Sequence[Agreement]) -> dict[str, Any]:
    return {
        "status": probe.status,
        "outcome": str(probe.outcome),
        "reason": probe.reason,
        "stream_tokens": probe.stream_tokens,
        "losses_recorded": probe.losses_recorded,
        "labels": list(probe.labels),
        "measurements": [_measurement(m) for m in probe.measurements],
        "agreement": [{"subject": a.subject, "stand": str(a.stand), "text": a.text} for a in agreement],
        "attempts": [_attempt(a) for a in probe.attempts],
        "absent": list(probe.absent),
        "isolation": {
            "guards": dict(probe.isolation.guards),
            "missing": list(probe.isolation.missing),
            "unsafe": probe.isolation.unsafe,
        },
        "unseen": [{"location": place(u.location), "names": list(u.names), "test": u.test} for u in probe.unseen],
        "evasions": [{"what": e.what, "location": place(e.location)} for e in probe.evasions],
        "runs": {"forked": probe.forked, "whole": probe.whole},
        "seed": probe.seed,
    }


def _measurement(m: Measurement) -> dict[str, Any]:
    return {
        "kind": str(m.kind),
        "holds": str(m.holds),
        "reason": m.reason,
        "compared": m.compared,
        "changed": m.changed,
        "noise": number(m.noise),
        "effect": number(m.effect),
        "reported": m.reported,
        "flipped": m.flipped,
        "witnesses": [_witness(w) for w in m.witnesses],
        "profile": [[position, number(change)] for position, change in m.profile],
        "total": number(m.total),
        "terms": [
            {
                "position": t.position,
                "token": t.token,
                "piece": t.piece,
                "chosen": t.chosen,
                "probability": number(t.probability),
                "model": number(t.model),
            }
            for t in m.terms
        ],
    }


def _witness(w: Witness) -> dict[str, Any]:
    return {
        "condition": w.condition,
        "kind": str(w.kind),
        "position": w.position,
        "before": number(w.before),
        "after": number(w.after),
        "flipped": w.flipped,
        "location": place(w.location),
        "function": w.function,
        "label": w.label,
    }


def _attempt(a: Attempt) -> dict[str, Any]:
    changed = [{"name": s.name, "submitted": s.submitted, "used": s.used, "why": s.why} for s in a.changed]
    return {"changed": changed, "error": a.error, "location": place(a.location)}


def place(location: Location | None) -> dict[str, Any] | None:
    if location is None:
        return None
    return {"path": location.path, "line": location.line, "end_line": location.end_line, "layer": location.layer}


def number(value: float | None) -> float | None:
    """Numbers that JSON does not know become null."""
    return value if value is not None and math.isfinite(value) else None
