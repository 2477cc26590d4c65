"""Lines that report a validation figure."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from auditor.quantities import duration_at, figure_at, unit_of_name
from auditor.runs.model import Evaluation

_KEY_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-")
_HIGHEST = 1000.0  # losses of a run that diverged are printed too
_KEY_BOUND = 60  # characters of a figure's name that are looked at
# Between the name of a figure and the figure: quotes, a unit in brackets, a sign, bold type.
_SIGN = re.compile(
    r"(?:_(?:exact|mean|avg|final|sliding|window|sw|ttt|slot|scored|quant(?:ized)?|int\d|round_?trip))?[\"']?(?:\s{0,3}\((?!\d)[^()]{0,30}\))?[\"']?\s{0,3}"
    r"(?:(=>|->|:=|[:=\u2192\u2248~])|\|(?=\s))?\s{0,16}\*{0,2}"
)
_TIME = re.compile(
    r"\b(?P<key>(?:ngram_)?(?:eval(?:uation)?|val(?:idation)?|inference|scor(?:e|ing)|ttt|slot|sliding|pass)_?"
    r"(?:time|wall|wall_?clock|elapsed|dur|duration|seconds|secs|minutes|mins|s|ms)(?:_\w{1,8}|Ms|Seconds|Secs?|S)?"
    r"|evalTime(?:Ms|Seconds|Secs?|S)?|(?:elapsed|time|duration|took|runtime)(?:_\w{1,8})?"
    r"|wall(?:_?clock)?(?:_?time)?(?:_(?:s|ms|seconds))?|eval|seconds|secs|(?-i:dt|t))[\"']?\s{0,2}"
    r"(?P<beside>[(\[]\s?[a-z]{1,12}\s?[)\]]\s{0,2})?(?:[:=~\u2192\u2248]|->|=>)\s{0,3}(?=[^\s{])",
    re.IGNORECASE,
)
_UNSURE = frozenset({"took", "eval", "dt", "t"})  # may be something else than a time
_OF_THE_RUN = re.compile(r"\bsteps\s?[:=]\s?\d{3}")  # a line that sums up the run times all of it
# A time without a name: `in 96.4s`, `took 96.4s`, `(96.4s)` at the end.
_ASIDE = re.compile(
    r"\b(?:in|took|after|duration|elapsed|runtime)\s{1,2}(?=[\d~])|[(\[](?=\d[^()\[\]]{0,20}[)\]]\s{0,3}$)"
    r"|(?<!\|)\s(?=\d{1,6}(?:\.\d{1,3})?\s?(?:s|ms|sec|secs|seconds|min|minutes)\s{0,3}$)"
)
_TOKENS = re.compile(r"(?<![\w.])(?:val_|scored_|eval_)?tokens\s?[:=]\s?(\d[\d,_]{1,14})(?![\w.])")
_STEP = re.compile(r"(?:step[: ]\s{0,8})?(\d{1,9})/(\d{1,9})[ |]")
_STEP_ONLY = re.compile(r"\s{0,8}step[: =]\s{0,8}(\d{1,9})\b", re.IGNORECASE)
_PROGRESS = re.compile(
    r"running_bpb|running_loss|chunk[: ]{0,2}\[?\d{1,9}/|\[\s{0,6}\d{1,9}(?:\.\d{1,3})?(?:%|/\d)|\(\d{1,3}(?:\.\d)?%\)"
    r"|progress|epoch[: ]\s{0,3}\d{1,6}\s{0,2}/|\bdoc[: ]\s{0,3}\d{1,9}/|batch[: ]\s{0,3}\d{1,9}/|_search|temp_re"
    r"|early.?stop|\bbest_|_tuner|ttp: b\d",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"\{[A-Za-z_(\d]")  # a format string of echoed code; a dump has quotes behind its brace
_NOT_A_SCORE = re.compile(
    r"gain|gap|delta|minus|diff|improve|target|baseline|threshold|tolerance|recover(?:y|ed)", re.IGNORECASE
)
# Launchers sum a run up: `[RESULT] run=6fff | score=1.1900 | size=15,115,793B`.
_SUMMARY = re.compile(r"\W{0,4}(?:final|result|summary|score)s?\b", re.IGNORECASE)
# What a launcher puts before the figures that it repeats.
_WRAPPED = re.compile(
    r"^\s{0,8}\[(?:summary|results?|metrics?|report|info|main|stdout|modal|launcher|done)\]\s{0,4}", re.IGNORECASE
)
_HIGHEST_SCORE = 8.0  # a byte has eight bits
_NAMES = ("bpb", "bits per byte", "bits-per-byte", "bits_per_byte", "bits/byte")
_OWN_NAME = re.compile(r"(?<![\w.])(\w{1,24})_(?:bpb|loss)(?![\w{])", re.IGNORECASE)
_PLAIN_KEYS = frozenset({"val_bpb", *_NAMES})
# What a final line prints where a figure should be: `None`, `N/A`, `1,0409`. Other words are no result.
_NO_FIGURE = re.compile(
    r"(?<![\w.])(?:val[_/ ]?)?bpb[\"']?\s?[:=]\s{0,3}"
    r"(?P<token>[-+]?\d[\w.,#()]{1,30}|(?:None|null|N/?A|n/a|-?NaN\S{0,8}|\?{1,3}|-{2,3})(?![\w{]))"
)


def parse_evaluation(line_number: int, line: str) -> Evaluation | None:
    """The evaluation that this line reports; None where it reports none or only progress within a pass.

    `line` must be clean (see `auditor.runs.text.clean`): bounded in length.
    """
    if "running_bpb" in line:
        return None  # progress
    found = next((figure for name in _NAMES if (figure := _figure(line, name)) is not None), None) or _summed_up(line)
    if found is None:
        return _without_figure(line_number, line)
    key, value, start = found
    step = _STEP.match(line) or _STEP_ONLY.match(line)
    if step is None and (_PROGRESS.search(line) or _FORMAT.search(line, 0, start + 1)):
        return None
    loss = _figure(line, "val_loss") or _figure(line, "loss")
    start = min(start, loss[2]) if loss else start
    label = "" if step else _label(line[:start], key)
    seconds, unread = _seconds(line[start:], step is not None)
    return Evaluation(
        line_number,
        label,
        value if math.isfinite(value) else None,
        loss[1] if loss and math.isfinite(loss[1]) else None,
        seconds,
        int(step[1]) if step else None,
        printed="" if math.isfinite(value) else str(value),
        unread=unread,
        tokens=int(re.sub("[,_]", "", counted[1]))
        if step is None and (counted := _TOKENS.search(line, start))
        else None,
    )


def parse_beside(line_number: int, line: str) -> list[Evaluation]:
    """The figures of other names on a line that reports several: `neural_bpb:1.50 blended_bpb:0.09`.

    Which of them is the score, no line says: a claim may be any. Each has the loss that its own name goes with.
    """
    first = parse_evaluation(line_number, line) if line.lower().count("bpb") > 1 else None
    if first is None or first.step is not None or first.val_bpb is None:
        return []
    start = min(match.start() for match in _OWN_NAME.finditer(line))
    label = _label(line[:start], "val_bpb")
    found = []
    for match in _OWN_NAME.finditer(line):
        value = _printed(line, match.end()) if match[0].lower().endswith("bpb") else None
        if value is None or value == first.val_bpb or not 0 < value < _HIGHEST_SCORE or _NOT_A_SCORE.search(match[0]):
            continue
        loss = _figure(line, f"{match[1]}_loss".lower())
        found.append(replace(first, label=label, val_bpb=value, val_loss=loss[1] if loss else None))
    return found


def _without_figure(line_number: int, line: str) -> Evaluation | None:
    """A final line whose figure is none that can be read: the run's final evaluation all the same."""
    match = _NO_FIGURE.search(line)
    if match is None or match["token"].lstrip("+-").isdigit():
        return None
    if _STEP.match(line) or _STEP_ONLY.match(line) or _PROGRESS.search(line) or _FORMAT.search(line):
        return None
    label = _label(line[: match.start()], "val_bpb")
    return Evaluation(line_number, label, None, None, printed=match["token"]) if label else None


def _summed_up(line: str) -> tuple[str, float, int] | None:
    """The `score` of a line that sums a run up."""
    found = _figure(line, "score") if _SUMMARY.match(line) else None
    return found if found is not None and found[0] == "score" and 0 < found[1] < _HIGHEST_SCORE else None


def _figure(line: str, name: str) -> tuple[str, float, int] | None:
    """The figure whose key ends with `name`: key, value, start of the key. A plain key wins over a prefixed one."""
    best: tuple[str, float, int] | None = None
    lower = line.lower()
    position = -1
    for _ in range(24):
        position = lower.find(name, position + 1)
        if position < 0:
            break
        end = position + len(name)
        value = _printed(line, end)
        if value is None:
            continue
        start = position
        while start > 0 and position - start < _KEY_BOUND and line[start - 1] in _KEY_CHARS:
            start -= 1
        key = lower[start:end]
        if _NOT_A_SCORE.search(key) or (name == "loss" and "train" in key):
            continue
        if best is None or (key in _PLAIN_KEYS and best[0] not in _PLAIN_KEYS):
            best = (key, value, start)
    return best


def _printed(line: str, at: int) -> float | None:
    """The figure after a name: with a point or an exponent, or nan and inf after a sign."""
    sign = _SIGN.match(line, at)
    start = sign.end() if sign else at
    reading = figure_at(line, start)
    if reading is None or reading.value is None:
        return None
    if not math.isfinite(reading.value):
        return reading.value if sign and sign[1] else None
    written = line[reading.start : reading.end]
    pointed = "." in written or "e" in written.lower()
    return (
        reading.value if pointed and 0 <= reading.value < 1000 and line[reading.end : reading.end + 1] != "{" else None
    )


def _label(before: str, key: str) -> str:
    """The words before the figures; where there are none, what the figure's own name adds to "bpb"."""
    label = _WRAPPED.sub("", before.split("{", 1)[0]).strip(" \t:=|,-([\"'>*")
    words = label.split()
    while len(words) > 1 and ":" in words[-1] and words[-1][-1].isdigit():
        words.pop()  # "stride:64" between the label and the figures
    label = " ".join(words)
    if key not in _PLAIN_KEYS:
        own = key.removesuffix("bpb").strip("_-.").removesuffix("val").strip("_-.")
        label = f"{label} {own}".strip()
    return label[:100]


def _seconds(after: str, is_step: bool) -> tuple[float | None, str]:
    """The time of the pass, and what is not understood of it."""
    if is_step:
        return None, ""  # train_time belongs to training
    best: float | None = None
    unread = ""
    of_the_run = _OF_THE_RUN.search(after) is not None
    for match in _TIME.finditer(after):
        key = match["key"].lower() if match["key"].isupper() else match["key"]
        if of_the_run and "eval" not in key:
            continue
        named = unit_of_name(key + (match["beside"] or "")) or ("s" if key in ("seconds", "secs") else "")
        reading = duration_at(after, match.end(), default=named or ("s" if key in _UNSURE else ""))
        if reading is None:
            if named or "eval" in key:
                unread = unread or f"{after[match.end() :].split()[0][:40]!r} is no time"
            continue
        if reading.value == 0 and (named or "eval" in key):
            unread = unread or "no evaluation takes 0 s"
            continue
        if reading.value is None:
            if key not in _UNSURE and reading.end > reading.start:
                unread = unread or f"{after[reading.start : reading.end]!r}: {reading.problem}"
            continue
        if key.lower().startswith(("eval_time", "evaltime")):
            return reading.value, ""
        best = reading.value if best is None else best
    if best is None and not unread and not of_the_run:
        aside = _ASIDE.search(after)
        reading = duration_at(after, aside.end()) if aside else None
        best = reading.value if reading is not None else None
    return best, "" if best is not None else unread


def stem(label: str) -> str:
    """`final_int6_sliding_window_exact` and `final_int6_sliding_window` are two prints of one pass."""
    return label.replace("_exact", "").replace(" exact", "").rstrip(":_ ").lower()


def is_exact(evaluation: Evaluation) -> bool:
    return "exact" in evaluation.label.lower()


def join_exact(evaluations: list[Evaluation]) -> tuple[Evaluation, ...]:
    """Gives each line with more digits the time and the loss of the rounded line of the same pass before it."""
    joined: list[Evaluation] = []
    latest: dict[str, Evaluation] = {}
    for entry in evaluations:
        key = stem(entry.label)
        partner = latest.get(key)
        if entry.step is None and partner is not None and is_exact(entry) and _same_figure(entry, partner):
            entry = replace(
                entry,
                seconds=partner.seconds if entry.seconds is None else entry.seconds,
                val_loss=partner.val_loss if entry.val_loss is None else entry.val_loss,
                unread=entry.unread or partner.unread,
                tokens=partner.tokens if entry.tokens is None else entry.tokens,
            )
        if entry.step is None:
            latest[key] = entry
        joined.append(entry)
    return tuple(joined)


def _same_figure(left: Evaluation, right: Evaluation) -> bool:
    return left.val_bpb is not None and right.val_bpb is not None and abs(left.val_bpb - right.val_bpb) < 6e-4
