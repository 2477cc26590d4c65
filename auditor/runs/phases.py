"""Lines that time what happens around the scoring pass: calibration, adaptation that the score waits for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.quantities import duration_at, find_durations
from auditor.runs.draft import Draft
from auditor.runs.model import Evaluation, TimedPass
from auditor.runs.score import kind

_WORDS_OF_CALIBRATION = ("hessian", "calib", "gptq:generated")
_IN_SECONDS = re.compile(
    r"(?:\bin|\b(?:(?:post|gptq|hessians?|calib\w{0,12}|collect\w{0,6}|quant\w{0,12})_)?time[:=]|elapsed[:=]|took|\()"
    r"\s{0,3}(?=\d)"
)
_TOTAL_EVAL = re.compile(r"total_eval_time(?P<unit>_\w{1,10})?\s{0,2}[:=]\s{0,3}(?=\d)", re.IGNORECASE)
_ADAPT_TIME = re.compile(
    r"(?:(?:ttt|eval)\s(?:eval )?time|^\W{0,4}(?:ttt|eval)(?:uation)?_time(?P<unit>_\w{1,10})?)"
    r"\s{0,2}[:=]\s{0,12}(?=\d)",
    re.IGNORECASE,
)
# A pass of adaptation, or of making hints, that is over: `ttt:done elapsed=43.1s`, `ttt: done in 92.1s`.
_PASS = re.compile(
    r"\s{0,4}(?:\[)?(?P<what>(?:pre-?quant_?|prequant_|legal_|score_first_|lora_|phased_)?(?:ttt|slot)\w{0,24}"
    r"|\w{0,20}adapt\w{0,20}|(?:ngram|n-gram)\w{0,20}(?=:precompute)"
    r"|(?:(?:building|computing|making|precomputing) )?(?:n-?gram )?\w{0,20}hints?\w{0,20})\b",
    re.IGNORECASE,
)
_OVER = re.compile(r"\b(?:done|complete|completed|finished|total|elapsed|took)\b|precompute", re.IGNORECASE)
_NOT_OVER = re.compile(
    r"epoch|chunk|batch|warm-?up|compil|bpb|progress|\d/\d|chunks|step \d|%|phase\w? ?\d?:start|loading|\bdocs?\b",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(r"outside|untimed|not timed|excluded", re.IGNORECASE)
_SAME_SECONDS, _SAME_SHARE = 0.6, 0.01  # two timers around one pass


def read_calibration(draft: Draft, line_number: int, line: str) -> None:
    """Seconds spent on Hessians and on the text they are collected from; each kind of line counts once."""
    lower = line.lower()
    if not any(word in lower for word in _WORDS_OF_CALIBRATION) or "{" in line:
        return
    match = _IN_SECONDS.search(line)
    reading = duration_at(line, match.end()) if match else None
    if reading is None or reading.value is None:
        return
    kind_ = "generated" if "generated" in lower else "calibrated"
    # Several ranks print the same; a second calibration (another quantizer tried) replaces the first.
    draft.calibrations[kind_] = (line_number, reading.value)


def read_eval_time(draft: Draft, line: str) -> None:
    for pattern in (_TOTAL_EVAL, _ADAPT_TIME):
        match = pattern.search(line)
        if match:
            reading = duration_at(line, match.end(), default=(match.groupdict().get("unit") or "").strip("_"))
            if reading is not None and reading.value is not None:
                if pattern is _TOTAL_EVAL:
                    draft.total_eval_seconds = reading.value
                else:
                    draft.adapt_seconds = reading.value
            return


def read_adaptation(draft: Draft, line_number: int, line: str) -> None:
    """The duration of a pass that ended: what the score waits for although it is no part of its timer."""
    match = _PASS.match(line)
    if match is None or not _OVER.search(line) or _NOT_OVER.search(line) or len(draft.passes) >= 200:
        return
    found = find_durations(line, match.end(), 200)
    if found and found[-1].value:
        outside = _OUTSIDE.search(line) is not None
        draft.passes.append(TimedPass(line_number, match["what"].lower(), found[-1].value, outside))


def waited_for(passes: Sequence[TimedPass], score: Evaluation, after: int) -> float:
    """Seconds of the passes between line `after` and the score that its own time does not hold."""
    before = [p for p in passes if after < p.line < score.line]
    own = score.seconds or 0.0
    if kind(score) == "adaptive":
        # The timer of an adaptive score runs around its adaptation, but for what the log says is outside.
        before = [p for p in before if p.outside or p.seconds > own]
    totals = [p for p in before if "total" in p.what]
    counted: list[TimedPass] = totals[-1:]
    for entry in before if not totals else ():
        if not any(_same(entry.seconds, other.seconds) for other in counted):
            counted.append(entry)
    return sum(entry.seconds for entry in counted)


def _same(left: float, right: float) -> bool:
    return abs(left - right) <= max(_SAME_SECONDS, _SAME_SHARE * max(left, right))
