"""Runs until one runs to its end: every try that fails says what the next one changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from auditor.findings import Location
from auditor.probe.earlier import training_ways
from auditor.probe.job import Failure
from auditor.probe.model import Attempt
from auditor.probe.native import build
from auditor.probe.optional import without
from auditor.probe.plan import Made, Plan, make
from auditor.probe.retry import adjusted, with_prefix
from auditor.probe.runner import Run, Runner
from auditor.probe.scene import Workspace
from auditor.rule import Facts

MOST_TRIES = 6
_MOST_BUILDS = 4  # helpers that are compiled for one submission: each takes time outside of the sandbox's limits


@dataclass(frozen=True)
class Settled:
    """The last run of the base stream with how it was made; it ran to its end where `run.error` is empty."""

    run: Run
    made: Made
    workspace: Workspace
    attempts: tuple[Attempt, ...]
    plan: Plan


def settle(
    runner: Runner, facts: Facts, seconds: float, *, what: str, plan: Plan | None = None, record: bool = True,
    seed: int = 0, progress: Callable[[str], None] | None = None,
) -> Settled:  # fmt: skip
    """At most `MOST_TRIES` runs in so many seconds of processor time. `what` names them to whoever is waiting."""
    plan, attempts = plan or Plan(), list[Attempt]()
    end = runner.spent + seconds
    while True:
        if progress is not None:
            progress(f"{what}, attempt {len(attempts) + 1}" if attempts else what)
        made = make(facts, plan)
        workspace = Workspace(made.layout, seed)
        left = max(1.0, end - runner.spent)
        run = runner.begun(made, workspace, left, record=record)
        attempts.append(Attempt(made.changed, run.error, _location(facts, run)))
        settled = Settled(run, made, workspace, tuple(attempts), plan)
        if not run.error or run.failure is None or len(attempts) >= MOST_TRIES or runner.spent >= end:
            return settled
        following = (
            _compiled(plan, run)
            or adjusted(plan, run.failure, made.changed)
            or without(plan, facts, run.failure)
            or _trained(plan, facts, run.failure)
            or with_prefix(plan, run.failure)
        )
        if following is None:
            return settled
        plan = following


def reopened(settled: Settled, turned: Iterable[str]) -> Plan | None:
    """The plan with those settings at least where what they decide comes out as submitted; None for none of them.

    A count of steps that was made 0 is 1; another setting stays as submitted.
    """
    plan, wanted = settled.plan, frozenset(turned)
    for one in settled.made.changed:
        if one.name.lstrip("-").replace("-", "_").lower() in wanted and not one.why:
            plan = plan.with_override(
                one.name, "1" if one.used == "0" else one.submitted, "what it decides did not run"
            )
    return plan if plan != settled.plan else None


def _compiled(plan: Plan, run: Run) -> Plan | None:
    """The plan with the helpers that the run wanted compiled, None where there are none that could be."""
    have = {key for key, _ in plan.libraries}
    missing = [wanted for wanted in dict.fromkeys(run.account.wanted) if wanted.key not in have]
    made = [build(wanted) for wanted in missing[: _MOST_BUILDS - len(have)]]
    built = tuple((b.key, b.library) for b in made if b is not None)
    # What is compiled is mostly written beside the script.
    return replace(plan, libraries=(*plan.libraries, *built), writable=True) if built else None


def _trained(plan: Plan, facts: Facts, failure: Failure) -> Plan | None:
    """The plan that trains first, where a file was missing that training would have made; None where it did."""
    had = {place for place, _, _ in plan.ways}
    found = tuple((*way, test) for way, test in training_ways(facts, failure).items() if way[0] not in had)
    return replace(plan, ways=(*plan.ways, *found)) if found else None


def _location(facts: Facts, run: Run) -> Location | None:
    """The innermost line of the submission in the traceback."""
    failure = run.failure
    if failure is None or not failure.path:
        return None
    return Location(failure.path, failure.line, failure.line, layer_of(facts, failure.path))


def layer_of(facts: Facts, path: str) -> int:
    """How often the text of that path that runs was unpacked: a wrapper has the same path as what is in it."""
    return max((unit.layer for unit in facts.sources.units if unit.path == path), default=0)
