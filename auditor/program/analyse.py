"""From decoded source and a configuration to the program: run it abstractly, twice.

The first run takes the branches that the configuration takes. The second also enters the branches that it
leaves out, so that code which is present but switched off can be shown, with the switch that says so.
"""

from __future__ import annotations

from dataclasses import replace

from auditor.config import Configuration
from auditor.program import statements
from auditor.program.machine import Budget, Machine
from auditor.program.model import Program
from auditor.program.values import Frame
from auditor.source import Sources


def analyse(sources: Sources, configuration: Configuration) -> Program:
    """Run the program abstractly under the configuration."""
    if sources.entry is None or sources.entry.tree is None:
        return Program(followed=False, problems=("there is no code that could be read",))
    active = _run(sources, configuration, explore=False)
    program = Program(lines=active.lines, problems=tuple(active.problems), trace=active.trace, steps=active.steps)
    if not active.trace.skips:
        return program
    dormant = _run(sources, configuration, explore=True)
    return replace(program, dormant=dormant.trace, dormant_lines=dormant.lines)


def _run(sources: Sources, configuration: Configuration, *, explore: bool) -> Machine:
    machine = Machine(sources, configuration, explore=explore, overrides=configuration.constants)
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
