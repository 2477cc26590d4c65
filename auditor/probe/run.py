"""The probe of one submission: a run that settles, the same again, one with another future, one with another target."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from auditor.findings import Location
from auditor.probe.measure import Claim, Measured, Runs, Stream, measure
from auditor.probe.model import Attempt, Isolation, Measurement, Probe, Witness
from auditor.probe.record import Recording, read
from auditor.probe.runner import Run, Runner
from auditor.probe.sandbox import Broken, Refused
from auditor.probe.scene import NoTokenizer
from auditor.probe.settle import Settled, layer_of, settle
from auditor.rule import Facts

Progress = Callable[[str], None]
_SHARE = 0.6  # of the time for the runs of the base stream: the three others take as long as the one that settled
_COMPARED = (("null", "base"), ("future", "future"), ("target", "target"))  # run, stream


def probe(facts: Facts, *, unsafe: bool = False, seconds: float = 120.0, progress: Progress | None = None) -> Probe:
    """Runs the submission small and measures it. `seconds` of wall clock for all runs together."""
    if facts.sources.entry is None:
        return Probe("failed", "no script was found that could be run")
    start = time.monotonic()
    try:
        with Runner(facts.submission, unsafe=unsafe) as runner:
            settled = settle(runner, facts, seconds * _SHARE, what="base run", progress=progress)
            return _probed(runner, facts, settled, start + seconds, progress)
    except Refused as error:
        return Probe("refused", str(error))
    except NoTokenizer as error:
        return Probe("failed", str(error))
    except Broken as error:
        return Probe("failed", f"the sandbox did not start: {error}")


def _probed(runner: Runner, facts: Facts, settled: Settled, deadline: float, progress: Progress | None) -> Probe:
    attempts, absent = settled.attempts, settled.run.account.absent
    if settled.run.error:
        return _failed(settled.run.error, runner.isolation, attempts, absent)
    base = _recording(settled.run)
    if isinstance(base, str):
        return _failed(base, runner.isolation, attempts, absent)
    found, missing = _others(runner, settled, deadline, progress)
    measured = _measure(facts, settled, Runs(base, **found, missing=missing))
    return Probe(
        "ran", "", runner.isolation, attempts,
        tuple(_placed(facts, m) for m in measured.measurements), absent, measured.labels,
        len(settled.workspace.streams.base), measured.losses_recorded,
    )  # fmt: skip


def _failed(reason: str, isolation: Isolation, attempts: tuple[Attempt, ...], absent: tuple[str, ...]) -> Probe:
    return Probe("failed", f"it did not run to its end: {reason}", isolation, attempts, absent=absent)


def _others(
    runner: Runner, settled: Settled, deadline: float, progress: Progress | None
) -> tuple[dict[str, Recording], dict[str, str]]:
    """The runs that are compared with the base, and why one is missing."""
    found: dict[str, Recording] = {}
    missing: dict[str, str] = {}
    for name, stream in _COMPARED:
        left = deadline - time.monotonic()
        if left <= 1:
            missing[name] = "no time was left"
            continue
        if progress is not None:
            progress(f"{name} run")
        run = runner.run(settled.made, settled.workspace, stream, left)
        recording: Recording | str = run.error or _recording(run)
        if isinstance(recording, str):
            missing[name] = recording
        else:
            found[name] = recording
    return found, missing


def _recording(run: Run) -> Recording | str:
    """What was recorded, or why it can't be trusted."""
    try:
        return read(run.recorded)
    except ValueError as error:
        return f"what was recorded is not whole: {error}"


def _measure(facts: Facts, settled: Settled, runs: Runs) -> Measured:
    streams = settled.workspace.streams
    stream = Stream(
        streams.base, streams.future, streams.target, streams.P, streams.Q, streams.bytes_,
        settled.made.layout.vocabulary,
    )  # fmt: skip
    return measure(runs, stream, _claimed(facts))


def _claimed(facts: Facts) -> Claim:
    """The headline's figure; under what-if values it is the last one, the figure that they lead to."""
    if any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return Claim()
    label = next((run.score.label for run in facts.headline if run.score is not None), "")
    return Claim(label, assumed=not label)


def _placed(facts: Facts, measurement: Measurement) -> Measurement:
    """Witnesses at their lines in the decoded text of the unit, as the findings of the static analysis are."""
    return replace(measurement, witnesses=tuple(_of_unit(facts, w) for w in measurement.witnesses))


def _of_unit(facts: Facts, witness: Witness) -> Witness:
    place = witness.location
    if place is None:
        return witness
    layer = layer_of(facts, place.path)
    return replace(witness, location=Location(place.path, place.line, place.end_line, layer))
