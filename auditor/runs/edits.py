"""Figures that a later commit changed in the log of a run that had ended: what a run printed does not change.

That two texts are of one run is told by times to the millisecond, which no second run of the same program repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.runs.model import Run
from auditor.runs.reader import read_log
from auditor.runs.text import log_lines
from auditor.submission import Submission
from auditor.submission.model import decode_text

# `train_time:590021ms`, `eval_time: 96.214s`: five digits at least, since the first steps of any two runs take the same
# few milliseconds now and then; settings are round.
_MEASURED = re.compile(
    r"(?:time|elapsed|took|\bin|avg)\w{0,12}[\"']?\s{0,2}[:= ]\s{0,4}(?=\d*[1-9])"
    r"(?:\d{5,12}(?<!000)(?:\.\d{1,9})? ?ms\b|(?=[\d.]{6})\d{1,9}\.\d{2,9} ?(?:ms|s|sec|seconds)\b)",
    re.IGNORECASE,
)
_LEAST = 2  # timed lines: two runs that stop at the cap may both print 590026ms
_LEAST_SHARE = 0.5  # of the shorter text's timed lines that must stand in the other; two runs share hardly any
_MOST_LINES = 200_000


@dataclass(frozen=True, slots=True)
class Edit:
    """One figure of a run as an earlier commit's log had it and as the log has it now; `line` is of the log now.

    `remeasured`: the time beside the score is another too, so that the evaluation may have been run again.
    """

    log: str
    line: int | None
    commit: str
    what: str
    before: float
    after: float
    better: bool
    remeasured: bool = False


def edits_of(submission: Submission, runs: Sequence[Run]) -> tuple[Edit, ...]:
    """The edited figures of the folder's logs, by path; of several earlier texts the newest that differs counts."""
    found: dict[tuple[str, int, str], Edit] = {}
    logs = {run.log for run in runs}
    for earlier in submission.earlier_logs or ():
        text = decode_text(earlier.data)
        # A log that was renamed is looked for among all.
        for path in [earlier.path] if earlier.path in logs else sorted(logs):
            shipped = submission.by_path[path]
            if not _same_run(text, shipped.text):
                continue
            now = [run for run in runs if run.log == path]
            for before, after in zip(read_log(path, text), now, strict=False):
                for edit in _changed(before, after, earlier.commit):
                    found.setdefault((edit.log, after.index, edit.what), edit)
    return tuple(sorted(found.values(), key=lambda edit: (edit.log, edit.line or 0, edit.what)))


def _same_run(earlier: str, later: str) -> bool:
    before, after = _timed_lines(earlier), _timed_lines(later)
    return len(before & after) >= max(_LEAST, _LEAST_SHARE * min(len(before), len(after)))


def _timed_lines(text: str) -> frozenset[str]:
    lines = log_lines(text).lines[:_MOST_LINES]
    return frozenset(found[0] for line in lines if (found := _MEASURED.search(line)) is not None)


def _changed(before: Run, after: Run, commit: str) -> Iterator[Edit]:
    """Figures that both print and that differ; a log that was cut short, or goes on, has none."""
    old, new = before.score, after.score
    if not before.complete or not after.complete or old is None or new is None:
        return
    if before.seed is not None and after.seed is not None and before.seed != after.seed:
        yield Edit(after.log, after.first_line, commit, "seed", before.seed, after.seed, better=True)
    remeasured = old.seconds is not None and new.seconds is not None and old.seconds != new.seconds
    printed = {e.val_bpb for e in after.evaluations}
    figures = (
        ("val_bpb", old.val_bpb if old.val_bpb not in printed else new.val_bpb, new.val_bpb, new.line),
        ("training time", before.train_seconds, after.train_seconds, after.train_seconds_line),
        ("evaluation time", before.eval_seconds, after.eval_seconds, new.line),
        ("artifact", before.artifact_bytes, after.artifact_bytes, after.artifact_line),
        ("compressed model", before.model_bytes, after.model_bytes, after.artifact_line),
        ("code", before.code_bytes, after.code_bytes, after.artifact_line),
    )
    for what, was, now, line in figures:
        if was is not None and now is not None and was != now:
            yield Edit(after.log, line, commit, what, was, now, now < was, remeasured)
