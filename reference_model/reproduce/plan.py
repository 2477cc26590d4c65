"""What is to be run: a command line becomes a configuration, and with the folder's state a plan."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reference_model.reproduce import preflight
from reference_model.reproduce.attempt import WEIGHTS, RunError
from reference_model.reproduce.options import Options, UsageError
from reference_model.reproduce.runner import State, digest, forget_weights, write_whole

if TYPE_CHECKING:
    from reference_model.config import RunConfig

READABLE = "train_gpt_readable.py"  # in the working folder
# Values of a run that its log lists, and that are no settings.
_OTHERWISE = frozenset({"SEED", "SCALE", "DATA_DIR", "DATASETS_DIR", "TRAIN_FILES", "VAL_FILES", "TOKENIZER_PATH"})


@dataclass(frozen=True)
class Plan:
    """A run that has been looked at: what, where, on what."""

    options: Options
    config: RunConfig
    state: State
    script: str
    readable: str  # what a packed script holds, with its comments
    stale: bool  # the folder has weights of a run with another script or other settings
    hardware: str

    @property
    def folder(self) -> Path:
        return self.options.out / self.state.folder

    @property
    def work(self) -> Path:
        return self.options.out / "work"


def configuration(options: Options) -> RunConfig:
    """The scale's configuration with the user's settings. Raises UsageError for a setting that is none."""
    from reference_model.config import SCALES, RunConfig
    from reference_model.reproduce.config_check import checked

    base = SCALES[options.scale]()
    names = {name.upper() for name in base.dump()}
    for name in options.settings:
        if name in _OTHERWISE:
            raise UsageError(f"--set {name}: --seeds, --scale and --data decide that")
        if name not in names:
            raise UsageError(f"--set {name}: no setting of that name (the log of a run lists them all)")
    settings = _settings(options)
    folder = options.data if options.scale == "record" else options.out / "data"
    try:
        config = checked(RunConfig.from_environment(base, {**settings, "DATA_DIR": str(folder.resolve())}))
    except ValueError as error:
        raise UsageError(f"--set {error}") from None
    try:
        config.train.grad_accum_steps(processes(options))
    except ValueError as error:
        raise UsageError(f"--nproc: {error}") from None
    return config


def processes(options: Options) -> int:
    """Of one seed."""
    return options.nproc or (preflight.GPUS if options.scale == "record" else 1)


def _settings(options: Options) -> dict[str, str]:
    """What is changed from the scale's own values, by --set and by the options that stand for settings."""
    from reference_model.reproduce import target

    strict = {"MAX_WALLCLOCK_SECONDS": "0", "ITERATIONS": str(target.USUAL_STEPS), "PACED": target.PACE}
    shards = {} if options.shards is None else {"TRAIN_SHARDS": str(options.shards)}
    return {**(strict if options.strict else {}), **shards, **options.settings}


def planned(options: Options, config: RunConfig) -> Plan:
    """What is to be run, taken up from the output folder with --resume. Changes nothing there.

    Raises UsageError where the folder is of another run.
    """
    from reference_model.joining.single_file import BuildError, packed, single_file
    from reference_model.reproduce.submission import folder_name

    try:
        readable = single_file()
    except BuildError as error:
        raise RunError(f"train_gpt.py cannot be built: {error}") from None
    script = packed(readable) if options.pack else readable
    settings = _settings(options)
    before = State.load(options.out / "work")
    if before is not None and not options.resume:
        raise UsageError(f"{options.out} holds a run already: --resume goes on with it, --out DIR starts another")
    day = datetime.now(UTC).date().isoformat() if before is None else before.date
    nproc = processes(options)
    state = State(
        script=digest(script.encode()),
        scale=config.scale,
        folder=folder_name(config, day, settings),
        date=day,
        nproc=nproc,
        settings=settings,
        seeds=list(options.seeds),
    )
    stale = before is not None and bool(_different(before, state))
    if before is not None and before.finished:
        state = _continued(before, state)
    return Plan(options, config, state, script, readable, stale, _hardware(config, nproc))


def begin(plan: Plan) -> None:
    """Writes script and state into the output folder, and puts the weights where the seed's attempt finds them."""
    if plan.stale:
        forget_weights(plan.work)
    write_whole(plan.folder / "train_gpt.py", plan.script)
    write_whole(plan.work / READABLE, plan.readable)
    source, place = plan.options.weights, plan.work / f"seed{plan.options.seeds[0]}" / WEIGHTS
    if source is not None and not (place.exists() and place.samefile(source)):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    plan.state.save(plan.work)


def of_seed(options: Options) -> dict[int, dict[str, str]]:
    """What a seed's environment has beside the others': with --strict the number of steps that the record's took."""
    from reference_model.reproduce import target

    if not options.strict or "ITERATIONS" in options.settings:
        return {}
    return {seed: {"ITERATIONS": str(target.STEPS.get(seed, target.USUAL_STEPS))} for seed in options.seeds}


def require_weights(options: Options, config: RunConfig) -> None:
    """Raises UsageError for a checkpoint of another training: asked before anything is run or written."""
    from reference_model.config import RunConfig
    from reference_model.training.checkpoint import load

    if options.weights is None:
        return
    (seed,) = options.seeds
    try:
        load(options.weights, RunConfig.from_environment(config, {"SEED": str(seed), **of_seed(options).get(seed, {})}))
    except (OSError, ValueError) as error:
        raise UsageError(f"--from-checkpoint {error}") from None


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


def at_once(plan: Plan) -> int:
    """Seeds to run at the same time: one on GPUs; on the CPU, where a small model keeps few threads busy, several."""
    if plan.config.scale == "record":
        return 1
    return max(1, min(len(plan.state.seeds), 2 * _cores() // plan.state.nproc))


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(plan: Plan, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The script's environment: ours, without stray variables that would change a setting, and with the settings."""
    names = {name.upper() for name in plan.config.dump()}
    share = {} if plan.config.scale == "record" else {"OMP_NUM_THREADS": str(max(1, _cores() // at_once(plan)))}
    kept = {name: value for name, value in (environ or os.environ).items() if name not in names}
    return {
        # Threads that spin while they wait slow each other down manyfold where others use the cores too.
        "OMP_WAIT_POLICY": "PASSIVE",
        **share,
        **kept,
        **plan.state.settings,
        "SCALE": plan.config.scale,
        "DATA_DIR": plan.config.data.data_dir,
    }
