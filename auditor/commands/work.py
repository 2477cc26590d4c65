"""One submission, from the command line's options to its report, its text and its exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor.commands.process import BROKEN, FAILED, NOT_JUDGED, OK, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.commands.asked import Bar
    from auditor.judgement.model import Report
    from auditor.program.recipe.formula import Formula
    from auditor.rule import Facts, Rule
    from auditor.submission import Submission


_IMPLAUSIBLE = "bpb-floor"  # the rule of scores that are lower than any that survived a review


class Terms(Protocol):
    """What the options of a command say of how a submission is audited."""

    @property
    def repo(self) -> Path | None: ...

    @property
    def settings(self) -> Mapping[str, str]: ...

    @property
    def baseline(self) -> str | None: ...

    @property
    def waivers(self) -> Path | None: ...

    @property
    def probe(self) -> bool: ...

    @property
    def probe_unsafe(self) -> bool: ...

    @property
    def probe_limit(self) -> float: ...

    @property
    def probe_auto(self) -> bool: ...

    @property
    def probe_seed(self) -> int | None: ...

    @property
    def probe_exhaustive(self) -> bool: ...

    @property
    def timeout(self) -> float: ...

    @property
    def debug(self) -> bool: ...


def audit(
    submission: Submission, terms: Terms, progress: Callable[[str], None] | None = None, *, kept: bool = False
) -> Report:
    """Everything between a loaded submission and its report. `progress` is told what the probe does; `kept`: the
    process audits others after it, and may keep what they can use as well.

    Raises UsageError for a what-if name that the program does not know.
    """
    return judged(facts_of(submission, terms), terms, progress, kept=kept)


def facts_of(submission: Submission, terms: Terms) -> Facts:
    """The facts as read, without significance and probe. Raises UsageError for an unknown name in --set."""
    from auditor.judgement.gather import gather

    facts = gather(submission, terms.settings, strict=terms.debug)
    _known(facts)
    return facts


def judged(facts: Facts, terms: Terms, progress: Callable[[str], None] | None = None, *, kept: bool = False) -> Report:
    """The report of facts, with significance and probe where they are asked for or possible."""
    from auditor.commands.law import law, said_of, waived
    from auditor.judgement.evaluation import how_scored, recipe_of
    from auditor.judgement.judge import judge
    from auditor.limits.confine import loading, unconfined

    rules, budgets = law()
    if _tested(facts, terms):
        with loading():
            from auditor.commands.stats_law import section

        facts = replace(facts, significance=section(facts, terms.baseline or "auto", terms.repo))
    logged = () if terms.settings else facts.headline  # under a what-if, the logs' score is another program's
    made, recipe = how_scored(facts.program, logged), recipe_of(facts.program, logged)
    if terms.probe and not (terms.probe_auto and _settled(judge(facts, rules, budgets), rules, recipe)):
        from auditor.commands.running import probed

        run = partial(
            probed, facts, unsafe=terms.probe_unsafe, seconds=terms.probe_limit, strict=terms.debug,
            seed=terms.probe_seed, exhaustive=terms.probe_exhaustive, kept=kept,
        )  # fmt: skip
        with unconfined():  # the sandbox has limits of its own
            facts = replace(facts, probe=run(progress=progress))
    report = judge(facts, rules, budgets, evaluation=made, recipe=recipe, said=said_of(facts.submission))
    return replace(report, what_if=dict(terms.settings), waivers=tuple(waived(facts.submission, terms.waivers)))


def _settled(report: Report, rules: Sequence[Rule], recipe: Formula | None) -> bool:
    """Whether the code leaves nothing open that a run could answer: `--probe=auto` then runs none."""
    from auditor.findings import Outcome
    from auditor.judgement.model import Verdict

    open_ = (Outcome.DISPUTED, Outcome.NOT_CHECKED, Outcome.ERROR)
    shown = {rule.id for rule in rules if rule.behaviour}
    implausible = any(o.rule == _IMPLAUSIBLE and o.outcome is Outcome.WARNING for o in report.outcomes)
    decided = any(o.rule in shown and o.outcome is Outcome.VIOLATION for o in report.outcomes)
    if not decided and (implausible or (recipe is not None and not recipe.understood)):
        return False
    if report.verdict in (Verdict.DISPUTED, Verdict.INCONCLUSIVE):
        return False
    return not any(o.outcome in open_ and o.rule in shown for o in report.outcomes)


def _tested(facts: Facts, terms: Terms) -> bool:
    """Whether the seeds are tested against a baseline: by default where it is a record attempt and they allow it."""
    if terms.baseline is not None:
        return terms.baseline != "none"
    if terms.settings or len({run.val_bpb for run in facts.headline if run.val_bpb is not None}) < 2:
        return False
    from rules.law.standing import distinct, is_record

    return is_record(facts) and len(distinct(facts.headline)) > 1


def _known(facts: Facts) -> None:
    """Raises UsageError where --set names what the program does not read."""
    names = facts.configuration.unknown
    if not names:
        return
    import difflib
    import re

    from auditor.config.defaults import switches

    known = sorted({switch.name for switch in switches(facts.sources)})
    for name in names:
        whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        if any(whole.search(unit.text) for unit in facts.sources.units):
            continue  # the program speaks of it, in a way that was not understood: nothing is refused for that
        near = difflib.get_close_matches(name.upper(), known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; --switches lists those that it reads"
        raise UsageError(f"--set {name}: the program reads no switch of that name{hint}")


def unloaded(submission: Submission, reason: str) -> Report:
    """The report of what could not be loaded, or whose audit broke off."""
    from auditor.commands.law import law, said_of
    from auditor.judgement.judge import unloaded as without_facts

    rules, budgets = law()
    return replace(without_facts(submission, reason, rules, budgets), said=said_of(submission))


def exit_status(report: Report, bar: Bar) -> int:
    """What a report means to a script; the same for every format."""
    from auditor.findings import Outcome
    from auditor.judgement.model import Verdict

    if _reaches(report, bar):
        return FAILED
    if any(row.outcome is Outcome.ERROR for row in report.outcomes):
        return BROKEN
    if report.probe is not None and not report.probe.decided:
        return NOT_JUDGED  # it was asked for: what it did not look at is no pass
    return NOT_JUDGED if report.verdict is Verdict.INCONCLUSIVE else OK


def _reaches(report: Report, bar: Bar) -> bool:
    """Whether an outcome is as grave as the bar, in its classes, here or in a folder that the pull request adds as
    well; what a maintainer waived does not count."""
    from auditor.findings import Outcome

    if bar.outcome is None:
        return False
    failing = [o for o in (Outcome.VIOLATION, Outcome.DISPUTED, Outcome.WARNING) if o.rank <= bar.outcome.rank]
    waived = {waiver.rule for waiver in report.waivers}
    if any(row.outcome in failing and row.class_ in bar.classes and row.rule not in waived for row in report.outcomes):
        return True
    return any(
        other.verdict.value in failing
        and other.verdict_class in bar.classes
        and not waived.issuperset(other.decided_by)
        for other in report.folders
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One of several submissions: a pull request of a clone, or a folder.

    `loaded` is the submission itself where it is sent to a machine that has no clone, `rivals` are the others of the
    same pull request.
    """

    pr: int | None = None
    path: str | None = None
    loaded: Submission | None = None
    rivals: tuple[Submission, ...] = ()
    refused: str = ""  # why it could not be loaded there

    @property
    def name(self) -> str:
        return f"#{self.pr}" if self.pr is not None else str(self.path)

    @property
    def nothing(self) -> Submission:
        """A submission without files, for the report of a task that failed."""
        from auditor.submission import Submission

        name = Path(self.path).resolve().name if self.path is not None else ""
        return Submission("folder" if self.pr is None else "pull-request", name, (), pr=self.pr)


def load(task: Task, repo: Path | None, folder: str | None = None) -> Submission:
    """Raises SubmissionError."""
    from auditor.submission import Clone, SubmissionError, load_path

    if task.refused:
        raise SubmissionError(task.refused)
    if task.loaded is not None:
        return task.loaded
    if task.pr is not None:
        assert repo is not None
        with Clone(repo) as clone:
            return clone.load(task.pr, folder=folder)
    assert task.path is not None
    return load_path(Path(task.path), folder=folder)
