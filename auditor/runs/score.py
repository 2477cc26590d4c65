"""Which evaluation a log reports as its result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from auditor.runs.evaluations import is_exact, stem
from auditor.runs.model import Evaluation

# Passes that are printed to compare with, not to report.
_DIAGNOSTIC = re.compile(
    r"diag|pre[-_ ]?quant|post[-_ ]?ema|post[-_ ]?swa|post[-_ ]?average|\bema\b|ema_eval|swa_eval|\braw\b|fp32|float"
    r"|recover/|pre[-_]ttt|prune|before|pass ?1\b|pass1|\busing\b|\bbest\b|nn_byte|nn_token|only|control",
    re.IGNORECASE,
)
_ADAPTIVE = re.compile(
    r"ttt|slot|n-?gram|ppm|mix|tilt|hedge|knn|cache|lora|etlb|two_pass|adapt|compressed_eval|causal", re.IGNORECASE
)
_SLIDING = re.compile(r"sliding|stride|\bsw\b|window|_s\d+\b|krause", re.IGNORECASE)


def kind(evaluation: Evaluation) -> str:
    """`step`, `diagnostic`, `plain`, `sliding` or `adaptive`, read off the label."""
    label = evaluation.label
    if evaluation.step is not None:
        return "step"
    if _DIAGNOSTIC.search(label) and not re.search(r"post[-_ ]?quant\b", label, re.IGNORECASE):
        return "diagnostic"
    if _ADAPTIVE.search(label):
        return "adaptive"
    return "sliding" if _SLIDING.search(label) else "plain"


_OF_ARTIFACT = re.compile(r"quantized|round-?trip|\bint\d|sliding", re.IGNORECASE)


def is_final(evaluation: Evaluation) -> bool:
    """Whether a pass is one that a run ends with: a final one, or one of the quantized model to compare with."""
    which = kind(evaluation)
    if which == "diagnostic":
        return _OF_ARTIFACT.search(evaluation.label) is not None and "pre" not in evaluation.label.lower()
    return which != "step"


def choose_score(evaluations: Sequence[Evaluation]) -> tuple[Evaluation | None, str]:
    """The evaluation that stands for the run, and why.

    The last pass with sliding windows or adaptation; without one, the last final pass; without one, the last
    diagnostic or periodic figure. Of two prints of one pass the one with more digits is taken.
    """
    known = [e for e in evaluations if e.val_bpb is not None or e.printed]
    kinds = [kind(e) for e in known]
    for wanted, because in (
        ({"adaptive", "sliding"}, "the last sliding-window or adaptive evaluation"),
        ({"plain"}, "the last final evaluation"),
        ({"diagnostic"}, "only diagnostic evaluations were printed: the last of them"),
        ({"step"}, "no final evaluation was printed: the last periodic one"),
    ):
        hits = [e for e, k in zip(known, kinds, strict=True) if k in wanted]
        if hits:
            chosen = prefer_exact(hits[-1], known)
            if wanted != {"step"}:
                because += f", `{chosen.label}`" if chosen.label else ""
            if chosen.printed:
                because += f", which printed {chosen.printed}"
            return with_seconds(chosen, known), because
    return None, "the log prints no val_bpb"


def prefer_exact(chosen: Evaluation, evaluations: Sequence[Evaluation]) -> Evaluation:
    """The print of the same pass with the most digits."""
    if chosen.step is not None or is_exact(chosen):
        return chosen
    for entry in evaluations:
        if entry.step is None and is_exact(entry) and stem(entry.label) == stem(chosen.label) and near(entry, chosen):
            return entry
    return chosen


def with_seconds(chosen: Evaluation, evaluations: Sequence[Evaluation]) -> Evaluation:
    """Fills in the time (and the loss) where the same figure was printed with them under another label."""
    if chosen.step is not None or (chosen.seconds is not None and chosen.val_loss is not None):
        return chosen
    # A print of the very figure knows more digits of the loss than one that is rounded.
    for entry in sorted(evaluations, key=lambda entry: entry.val_bpb != chosen.val_bpb):
        if entry.step is None and near(entry, chosen):
            chosen = replace(
                chosen,
                seconds=entry.seconds if chosen.seconds is None else chosen.seconds,
                val_loss=entry.val_loss if chosen.val_loss is None else chosen.val_loss,
                unread=chosen.unread or entry.unread,
            )
    return chosen


def near(left: Evaluation, right: Evaluation) -> bool:
    """Whether two prints agree to the fourth decimal."""
    return left.val_bpb is not None and right.val_bpb is not None and abs(left.val_bpb - right.val_bpb) < 6e-5
