"""Lines that tell steps and the time of training."""

from __future__ import annotations

import re

from auditor.quantities import duration_at, find_durations, unit_of_name
from auditor.runs.draft import Draft, whole

_TRAIN_TIME = re.compile(
    r"train(?:ing)?[_ -]?(?:(?:wall_?)?(?:time|clock)|wall|duration|elapsed"
    r"|(?=(?:_|(?-i:[A-Z]))?(?:ms|sec(?:ond)?s?)\b))"
    r"(?:(?P<unit>_?\w{1,10})|\s?[(\[](?P<beside>\w{1,10})[)\]])?"
    r"[\"']?(?:\s{0,2}(?:[:=~|\u2192\u2248]|->|=>|is\b)|(?=\s\d))\s{0,4}(?=[^\s{])",
    re.IGNORECASE,
)
_AVERAGE = re.compile(r"(?:step_avg|ms_per_step|avg)\s{0,2}[:=]\s{0,4}(?=[\d.])")
_STEP = re.compile(r"(?:\bstep\s{0,2}[: =]\s{0,8}|^)(\d{1,9})\s{0,2}/\s{0,2}(\d{1,9})\b")
_STEP_ONLY = re.compile(r"\bstep\s{0,2}[: =]\s{0,8}(\d{1,9})\b")
# What sums a run up, a line each: `stop_step: 4017/20000`, `train_time_s: 590.110`.
_SUMMED_STEPS = re.compile(
    r"\W{0,4}(?:\w{1,20}\] ?)?(?:stop|final|last|latest|total)_steps?\s?[:=]\s{0,3}"
    r"(\d{1,9})(?:\s?/\s?(\d{1,9}))?\s{0,8}$",
    re.IGNORECASE,
)
_SUMMED_TIME = re.compile(
    r"\W{0,4}(?:\w{1,20}\] ?)?train(?:ing)?_(?:time|seconds|secs|wall_?clock|duration)(?P<unit>_\w{1,8})?"
    r"\s?[:=]\s{0,3}(?=\d)",
    re.IGNORECASE,
)
_BAR_SECONDS = re.compile(r"\|\s{0,4}(\d[^|]{0,20})$")
_STOP_AT = re.compile(r"stopping early at step (\d{1,9})", re.IGNORECASE)
_TRAINED_IN = re.compile(
    r"(?:training|train[ _]loop|train)(?: is| was)? "
    r"(?:complete|completed|done|finished|ended|stopped|took|time|wall ?clock)"
    r"|(?:training|train[ _]loop|train)(?:\s?:\s?|_)(?:complete|completed|done|finished|ended|stopped)\b"
    r"|(?:finished|completed|done|stopped|ended) (?:with )?training",
    re.IGNORECASE,
)
# The loop ends at the cap: what stands behind may be the cap itself, so it counts where it is the longest time told.
_CAP_REACHED = re.compile(
    r"stopping[ _]early|stopped early|early stop"
    r"|wall-?_?\s?clock (?:cap|limit|budget)\b.{0,20}?\b(?:reached|hit|exceeded)"
    r"|(?:reached|hit|exceeded) (?:the )?(?:wall-?_?\s?clock|time) (?:cap|limit|budget)"
    r"|time (?:limit|budget) (?:reached|hit)",
    re.IGNORECASE,
)
_KEYED = re.compile(r"\b\w{0,12}(?:elapsed|time|duration|wall)\w{0,12}\s?[:=]\s{0,3}(?=\d)", re.IGNORECASE)
_EFFECTIVE = re.compile(r"effective\s{0,2}[:=]\s{0,2}(?=\d)")
_RESERVE = re.compile(r"reserving\s{1,3}(?=\d)")
_REACH = 60  # characters after words that announce a duration
_ROUND = frozenset({"m", "min", "mins", "minute", "minutes", "h", "hr", "hours"})
# Short phases of training that follow the stop of the loop.
_BURST = re.compile(
    r"\b(?:\w{0,20}burst|fine-?tune|finetuning|post[-_ ]?train\w{0,4}|qat_phase|phase ?2)\b", re.IGNORECASE
)
_ENDS = re.compile(r"\b(?:done|complete|completed|finished|end|took|elapsed|time)\b|:done", re.IGNORECASE)


# The bulk of a log. What is read of such a line is what `read_step` reads of it, and no other reader finds anything.
_USUAL = re.compile(
    r"step:(\d{1,9})/(\d{1,9}) train_loss:[\d.]{1,20} train_time:(\d{1,12})ms step_avg:(\d{1,9}(?:\.\d{1,6})?)ms$"
)


def take_usual_step(draft: Draft, line_number: int, line: str) -> bool:
    """Reads `step:1/9 train_loss:2.9 train_time:82ms step_avg:82.00ms`; False where the line is another."""
    match = _USUAL.match(line)
    if match is None or match[1] == "0":
        return False
    if draft.usual is None:
        draft.usual_steps = draft.usual_longest = 0
    milliseconds = int(match[3])
    if milliseconds >= draft.usual_longest:
        draft.usual_longest, draft.usual_line = milliseconds, line_number
    draft.usual_steps = max(int(match[1]), draft.usual_steps)
    draft.training_lines += 1
    draft.usual = match
    return True


def settle(draft: Draft) -> None:
    """Takes over what the usual lines since the last other one said."""
    match = draft.usual
    if match is None:
        return
    draft.usual = None
    draft.in_dump = False
    draft.planned_steps = int(match[2])
    if draft.stop_line is None or draft.usual_steps > (draft.steps or 0):
        draft.steps = max(draft.usual_steps, draft.steps or 0)
    draft.unread.pop("training time", None)
    longest = round(draft.usual_longest * 0.001, 9)
    if longest >= (draft.step_seconds or 0.0):
        draft.step_seconds, draft.step_line = longest, draft.usual_line
    seconds = round(int(match[3]) * 0.001, 9)
    draft.step_average_ms, draft.average_over = round(float(match[4]) * 0.001, 9) * 1000, (int(match[1]), seconds)


def read_step(draft: Draft, line_number: int, line: str) -> None:
    """A periodic line: the step, and the training time if it tells it."""
    if "warmup_step" in line:
        return
    step = _STEP.search(line) or _STEP_ONLY.search(line)
    if step is None:
        return
    time = _TRAIN_TIME.search(line)
    bar = None if time else _BAR_SECONDS.search(line)
    bar_time = duration_at(line, bar.start(1)) if bar else None
    if not (time or bar_time or "loss" in line):
        return
    count = int(step[1])
    if count > 0:
        draft.training_lines += 1
    if draft.stop_line is None or count > (draft.steps or 0):
        draft.steps = max(count, draft.steps or 0)
    if step.re is _STEP:
        draft.planned_steps = int(step[2])
    seconds = _train_time(draft, line_number, line, time) if time else None
    average = _AVERAGE.search(line)
    each = duration_at(line, average.end(), default="ms") if average else None
    if each is not None and each.value is not None and count > 0:
        draft.step_average_ms = each.value * 1000
        draft.average_over = (count, seconds) if seconds is not None else None
    if bar_time is not None and bar_time.value is not None:
        draft.coarse_seconds, draft.coarse_line = bar_time.value, line_number


def _train_time(draft: Draft, line_number: int, line: str, match: re.Match[str]) -> float | None:
    reading = duration_at(line, match.end(), default=(match["unit"] or match["beside"] or "").strip("_").lower())
    if reading is None:
        if "stopping_early" in line:
            draft.unread["training time"] = (line_number, f"{line[match.end() :].split()[0][:40]!r} is no time")
        return None
    if reading.value is None:
        draft.unread["training time"] = (line_number, f"{line[reading.start : reading.end]!r}: {reading.problem}")
        return None
    if reading.value == 0 and "stopping_early" in line and (draft.steps or 0) > 1:
        draft.unread["training time"] = (line_number, "no steps take 0 s")
        return None
    draft.unread.pop("training time", None)
    seconds = reading.value
    if "stopping_early" in line:
        if draft.stop_line is None:
            draft.stop_seconds, draft.stop_line = seconds, line_number
    elif reading.unit in _ROUND:
        draft.coarse_seconds, draft.coarse_line = seconds, line_number
    elif seconds >= (draft.step_seconds or 0.0):
        draft.step_seconds, draft.step_line = seconds, line_number
    return seconds


def read_summary(draft: Draft, line_number: int, line: str) -> None:
    """A line that sums up the steps of a run, or below that its training time; a log's own lines beat it."""
    steps = _SUMMED_STEPS.match(line)
    if steps is not None and draft.steps is None:
        draft.steps = int(steps[1])
        draft.planned_steps = int(steps[2]) if steps[2] else draft.planned_steps
    time = _SUMMED_TIME.match(line) if draft.steps is not None and draft.step_seconds is None else None
    if time is not None:
        named = (time["unit"] or unit_of_name(time[0].rstrip(" :="))).strip("_").lower()
        reading = duration_at(line, time.end(), default=named)
        if reading is not None and reading.value is not None and not line[reading.end :].strip():
            draft.step_seconds, draft.step_line = reading.value, line_number


def read_stop(draft: Draft, line_number: int, line: str) -> None:
    """A line that says that training is over."""
    at = _STOP_AT.search(line)
    if at:
        draft.steps = int(at[1])
    done = _TRAINED_IN.search(line)
    if done and draft.stop_line is None:
        found = find_durations(line, done.end(), _REACH)
        if found:
            draft.stop_seconds, draft.stop_line = found[0].value, line_number
        return
    capped = _CAP_REACHED.search(line)
    if capped and draft.stop_line is None and not draft.finished:
        found = find_durations(line, capped.end(), _REACH)
        keyed = _KEYED.search(line, capped.end())
        told = duration_at(line, keyed.end(), default=unit_of_name(keyed[0])) if keyed else None
        longest = max((d.value or 0.0 for d in (*found, told) if d is not None), default=0.0)
        if longest > (draft.step_seconds or draft.coarse_seconds or 0.0):
            draft.step_seconds, draft.step_line = longest, line_number


def read_budget(draft: Draft, line: str) -> None:
    """`gptq:reserving 10s, effective=590000ms`."""
    reserve, effective = _RESERVE.search(line), _EFFECTIVE.search(line)
    if reserve:
        draft.reserve_seconds = _seconds(line, reserve.end())
    if effective:
        draft.effective_budget_seconds = _seconds(line, effective.end())


def _seconds(line: str, at: int) -> float | None:
    reading = duration_at(line, at)
    return reading.value if reading else None


def read_burst(draft: Draft, line_number: int, line: str) -> None:
    """`qat_burst:done steps:50 elapsed:12.3s`: training after the stop of the loop."""
    burst = _BURST.search(line)
    if burst is None or draft.stop_line is None or draft.finished or not _ENDS.search(line, burst.end()):
        return
    found = find_durations(line, burst.end())
    if found and found[-1].value is not None:
        draft.bursts[burst[0].lower()] = (line_number, found[-1].value)


def read_tokens(draft: Draft, line_number: int, line: str) -> None:
    """The number of validation tokens: `val_tokens: N`, `val_loader:shards pattern=... tokens:N`."""
    match = _VAL_TOKENS.search(line) or (_LOADER_TOKENS.search(line) if line.startswith("val_loader") else None)
    if match and draft.val_tokens is None:
        value = whole(match[1])
        if value:
            draft.val_tokens, draft.val_tokens_line = value, line_number


_VAL_TOKENS = re.compile(r"(?:val_tokens|validation tokens)\s{0,3}[:=]\s{0,3}(\d[\d,_]{0,20})", re.IGNORECASE)
_LOADER_TOKENS = re.compile(r"\btokens\s{0,2}[:=]\s{0,3}(\d[\d,_]{0,20})")
