"""From decoded source and a configuration to the program: run it abstractly, twice.

The first run takes the branches that the configuration takes. The second also enters the branches that it
leaves out, so that code which is present but switched off can be shown, with the switch that says so. Where
a log holds a line that only a left-out branch prints, that branch ran whatever the code's default says: then
both runs are repeated with it taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auditor.config import Configuration
from auditor.program import statements
from auditor.program.machine import Branch, Budget, Machine
from auditor.program.model import Program, Proof
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
        forced, proofs = _proven(active, dormant, runs)
        if forced:
            active = _run(sources, configuration, explore=False, forced=forced)
            dormant = _run(sources, configuration, explore=True, forced=forced)
    problems = list(active.problems)
    if not any(report.outputs for report in active.trace.reports):
        problems.append("no printed figure could be traced to a model's output for validation tokens")
    program = Program(
        lines=active.lines,
        problems=tuple(problems),
        followed=not problems,
        trace=active.trace,
        steps=active.steps,
        proofs=proofs,
    )
    if dormant is None:
        return program
    return replace(program, dormant=dormant.trace, dormant_lines=dormant.lines)


def _run(
    sources: Sources, configuration: Configuration, *, explore: bool, forced: dict[Branch, bool] | None = None
) -> Machine:
    machine = Machine(
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
        statements.execute(machine, frame, entry.tree.body)
    except Budget:
        machine.problems.append("the program is larger than the interpreter's bound; its end was not followed")
    except RecursionError:
        machine.problems.append("an expression is nested more deeply than the interpreter follows")
    return machine


def _proven(active: Machine, dormant: Machine, runs: Sequence[Run]) -> tuple[dict[Branch, bool], tuple[Proof, ...]]:
    """The branches that the logs show to have run, each with the line that shows it."""
    forced: dict[Branch, bool] = {}
    proofs: dict[Branch, Proof] = {}
    heads = {h: ways for h, ways in dormant.trace.dormant_heads.items() if h not in active.trace.heads}
    if not heads:
        return forced, ()
    for run in runs[:1]:
        for number, text, label in _printed(run):
            if any(_prints(head, text, label) for head in active.trace.heads):
                continue
            for head, ways in heads.items():
                if _prints(head, text, label):
                    forced.update(ways)
                    for path, layer, line in ways:
                        proof = Proof(path, layer, line, run.log, number, text)
                        proofs.setdefault((path, layer, line), proof)
    return forced, tuple(proofs.values())


def _printed(run: Run) -> Iterator[tuple[int, str, bool]]:
    """The lines of a log that say what ran: (line, text, whether the text is only the line's label)."""
    for line in (*run.adaptation, *run.ngram, *run.ppm):
        yield line.number, line.text.strip(), False
    for evaluation in run.evaluations:
        if evaluation.label:
            yield evaluation.line, evaluation.label, True


def _prints(head: str, text: str, label: bool) -> bool:
    if not label:
        return text.startswith(head)
    plain = re.split(r"[ :]*val_", head, maxsplit=1)[0].strip()
    return len(text) >= 6 and plain == text
