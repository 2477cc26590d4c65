"""mixed-config-seeds: the seeds of one mean come from the same code and configuration."""

from __future__ import annotations

import re
from collections.abc import Callable

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, log, seeds
from rules.law.standing import distinct, listed, name, place, pull

ID = "mixed-config-seeds"

# What may differ between runs of one configuration: the seed, names, places, and how often something is printed.
_FREE = re.compile(
    r"seed|run_id|\brun\b|name|path|dir$|file|folder|log|rank|device|host|port|timestamp|date|_every$|wandb|checkpoint"
    r"|resume|save|output|prefix$|world_size|grad_accum|debug|verbose|stage|mode$",
    re.IGNORECASE,
)
_WALLCLOCK = re.compile(r"wall_?clock|reserve|budget_s|max_seconds|time_limit", re.IGNORECASE)
_BUDGET_SHARE = 0.03
_SHOWN = 4  # settings named in a message

_IDENTITY: tuple[tuple[str, Callable[[Run], object]], ...] = (
    ("parameters", lambda run: run.model_params),
    ("validation tokens", lambda run: run.val_tokens),
    ("training shards", lambda run: run.train_shards),
    ("GPUs", lambda run: run.world_size),
)


def check(facts: Facts) -> Ruling:
    runs = distinct(facts.headline)
    if facts.claims.val_bpb is None and facts.claims.readme_val_bpb is None:
        return not_checked("no figure is claimed that the runs could be the mean of")
    if len(runs) < 2:
        return not_checked("fewer than two runs stand behind the claim; there is nothing to compare")
    # What most runs have is the configuration: the odd one is named.
    against = {run.log: [r for r in runs if r is not run and differences(facts, run, r)] for run in runs}
    base = min(runs, key=lambda run: len(against[run.log]))
    findings = [finding for run in runs if run is not base for finding in differences(facts, base, run)]
    return found(findings, f"{len(runs)} runs agree in every setting that their logs print")


def differences(facts: Facts, base: Run, run: Run) -> list[Finding]:
    """How two runs of one submission differ; its code tells settings from computed figures."""
    findings = []
    for what, read in _IDENTITY:
        of_base, of_run = read(base), read(run)
        if of_base is not None and of_run is not None and of_base != of_run:
            message = f"{name(run)} has {of_run} {what}, {name(base)} has {of_base}"
            outcome = Outcome.WARNING if what == "training shards" else Outcome.VIOLATION
            findings.append(Finding(ID, outcome, message, place(run)))
    changed = [
        key
        for key, value in run.hyperparameters.items()
        if key in base.hyperparameters
        and not _FREE.search(key)
        and "/" not in value
        and len(key) > 2
        and not _equal(base.hyperparameters[key], value)
        and not _budget(key, base.hyperparameters[key], value)
        and _is_setting(facts, key)  # the whole code is searched for it
    ]
    if changed:
        named = changed[:_SHOWN]
        shown = listed(f"{key}={run.hyperparameters[key]} (not {base.hyperparameters[key]})" for key in named)
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        message = f"{name(run)} ran with {shown}{more}, unlike {name(base)}"
        where = place(run, run.hyperparameter_lines.get(changed[0]))
        findings.append(Finding(ID, Outcome.VIOLATION, message, where))
    ours, theirs = base.code_bytes, run.code_bytes
    if not findings and ours is not None and theirs is not None and ours != theirs:
        message = f"{name(run)} counts {theirs:,} bytes of code, {name(base)} {ours:,}: not one script"
        findings.append(Finding(ID, Outcome.WARNING, message, place(run)))
    return findings


def _is_setting(facts: Facts, key: str) -> bool:
    """Whether the code names it in quotes, as it names what it reads from outside; logs also print what it computes."""
    wanted = (f'"{key.lower()}"', f"'{key.lower()}'", f"--{key.lower()}", f"--{key.lower().replace('_', '-')}")
    return any(facts.code.mentions(form) for form in wanted)


def _budget(key: str, left: str, right: str) -> bool:
    """Whether two budgets of time are one: a second more or less to stop in time is no other configuration."""
    try:
        first, second = float(left), float(right)
    except ValueError:
        return False
    return _WALLCLOCK.search(key) is not None and abs(first - second) <= _BUDGET_SHARE * max(first, second)


def _equal(left: str, right: str) -> bool:
    if left.strip() == right.strip():
        return True
    try:
        return float(left) == float(right)
    except ValueError:
        return False


RULE = Rule(
    id=ID,
    title="The seeds of one mean were run with different settings",
    class_="evidence",
    authority="maintainer",
    evidence=("logs",),
    criterion="The headline logs print the same settings, parameter count, validation tokens and number of GPUs, apart "
    "from the seed, names and paths. Different code sizes or numbers of training shards alone are a warning.",
    why="A mean over different configurations is the mean of nothing that could be reproduced.",
    remedy="Rerun the odd seed with the settings of the others, or report the configurations apart.",
    sources=(
        pull(2124, "cocohearts: the third seed comes from a reference configuration", "2026-05-02"),
        pull(1868, "merged with a declared mix of reruns", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example(
            "one seed with another layer",
            "breaks",
            folder(
                logs={
                    42: log(42, 1.1001, hyperparameters={"num_layers": 9, "seed": 42}),
                    314: log(314, 1.0998, hyperparameters={"num_layers": 9, "seed": 314}),
                    999: log(999, 1.1004, hyperparameters={"num_layers": 10, "seed": 999}),
                }
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "another number of GPUs",
            "breaks",
            folder(logs={**seeds(), 999: log(999, 1.1004, world_size=4)}),
            Outcome.VIOLATION,
        ),
        Example(
            "another script",
            "breaks",
            folder(logs={**seeds(), 999: log(999, 1.1004, code_bytes=48_030)}),
            Outcome.WARNING,
        ),
        Example(
            "only the seed, paths and computed figures differ",
            "legal",
            folder(
                logs={
                    seed: log(seed, bpb, hyperparameters={"seed": seed, "model_path": f"m{seed}.pt", "step": seed})
                    for seed, bpb in zip((42, 314, 999), (1.1001, 1.0998, 1.1004), strict=True)
                }
            ),
            Outcome.PASS,
        ),
        Example("one run", "inactive", folder(logs={42: log(42, 1.1)}), Outcome.NOT_CHECKED),
    ),
    not_decidable="Settings that no log prints; a declared mix cannot be told from a silent one.",
)
