"""From the files of a submission to its runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from auditor.runs import clock, phases, sizes, surroundings
from auditor.runs.assemble import assemble
from auditor.runs.draft import ONE_DIGIT, Draft
from auditor.runs.echo import echoed_ranges
from auditor.runs.evaluations import parse_beside, parse_evaluation
from auditor.runs.model import Run
from auditor.runs.notebooks import printed
from auditor.runs.settings import is_literal, may_list, read_literal, read_setting
from auditor.runs.streams import settled
from auditor.runs.text import MAX_LINE, Line, log_lines, without
from auditor.runs.unread import MAX_LOG, is_binary
from auditor.submission import Submission
from auditor.submission.model import decode_text

# Never logs, whatever they hold. Everything else is judged by its content.
_OTHER_KINDS = (
    ".py", ".md", ".json", ".jsonl", ".ipynb", ".sh", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".toml", ".yaml",
    ".yml", ".csv", ".tsv", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".html", ".css", ".js", ".model",
    ".vocab", ".npz", ".npy", ".xz", ".gz", ".zst", ".br", ".zip", ".bin", ".pt", ".ptz", ".pth", ".safetensors",
    ".db", ".patch", ".diff", ".lock", ".cfg", ".ini", ".pid",
)  # fmt: skip
_RUN_START = re.compile(
    r"(?:[-=* ]{0,8}hyperparameters\b[-=*: ]{0,40}$|val_bpb:enabled|train_loader:dataset|running python \d"
    r"|warmup_step: ?1/|.{0,80}\b(?:hparams|hyper-?parameters|config|args|namespace)\s?[:=]?\s?[({].{0,1500}?\bseed\b"
    r"|\W{0,12}(?:random[ _])?seed\s{0,2}[:=]?\s{0,2}\d{1,10}\W{0,12}$"
    r"|.{0,60}\bstart\w{0,4}\b.{0,30}\bseed[ =:]{1,3}\d|.{0,60}\bseed[ =:]{1,3}\d{1,9}.{0,20}\bstart)",
    re.IGNORECASE,
)
_SEED_ALONE = re.compile(r"\W{0,12}(?:random[ _])?seed\s{0,2}[:=]?\s{0,2}(\d{1,10})\W{0,12}$", re.IGNORECASE)
# Lower case, without digits; a line without one of them begins no run.
_STARTS = (
    "seed",
    "warmup_step",
    "hyperparameters",
    "hyper-parameters",
    "val_bpb:enabled",
    "train_loader:dataset",
    "running python",
)
_MOST_EVALUATIONS = 6_000
_MOST_BESIDE = 1_000  # figures of other names on their lines
_MOST_DUMPS = 400  # lines that may hold a dump of their own

Reader = Callable[[Draft, int, str], None]


def _without_number(reader: Callable[[Draft, str], None]) -> Reader:
    return lambda draft, _number, line: reader(draft, line)


def _read_evaluation(draft: Draft, number: int, line: str) -> None:
    entry = parse_evaluation(number, line)
    if entry is None:
        return
    key = (entry.label, entry.val_bpb, entry.val_loss, entry.step)
    if key not in draft.seen_evaluations:
        draft.seen_evaluations.add(key)  # ranks and tee print the same line again
        draft.evaluations.append(entry)
        if len(draft.beside) < _MOST_BESIDE:
            draft.beside += parse_beside(number, line)
        if len(draft.evaluations) >= _MOST_EVALUATIONS:  # the first and the last stay
            del draft.evaluations[_MOST_EVALUATIONS // 2 : _MOST_EVALUATIONS // 2 + 1_000]


# A reader is only asked about lines that hold one of its words (lower case): the patterns are never tried on the rest.
_READERS: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("bpb", "score=", "per byte", "per-byte", "per_byte", "s/byte"), _read_evaluation),
    (("step", "train_loss", "val_loss"), clock.read_step),
    (
        ("stopping early", "stopping_early", "training", "train ", "train_loop", "train:", "clock", "time "),
        clock.read_stop,
    ),
    (("_step", "train_", "training_"), clock.read_summary),
    (("effective=", "reserving"), _without_number(clock.read_budget)),
    (("burst", "finetun", "fine-tun", "fine_tun", "post_train", "post-train", "phase"), clock.read_burst),
    (("hessian", "calib", "gptq:generated"), phases.read_calibration),
    (("eval_time", "eval time", "ttt time", "ttt_time"), _without_number(phases.read_eval_time)),
    (("ttt", "slot", "adapt", "gram", "hint"), phases.read_adaptation),
    (("tokens",), clock.read_tokens),
    (("size", "bytes", "serialized", "artifact", "total", "budget:", "b code"), sizes.read_sizes),
    (("gpu", "nvidia", "device", "world", "ws:", "nproc", "h100"), _without_number(surroundings.read_device)),
    ((" s:",), surroundings.read_short_seed),
    (("seed",), surroundings.read_checkpoint),
    (("param", "shards", "dataset", "tokenizer"), _without_number(surroundings.read_data)),
    (("_gate", "agree2plus"), surroundings.read_gates),
    (("sidecar",), surroundings.read_sidecar),
    (("ttt", "slot", "gram", "ppm", "lora", "adapt"), surroundings.read_kinds),
)
_WORDS = tuple((tuple(word.translate(ONE_DIGIT) for word in words), reader) for words, reader in _READERS)


def read_runs(submission: Submission) -> tuple[Run, ...]:
    """Every run that the logs of the folder show, by path and position. Never raises on content."""
    runs: list[Run] = []
    for file in sorted(submission.files, key=lambda f: f.path):
        if file.data and _may_be_log(file.path) and not is_binary(file.data):
            text = file.text if len(file.data) <= MAX_LOG else decode_text(file.data[:MAX_LOG])
            runs.extend(read_log(file.path, text))
    if not runs:  # a notebook beside logs shows trials
        for file in sorted(submission.files, key=lambda f: f.path):
            if file.data and file.path.lower().endswith(".ipynb") and len(file.data) <= MAX_LOG:
                runs.extend(read_log(file.path, printed(file.text)))
    return tuple(runs)


def _may_be_log(path: str) -> bool:
    return not path.lower().rstrip("~").endswith(_OTHER_KINDS)  # editors leave copies under NAME~


def read_log(path: str, text: str) -> tuple[Run, ...]:
    """The runs in one text; empty where it is no training log. Time is linear in its length."""
    framed = log_lines(text)
    streams: dict[int, list[Line]] = {0: list(framed.numbered())}
    if framed.streams is not None:
        every, streams = streams[0], {}
        for stream, numbered in zip(framed.streams, every, strict=True):
            streams.setdefault(stream, []).append(numbered)
    drafts: list[list[Draft]] = []
    echoed = False
    for lines in streams.values():
        echoes = echoed_ranges([line for _, line in lines])
        echoed = echoed or bool(echoes)
        drafts.append([d for d in _joined(_drafts(path, lines, echoes)) if _shows_a_run(d)])
    return tuple(assemble(draft, index, echoed) for index, draft in enumerate(settled(drafts)))


def _drafts(path: str, lines: list[Line], echoes: list[tuple[int, int]]) -> Iterator[Draft]:
    draft = Draft(path, first_line=lines[0][0] if lines else 1)
    starts = [lines[begin][0] - 1 for begin, _ in reversed(echoes)]
    dumps = 0
    for number, whole in without(lines, echoes):
        line = whole if len(whole) <= MAX_LINE else whole[:MAX_LINE]
        crossed = bool(starts) and number > starts[-1]
        while starts and number > starts[-1]:
            starts.pop()
        if not crossed and clock.take_usual_step(draft, number, line):
            continue
        clock.settle(draft)
        kind = _kind_of(line.lower().translate(ONE_DIGIT))
        begins = crossed or (kind.may_start and _begins_a_run(draft, line))
        if begins and (draft.trained or draft.finished):
            yield draft
            draft = Draft(path, first_line=number, begun_by_seed=_SEED_ALONE.match(line) is not None)
        _dispatch(draft, number, line, kind)
        if dumps < _MOST_DUMPS and (is_literal(line) or (not draft.trained and may_list(line))):
            dumps += 1
            read_literal(draft, number, whole)
    clock.settle(draft)
    yield draft


def _begins_a_run(draft: Draft, line: str) -> bool:
    """Whether a line is one that runs begin with: one that tells a seed alone where the run before it had another."""
    if _RUN_START.match(line) is None:
        return False
    told = _SEED_ALONE.match(line)
    return told is None or (draft.seed is not None and int(told[1]) != draft.seed)


class _Kind(NamedTuple):
    """Of lines that differ in their digits alone: whether one may begin a run, and the readers that are asked."""

    may_start: bool
    of_a_pass: bool  # progress of an adaptive pass, the bulk of many logs
    readers: tuple[Reader, ...]


@lru_cache(maxsize=4_096)
def _kind_of(words: str) -> _Kind:
    readers = tuple(reader for known, reader in _WORDS if any(word in words for word in known))
    return _Kind(any(word in words for word in _STARTS), "chunk [" in words, readers)


def _dispatch(draft: Draft, number: int, line: str, kind: _Kind) -> None:
    if kind.of_a_pass:
        surroundings.read_kinds(draft, number, line)
        return
    if read_setting(draft, number, line):
        return
    draft.begin(number, line)
    for reader in kind.readers:
        reader(draft, number, line)


def _joined(drafts: Iterator[Draft]) -> list[Draft]:
    """Runs, with an evaluation that ran as a process of its own joined to the training before it."""
    joined: list[Draft] = []
    for draft in drafts:
        before = joined[-1] if joined else None
        alike = before is not None and (draft.begun_by_seed or draft.seed in (None, before.seed))
        if before is not None and before.trained and not draft.trained and alike:
            _append(before, draft)
        else:
            joined.append(draft)
    return joined


def _append(before: Draft, later: Draft) -> None:
    if later.finished:
        before.evaluated_apart_from_line = before.evaluated_apart_from_line or later.first_line
    before.evaluations.extend(later.evaluations)
    before.beside.extend(later.beside)
    before.totals.update(later.totals)
    before.models.update(later.models)
    before.code.update(later.code)
    before.other_totals.extend(later.other_totals)
    before.each_total.extend(later.each_total)
    for name, value in later.settings.items():
        before.set(name, value, later.setting_lines[name])
    for kept, added in ((before.adaptation, later.adaptation), (before.ngram, later.ngram), (before.ppm, later.ppm)):
        for entry in added.lines():
            kept.add(entry.number, entry.text)
    for beginning, entry in later.beginnings.items():
        before.beginnings.setdefault(beginning, entry)
    before.val_tokens_line = before.val_tokens_line if before.val_tokens else later.val_tokens_line
    before.val_tokens = before.val_tokens or later.val_tokens
    if before.loaded_seed is None:
        before.loaded_seed, before.loaded_line = later.loaded_seed, later.loaded_line
    before.total_eval_seconds = later.total_eval_seconds or before.total_eval_seconds
    before.passes.extend(later.passes)
    before.unread.update(later.unread)
    before.adapt_seconds = later.adapt_seconds or before.adapt_seconds
    if later.gates:
        before.gates, before.gates_line = later.gates, later.gates_line
    if before.byte_sidecar is None:
        before.byte_sidecar, before.byte_sidecar_line = later.byte_sidecar, later.byte_sidecar_line


def _shows_a_run(draft: Draft) -> bool:
    """A training log shows training, or a final evaluation with something of the run around it."""
    if draft.training_lines > 1 or (draft.stop_seconds is not None and draft.evaluations):
        return True
    sized = draft.seed is not None and draft.other_totals
    around = (
        sized,
        draft.val_tokens,
        draft.model_params,
        draft.world_size,
        draft.totals,
        draft.code,
        len(draft.settings) > 4,
    )
    timed = any(e.seconds is not None for e in draft.evaluations)
    stopped = draft.stop_seconds is not None and draft.steps is not None
    return (draft.finished and timed) or ((draft.finished or stopped) and any(around))
