"""Facts and rules become a report: every rule has an outcome, the most severe one decides. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from auditor.claims import Claims
from auditor.config import Configuration
from auditor.findings import Finding, Outcome, Ruling
from auditor.judgement.agreement import weigh
from auditor.judgement.gravity import decisive, ordered, together
from auditor.judgement.model import Cap, Report, RuleOutcome, Said, Verdict
from auditor.limits.model import describe
from auditor.probe.model import Holds, Kind, Probe
from auditor.program.coverage import bounded_list
from auditor.program.recipe.formula import Formula
from auditor.program.recipe.spine import bends, is_of_sizes
from auditor.program.scores import unfollowed
from auditor.rule import Facts, Rule
from auditor.runs import Run
from auditor.runs.unread import named_like_a_log, not_understood, unread_logs
from auditor.source import Sources
from auditor.source.excerpt import quote
from auditor.submission import Submission

_DECIDING = {Outcome.VIOLATION: Verdict.VIOLATION, Outcome.DISPUTED: Verdict.DISPUTED}


@dataclass(frozen=True, slots=True)
class Budgets:
    """The numbers of the challenge that a report is measured against; they come with the rules.

    `validation_bytes` is the size of the whole validation set, None where not known. `ruleset` is the ISO
    date of the rules. `shown_bpb`: below so many bits per byte nothing has been shown to be legal, None: no such bound.
    """

    artifact_bytes: int
    train_seconds: float
    eval_seconds: float
    validation_bytes: float | None = None
    ruleset: str = ""
    shown_bpb: float | None = None


def judge(
    facts: Facts,
    rules: Sequence[Rule],
    budgets: Budgets,
    *,
    evaluation: str = "",
    recipe: Formula | None = None,
    said: Sequence[Said] = (),
) -> Report:
    """Run every rule over the facts. A rule that raises gets the outcome `error`; the others are not affected.

    `evaluation` is the paragraph that says how the score is made, `recipe` its formula, `said` what the maintainers
    did with the submission.
    """
    outcomes: list[RuleOutcome] = []
    findings: list[Finding] = []
    rulings, agreement = weigh(facts, rules, {rule.id: _apply(rule, facts) for rule in rules})
    gap = _gap(facts)
    unset = not facts.runs and any(f.unread for f in facts.submission.files if named_like_a_log(f.path))
    for rule in sorted(rules, key=lambda r: r.id):
        ruling = rulings[rule.id]
        if gap and rule.behaviour is not None and ruling.outcome is Outcome.PASS:
            ruling = replace(ruling, outcome=Outcome.NOT_CHECKED, reason=gap)  # what was not understood is no pass
        if unset and rule.class_ == "score" and ruling.outcome in _DECIDING:
            ruling = _by_defaults(ruling)
        outcomes.append(RuleOutcome(rule.id, ruling.outcome, ruling.reason, rule.class_))
        findings += (_completed(finding, rule, facts) for finding in ruling.findings)
    rows = decisive(outcomes, rules)
    not_judged = not_judged_because(facts, outcomes, recipe, budgets.shown_bpb)
    verdict, because = _verdict(rows, outcomes, not_judged)
    files = (*facts.submission.by_path, *(run.log for run in facts.runs))
    return replace(
        _frame(facts.submission, rules, budgets),
        claims=facts.claims,
        runs=facts.runs,
        headline=facts.headline,
        sources=facts.sources,
        configuration=facts.configuration,
        verdict=verdict,
        verdict_because=because,
        not_judged=not_judged,
        verdict_class=rows[0].class_ if rows else None,
        said=tuple(said),
        outcomes=tuple(outcomes),
        findings=ordered(together(findings, files), rules),
        caps=caps(facts.headline, facts.claims, budgets),
        evaluation=evaluation,
        recipe=recipe,
        significance=facts.significance,
        probe=facts.probe,
        agreement=agreement,
    )


def unloaded(submission: Submission, reason: str, rules: Sequence[Rule], budgets: Budgets) -> Report:
    """The report of a submission that could not be loaded or whose audit broke off: nothing was checked."""
    by_id = sorted(rules, key=lambda rule: rule.id)
    outcomes = tuple(RuleOutcome(rule.id, Outcome.NOT_CHECKED, reason, rule.class_) for rule in by_id)
    return replace(_frame(submission, rules, budgets), verdict_because=reason, not_judged=reason, outcomes=outcomes)


def _frame(submission: Submission, rules: Sequence[Rule], budgets: Budgets) -> Report:
    """A report without results."""
    return Report(
        submission=submission,
        claims=Claims(),
        runs=(),
        sources=Sources(None, (), ()),
        configuration=Configuration(),
        verdict=Verdict.INCONCLUSIVE,
        verdict_because="",
        outcomes=(),
        findings=(),
        ruleset=budgets.ruleset,
        titles={rule.id: rule.title for rule in rules},
        references={rule.id: rule.sources[0].url for rule in rules if rule.sources},
        criteria={rule.id: rule.criterion for rule in rules},
        classes={rule.id: rule.class_ for rule in rules},
        canonical_bytes=budgets.validation_bytes,
    )


def _apply(rule: Rule, facts: Facts) -> Ruling:
    try:
        ruling = rule.check(facts)
        if not isinstance(ruling, Ruling):
            raise TypeError(f"the check returned {type(ruling).__name__}, not a Ruling")
    except MemoryError:
        raise  # the audit's limit, not the rule's failure
    except Exception as error:
        return Ruling(Outcome.ERROR, f"the rule failed: {describe(error)}")
    return ruling


def _by_defaults(ruling: Ruling) -> Ruling:
    """What stands on the code's defaults alone, because the logs that say what was switched on are not here."""
    reason = f"by the code's defaults, {ruling.reason}; the logs that say what was switched on could not be read"
    findings = tuple(replace(finding, outcome=Outcome.WARNING) for finding in ruling.findings)
    return replace(ruling, outcome=Outcome.NOT_CHECKED, reason=reason, findings=findings)


def _completed(finding: Finding, rule: Rule, facts: Facts) -> Finding:
    """The finding with its rule's remedy and the lines that it points to, where it brought none."""
    excerpt = finding.excerpt
    if not excerpt and finding.location is not None:
        excerpt = "\n".join(line.text for line in quote(facts.sources, facts.submission, finding.location))
    return replace(finding, excerpt=excerpt, remedy=finding.remedy or rule.remedy)


def _verdict(rows: Sequence[RuleOutcome], outcomes: Sequence[RuleOutcome], not_judged: str) -> tuple[Verdict, str]:
    """The verdict and one sentence that says what it rests on. `rows`: those that decide, the gravest first."""
    if rows:
        hits = [row for row in rows if row.outcome is rows[0].outcome]
        others = f" (and {', '.join(row.rule for row in hits[1:])})" if len(hits) > 1 else ""
        return _DECIDING[hits[0].outcome], f"{hits[0].rule}: {hits[0].reason}{others}"
    if not_judged:
        return Verdict.INCONCLUSIVE, not_judged
    unchecked = sum(o.outcome is Outcome.NOT_CHECKED for o in outcomes)
    warned = sum(o.outcome is Outcome.WARNING for o in outcomes)
    tail = f"; {unchecked} could not be checked" if unchecked else ""
    tail += f"; {warned} warned" if warned else ""
    return Verdict.CLEAN, f"none of the {len(outcomes)} rules found a violation or a disputed practice{tail}"


def not_judged_because(
    facts: Facts, outcomes: Iterable[RuleOutcome], recipe: Formula | None = None, shown_bpb: float | None = None
) -> str:
    """Why a report without findings must not be called clean; empty when it may be."""
    sources, program = facts.sources, facts.program
    for problem in sources.problems:
        if problem.decisive:
            place = f"{problem.path}:{problem.line}" if problem.line else problem.path
            return f"the scored code could not be read: {place}: {problem.message}"
    if sources.entry is None:
        return f"the scored code could not be read: {sources.entry_because or 'no training script was found'}"
    if not program.followed:
        return f"the scored code could not be followed: {'; '.join(program.problems[:1]) or 'no reason given'}"
    if gap := _gap(facts) or _other(facts, recipe) or _unsettled(facts):
        return gap
    shipped = facts.submission.named("submission.json")
    if shipped is not None and shipped.unread:
        return f"the claim could not be read: {shipped.path}: {shipped.unread}"
    if shipped is not None and not facts.claims.raw:
        return "the claim could not be read: submission.json holds no JSON object with a field in it"
    readme = facts.submission.named("README.md")
    if readme is not None and readme.unread:
        return f"the README could not be read: {readme.path}: {readme.unread}"
    for message in unread_logs(facts.submission):
        return f"a log could not be read: {message}"
    for run in facts.headline:
        if "settings" in run.unread:
            return f"the settings of a run could not be read: {run.log}: {run.problems[-1]}"
    if facts.submission.not_listed:
        return f"the folder could not be read as a whole: {facts.submission.not_listed}"
    if not facts.runs and (odd := not_understood(facts.submission)):
        return f"a log could not be read: {odd[0]}: no line of it is understood"
    for row in outcomes:
        if row.outcome is Outcome.ERROR:
            return f"the rule {row.rule} could not be applied: {row.reason}"
    return _beyond(facts, shown_bpb)


def _beyond(facts: Facts, shown_bpb: float | None) -> str:
    """Why the figure is beyond what the code alone can be believed for, "" where it is not or a run stands for it."""
    figures = [run.score.val_bpb for run in facts.headline if run.score is not None]
    claim = facts.claims.val_bpb
    stated = [f for f in (*figures, claim.value if claim is not None else None) if f is not None and f > 0]
    if shown_bpb is None or not stated or min(stated) >= shown_bpb:
        return ""
    if facts.probe is not None and facts.probe.decided and facts.probe.outcome is Outcome.PASS:
        return ""
    return (
        f"{min(stated):.5f} bits per byte is below {shown_bpb:g}, where no score has been shown to be legal; reading "
        "the code does not prove it: --probe would show what the score depends on"
    )


def _gap(facts: Facts) -> str:
    """What was not followed on the way to the score, "" if everything was or a run has shown what it does.

    Of a function of losses, of the figure or of sizes, a run shows what it does to those of a small model, and no more.
    """
    label = next((run.score.label for run in facts.headline if run.score is not None and run.score.label), None)
    gaps = unfollowed(facts.program, label)
    times = [run.eval_seconds for run in facts.headline]
    took = max((t for t in times if t is not None), default=None) if None not in times else None
    unbounded = bounded_list(facts.program, label, took)
    gaps = (*gaps, unbounded) if unbounded is not None else gaps
    probed = facts.probe is not None and facts.probe.decided
    if probed:
        gaps = tuple(gap for gap in gaps if gap.bends)
    if not gaps:
        return ""
    first = gaps[0]
    more = f", and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    touches = " and ".join(sorted(first.touches))
    return (
        f"{first.place.unit.label}:{first.place.line}: {first.what} was not followed ({first.why}) and may change "
        f"{touches}{more}; {_SMALL if probed else '--probe would show what it does'}"
    )


def _other(facts: Facts, recipe: Formula | None) -> str:
    """What the figure is made of that is not understood, "" where all of it is or a run has shown what it does."""
    if recipe is None:
        return ""
    if facts.probe is not None and facts.probe.decided:
        return _bent(facts.probe, recipe)
    if recipe.understood and not recipe.of_log_probabilities:
        return (
            "the figure is not followed to log-probabilities of the tokens: what the model gives is taken as the loss"
        )
    if recipe.understood and recipe.departures:
        step, why = recipe.departures[0]
        place = f"{step.place.unit.label}:{step.place.line}: " if step.place is not None else ""
        return f"{place}{why}: the figure is more than the losses of the tokens over their bytes"
    if recipe.understood:
        return ""
    unknown = recipe.unknown
    place = next((f"{n.place.unit.label}:{n.place.line}: " for n in unknown if n.place is not None), "")
    what = ", ".join(dict.fromkeys(f"'{n.text}'" for n in unknown if n.text)) or "an operation"
    return f"{place}{what} on the way to the figure is not understood; --probe would show what it does"


def _bent(probe: Probe, recipe: Formula) -> str:
    """What is done to losses, or to the figure, that a run does not show: it shows it of the losses that it has.

    What is not understood and went into scores that were exchanged is shown by these, where they make the figure; not
    what is made of sizes, which are others there.
    """
    exchanged, number = probe.find(Kind.EXCHANGE), probe.find(Kind.REPORTED_NUMBER)
    tried = exchanged is not None and bool(exchanged.terms) and number is not None and number.holds is Holds.YES
    known = [(node, why) for node, why in recipe.departures if bends(node)]
    unknown = [
        (node, f"'{node.text}' is not understood")
        for node in recipe.unknown
        if is_of_sizes(node) or (not tried and bends(node))
    ]
    for node, why in (*known, *unknown):
        place = f"{node.place.unit.label}:{node.place.line}: " if node.place is not None else ""
        return f"{place}{why}: the figure is more than the losses of the tokens over their bytes; {_SMALL}"
    return ""


def _unsettled(facts: Facts) -> str:
    """What the probe saw and could not show of the claimed figure, or not a second time: no violation, and no pass."""
    if facts.probe is None:
        return ""
    for seen in facts.probe.measurements:
        if seen.holds is Holds.NO and seen.witnesses and seen.reported is None:
            return f"the probe saw what may be a violation: {seen.reason}"
    exchanged, number = facts.probe.find(Kind.EXCHANGE), facts.probe.find(Kind.REPORTED_NUMBER)
    off = number is not None and number.holds is Holds.NO
    if exchanged is not None and exchanged.holds is Holds.UNKNOWN and (exchanged.effect or off):
        return f"the probe could not tell whether the figure is of a distribution: {exchanged.reason}"
    return ""


_SMALL = "the probe shows what it does to the losses of a small model, and no others"


def caps(headline: Sequence[Run], claims: Claims, budgets: Budgets) -> tuple[Cap, ...]:
    """The three budgets against the largest figure of the headline runs, or against the claim where no log says."""
    return (
        _artifact(headline, claims, budgets.artifact_bytes),
        _training(headline, claims, budgets.train_seconds),
        _evaluation(headline, claims, budgets.eval_seconds),
    )


def _largest(headline: Sequence[Run], used: Callable[[Run], float | None]) -> tuple[Run, float] | None:
    known = [(run, value) for run in headline if (value := used(run)) is not None]
    return max(known, key=lambda pair: pair[1], default=None)


def _place(run: Run, line: int | None) -> str:
    return f"{run.log}:{line}" if line else run.log


def _artifact(headline: Sequence[Run], claims: Claims, limit: float) -> Cap:
    top = _largest(headline, lambda run: run.artifact_bytes)
    if top:
        run, used = top
        note = f"code {run.code_bytes:,} bytes" if run.code_bytes is not None else ""
        return Cap("artifact", used, limit, "bytes", _place(run, run.artifact_line), note)
    claim = claims.artifact_bytes or claims.readme_artifact_bytes
    if claim:
        return Cap("artifact", claim.value, limit, "bytes", claim.where, "claimed; no log says")
    return Cap("artifact", None, limit, "bytes", "", "no log or claim says")


def _training(headline: Sequence[Run], claims: Claims, limit: float) -> Cap:
    def used(run: Run) -> float | None:
        return None if run.train_seconds is None else run.train_seconds + (run.calibration_seconds or 0)

    top = _largest(headline, used)
    if top:
        run, total = top
        note = ""
        if run.calibration_seconds is not None and run.train_seconds is not None:
            note = f"{run.train_seconds:.1f} s of training + {run.calibration_seconds:.1f} s of calibration"
        return Cap("training", total, limit, "seconds", _place(run, run.train_seconds_line), note)
    if claims.train_seconds:
        return Cap(
            "training", claims.train_seconds.value, limit, "seconds", claims.train_seconds.where, "claimed; no log says"
        )
    return Cap("training", None, limit, "seconds", "", "no log or claim says")


def _evaluation(headline: Sequence[Run], claims: Claims, limit: float) -> Cap:
    top = _largest(headline, lambda run: run.eval_seconds)
    if top:
        run, used = top
        return Cap("evaluation", used, limit, "seconds", _place(run, run.score.line if run.score else None))
    if claims.eval_seconds:
        return Cap(
            "evaluation", claims.eval_seconds.value, limit, "seconds", claims.eval_seconds.where, "claimed; no log says"
        )
    return Cap("evaluation", None, limit, "seconds", "", "no log or claim says")
