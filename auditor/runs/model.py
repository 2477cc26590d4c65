"""A training log as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line worth quoting: 1-based number in the log file and its text (control characters kept)."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One line that reports a validation figure.

    `label` is the text before the figures ("final_int6_sliding_window"), "" for the periodic `step` lines,
    whose `step` is set. Losses in nats per token, `val_bpb` in bits per byte, `seconds` of wall clock.
    """

    line: int
    label: str
    val_bpb: float | None
    val_loss: float | None
    seconds: float | None = None
    step: int | None = None
    printed: str = ""  # "nan", "inf", "-inf": the figure that was printed is none, `val_bpb` is None
    unread: str = ""  # why its time is not understood
    tokens: int | None = None  # that it scored, where its line says so


@dataclass(frozen=True, slots=True)
class TimedPass:
    """A timed pass before the score: its first word, its seconds, and whether the log says that no timer ran."""

    line: int
    what: str
    seconds: float
    outside: bool


@dataclass(frozen=True, slots=True)
class Run:
    """What one training log shows; None is "the log does not say".

    `score` is the evaluation that the log reports as its result (`score_because` says how it was told from
    the others); `implied_bytes` is val_loss / ln 2 * val_tokens / val_bpb of that evaluation: the number of
    bytes the log divided by.
    """

    log: str  # path in the folder
    index: int = 0  # several runs in one file: 0, 1, ...
    first_line: int = 1
    seed: int | None = None
    seed_source: str = ""  # "line 61", "file name", "" when the seed is unknown
    steps: int | None = None
    planned_steps: int | None = None
    world_size: int | None = None
    gpu: str | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)  # as dumped, names as in the log
    hyperparameter_lines: Mapping[str, int] = field(default_factory=dict)
    train_seconds: float | None = None
    train_seconds_line: int | None = None
    calibration_seconds: float | None = None
    calibration_line: int | None = None
    wallclock_cap_seconds: float | None = None  # the dump's max_wallclock_seconds
    reserve_seconds: float | None = None  # set aside from the cap for calibration, as the log announces it
    effective_budget_seconds: float | None = None  # the cap less the reserve, as the log announces it
    step_average_ms: float | None = None  # the last that is printed
    average_over: tuple[int, float] | None = None  # steps and seconds of the line that prints it
    burst_seconds: float | None = None  # of training after the stop of the loop
    burst_line: int | None = None
    evaluations: tuple[Evaluation, ...] = ()
    beside: tuple[Evaluation, ...] = ()  # figures of other names on the lines of these
    score: Evaluation | None = None
    score_because: str = ""
    eval_seconds: float | None = None  # of the pass that yields `score`, and of the adaptation that it waits for
    passes: tuple[TimedPass, ...] = ()
    waited_seconds: float = 0.0  # of that adaptation, outside of the pass's own timer
    total_eval_seconds: float | None = None  # of the whole evaluation phase, where the log totals it
    val_tokens: int | None = None  # of the set, or of the part that `score` says it covers
    set_tokens: int | None = None  # of the validation set that was loaded
    val_tokens_line: int | None = None
    implied_bytes: float | None = None
    artifact_bytes: int | None = None  # code + compressed model, as the log totals it
    artifact_line: int | None = None
    totals: tuple[tuple[int, int], ...] = ()  # (bytes, line) of everything that was totalled, in order
    raw_artifact_bytes: int | None = None  # a "total" that is the uncompressed model: no artifact
    model_bytes: int | None = None  # compressed
    raw_model_bytes: int | None = None
    code_bytes: int | None = None  # as the log counts it into the artifact
    code_bytes_compressed: int | None = None  # set where the log tells compressed code from plain
    code_bytes_uncompressed: int | None = None
    model_params: int | None = None
    train_shards: int | None = None
    tokenizer: str | None = None
    dataset: str | None = None
    adaptation: tuple[LogLine, ...] = ()  # TTT, SLOT, pre-quantization lines
    ngram: tuple[LogLine, ...] = ()
    ppm: tuple[LogLine, ...] = ()
    beginnings: tuple[LogLine, ...] = ()  # of all lines but the usual ones of a step: the first that begins so
    gates: Mapping[str, int] = field(default_factory=dict)  # within_gate, word_gate, agree2plus
    gates_line: int | None = None
    byte_sidecar: bool | None = None
    byte_sidecar_line: int | None = None
    evaluated_apart_from_line: int | None = None  # the evaluation ran as a process of its own from here on
    headline_because: str = ""  # why the claim stands on this run; set by `headline`
    complete: bool = True  # False: cut off before any final evaluation
    echoes_source: bool = False
    content_digest: str = ""  # of the figures, to recognise copies of one log
    unread: tuple[str, ...] = ()  # "training time", "evaluation time", "artifact": printed, and not understood
    problems: tuple[str, ...] = ()

    @property
    def not_finite(self) -> Evaluation | None:
        """The final evaluation that printed nan or inf, where no finite one followed it."""
        final = [e for e in self.evaluations if e.step is None]
        return final[-1] if final and final[-1].printed else None

    @property
    def val_bpb(self) -> float | None:
        return self.score.val_bpb if self.score else None

    @property
    def val_loss(self) -> float | None:
        return self.score.val_loss if self.score else None
