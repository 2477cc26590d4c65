"""From decoded source and a configuration to the program: run it abstractly, twice.

The first run takes the branches that the configuration takes. The second also enters the branches that it
leaves out, so that code which is present but switched off can be shown, with the switch that says so. Where a
log decides a branch by what it prints, or does not print, both runs are repeated with the branch as it shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from auditor.config import Configuration
from auditor.program.interpreter import VERBS
from auditor.program.interpreter.language import callbacks, uncalled
from auditor.program.interpreter.machine import Branch, Budget, Machine
from auditor.program.interpreter.stream import ordering
from auditor.program.model import Program, Proof
from auditor.program.proofs import decided_by_logs
from auditor.program.values import Frame
from auditor.runs import Run
from auditor.source import Sources


def analyse(sources: Sources, configuration: Configuration, runs: Sequence[Run] = ()) -> Program:
    """Run the program abstractly under the configuration; `runs` are those that the claim stands on."""
    if sources.entry is None or sources.entry.tree is None:
        return Program(followed=False, problems=("there is no code that could be read",))
    active = _run(sources, configuration, explore=False)
    dormant = _run(sources, configuration, explore=True) if active.trace.switched else None
    proofs: tuple[Proof, ...] = ()
    what_if = any(s.source == "set" for s in configuration.settings.values())
    if dormant is not None and not what_if:
        forced, proofs = decided_by_logs(active.trace, dormant.trace, configuration, runs)
        if forced:
            active = _run(sources, configuration, explore=False, forced=forced)
            dormant = _run(sources, configuration, explore=True, forced=forced)
    problems = list(active.problems)
    if not any(report.outputs for report in active.trace.reports):
        problems.append("no printed figure could be traced to a model's output for validation tokens")
    return Program(
        lines=active.lines,
        problems=tuple(problems),
        followed=not problems,
        trace=active.trace,
        dormant=None if dormant is None else dormant.trace,
        dormant_lines={} if dormant is None else dormant.lines,
        steps=active.steps,
        called={**(dormant.called if dormant is not None else {}), **active.called},
        proofs=proofs,
    )


def _run(
    sources: Sources, configuration: Configuration, *, explore: bool, forced: dict[Branch, bool] | None = None
) -> Machine:
    machine = Machine(
        VERBS,
        sources,
        configuration,
        explore=explore,
        overrides=configuration.constants,
        forced=forced,
        unsettled=configuration.unsettled,
    )
    entry = sources.entry
    assert entry is not None
    assert entry.tree is not None
    frame = Frame(entry)
    try:
        machine.execute(frame, entry.tree.body)
        callbacks.joined(machine)
        for function, given in machine.at_exit:
            machine.call(frame, entry.tree, function, given, {})
        if not explore:
            uncalled.written_down(machine)
    except Budget as bound:
        machine.problems.append(f"{_place(machine)}{bound}; what comes after it was not followed")
    except RecursionError:
        said = "an expression is nested more deeply than the interpreter follows; what comes after it was not followed"
        machine.problems.append(f"{_place(machine)}{said}")
    machine.settle()
    ordering.settle(machine)
    return machine


def _place(machine: Machine) -> str:
    """Where the run ended: `train_gpt.py:7: `."""
    if machine.at is None:
        return ""
    unit, statement = machine.at
    return f"{unit.path}:{statement.lineno}: "
