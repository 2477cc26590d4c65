"""What the log of a finished seed says: the figures that a submission states of it.

The lines are the challenge's own, as `log` writes them; a log without all of them is no finished run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_STEP = re.compile(
    rf"^([0-9]+)/([0-9]+) train_loss: {_NUMBER} train_time: {_NUMBER}m tok/s: ([0-9]+)"
    rf"(?: step_ms: {_NUMBER})?(?: mfu: {_NUMBER})?"
)
_STOP = re.compile(r"^(?:stopping_early: wallclock_cap train_time:|training complete in) ([0-9]+)ms step: ([0-9]+)/")
_VALIDATED = re.compile(rf"^([0-9]+)/([0-9]+) val_loss: {_NUMBER} val_bpb: {_NUMBER}")
_FINAL = re.compile(rf"^(\S.*?) val_loss:{_NUMBER} val_bpb:{_NUMBER} eval_time:([0-9]+)ms")
_CODE = re.compile(r"^Code size: ([0-9]+) bytes")
_TOTAL = re.compile(r"^Total submission size \S+: ([0-9]+) bytes")


_NAMES = {"pre-quantization post-ema": "averaged", "final_int6_roundtrip": "read back",
          "final_int6_sliding_window": "sliding"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """One step's line: loss in nats per token, seconds of training so far, tokens per second over all of it.

    Since the line before: milliseconds a step, and the share of the devices' peak (MFU); None where a log has neither.
    """

    step: int
    of: int
    loss: float
    seconds: float
    tokens_per_second: int
    step_ms: float | None = None
    mfu: float | None = None


@dataclass(frozen=True, slots=True)
class Validated:
    """A validation during training: nats per token, bits per byte."""

    step: int
    loss: float
    bpb: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation: its name in the log, nats per token, bits per byte, seconds."""

    label: str
    val_loss: float
    val_bpb: float
    seconds: float

    @property
    def name(self) -> str:
        """The label in a word or two, for people."""
        return _NAMES.get(self.label, self.label)


@dataclass(frozen=True, slots=True)
class SeedResult:
    """A finished seed. The score is the last evaluation's; sizes in bytes, code included in the artifact."""

    seed: int
    evaluations: tuple[Evaluation, ...]
    untrained_bpb: float | None
    steps: int
    train_seconds: float | None
    artifact_bytes: int
    code_bytes: int

    @property
    def score(self) -> Evaluation:
        return self.evaluations[-1]


class Unfinished(Exception):
    """The log ends before its figures do; the message says what is missing."""


def progress(line: str) -> Progress | None:
    """What a line says of the step under way; None for any other line."""
    match = _STEP.match(line)
    if match is None:
        return None
    step_ms, mfu = (None if text is None else float(text) for text in match.group(6, 7))
    return Progress(int(match[1]), int(match[2]), float(match[3]), float(match[4]) * 60, int(match[5]), step_ms, mfu)


def validated(line: str) -> Validated | None:
    """What a line says of a validation during training; None for any other line."""
    match = _VALIDATED.match(line)
    return None if match is None else Validated(int(match[1]), float(match[3]), float(match[4]))


def evaluation(line: str) -> Evaluation | None:
    """What a line says of an evaluation after training; None for any other line."""
    match = _FINAL.match(line)
    return None if match is None else Evaluation(match[1], float(match[2]), float(match[3]), int(match[4]) / 1000)


def read_result(seed: int, text: str) -> SeedResult:
    """The figures of the log `text`. Raises Unfinished."""
    lines = text.splitlines()
    finals = [found for line in lines if (found := evaluation(line))]
    validated = [m for line in lines if (m := _VALIDATED.match(line))]
    stops = [m for line in lines if (m := _STOP.match(line))]
    code = [int(m[1]) for line in lines if (m := _CODE.match(line))]
    total = [int(m[1]) for line in lines if (m := _TOTAL.match(line))]
    missing = [name for name, found in (("code size", code), ("artifact size", total)) if not found]
    if not any(found.label.startswith("final") for found in finals):
        missing.append("final evaluation")
    if missing:
        raise Unfinished(f"the log of seed {seed} has no {' and no '.join(missing)}")
    return SeedResult(
        seed=seed,
        evaluations=tuple(finals),
        untrained_bpb=next((float(m[4]) for m in validated if m[1] == "0"), None),
        steps=max((int(m[2]) for m in stops), default=max((int(m[1]) for m in validated), default=0)),
        train_seconds=int(stops[-1][1]) / 1000 if stops else None,
        artifact_bytes=total[-1],
        code_bytes=code[-1],
    )
