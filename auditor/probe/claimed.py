"""Which of the printed figures is claimed, and where its witnesses are in the text."""

from __future__ import annotations

import re
from dataclasses import replace

from auditor.findings import Location
from auditor.probe.measure import Claim
from auditor.probe.model import Measurement, Witness
from auditor.probe.settle import layer_of
from auditor.rule import Facts
from auditor.runs.model import Run

_REPEATED = 5e-4  # bits per byte: a figure that was repeated with fewer digits
_CLAIMED = 0.01  # of a figure: by as much seeds of one submission may differ from what it claims, their mean


def claimed(facts: Facts) -> Claim:
    """The headline's figure; under what-if values it is the last one, the figure that they lead to."""
    if any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return Claim()
    label = next((_headline(run, facts) for run in facts.headline if run.score is not None), "")
    return Claim(label, assumed=not label, foreign=bool(label) and not _is_printed(label, facts))


def _headline(run: Run, facts: Facts) -> str:
    """The label of a log's result; of another of its figures, where that is what is claimed and the result is not.

    A line that another program wrote, as it repeated the result, begins otherwise than the script has it.
    """
    claim, score = facts.claims.val_bpb, run.score
    assert score is not None
    if score.val_bpb is not None and not _is_printed(score.label, facts):
        figures = [
            e for e in run.evaluations if e.step is None and e.val_bpb is not None and _is_printed(e.label, facts)
        ]
        same = [e for e in figures if abs((e.val_bpb or 0.0) - score.val_bpb) < _REPEATED]
        score = same[-1] if same else score
    if claim is None or not claim.value or score.val_bpb is None or abs(score.val_bpb / claim.value - 1) < _CLAIMED:
        return score.label
    others = [e for e in run.evaluations if e.step is None and e.label and e.val_bpb is not None]
    near = min(others, key=lambda e: abs((e.val_bpb or 0.0) - claim.value), default=score)
    return near.label if abs((near.val_bpb or 0.0) / claim.value - 1) < _CLAIMED else score.label


def _is_printed(label: str, facts: Facts) -> bool:
    """Whether its beginning, up to the first digit, stands in the script."""
    start = re.split(r"\d", label, maxsplit=1)[0].strip()
    return not start or any(start in unit.text for unit in facts.sources.units)


def placed(facts: Facts, measurement: Measurement) -> Measurement:
    """Witnesses at their lines in the decoded text of the unit, as the findings of the static analysis are."""
    return replace(measurement, witnesses=tuple(_of_unit(facts, w) for w in measurement.witnesses))


def _of_unit(facts: Facts, witness: Witness) -> Witness:
    place = witness.location
    if place is None:
        return witness
    layer = layer_of(facts, place.path)
    return replace(witness, location=Location(place.path, place.line, place.end_line, layer))
