"""Sample scripts, recorded in this process and measured."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import probe_samples as samples

from auditor.probe.job import STEP
from auditor.probe.measure import Claim, Measured, Runs, Stream, measure
from auditor.probe.model import Kind


@functools.cache
def measured(name: str, claim: str = "", assumed: bool = False, foreign: bool = False) -> Measured:
    base, future, target = samples.streams()
    folder = Path(tempfile.mkdtemp())
    again = samples.another(base)
    recordings = [samples.run(name, stream, folder) for stream in (base, base, future, target)]
    stream = Stream(
        base, future, target, samples.FLIP, samples.TARGET, samples.true_bytes(base), samples.VOCABULARY, again
    )  # fmt: skip
    runs = Runs(*recordings)
    once = measure(runs, stream, Claim(claim, assumed, foreign))
    if once.resized:
        runs = replace(runs, resized=samples.run(name, base[:-STEP], folder))
        once = measure(runs, stream, Claim(claim, assumed, foreign))
    if not any("no run with other tokens" in m.reason or "nothing changed" in m.reason for m in once.measurements):
        return once
    return measure(replace(runs, again=samples.run(name, again, folder)), stream, Claim(claim, assumed, foreign))


def of(name: str, kind: Kind, claim: str = "", assumed: bool = False, foreign: bool = False) -> Any:
    return next(m for m in measured(name, claim, assumed, foreign).measurements if m.kind is kind)
