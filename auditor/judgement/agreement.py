"""What the code says against what the probe saw: one mechanism for every rule.

A rule says in its metadata (`Rule.behaviour`) what a run would show of it; nothing here knows a rule by name.
A witness becomes a step of the finding that it confirms, or a finding of its own where the code gave none.

The law, as far as a witness touches it:

- A witness is a fact about one run: the score of a position changed with what the prediction may not know, or was
  counted twice, or what other tokens there would have been scored with is more than a distribution gives. That breaks
  a condition of issue 1017, which the maintainers' audit notes rule by, so it is a
  violation, whichever way the code does it.
- A finding that is `disputed` from the code (SLOT on scored positions) becomes a violation with it. What is argued in
  issue 1336 is whether a delta may be fitted to context that is already scored; nobody argues that a prediction may
  depend on its own token. Reading leaves open on which side of that line the code is, the witness does not.
- Where the law itself is argued, a witness changes nothing of that: `Behaviour.argued` keeps the outcome.
- A violation takes a score that is known to enter the reported number. Where this could not be told, a finding from
  the code is confirmed and keeps its outcome, and without one there is no more than a warning.
- A measurement that holds takes nothing back: the run was small, and switches, learning rates and sizes that matter may
  have been shrunk. The finding stands, and the report says that the probe did not confirm it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from auditor.findings import Finding, Location, Outcome, Ruling, Step
from auditor.judgement.witnessed import say
from auditor.probe.model import Condition, Holds, Kind, Measurement, Probe, Witness
from auditor.rule import Behaviour, Facts, Rule
from auditor.source.excerpt import text_at

WITNESS = "Witness"  # the event of a step that the probe adds
_DECIDING = (Outcome.VIOLATION, Outcome.DISPUTED)
_CODE = 90  # characters of a line that a step quotes
_BY_CODE = "from the code alone"
CONDITIONS: Mapping[Condition, str] = {
    "C1": "a prediction depends on what comes before it alone",
    "C2": "what a prediction gives to all tokens together is 1",
    "C3": "a position is scored before anything is updated with it",
    "C4": "a position is scored once",
}


class Stand(StrEnum):
    """How the two kinds of evidence stand to each other."""

    CONFIRMED = "confirmed"  # found in the code, and seen
    SHARED = "not told apart"  # found in the code; what was seen is another finding's as well, and counted there
    NOT_CONFIRMED = "not confirmed"  # found in the code, not seen
    ALONE = "found by the probe alone"
    CLEAN = "clean by both"
    HELD = "held, by the probe alone"  # the code could not be judged
    NOT_CHECKED = "not checked by the probe"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row: `subject` is a rule of a finding, or a condition without one."""

    subject: str
    stand: Stand
    text: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What the probe found of one condition; or of one measurement, where that breaks none (`condition` is None)."""

    condition: Condition | None
    seen: tuple[tuple[Measurement, Witness | None], ...]

    @property
    def key(self) -> Condition | Kind:
        return self.condition or self.seen[0][0].kind

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(m.kind for m, _ in self.seen)

    @property
    def reported(self) -> bool | None:
        """Whether something of it is known to enter the reported number; None where no one can tell."""
        said = {m.reported for m, _ in self.seen}
        return True if True in said else None if None in said else False

    @property
    def location(self) -> Location | None:
        return next((w.location for _, w in self.seen if w and w.location), None)

    def speaks_of(self, behaviour: Behaviour) -> bool:
        if not self.kinds & set(behaviour.shown_by):
            return False
        return self.condition in behaviour.breaks if self.condition else True


_Place = tuple[str, int]  # rule, number of the finding in its ruling


def weigh(
    facts: Facts, rules: Sequence[Rule], rulings: Mapping[str, Ruling]
) -> tuple[dict[str, Ruling], tuple[Agreement, ...]]:
    """The rulings with what the probe adds, and how the two stand to each other. Without a probe: as they were."""
    probe = facts.probe
    done = dict(rulings)
    if probe is None:
        return done, ()
    behaviours = {rule.id: rule.behaviour for rule in rules if rule.behaviour}
    cases = _cases(probe) if probe.status == "ran" else ()
    confirmed: dict[_Place, None] = {}
    rows: list[Agreement] = []
    for case in cases:
        places = _best(case, rulings, behaviours)
        if places and case.reported is not False:
            for name, number in places:
                done[name] = _with_witness(facts, done[name], number, case, behaviours[name].argued)
            confirmed |= dict.fromkeys(places)
            continue
        rule = next((name for name, b in behaviours.items() if case.key in b.stands_for), None)
        if rule in done:
            finding = _alone(facts, rule, case)
            done[rule] = _added(done[rule], finding)
            rows.append(Agreement(rule, Stand.ALONE, _counted(case)))
    rows = [*_of_findings(probe, cases, rulings, behaviours, confirmed), *rows]
    touched = {c for c in (case.condition for case in cases) if c}
    clean, done = _of_conditions(probe, done, behaviours, touched)
    return done, (*rows, *clean)


# --- what the probe found ------------------------------------------------------------------------------------------


def _cases(probe: Probe) -> tuple[_Case, ...]:
    seen: dict[Condition | Kind, list[tuple[Measurement, Witness | None]]] = {}
    for measurement in probe.measurements:
        if measurement.holds is not Holds.NO:
            continue
        for witness in measurement.witnesses:
            seen.setdefault(witness.condition, []).append((measurement, witness))
        if not measurement.witnesses:
            seen.setdefault(measurement.kind, []).append((measurement, None))
    return tuple(_Case(_condition(key), tuple(found)) for key, found in seen.items())


def _condition(key: Condition | Kind) -> Condition | None:
    return None if isinstance(key, Kind) else key


def _best(case: _Case, rulings: Mapping[str, Ruling], behaviours: Mapping[str, Behaviour]) -> list[_Place]:
    """The finding from the code that explains the case best: by the line that took the score, then by gravity.

    One, because a run that breaks a condition does not say which of two practices breaks it; with those that other
    rules have of the same line, since these are the same practice under another name.
    """
    found = [
        ((not _at(finding, case), finding.outcome.rank, finding.active is None), (rule, number))
        for rule, number, finding in _findings(rulings, behaviours)
        if case.speaks_of(behaviours[rule])
    ]
    if not found:
        return []
    best = min(found)[1]
    same = rulings[best[0]].findings[best[1]].location
    return [best] + [
        p for _, p in sorted(found) if p != best and same and rulings[p[0]].findings[p[1]].location == same
    ]


def _findings(rulings: Mapping[str, Ruling], behaviours: Mapping[str, Behaviour]) -> Iterator[tuple[str, int, Finding]]:
    """The findings from the code that a run could show, of code that runs or may run."""
    for rule in sorted(behaviours):
        for number, finding in enumerate(rulings[rule].findings if rule in rulings else ()):
            if finding.active is not False and finding.outcome in _DECIDING:
                yield rule, number, finding


def _at(finding: Finding, case: _Case) -> bool:
    """Whether a step of the finding is at a line that took one of the scores."""
    places = [step.location for step in finding.trace] + ([finding.location] if finding.location else [])
    lines = [w.location for _, w in case.seen if w and w.location]
    return any(
        (p.path, p.layer) == (at.path, at.layer) and p.line and at.line and p.line <= at.line <= (p.end_line or p.line)
        for p in places
        for at in lines
    )


# --- what it does to a ruling --------------------------------------------------------------------------------------


def _with_witness(facts: Facts, ruling: Ruling, number: int, case: _Case, argued: str) -> Ruling:
    old = ruling.findings[number]
    settled = case.condition is not None and case.reported is True and not argued
    raised = settled and old.outcome is Outcome.DISPUTED
    if raised and case.condition:
        note = f"; the probe shows condition {case.condition[1:]} broken by it"
    else:
        note = "; the probe confirms it" + (f" ({argued})" if argued and old.outcome is Outcome.DISPUTED else "")
    new = replace(
        old,
        outcome=Outcome.VIOLATION if raised else old.outcome,
        message=old.message if note in old.message else old.message + note,
        active=True,
        trace=(*old.trace, *_steps(facts, case, old.location)),
    )
    findings = (*ruling.findings[:number], new, *ruling.findings[number + 1 :])
    outcome = min(ruling.outcome, new.outcome, key=lambda o: o.rank)
    reason = new.message if raised or ruling.reason == old.message else ruling.reason
    return Ruling(outcome, reason, findings)


def _alone(facts: Facts, rule: str, case: _Case) -> Finding:
    sure = case.condition is not None and case.reported is True
    message = "the probe: " + _seen(case)
    if case.reported is False:
        message += "; that score is none of the reported number"
    elif case.reported is None and case.condition:
        message += "; it could not be told whether that score enters the reported number"
    return Finding(
        rule,
        Outcome.VIOLATION if sure else Outcome.WARNING,
        message,
        case.location,
        trace=_steps(facts, case, case.location),
    )


def _added(ruling: Ruling, finding: Finding) -> Ruling:
    graver = finding.outcome.rank < ruling.outcome.rank
    return Ruling(
        finding.outcome if graver else ruling.outcome,
        finding.message if graver else ruling.reason,
        (*ruling.findings, finding),
    )


def _steps(facts: Facts, case: _Case, otherwise: Location | None) -> tuple[Step, ...]:
    entry = facts.sources.entry
    default = otherwise or (Location(entry.path, None, None, entry.layer) if entry else None)
    steps = []
    first = {measurement.kind: (measurement, witness) for measurement, witness in reversed(case.seen)}
    for measurement, witness in reversed(first.values()):  # one of each measurement says more than three of one
        location = (witness.location if witness else None) or default
        if location is not None:
            text = say(witness) if witness else measurement.reason
            code = _line(facts, witness.location) if witness and witness.location else ""
            steps.append(Step(WITNESS, text, location, code))
    return tuple(steps)


def _line(facts: Facts, location: Location) -> str:
    text = text_at(facts.sources, facts.submission, location)
    lines = text.splitlines() if text else []
    line = lines[location.line - 1].strip() if location.line and location.line <= len(lines) else ""
    return line if len(line) <= _CODE else line[: _CODE - 1] + "…"


# --- in words ------------------------------------------------------------------------------------------------------


def _seen(case: _Case) -> str:
    """A case in one sentence: the first witness, and how many scores changed with it."""
    witness = case.seen[0][1]
    said = f"{say(witness)}; {_counted(case)}" if witness else _counted(case)
    return said + ("; an update with these tokens came before that score" if case.condition == "C3" else "")


def _counted(case: _Case) -> str:
    measurement = case.seen[0][0]
    if case.condition is None:
        return measurement.reason
    if case.condition == "C2":
        return f"C2, {measurement.reason}"
    counted = f"{case.condition}, {measurement.changed:,} of {measurement.compared:,}"
    if case.condition == "C4":
        return f"{counted} positions enter the reported number more than once"
    return f"{counted} scores before the change are others"


# --- agreement -----------------------------------------------------------------------------------------------------


def _of_findings(
    probe: Probe,
    cases: Sequence[_Case],
    rulings: Mapping[str, Ruling],
    behaviours: Mapping[str, Behaviour],
    confirmed: Mapping[_Place, None],
) -> list[Agreement]:
    """One row for each rule that found something in the code, its best stand."""
    rows: dict[str, Agreement] = {}
    for rule, number, _ in _findings(rulings, behaviours):
        known = [case for case in cases if case.speaks_of(behaviours[rule]) and case.reported is not False]
        if (rule, number) in confirmed:
            rows[rule] = Agreement(rule, Stand.CONFIRMED, "; ".join(_counted(case) for case in known))
        elif rule not in rows and known:
            others = sorted({other for other, _ in confirmed})
            text = f"the run breaks its condition, which {' and '.join(others)} explains as well"
            rows[rule] = Agreement(rule, Stand.SHARED, text)
        elif rule not in rows:
            rows[rule] = _unconfirmed(probe, rule, behaviours[rule])
    return list(rows.values())


def _no_result(probe: Probe) -> str:
    return "the probe did not run" if probe.status == "refused" else "the probe came to no result"


def _unconfirmed(probe: Probe, rule: str, behaviour: Behaviour) -> Agreement:
    if probe.status != "ran":
        return Agreement(rule, Stand.NOT_CHECKED, _no_result(probe))
    if behaviour.blind:
        return Agreement(rule, Stand.NOT_CHECKED, f"the measurements say nothing of it: {behaviour.blind}")
    measured = [m for kind in behaviour.shown_by if (m := probe.find(kind))]
    held = [m for m in measured if m.holds is Holds.YES and m.reported is not False]
    if held and held[0] is measured[0]:  # the others alone see too little
        counted = "; ".join(
            f"{m.kind}: {m.reason if m.kind is Kind.EXCHANGE else f'{m.compared:,} compared, none changed'}"
            for m in held
        )
        return Agreement(rule, Stand.NOT_CONFIRMED, f"{counted}; the finding stands on the code")
    aside = [f"{m.kind} is of no reported score" for m in measured if m.reported is False]
    reasons = list(dict.fromkeys(m.reason for m in measured if m.holds is Holds.UNKNOWN and m.reason))
    return Agreement(rule, Stand.NOT_CHECKED, "; ".join(aside + reasons) or "no measurement speaks of it")


def _of_conditions(
    probe: Probe, rulings: dict[str, Ruling], behaviours: Mapping[str, Behaviour], touched: set[Condition]
) -> tuple[list[Agreement], dict[str, Ruling]]:
    """A row for each condition that neither the code nor the probe shows broken; and what it means for its rule."""
    if probe.status != "ran":
        note = _no_result(probe)
        rows = [Agreement(", ".join(CONDITIONS), Stand.NOT_CHECKED, f"judged {_BY_CODE}; {note}")]
        standing = [name for name, b in behaviours.items() if set(CONDITIONS) & set(b.stands_for)]
        return rows, _noted(rulings, standing, f"; {_BY_CODE}: {note}")
    charged = {c for rule, _, _ in _findings(rulings, behaviours) for c in behaviours[rule].breaks} | touched
    rows, done = [], dict(rulings)
    for condition, words in CONDITIONS.items():
        rule = next((name for name, b in behaviours.items() if condition in b.stands_for), None)
        if condition in charged or rule is None or rule not in done:
            continue
        held = _held(probe, behaviours[rule].shown_by)
        ruling = done[rule]
        if held is None:
            first = next((m for kind in behaviours[rule].shown_by if (m := probe.find(kind))), None)
            why = first.reason if first and first.reason else "the probe could not measure it"
            if first and first.holds is Holds.NO:
                why += ", too few to be a second pass" if condition == "C4" else ", without a witness"
            rows.append(Agreement(condition, Stand.NOT_CHECKED, f"{words}; judged {_BY_CODE}: {why}"))
            note = f"; {_BY_CODE}: {why}"
        else:
            judged = ruling.outcome in (Outcome.PASS, Outcome.WARNING)
            rows.append(Agreement(condition, Stand.CLEAN if judged else Stand.HELD, f"{words}: {held}"))
            note = f"; the probe saw none either: {held}"
        done = _noted(done, [rule], note)
    return rows, done


def _noted(rulings: dict[str, Ruling], rules: Iterable[str], note: str) -> dict[str, Ruling]:
    """What the probe adds to the reason of a pass."""
    passed = {name: rulings[name] for name in rules if name in rulings and rulings[name].outcome is Outcome.PASS}
    return rulings | {name: replace(ruling, reason=ruling.reason + note) for name, ruling in passed.items()}


def _held(probe: Probe, kinds: Iterable[Kind]) -> str | None:
    """What was compared, where the first of the measurements holds; None otherwise."""
    first = next((m for kind in kinds if (m := probe.find(kind))), None)
    if first is None or first.holds is not Holds.YES or first.reported is False:
        return None
    if first.kind is Kind.EXCHANGE:
        return f"{first.kind}, {first.reason}"
    unit = "positions" if first.kind is Kind.SCORE_COUNT else "scores"
    return f"{first.kind}, {first.compared:,} {unit}, {first.changed:,} changed"
