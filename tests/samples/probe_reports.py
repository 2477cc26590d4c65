"""Hand-made probes, and reports that hold them, for the tests of the judgement and of the renderers."""

from __future__ import annotations

from dataclasses import replace

import report_samples as samples

from auditor.findings import Finding, Location, Outcome, found, passed
from auditor.judgement.judge import judge
from auditor.judgement.model import Report
from auditor.probe.model import (
    Attempt,
    Holds,
    Isolation,
    Kind,
    Measurement,
    Probe,
    Shrunk,
    Smoke,
    Witness,
)
from auditor.rule import Behaviour, Rule

FLIP = 12_345
TARGET = 9_001
LINE = Location("train_gpt.py", 14)
FLIPS = (Kind.FUTURE_FLIP, Kind.TARGET_FLIP)
ISOLATION = Isolation(
    (
        ("files", "Landlock (ABI 4), mount namespace"),
        ("network", "seccomp: no socket; network namespace"),
        ("processes", "seccomp: no fork, no exec; process namespace"),
        ("memory", "address space of 8 GiB, watched"),
        ("disk", "256 MiB of scratch, watched"),
        ("time", "CPU and wall clock"),
    )
)
SHRUNK = (
    Shrunk("ITERATIONS", "20000", "2"),
    Shrunk("NUM_LAYERS", "11", "2"),
    Shrunk("MODEL_DIM", "512", "64", "out of memory"),
    Shrunk("TRAIN_BATCH_TOKENS", "786432", "2048"),
)


def profile(change: float, until: int = FLIP, step: int = 96) -> tuple[tuple[int, float], ...]:
    """A picture with `change` nats in the last third before the flip, and none before."""
    places = range(0, until, step)
    return tuple((p, change * ((p * 7919) % 101 / 100) if p > until * 2 // 3 else 0.0) for p in places)


def witness(condition: str = "C3", position: int = 5_210, **more: object) -> Witness:
    values: dict[str, object] = {
        "condition": condition,
        "kind": Kind.FUTURE_FLIP,
        "position": position,
        "before": 3.10214,
        "after": 2.98763,
        "flipped": FLIP,
        "location": LINE,
        "function": "evaluate",
        "label": "final_sliding_window",
    }
    return Witness(**{**values, **more})  # type: ignore[arg-type]


def measurement(kind: Kind, holds: Holds = Holds.YES, **more: object) -> Measurement:
    reasons = {
        Kind.FUTURE_FLIP: "11,608 scores before position 12,345 are the same with other tokens after it",
        Kind.TARGET_FLIP: "511 scores of the windows that hold position 9,001 are the same with another token there",
        Kind.SCORE_COUNT: "every position of the stream enters the reported number once",
        Kind.REPORTED_NUMBER: "the printed 3.4021 bits per byte is the mean of the scores over 61,440 bytes",
        Kind.NORMALIZATION: "no distribution over the vocabulary was read off; only scores were seen",
        Kind.EXCHANGE: "each of 11,608 scores is the cross-entropy of a whole row",
        Kind.DETERMINISM: "the same stream twice gives the same scores",
    }
    flips = {Kind.FUTURE_FLIP: FLIP, Kind.TARGET_FLIP: TARGET}
    values: dict[str, object] = {
        "kind": kind,
        "holds": holds,
        "reason": reasons[kind],
        "compared": 511 if kind is Kind.TARGET_FLIP else 11_608,
        "noise": 0.0,
        "effect": 0.0,
        "reported": True,
        "flipped": flips.get(kind),
        "profile": profile(0.0) if kind in flips else (),
    }
    return Measurement(**{**values, **more})  # type: ignore[arg-type]


def unknown(kind: Kind, reason: str = "") -> Measurement:
    plain = measurement(kind)
    return Measurement(kind, Holds.UNKNOWN, reason or plain.reason)


def holding() -> Probe:
    """Everything holds but what was not seen."""
    return Probe(
        status="ran",
        reason="",
        isolation=ISOLATION,
        attempts=(Attempt(SHRUNK[:2], "CUDA out of memory", Location("train_gpt.py", 8)), Attempt(SHRUNK)),
        measurements=tuple(unknown(k) if k is Kind.NORMALIZATION else measurement(k) for k in Kind),
        absent=("flash_attn_interface", "triton"),
        labels=("final_sliding_window", "step:2/2 val_loss"),
        stream_tokens=18_433,
        losses_recorded=46_432,
    )


def having(*changed: Measurement) -> Probe:
    """`holding` with some of the measurements replaced."""
    new = {m.kind: m for m in changed}
    probe = holding()
    return replace(probe, measurements=tuple(new.get(m.kind, m) for m in probe.measurements))


def broken(*seen: Witness, kind: Kind = Kind.FUTURE_FLIP, **more: object) -> Probe:
    seen = seen or (witness(),)
    values: dict[str, object] = {
        "reason": "4,117 of 11,608 scores before position 12,345 are others with other tokens after it",
        "changed": 4_117,
        "noise": 1.2e-6,
        "effect": 0.4213,
        "witnesses": seen,
        "profile": profile(0.4213) if kind in FLIPS else (),
    }
    return having(measurement(kind, Holds.NO, **{**values, **more}))


def failed() -> Probe:
    error = "RuntimeError: shape '[4, 64, 8]' is invalid for input of size 1024"
    at = Location("train_gpt.py", 6)
    return Probe(
        status="failed",
        reason=error,
        isolation=ISOLATION,
        attempts=(Attempt(SHRUNK[:2], "KeyError: 'MODEL_DIM'", at), Attempt(SHRUNK, error, at)),
        absent=("triton",),
        stream_tokens=18_433,
    )


def refused() -> Probe:
    missing = Isolation((("files", "Landlock (ABI 1)"),), missing=("network: neither seccomp nor a network namespace",))
    return Probe("refused", "this machine cannot confine it", isolation=missing)


def smoke(**more: object) -> Smoke:
    values: dict[str, object] = {
        "status": "ran",
        "reason": "",
        "isolation": ISOLATION,
        "import_seconds": 2.418,
        "width": 512,
        "layers": 11,
        "vocabulary": 4_096,
        "parameters": 34_401_372,
        "code_bytes": 90_804,
        "loss": 8.3262,
        "absent": ("flash_attn_interface",),
    }
    return Smoke(**{**values, **more})  # type: ignore[arg-type]


# --- rules of a small law ------------------------------------------------------------------------------------------

C1 = Behaviour(FLIPS, ("C1",), ("C1",))
C3 = Behaviour(FLIPS, ("C3", "C1"), ("C3",))
C4 = Behaviour((Kind.SCORE_COUNT, Kind.FUTURE_FLIP), ("C4", "C1", "C3"), ("C4",))
C2 = Behaviour((Kind.EXCHANGE, Kind.NORMALIZATION), ("C2",), ("C2", Kind.EXCHANGE, Kind.NORMALIZATION))
ADAPTING = Behaviour(FLIPS, ("C3", "C1"))


def law(*findings: Finding, behaviours: dict[str, Behaviour] | None = None) -> list[Rule]:
    """The rules that stand for a condition, and whichever have these findings."""
    standing = {"future-dependence": C1, "adapt-before-score": C3, "two-pass-rescore": C4, "unnormalized-mixture": C2}
    told = {**standing, "pre-quant-ttt": ADAPTING, "slot-scored-positions": ADAPTING, **(behaviours or {})}
    names = [*standing, *(f.rule for f in findings if f.rule not in standing)]
    rules = []
    for name in dict.fromkeys(names):
        own = [f for f in findings if f.rule == name]
        rules.append(samples.rule(name, found(own, "nothing found"), behaviour=told.get(name)))
    return [*rules, samples.rule("artifact-cap", passed("12,001 bytes are left"))]


def judged(probe: Probe | None, *findings: Finding, **more: object) -> Report:
    return judge(samples.facts(probe=probe, **more), law(*findings), samples.BUDGETS)


def slot(**more: object) -> Finding:
    return samples.finding(
        Outcome.DISPUTED, rule="slot-scored-positions", message="a delta is fitted to what it scores", **more
    )


def hostile() -> Report:
    """A probe in which every text that a submission can control is an attack on the output."""
    bad = samples.HOSTILE
    place = Location(bad, 3)
    seen = witness(location=place, function=bad, label=bad)
    told = [replace(m, reason=bad) for m in broken(seen).measurements]
    probe = replace(
        failed(),
        status="ran",
        reason=bad,
        attempts=(Attempt((Shrunk(bad, bad, bad, bad),), bad, place),),
        measurements=tuple(told),
        absent=(bad,),
        labels=(bad,),
    )
    return judged(probe)


REPORTS = {
    "holds": lambda: judged(holding()),
    "confirmed": lambda: judged(broken(), samples.finding()),
    "not confirmed": lambda: judged(holding(), samples.finding()),
    "alone": lambda: judged(broken()),
    "raised": lambda: judged(broken(witness("C1")), slot()),
    "twice": lambda: judged(broken(witness("C4", flipped=None, after=2.5), kind=Kind.SCORE_COUNT)),
    "failed": lambda: judged(failed()),
    "refused": lambda: judged(refused()),
    "hostile": hostile,
}
