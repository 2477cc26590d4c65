"""What the evaluation trace says to the rules on order: which law a pair of adaptation and score belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditor.findings import Finding, Location, Outcome, Ruling, Step, found, not_checked
from auditor.program.scores import Dependence, dependences, reports_of
from auditor.program.trace import Event, Order, Output, Place, ReportLine, Trace
from auditor.rule import Facts
from auditor.source.excerpt import text_at

SCORE_FIRST = "score-first"


def label(facts: Facts) -> str | None:
    """The name under which the logs print the score; None under a what-if, whose score is another line than theirs."""
    if any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return None
    return next((run.score.label for run in facts.headline if run.score and run.score.label), None)


def pairs(facts: Facts) -> tuple[Dependence, ...]:
    return dependences(facts.program, label(facts))


def kind(pair: Dependence) -> str:
    """The rule that the pair falls under; `SCORE_FIRST` is the legal order."""
    if pair.order is Order.EARLIER:
        return SCORE_FIRST
    if pair.adapt.subject == "tensor":
        if pair.order is Order.OTHER_PASS and pair.repeats is None:
            return "logit-bias-on-val"
        if pair.context_only and not pair.adapt.shared_rows:
            return "slot-context-only"
        return "slot-scored-positions"
    if pair.repeats is not None:
        return "final-epoch-score"
    if pair.order is Order.SAME:
        return "adapt-before-score"
    if pair.scored_first:
        return "two-pass-rescore"
    return "pre-quant-ttt" if pair.saved else "adapt-before-score"


def unreadable(facts: Facts) -> Ruling | None:
    """The ruling where there is no trace to judge."""
    if facts.sources.entry is None or not facts.program.followed:
        why = facts.program.problems[0] if facts.program.problems else "the scored code could not be read"
        return not_checked(f"{why}; a readable script would decide it")
    return None


def judge_pairs(
    facts: Facts,
    rule: str,
    outcome: Outcome,
    say: Callable[[Dependence], str],
    otherwise: str,
    extra: Iterable[Finding] = (),
) -> Ruling:
    """One finding for each adaptation whose relation to a score falls under the rule."""
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: dict[tuple[str, int, int], Finding] = {}
    for pair in pairs(facts):
        if kind(pair) == rule and pair.adapt.place.key not in findings:
            findings[pair.adapt.place.key] = pair_finding(facts, rule, outcome, pair, say(pair))
    return found([*findings.values(), *extra], otherwise)


def pair_finding(facts: Facts, rule: str, outcome: Outcome, pair: Dependence, message: str) -> Finding:
    message += switched_off(facts, pair.adapt, pair.output, pair.report)
    score = pair.output.accumulated or pair.output.place
    steps = [
        at("Adapt", "gradient of a loss over validation tokens", pair.adapt.backward),
        at("Adapt", "the parameters change", pair.adapt.place),
        at("Score", "model output on validation", pair.output.place),
        at("Score", "enters the score", score),
        Step("Report", "printed", pair.report.place.location, shortened(pair.report.text, 70)),
    ]
    return Finding(
        rule,
        outcome,
        message,
        pair.adapt.place.location,
        pair.active,
        tuple(dict.fromkeys(steps)),
        excerpt_of(facts, pair.adapt.place.location),
    )


def event_finding(
    facts: Facts, rule: str, outcome: Outcome, event: Event, report: ReportLine, message: str, what: str
) -> Finding:
    """A finding about one event whose result is reported."""
    steps = (
        at(type(event).__name__, what, event.place),
        Step("Report", "printed", report.place.location, shortened(report.text, 70)),
    )
    states = (event.active, report.active)
    active = False if False in states else None if None in states else True
    message += switched_off(facts, event, report)
    return Finding(rule, outcome, message, event.place.location, active, steps, excerpt_of(facts, event.place.location))


def switched_off(facts: Facts, *events: Event) -> str:
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


def reported(
    facts: Facts, tag: str, keep: Callable[[Event], bool] = lambda event: True
) -> list[tuple[int, ReportLine, Trace]]:
    """The events of one kind that reach the score: (number, report, trace), the active ones first, one for each place.

    Events that run elsewhere in the program, but whose result never reaches the reported score, are left out, and
    so are those that `keep` turns down.
    """
    hits: dict[tuple[str, int, int], tuple[int, ReportLine, Trace]] = {}
    for trace, name in ((facts.program.trace, label(facts)), (facts.program.dormant, None)):
        if trace is None:
            continue
        for report in reports_of(trace, name):
            for t in sorted(t for t in report.tags if t[0] == tag):
                event = events_of(trace, tag)[t[1]]
                dormant = bool(event.off or report.off)
                if dormant == (trace is facts.program.dormant) and keep(event):
                    hits.setdefault(event.place.key, (t[1], report, trace))
    return list(hits.values())


def events_of(trace: Trace, tag: str) -> dict[int, Event]:
    table: dict[str, dict[int, Event]] = {
        "lookup": dict(trace.lookups),
        "chosen": dict(trace.choices),
        "scaled": dict(trace.scales),
        "stacked": dict(trace.stacks),
    }
    return table[tag]


def shortened(text: str, limit: int) -> str:
    """The text on its own, or its start and an ellipsis."""
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def at(event: str, text: str, place: Place) -> Step:
    """A step with the line of code that it is about."""
    return Step(event, text, place.location, line_of(place))


def line_of(place: Place) -> str:
    lines = place.unit.text.splitlines()
    return shortened(lines[place.line - 1], 90) if 0 < place.line <= len(lines) else ""


def excerpt_of(facts: Facts, location: Location) -> str:
    text = text_at(facts.sources, facts.submission, location)
    if text is None or location.line is None:
        return ""
    lines = text.splitlines()
    return "\n".join(lines[location.line - 1 : min(location.end_line or location.line, location.line + 5)])


def function_of(output: Output) -> str:
    return output.place.function or "the module's top level"
