"""The house: which part may import which. Every arrow points down, and there is no circle.

Imports for type checking only and imports inside functions count like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("auditor", "rules", "reference_model")

GROUND = ("auditor.findings", "auditor.limits")
FACTS = (
    "auditor.submission",
    "auditor.source",
    "auditor.claims",
    "auditor.runs",
    "auditor.config",
    "auditor.significance",
    "auditor.program",
)
VALUES = (*GROUND, *FACTS, "auditor.probe.model", "auditor.rule")
JUDGED = (*VALUES, "auditor.judgement")
TRAINER = ("reference_model.config", "reference_model.runtime", "reference_model.log")
SELF_AUDIT = (*JUDGED, "auditor.commands", "auditor.report", "rules", "reference_model", "auditor")

# A part, and the parts that it may import besides itself; the longest name that fits a module is its part.
ALLOWED: dict[str, tuple[str, ...]] = {
    "auditor": (),
    "auditor.__main__": ("auditor.cli",),
    "auditor.cli": ("auditor.commands",),
    "auditor.findings": (),
    "auditor.quantities": (),
    "auditor.limits": (),
    "auditor.submission": (*GROUND, "auditor.quantities"),
    "auditor.claims": (*GROUND, "auditor.submission", "auditor.quantities"),
    "auditor.source": (*GROUND, "auditor.submission", "auditor.claims"),
    "auditor.runs": (*GROUND, "auditor.submission", "auditor.claims", "auditor.quantities"),
    "auditor.config": (
        *GROUND, "auditor.submission", "auditor.claims", "auditor.runs", "auditor.source", "auditor.quantities",
    ),
    "auditor.significance": (*GROUND, "auditor.submission", "auditor.claims", "auditor.runs"),
    "auditor.program": (
        *GROUND, "auditor.source", "auditor.config", "auditor.runs", "auditor.submission", "auditor.program",
    ),
    "auditor.program.interpreter": (*GROUND, "auditor.source", "auditor.program"),
    "auditor.probe.model": GROUND,
    "auditor.rule": tuple(part for part in VALUES if part != "auditor.rule"),
    "auditor.probe": (*VALUES, "auditor"),
    "auditor.judgement": VALUES,
    "auditor.report": (*JUDGED, "auditor"),
    "auditor.queue": (*JUDGED, "auditor.report", "auditor"),
    "auditor.commands": (
        *JUDGED, "auditor.probe", "auditor.report", "auditor.queue", "auditor", "rules",
    ),
    "rules": (*VALUES, "rules"),
    "rules.law": ("auditor.rule", "auditor.findings", "auditor.runs", "auditor.claims", "auditor.submission"),
    "reference_model": ("reference_model",),
    "reference_model.model": ("reference_model.config", "reference_model.model"),
    "reference_model.evaluation": (*TRAINER, "reference_model.model", "reference_model.evaluation"),
    "reference_model.quantization": (*TRAINER, "reference_model.model", "reference_model.quantization"),
    "reference_model.training": (*TRAINER, "reference_model.model", "reference_model.evaluation",
                                 "reference_model.training"),
    "reference_model.joining": ("reference_model.joining",),
    # The command's last step: the folder that it wrote is audited, and its figures are compared with the record's.
    "reference_model.reproduce": SELF_AUDIT,
}  # fmt: skip


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(name: str, path: Path) -> Iterator[str]:
    """The modules of the project that a module imports, wherever in it and for whatever reason."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                target = f"{base}.{alias.name}"
                if target in MODULES or base in MODULES:
                    yield target if target in MODULES else base


IMPORTS = {name: frozenset(imported(name, path)) - {name} for name, path in MODULES.items()}


def part(name: str) -> str:
    return max((p for p in ALLOWED if name == p or name.startswith(p + ".")), key=len)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_what_stands_below_it(name: str) -> None:
    own = part(name)
    wrong = sorted(
        target
        for target in IMPORTS[name]
        if part(target) != own
        and not any(target == p or target.startswith(p + ".") for p in ALLOWED[own] if p != "auditor")
        and not (target == "auditor" and "auditor" in ALLOWED[own])
    )
    assert not wrong, f"{name} ({own}) may not import {', '.join(wrong)}"


def test_no_circle_of_imports() -> None:
    """A package's `__init__` stands for what it imports, as it does when Python runs it."""
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_every_part_exists_or_is_gone_from_the_table() -> None:
    expected = {"auditor.quantities", "auditor.limits", "auditor.__main__"}
    missing = {p for p in ALLOWED if not any(m == p or m.startswith(p + ".") for m in MODULES)}
    assert missing <= expected
