"""How far a run is: live on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from reference_model.reproduce.results import Progress, SeedResult, progress

if TYPE_CHECKING:
    from rich.console import RenderableType

# Lines of the log that are worth one of ours where nobody watches live.
_TOLD = ("recurrence:", "stopping_early:", "training complete", "ema:", "GPTQ", "selective_prune:", "Total", "final_")


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


def said(seed: int, step: Progress, left: float | None) -> str:
    """One step as a line."""
    rest = "" if left is None else f"  {minutes(left)} left"
    pace = f"{step.tokens_per_second:,} tokens/s"
    return f"seed {seed}  step {step.step:,}/{step.of:,}  loss {step.loss:.4f}  {pace}{rest}"


def minutes(seconds: float) -> str:
    """m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def outcome(result: SeedResult, resumed: bool) -> str:
    """A finished seed as a line."""
    before = " (finished before)" if resumed else ""
    size = f"{result.artifact_bytes:,} bytes"
    return f"seed {result.seed}  done: {result.score.val_bpb:.8f} bits per byte, {size}{before}"


class Plain:
    """Lines, each written at once; for files, pipes and continuous integration."""

    def __init__(self, out: TextIO, budget: float | None) -> None:
        self._out, self._budget = out, budget
        self._clock = Clock(budget)

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def started(self, seed: int) -> None:
        self._clock = Clock(self._budget)
        self._say(f"seed {seed}  started")

    def line(self, seed: int, text: str) -> None:
        step = progress(text)
        if step is not None:
            now = time.monotonic()
            self._clock.see(now, step)
            self._say(said(seed, step, self._clock.left(now)))
        elif text.startswith(_TOLD):
            self._say(f"seed {seed}  {text}")

    def finished(self, result: SeedResult, resumed: bool) -> None:
        self._say(outcome(result, resumed))

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class Live:
    """One line for each seed, redrawn: step, loss, tokens per second, time left, and what happens after training."""

    def __init__(self, out: TextIO, budget: float | None, seeds: tuple[int, ...]) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._budget = budget
        self._rows: dict[int, tuple[str, Progress | None]] = dict.fromkeys(seeds, ("waiting", None))
        self._clock = Clock(budget)
        self._live = RichLive(
            console=Console(file=out), get_renderable=self._table, refresh_per_second=4, redirect_stdout=False
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def started(self, seed: int) -> None:
        self._clock = Clock(self._budget)
        self._rows[seed] = ("starting", None)

    def line(self, seed: int, text: str) -> None:
        step = progress(text)
        if step is not None:
            self._clock.see(time.monotonic(), step)
            self._rows[seed] = ("training", step)
        elif text.startswith(_TOLD):
            self._rows[seed] = (text, None)

    def finished(self, result: SeedResult, resumed: bool) -> None:
        self._rows[result.seed] = (outcome(result, resumed).partition("  ")[2], None)

    def _table(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2), expand=False)
        for seed, (state, step) in self._rows.items():
            if step is None:
                table.add_row(Text(f"seed {seed}", style="bold"), Text(state, no_wrap=True, overflow="ellipsis"))
                continue
            rest = said(seed, step, self._clock.left(time.monotonic())).partition("  ")[2]
            inner = Table.grid(padding=(0, 2))
            inner.add_row(ProgressBar(total=1.0, completed=self._share(step), width=20), Text(rest, no_wrap=True))
            table.add_row(Text(f"seed {seed}", style="bold"), inner)
        return table

    def _share(self, step: Progress) -> float:
        """Of the training that is done: by the clock or the steps, whichever ends it sooner."""
        by_steps = step.step / step.of
        return max(by_steps, step.seconds / self._budget) if self._budget else by_steps
