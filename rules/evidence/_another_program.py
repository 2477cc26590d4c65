"""What shows that a log is of another program than the folder's: labels, echoed source, settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.config import Setting
from auditor.config.resolve import same
from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.runs import Run
from auditor.source.excerpt import shortened
from rules.law.standing import name, place
from rules.scored import unreadable

_LISTED = 4  # settings that are named
_PER_RUN = ("seed", "run_id", "rank", "port", "path", "dir", "file", "name", "log", "url", "token", "host", "wandb")


def another_program(facts: Facts, rule: str, scored: Sequence[Run]) -> list[Finding]:
    """One finding for each sign, with its place in the log."""
    if unreadable(facts) is not None:
        return []
    return [*_labels(facts, rule, scored), *_echoes(facts, rule, scored), *_settings(facts, rule)]


def _labels(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    for run in scored[:1]:
        if run.score is None or not run.score.label or run.score.step is not None:
            continue
        foreign = facts.code.foreign_words(run.score.label, run.hyperparameters.values())
        if foreign:
            words = " and ".join(f"`{word}`" for word in foreign[:3])
            message = (
                f"the result of {name(run)} is labelled `{shortened(run.score.label, 40)}`, and no code of the folder "
                f"holds {words}: the log is of another program"
            )
            yield Finding(rule, Outcome.WARNING, message, place(run, run.score.line))


def _echoes(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    for run in scored[:1]:
        shipped = facts.submission.by_path.get(run.log)
        if not run.echoes_source or shipped is None:
            continue
        difference = facts.code.echo_difference(shipped.text, run.first_line)
        if difference is not None:
            number, line = difference.only_echoed[0]
            count = len(difference.only_echoed)
            message = (
                f"{name(run)} echoes a source of which {count} of {difference.echoed} lines are not in "
                f"{difference.path}: {shortened(line, 60)}"
            )
            yield Finding(rule, Outcome.WARNING, message, Location(run.log, number))


def _settings(facts: Facts, rule: str) -> Iterator[Finding]:
    """What the log was run with, where the code has another constant."""
    found: list[tuple[Setting, object]] = []
    for switch in facts.configuration.switches:
        held = facts.configuration.settings.get(switch.name)
        constant = switch.kind == "constant" and switch.name in facts.configuration.constants
        if held is None or held.source != "log" or not constant or any(w in switch.name.lower() for w in _PER_RUN):
            continue
        if same(held.value, switch.default):
            continue
        found.append((held, switch.default))
    if found:
        listed = ", ".join(f"{s.name}={s.value} (the code: {default})" for s, default in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        path, _, line = found[0][0].where.rpartition(":")
        where = Location(path, int(line)) if line.isdigit() else Location(found[0][0].where)
        message = f"the log was run with other values than the constants of the folder's code: {listed}{more}"
        yield Finding(rule, Outcome.WARNING, message, where)
