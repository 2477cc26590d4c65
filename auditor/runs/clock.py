"""Lines that tell steps and time: training, calibration, the evaluation phase."""

from __future__ import annotations

import re

from auditor.runs.draft import Draft, number, whole

_NUM = r"(\d{1,12}(?:\.\d{0,12})?)"
_TRAIN_TIME = re.compile(r"train_time\s{0,2}[:=]\s{0,4}" + _NUM + r"\s{0,2}(ms|s|m|min)?\b")
_AVERAGE = re.compile(r"(?:step_avg|ms_per_step|avg)\s{0,2}[:=]\s{0,4}" + _NUM + r"\s{0,2}ms\b")
_STEP = re.compile(r"(?:\bstep\s{0,2}[: =]\s{0,8}|^)(\d{1,9})\s{0,2}/\s{0,2}(\d{1,9})\b")
_STEP_ONLY = re.compile(r"\bstep\s{0,2}[: =]\s{0,8}(\d{1,9})\b")
_BAR_SECONDS = re.compile(r"\|\s{0,4}" + _NUM + r"\s{0,2}s\s{0,4}$")
_STOP_AT = re.compile(r"stopping early at step (\d{1,9})", re.IGNORECASE)
_TRAINED_IN = re.compile(
    r"(?:training|train loop|train) (?:complete|completed|done|finished|took|time|wall ?clock)[^\d]{0,30}" + _NUM
    + r"\s{0,2}(ms|s|sec|seconds|m|min|minutes)\b", re.IGNORECASE
)  # fmt: skip
_EFFECTIVE = re.compile(r"effective\s{0,2}[:=]\s{0,2}" + _NUM + r"\s{0,2}(ms|s)\b")
_RESERVE = re.compile(r"reserving\s{1,3}" + _NUM + r"\s{0,2}(ms|s)\b")
_IN_SECONDS = re.compile(r"(?:\bin|\btime[:=]|elapsed[:=]|took|\()\s{0,3}" + _NUM + r"\s{0,2}(ms|s|sec|seconds)\b")
_TOTAL_EVAL = re.compile(r"total_eval_time\s{0,2}[:=]\s{0,3}" + _NUM + r"\s{0,2}(ms|s)\b", re.IGNORECASE)
_ADAPT_TIME = re.compile(r"(?:ttt|eval)\s(?:eval )?time\s{0,2}[:=]\s{0,12}" + _NUM + r"\s{0,2}(ms|s)\b", re.IGNORECASE)
_WORDS_OF_CALIBRATION = ("hessian", "calib", "gptq:generated")


def _seconds(value: str, unit: str | None) -> float | None:
    amount = number(value)
    if amount is None:
        return None
    unit = (unit or "ms").lower()
    if unit == "ms":
        return amount / 1000
    return amount * 60 if unit in ("m", "min", "minutes") else amount


def read_step(draft: Draft, line_number: int, line: str) -> None:
    """A periodic line: the step, and the training time if it tells it."""
    if "warmup_step" in line:
        return
    step = _STEP.search(line) or _STEP_ONLY.search(line)
    if step is None:
        return
    time = _TRAIN_TIME.search(line)
    bar = None if time else _BAR_SECONDS.search(line)
    if not (time or bar or "loss" in line):
        return
    count = int(step[1])
    if count > 0:
        draft.training_lines += 1
    if draft.stop_line is None or count > (draft.steps or 0):
        draft.steps = max(count, draft.steps or 0)
    if step.re is _STEP:
        draft.planned_steps = int(step[2])
    average = _AVERAGE.search(line)
    if average and count > 0:
        draft.step_average_ms = number(average[1])
        seconds = _seconds(time[1], time[2]) if time else None
        draft.average_over = (count, seconds) if seconds is not None else None
    if time:
        _train_time(draft, line_number, time, stopped="stopping_early" in line)
    elif bar:
        draft.coarse_seconds, draft.coarse_line = number(bar[1]), line_number


def _train_time(draft: Draft, line_number: int, match: re.Match[str], stopped: bool) -> None:
    seconds = _seconds(match[1], match[2])
    if seconds is None:
        return
    if stopped:
        if draft.stop_line is None:
            draft.stop_seconds, draft.stop_line = seconds, line_number
    elif match[2] in ("m", "min"):
        draft.coarse_seconds, draft.coarse_line = seconds, line_number
    elif seconds >= (draft.step_seconds or 0.0):
        draft.step_seconds, draft.step_line = seconds, line_number


def read_stop(draft: Draft, line_number: int, line: str) -> None:
    """A line that says that training is over."""
    at = _STOP_AT.search(line)
    if at:
        draft.steps = int(at[1])
        return
    done = _TRAINED_IN.search(line)
    if done and draft.stop_line is None:
        draft.stop_seconds, draft.stop_line = _seconds(done[1], done[2]), line_number


def read_budget(draft: Draft, line: str) -> None:
    """`gptq:reserving 10s, effective=590000ms`."""
    reserve, effective = _RESERVE.search(line), _EFFECTIVE.search(line)
    if reserve:
        draft.reserve_seconds = _seconds(reserve[1], reserve[2])
    if effective:
        draft.effective_budget_seconds = _seconds(effective[1], effective[2])


def read_calibration(draft: Draft, line_number: int, line: str) -> None:
    """Seconds spent on Hessians and on the text they are collected from; each kind of line counts once."""
    lower = line.lower()
    if not any(word in lower for word in _WORDS_OF_CALIBRATION) or "{" in line:
        return
    match = _IN_SECONDS.search(line)
    seconds = _seconds(match[1], match[2]) if match else None
    if seconds is None:
        return
    kind = "generated" if "generated" in lower else "calibrated"
    # Several ranks print the same; a second calibration (another quantizer tried) replaces the first.
    draft.calibrations[kind] = (line_number, seconds)


def read_eval_time(draft: Draft, line: str) -> None:
    total = _TOTAL_EVAL.search(line)
    if total:
        draft.total_eval_seconds = _seconds(total[1], total[2])
        return
    adapt = _ADAPT_TIME.search(line)
    if adapt:
        draft.adapt_seconds = _seconds(adapt[1], adapt[2])


def read_tokens(draft: Draft, line_number: int, line: str) -> None:
    """The number of validation tokens: `val_tokens: N`, `val_loader:shards pattern=... tokens:N`."""
    match = _VAL_TOKENS.search(line) or (_LOADER_TOKENS.search(line) if line.startswith("val_loader") else None)
    if match and draft.val_tokens is None:
        value = whole(match[1])
        if value:
            draft.val_tokens, draft.val_tokens_line = value, line_number


_VAL_TOKENS = re.compile(r"(?:val_tokens|validation tokens)\s{0,3}[:=]\s{0,3}(\d[\d,_]{0,20})", re.IGNORECASE)
_LOADER_TOKENS = re.compile(r"\btokens\s{0,2}[:=]\s{0,3}(\d[\d,_]{0,20})")
