"""golf-reproduce: from a bare machine to an audited submission folder."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from reference_model.reproduce import preflight, trial
from reference_model.reproduce.attempt import Job, RunError
from reference_model.reproduce.options import Options, UsageError, read
from reference_model.reproduce.plan import (
    Plan,
    at_once,
    begin,
    configuration,
    environment,
    of_seed,
    planned,
    require_weights,
)
from reference_model.reproduce.runner import locked, run_seeds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reference_model.config import RunConfig
    from reference_model.reproduce.display import Live, Plain
    from reference_model.reproduce.results import SeedResult

OK, FAILED, USAGE, NOT_JUDGED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    again = "the same command with --resume goes on with what is not finished"
    try:
        with _ended_politely():
            options = read(arguments)
            if options.command == "data":
                again = "the same command goes on with what is not there"
            return _fetch(options) if options.command == "data" else _reproduce(options)
    except UsageError as error:
        return _say(str(error), USAGE)
    except RunError as error:
        return _say(str(error), FAILED)
    except KeyboardInterrupt:
        return _say(f"interrupted; {again}", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN
    except OSError as error:  # a folder that may not be written, a full disk: the message names it
        return _say(str(error), FAILED)
    except SystemExit as leaving:  # argparse, after --help and --version
        return leaving.code if isinstance(leaving.code, int) else OK


def _say(message: str, status: int) -> int:
    print(f"golf-reproduce: {message}", file=sys.stderr, flush=True)
    return status


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """A request to end (SIGTERM, SIGHUP) ends the script's processes too, like an interrupt from the terminal."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    asked = [signal.SIGTERM, signal.SIGHUP]
    try:
        before = {number: signal.signal(number, interrupt) for number in asked}
    except ValueError:  # not the main thread: whoever started it handles signals
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- data ----------------------------------------------------------------------------------------------------------


def _fetch(options: Options) -> int:
    from reference_model.reproduce.download import SHARDS, DownloadError, fetch

    try:
        fetch(Path(options.data), print, shards=SHARDS if options.shards is None else options.shards)
    except DownloadError as error:
        return _say(str(error), FAILED)
    return OK


# --- a run ---------------------------------------------------------------------------------------------------------


def _reproduce(options: Options) -> int:
    config = configuration(options)
    checks = preflight.examine(config, options.out, options.nproc)
    if not preflight.ready(checks):  # the data of the small scale is made once the rest is there
        return _not_ready(checks + (preflight.data(config) if config.scale == "record" else []))
    require_weights(options, config)
    with locked(options.out / "work", lambda text: print(text, file=sys.stderr, flush=True)) as lock:
        plan = planned(options, config)
        checks += _data(config)
        if config.scale == "record" and preflight.ready(checks):
            checks += trial.tried(options.nproc or preflight.GPUS, config.train.precision)
        if not preflight.ready(checks):
            return _not_ready(checks)
        _show(preflight.table(checks))
        if config.scale == "small" and options.data != Options().data:
            print(f"--data is left aside: the small scale makes its own in {options.out / 'data'}", flush=True)
        begin(plan)
        results = _run(plan, lock)
    return _judged(plan, results)


def _data(config: RunConfig) -> list[preflight.Check]:
    """The data's state; the small scale's is made first, where it is not there."""
    checks = preflight.data(config)
    if config.scale == "small" and not preflight.ready(checks):
        from reference_model.reproduce.text import prepare

        prepare(config)
        checks = preflight.data(config)
    return checks


def _show(renderable: RenderableType) -> None:
    from rich.console import Console

    Console().print(renderable)


def _not_ready(checks: Sequence[preflight.Check]) -> int:
    _show(preflight.table(checks))
    missing = [check.what for check in checks if check.state == "missing"]
    return _say(f"not started; missing: {', '.join(dict.fromkeys(missing))}", USAGE)


def _run(plan: Plan, lock: int) -> list[SeedResult]:
    """Runs the seeds and writes the submission."""
    from reference_model.reproduce import submission

    job = Job(plan.folder / "train_gpt.py", plan.work, environment(plan), plan.state.nproc, lock, of_seed(plan.options),
              at_once(plan))  # fmt: skip
    with _display(plan) as display:
        results, _ = run_seeds(job, plan.state, display)
    logs = {result.seed: job.log(result.seed).read_text("utf-8") for result in results}
    options = plan.options
    facts = submission.Facts(
        config=plan.config,
        day=plan.state.date,
        nproc=plan.state.nproc,
        hardware=plan.hardware,
        settings=plan.state.settings,
        versions=preflight.versions(),
        author=options.author,
        github_id=options.github_id,
        at_once=job.at_once,
    )
    submission.write(plan.folder, plan.script, logs, results, facts)
    return results


def _display(plan: Plan) -> Live | Plain:
    from reference_model.reproduce.display import Live, Plain

    budget, compared = plan.config.train.budget_seconds, plan.config.scale == "record"
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return Live(sys.stdout, budget, plan.options.seeds, compared)
    return Plain(sys.stdout, budget, compared)


# --- what came out -------------------------------------------------------------------------------------------------


def _judged(plan: Plan, results: Sequence[SeedResult]) -> int:
    """Shows figures, audit and statistics of the folder; the status is the gravest of caps and audit."""
    from reference_model.reproduce import verdict

    print(verdict.figures(plan.config, results))
    cap = plan.config.quant.artifact_limit_bytes
    over = [result for result in results if result.artifact_bytes > cap]
    at_stake = plan.config.scale == "record"
    status = verdict.audit(plan.folder, plan.work / "audit.txt", at_stake)
    if at_stake:
        verdict.statistics(plan.folder)
    print(f"\nsubmission: {plan.folder}")
    if over:
        sizes = ", ".join(f"seed {r.seed}: {r.artifact_bytes:,} bytes" for r in over)
        return _say(f"the artifact is larger than {cap:,} bytes ({sizes})", FAILED)
    if status != OK:
        return _say("the audit above does not let this pass", status)
    return OK


if __name__ == "__main__":
    sys.exit(main())
