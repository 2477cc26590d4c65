"""What has been read of one run so far; the only mutable value in this package."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from auditor.quantities import figure_at
from auditor.runs.model import Evaluation, LogLine, TimedPass

ONE_DIGIT = str.maketrans("123456789", "000000000")
_BEGINNING = 80  # characters of a line by which it is known again
_MOST_BEGINNINGS = 1_000
KEPT_LINES = 40  # adaptation lines kept per kind: this many from the start and as many from the end


def number(text: str) -> float | None:
    """`15,987,206`, `1_000`, `2.5e-3` as a float; None where it is no finite number."""
    try:
        plain = float(text)  # most figures are plain
    except ValueError:
        reading = figure_at(text.rstrip(", "))
        plain = reading.value if reading is not None and reading.value is not None else math.nan
    return plain if abs(plain) < 1e18 else None


def whole(text: str) -> int | None:
    value = number(text)
    return None if value is None else int(value)


@dataclass
class Ends:
    """The first and the last lines of a kind, however many there are."""

    first: list[LogLine] = field(default_factory=list)
    last: list[LogLine] = field(default_factory=list)
    seen: int = 0

    def add(self, number_: int, text: str) -> None:
        self.seen += 1
        entry = LogLine(number_, text[:400])
        if len(self.first) < KEPT_LINES:
            self.first.append(entry)
            return
        self.last.append(entry)
        if len(self.last) > 2 * KEPT_LINES:
            del self.last[:KEPT_LINES]

    def lines(self) -> tuple[LogLine, ...]:
        return (*self.first, *self.last[-KEPT_LINES:])


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes on a line; `exact` is False where a larger unit was rounded."""

    amount: int
    line: int
    exact: bool


@dataclass
class Draft:
    """Facts of one run while its lines go by. Units as in `Run`."""

    log: str
    first_line: int = 1
    begun_by_seed: bool = False  # by a line that tells another seed than the run before had, and nothing else
    seed: int | None = None
    seed_line: int | None = None
    other_seed: int | None = None  # that is named before any training too
    other_seed_line: int | None = None
    loaded_seed: int | None = None  # in the path of a checkpoint that was loaded
    loaded_line: int | None = None
    steps: int | None = None
    planned_steps: int | None = None
    training_lines: int = 0  # lines that report a training step
    stop_seconds: float | None = None  # of a line that says that training stopped
    stop_line: int | None = None
    step_seconds: float | None = None  # of the last step line that tells the time
    step_line: int | None = None
    coarse_seconds: float | None = None  # told in minutes with one digit
    coarse_line: int | None = None
    step_average_ms: float | None = None
    average_over: tuple[int, float] | None = None  # steps and seconds of the line that tells the average
    # Of the usual step lines since the last other line: the last, the most steps, the most milliseconds and where.
    usual: re.Match[str] | None = None
    usual_steps: int = 0
    usual_longest: int = 0
    usual_line: int = 0
    reserve_seconds: float | None = None
    effective_budget_seconds: float | None = None
    world_size: int | None = None
    asked_world_size: int | None = None  # of the machine that a launcher asked for
    gpu: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    setting_lines: dict[str, int] = field(default_factory=dict)
    in_dump: bool = False
    dump_line: int = 0  # its last line so far
    block: list[tuple[str, str, int]] = field(default_factory=list)  # name, value, line: a dump, if more follow
    calibrations: dict[str, tuple[int, float]] = field(default_factory=dict)  # kind -> line, seconds
    evaluations: list[Evaluation] = field(default_factory=list)
    beside: list[Evaluation] = field(default_factory=list)
    seen_evaluations: set[tuple[str, float | None, float | None, int | None]] = field(default_factory=set)
    bursts: dict[str, tuple[int, float]] = field(default_factory=dict)  # kind -> line, seconds, after the stop
    passes: list[TimedPass] = field(default_factory=list)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)  # what -> line, why it is not understood
    total_eval_seconds: float | None = None
    adapt_seconds: float | None = None
    val_tokens: int | None = None
    val_tokens_line: int | None = None
    totals: dict[str, Size] = field(default_factory=dict)  # by codec
    other_totals: list[Size] = field(default_factory=list)
    each_total: list[Size] = field(default_factory=list)  # to the byte, in the order of the log
    models: dict[str, Size] = field(default_factory=dict)  # by codec
    parts: Size | None = None  # the model, of the last line that adds the code to it
    code: dict[str, int] = field(default_factory=dict)  # "", "compressed", "uncompressed" -> bytes
    model_params: int | None = None
    train_shards: int | None = None
    tokenizer: str | None = None
    dataset: str | None = None
    adaptation: Ends = field(default_factory=Ends)
    ngram: Ends = field(default_factory=Ends)
    ppm: Ends = field(default_factory=Ends)
    beginnings: dict[str, LogLine] = field(default_factory=dict)  # the first line of each, whatever its digits
    gates: dict[str, int] = field(default_factory=dict)
    gates_line: int | None = None
    byte_sidecar: bool | None = None
    byte_sidecar_line: int | None = None
    evaluated_apart_from_line: int | None = None

    def begin(self, number_: int, text: str) -> None:
        """Keeps the first of the lines that begin alike."""
        beginning = text.strip()[:_BEGINNING]
        if len(self.beginnings) < _MOST_BEGINNINGS:
            self.beginnings.setdefault(beginning.translate(ONE_DIGIT), LogLine(number_, beginning))

    @property
    def trained(self) -> bool:
        return self.training_lines > 0 or self.stop_seconds is not None

    @property
    def finished(self) -> bool:
        return any(e.step is None for e in self.evaluations)

    def set(self, name: str, value: str, line: int) -> None:
        """A hyperparameter; the first mention is the dump's, later ones are progress."""
        if name not in self.settings and len(self.settings) < 3_000:
            self.settings[name] = value
            self.setting_lines[name] = line
