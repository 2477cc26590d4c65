"""How far a run is: live on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from reference_model.reproduce.course import against_record
from reference_model.reproduce.results import Progress, SeedResult, evaluation, progress, validated

if TYPE_CHECKING:
    from rich.console import RenderableType

_TOLD = ("attention:", "checkpoint:", "recurrence:", "stopping_early:", "training complete", "peak memory", "ema:",
         "GPTQ", "selective_prune:", "Total")  # fmt: skip


class Clock:
    """Time left for the training of one seed, by the pace since its first step.

    `budget`: seconds of training after which it stops, None where the steps decide alone.
    """

    def __init__(self, budget: float | None) -> None:
        self.budget = budget
        self.first: tuple[float, Progress] | None = None
        self.last: tuple[float, Progress] | None = None

    def see(self, now: float, step: Progress) -> None:
        self.first = self.first or (now, step)
        self.last = (now, step)

    def left(self, now: float) -> float | None:
        """Seconds; None before the second step's line."""
        if self.first is None or self.last is None or self.last[1].step <= self.first[1].step:
            return None
        (began, one), (at, two) = self.first, self.last
        pace = (at - began) / (two.step - one.step)
        left = (two.of - two.step) * pace
        if self.budget is not None:
            left = min(left, self.budget - two.seconds)
        return max(0.0, left - (now - at))


def said(step: Progress, left: float | None, brief: bool = False) -> str:
    """One step in a few words: step (of how many, unless brief), loss, pace, share of the peak, time left."""
    pace = f"{step.tokens_per_second:,} tokens/s" if step.step_ms is None else f"{step.step_ms:.1f} ms/step"
    of = "" if brief else f"/{step.of:,}"
    parts = [f"step {step.step:,}{of}", f"loss {step.loss:.4f}", pace]
    parts += [] if step.mfu is None else [f"MFU {100 * step.mfu:.1f} %"]
    parts += [] if left is None else [f"{minutes(left)} left"]
    return "  ".join(parts)


def minutes(seconds: float) -> str:
    """m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def told(line: str) -> str | None:
    """What a line of the log is worth where nobody watches live: itself, or an evaluation in words; None: nothing."""
    score = evaluation(line)
    if score is not None:
        return f"{score.name}: {score.val_bpb:.8f} bits per byte, in {score.seconds:.1f} s"
    return line if line.startswith(_TOLD) else None


def outcome(result: SeedResult, resumed: bool) -> str:
    """A finished seed as a line."""
    before = " (finished before)" if resumed else ""
    return f"done: {result.score.val_bpb:.8f} bits per byte, {result.artifact_bytes:,} bytes{before}"


def _beside_record(text: str) -> tuple[str, bool] | None:
    seen = progress(text) or validated(text)
    return None if seen is None else against_record(seen)


class Plain:
    """Lines, each written at once; for files, pipes and continuous integration.

    `compared`: whether the run is one that the record's logs can be held against.
    """

    def __init__(self, out: TextIO, budget: float | None, compared: bool = False) -> None:
        self._out, self._budget, self._compared = out, budget, compared
        self._clocks: dict[int, Clock] = {}

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def started(self, seed: int) -> None:
        self._clocks[seed] = Clock(self._budget)
        self._say(seed, "started")

    def line(self, seed: int, text: str) -> None:
        step = progress(text)
        if step is not None:
            now, clock = time.monotonic(), self._clocks.setdefault(seed, Clock(self._budget))
            clock.see(now, step)
            self._say(seed, said(step, clock.left(now)))
        elif (worth := told(text)) is not None:
            self._say(seed, worth)
        beside = _beside_record(text) if self._compared else None
        if beside is not None:
            self._say(seed, f"WARNING {beside[0]}" if beside[1] else beside[0])

    def finished(self, result: SeedResult, resumed: bool) -> None:
        self._say(result.seed, outcome(result, resumed))

    def _say(self, seed: int, text: str) -> None:
        print(f"seed {seed}  {text}", file=self._out, flush=True)


class Live:
    """One line for each seed, redrawn: what `said` says, and what happens after training.

    Above them the attention kernel, below them how the last loss compares with the record's.
    """

    def __init__(self, out: TextIO, budget: float | None, seeds: tuple[int, ...], compared: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._budget, self._compared = budget, compared
        self._rows: dict[int, tuple[str, Progress | None]] = dict.fromkeys(seeds, ("waiting", None))
        self._kernel = ""
        self._beside: dict[int, tuple[str, bool]] = {}
        self._clocks: dict[int, Clock] = {}
        self._live = RichLive(
            console=Console(file=out), get_renderable=self._table, refresh_per_second=4, redirect_stdout=False
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def started(self, seed: int) -> None:
        self._clocks[seed] = Clock(self._budget)
        self._rows[seed] = ("starting", None)

    def line(self, seed: int, text: str) -> None:
        step = progress(text)
        if step is not None:
            self._clocks.setdefault(seed, Clock(self._budget)).see(time.monotonic(), step)
            self._rows[seed] = ("training", step)
        elif text.startswith("attention:"):
            self._kernel = text
        elif (worth := told(text)) is not None:
            self._rows[seed] = (worth, None)
        beside = _beside_record(text) if self._compared else None
        if beside is not None:
            self._beside[seed] = beside

    def finished(self, result: SeedResult, resumed: bool) -> None:
        self._rows[result.seed] = (outcome(result, resumed), None)

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table, now = Table.grid(padding=(0, 2), expand=False), time.monotonic()
        for seed, (state, step) in self._rows.items():
            if step is None:
                table.add_row(Text(f"seed {seed}", style="bold"), Text(state, no_wrap=True, overflow="ellipsis"))
                continue
            inner = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=1.0, completed=self._share(step), width=6)
            inner.add_row(bar, Text(said(step, self._clocks[seed].left(now), brief=True), no_wrap=True))
            table.add_row(Text(f"seed {seed}", style="bold"), inner)
        notes = [Text(f"seed {seed}, {text}", style="bold red" if off else "dim")
                 for seed, (text, off) in self._beside.items()]  # fmt: skip
        return Group(*([Text(self._kernel, style="dim")] if self._kernel else []), table, *notes)

    def _share(self, step: Progress) -> float:
        """Of the training that is done: by the clock or the steps, whichever ends it sooner."""
        by_steps = step.step / step.of
        return max(by_steps, step.seconds / self._budget) if self._budget else by_steps
