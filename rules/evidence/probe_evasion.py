"""probe-evasion: no code of a submission looks for what audits it, or takes off what watches it."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.program.evasion import evasions
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.examples.scripts import script
from rules.law.standing import issue

ID = "probe-evasion"


def check(facts: Facts) -> Ruling:
    if facts.sources.entry is None:
        return not_checked("no script was found; its text would decide")
    findings = [Finding(ID, Outcome.VIOLATION, what, place) for what, place in evasions(facts.sources)]
    return found(findings, "nothing in the code looks for the probe or takes off what watches it")


RULE = Rule(
    id=ID,
    title="The code does the same whether it is looked at or not.",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="No code asks for this program by name, or takes modes off that watch torch's operations.",
    why="A score is reproducible only by code that behaves alike for whoever runs it. What behaves while it is watched"
    " shows nothing of the number that it reports elsewhere.",
    remedy="Take the code out; the challenge's own environment needs none of it.",
    sources=(issue(1017, "a submission's score is what its code gives to whoever runs it", "2026-03-28"),),
    check=check,
    examples=(
        Example(
            "it asks whether the recorder is there",
            "breaks",
            folder(
                script(
                    after_training="""
import builtins
if "__golf_probe__" not in dir(builtins):
    print("alone")
"""
                )
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "it takes modes off",
            "breaks",
            folder(script(imports="from torch.utils._python_dispatch import _disable_current_modes")),
            Outcome.VIOLATION,
        ),
        Example(
            "it looks for the auditor among the modules",
            "breaks",
            folder(
                script(
                    imports="import sys",
                    after_training="""
watched = any(name.startswith("auditor.probe") for name in sys.modules)
""",
                )
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "a sentence that names the tool",
            "legal",
            folder(
                script(
                    helpers="""
NOTE = "audited with golf-audit before it was handed in, see the README of this folder"
"""
                )
            ),
            Outcome.PASS,
        ),
        Example("plain code", "legal", folder(), Outcome.PASS),
    ),
    not_decidable="a guard on sizes, clocks or names that are nobody's: --probe names the code that did not run",
)
