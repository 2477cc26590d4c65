"""How a rule shows what the program answered: at the place, with the events behind it and whether it runs."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Step
from auditor.program.module import Seen
from auditor.program.place import Place
from auditor.program.recipe import Node
from auditor.program.scores import Dependence
from auditor.program.syntax import both
from auditor.program.trace import Adapt, Event, ReportLine
from auditor.rule import Facts
from auditor.source.excerpt import line_at, shortened

_CODE, _PRINTED = 90, 70  # characters of a line that a step quotes


def shown(
    rule: str,
    outcome: Outcome,
    seen: Seen,
    message: str,
    *,
    also: bool | None = True,
    trace: tuple[Step, ...] = (),
) -> Finding:
    """A finding in the code; active where the code runs and `also` holds."""
    return Finding(rule, outcome, message, seen.place.location, both(seen.active, also), trace)


def pair_finding(facts: Facts, rule: str, outcome: Outcome, pair: Dependence, message: str) -> Finding:
    """A finding about an adaptation and a score that depends on it."""
    message += _switched_off(facts, pair.adapt, pair.output, pair.report)
    steps = (
        *_adapted(pair.adapt),
        _step("Score", "model output on validation", pair.output.place),
        _step("Score", "enters the score", pair.output.accumulated or pair.output.place),
        _printed(pair.report),
    )
    return Finding(rule, outcome, message, pair.adapt.place.location, pair.active, tuple(dict.fromkeys(steps)))


def _adapted(adapt: Adapt) -> tuple[Step, ...]:
    if adapt.chosen:
        return (_step("Adapt", "losses on validation tokens say which weights are kept", adapt.place),)
    if adapt.steered:
        said = f"losses on validation tokens say of the weights {adapt.steered}"
        return (_step("Adapt", said, adapt.place),)
    if adapt.statistics:
        return (_step("Adapt", "what was summed up over validation tokens goes into the weights", adapt.place),)
    return (
        _step("Adapt", "gradient of a loss over validation tokens", adapt.backward),
        _step("Adapt", "the parameters change", adapt.place),
    )


def event_finding(
    facts: Facts, rule: str, outcome: Outcome, event: Event, report: ReportLine, message: str, what: str
) -> Finding:
    """A finding about one event whose result is reported."""
    steps = (_step(type(event).__name__, what, event.place), _printed(report))
    message += _switched_off(facts, event, report)
    return Finding(rule, outcome, message, event.place.location, both(event.active, report.active), steps)


def formula_finding(
    rule: str, line: ReportLine, node: Node, message: str, what: str, outcome: Outcome = Outcome.VIOLATION
) -> Finding | None:
    """What the formula of a printed figure shows at one of its steps; None where that has no place."""
    if node.place is None or line.off:
        return None
    steps = (Step("Score", what, node.place.location), Step("Report", "the figure is printed", line.place.location))
    return Finding(rule, outcome, message, node.place.location, line.active, steps)


def _step(event: str, text: str, place: Place) -> Step:
    """A step with the line of code that it is about."""
    return Step(event, text, place.location, line_at(place.unit.text, place.line, _CODE))


def _printed(report: ReportLine) -> Step:
    return Step("Report", "printed", report.place.location, shortened(report.text, _PRINTED))


def _switched_off(facts: Facts, *events: Event) -> str:
    names = sorted(name for name in frozenset().union(*(e.off for e in events)) if name != "?")
    names = [n for n in names if n in facts.configuration.settings] or names
    if not any(e.off for e in events):
        return ""
    silent = {name: proof.log for proof in facts.program.proofs if proof.log_line == 0 for name in proof.switches}
    said = ", ".join(
        f"{silent[name]} has none of its lines" if name in silent else facts.configuration.describe(name)
        for name in names[:3]
    )
    return f"; it does not run: {said}" if said else "; it does not run"
