"""golf-reproduce: from a bare machine to an audited submission folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from reference_model.reproduce import preflight, trial
from reference_model.reproduce.options import Options, UsageError, read
from reference_model.reproduce.runner import (
    WEIGHTS,
    Job,
    RunError,
    State,
    digest,
    forget_weights,
    locked,
    run_seeds,
    write_whole,
)

if TYPE_CHECKING:
    from reference_model.config import RunConfig
    from reference_model.reproduce.display import Live, Plain
    from reference_model.reproduce.results import SeedResult

READABLE = "train_gpt_readable.py"  # in the working folder: what a packed script holds, with its comments
OK, FAILED, USAGE, NOT_JUDGED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with _ended_politely():
            options = read(arguments)
            return _fetch(options) if options.command == "data" else _reproduce(options)
    except UsageError as error:
        return _say(str(error), USAGE)
    except RunError as error:
        return _say(str(error), FAILED)
    except KeyboardInterrupt:
        return _say("interrupted; the same command with --resume goes on with what is not finished", INTERRUPTED)
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


@dataclass(frozen=True)
class Plan:
    """A run that has been looked at: what, where, on what."""

    options: Options
    config: RunConfig
    state: State
    script: str
    hardware: str

    @property
    def folder(self) -> Path:
        return self.options.out / self.state.folder

    @property
    def work(self) -> Path:
        return self.options.out / "work"


def _reproduce(options: Options) -> int:
    config = _config(options)
    checks = preflight.examine(config, options.out, options.nproc)
    if not preflight.ready(checks):  # the data of the small scale is made once the rest is there
        return _not_ready(checks + (preflight.data(config) if config.scale == "record" else []))
    with locked(options.out / "work", lambda text: print(text, file=sys.stderr, flush=True)) as lock:
        checks += _data(config)
        if config.scale == "record" and preflight.ready(checks):
            checks += trial.tried(options.nproc or preflight.GPUS, config.train.precision)
        if not preflight.ready(checks):
            return _not_ready(checks)
        _show(preflight.table(checks))
        plan = _plan(options, config)
        results = _run(plan, lock)
    return _judged(plan, results)


def _config(options: Options) -> RunConfig:
    """The scale's configuration with the user's settings. Raises UsageError for a setting that is none."""
    from reference_model.config import SCALES, RunConfig
    from reference_model.reproduce.config_check import checked

    base = SCALES[options.scale]()
    names = {name.upper() for name in base.dump()}
    for name in options.settings:
        if name not in names or name in ("SEED", "SCALE", "DATA_DIR"):
            raise UsageError(f"--set {name}: no setting of that name (the log of a run lists them all)")
    settings = _settings(options)
    folder = options.data if options.scale == "record" else options.out / "data"
    try:
        return checked(RunConfig.from_environment(base, {**settings, "DATA_DIR": str(folder.absolute())}))
    except ValueError as error:
        raise UsageError(f"--set {error}") from None


def _settings(options: Options) -> dict[str, str]:
    """What is changed from the scale's own values, by --set and by the options that stand for settings."""
    from reference_model.reproduce import target

    strict = {"MAX_WALLCLOCK_SECONDS": "0", "ITERATIONS": str(target.USUAL_STEPS), "PACED": target.PACE}
    shards = {} if options.shards is None else {"TRAIN_SHARDS": str(options.shards)}
    return {**(strict if options.strict else {}), **shards, **options.settings}


def _data(config: RunConfig) -> list[preflight.Check]:
    """The data's state; the small scale's is made first, where it is not there."""
    checks = preflight.data(config)
    if config.scale == "small" and not preflight.ready(checks):
        from reference_model.reproduce.text import prepare

        prepare(config)
        checks = preflight.data(config)
    return checks


def _show(renderable: object) -> None:
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=110)).print(renderable)


def _not_ready(checks: Sequence[preflight.Check]) -> int:
    _show(preflight.table(checks))
    missing = [check.what for check in checks if check.state == "missing"]
    return _say(f"not started; missing: {', '.join(dict.fromkeys(missing))}", USAGE)


def _plan(options: Options, config: RunConfig) -> Plan:
    """What is to be run, taken up from the output folder with --resume. Writes script and state."""
    from reference_model.joining.single_file import BuildError, packed, single_file
    from reference_model.reproduce.submission import folder_name

    try:
        readable = single_file()
    except BuildError as error:
        raise RunError(f"train_gpt.py cannot be built: {error}") from None
    script = packed(readable) if options.pack else readable
    settings = _settings(options)
    work = options.out / "work"
    before = State.load(work)
    if before is not None and not options.resume:
        raise UsageError(f"{options.out} holds a run already: --resume goes on with it, --out DIR starts another")
    day = datetime.now(UTC).date().isoformat() if before is None else before.date
    nproc = options.nproc or (preflight.GPUS if config.scale == "record" else 1)
    state = State(
        script=digest(script.encode()),
        scale=config.scale,
        folder=folder_name(config, day, settings),
        date=day,
        nproc=nproc,
        settings=settings,
        seeds=list(options.seeds),
    )
    if before is not None and _different(before, state):
        forget_weights(work)
    if before is not None and before.finished:
        state = _continued(before, state)
    plan = Plan(options, config, state, script, _hardware(config, nproc))
    write_whole(plan.folder / "train_gpt.py", script)
    write_whole(work / READABLE, readable)
    if options.weights is not None:
        _give_weights(options.weights, work / f"seed{options.seeds[0]}" / WEIGHTS)
    state.save(work)
    return plan


def _give_weights(source: Path, place: Path) -> None:
    """Puts the weights where the seed's attempt finds them. Raises UsageError where there are none."""
    if not source.is_file():
        raise UsageError(f"--from-checkpoint {source}: no such file")
    if place.exists() and place.samefile(source):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def _hardware(config: RunConfig, nproc: int) -> str:
    return preflight.hardware(preflight.gpus() if config.scale == "record" else [], nproc)


def _different(before: State, now: State) -> list[str]:
    """What would make a seed another run."""
    return [name for name in ("script", "scale", "nproc", "settings") if getattr(before, name) != getattr(now, name)]


def _continued(before: State, now: State) -> State:
    """The state of a run that goes on. Raises UsageError where finished seeds would not be of the same run."""
    different = _different(before, now)
    if different:
        done = ", ".join(before.finished)
        raise UsageError(f"--resume: {' and '.join(different)} changed since seed {done} was run; --out starts another")
    left_out = [seed for seed in before.finished if int(seed) not in now.seeds]
    if left_out:
        raise UsageError(f"--resume: seed {', '.join(left_out)} has been run and can't be left out")
    return replace(now, finished=before.finished)


def _run(plan: Plan, lock: int) -> list[SeedResult]:
    """Runs the seeds and writes the submission."""
    from reference_model.reproduce import submission, target

    steps = {seed: {"ITERATIONS": str(target.STEPS.get(seed, target.USUAL_STEPS))} for seed in plan.state.seeds}
    of_seed = steps if plan.options.strict and "ITERATIONS" not in plan.options.settings else {}
    job = Job(plan.folder / "train_gpt.py", plan.work, _environment(plan), plan.state.nproc, lock, of_seed)
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
    )
    submission.write(plan.folder, plan.script, logs, results, facts)
    return results


def _environment(plan: Plan, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The script's environment: ours, without stray variables that would change a setting, and with the settings."""
    names = {name.upper() for name in plan.config.dump()}
    kept = {name: value for name, value in (environ or os.environ).items() if name not in names}
    return {
        # Threads that spin while they wait slow each other down manyfold where others use the cores too.
        "OMP_WAIT_POLICY": "PASSIVE",
        **kept,
        **plan.state.settings,
        "SCALE": plan.config.scale,
        "DATA_DIR": plan.config.data.data_dir,
    }


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
