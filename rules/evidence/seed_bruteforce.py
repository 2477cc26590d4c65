"""seed-bruteforce: the seeds were not chosen by their outcome."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, log, seeds
from rules.law.standing import distinct, listed, place, pull, readme

ID = "seed-bruteforce"

_UNDECIDED = (
    "one folder does not show how many seeds were tried; the list of all runs of this configuration would decide"
)


def check(facts: Facts) -> Ruling:
    chosen = [run for run in distinct(facts.headline) if run.val_bpb is not None and run.seed is not None]
    left_out = [run for run in distinct(facts.runs) if _rival(run, chosen)]
    if not chosen or not left_out:
        return not_checked(_UNDECIDED)
    worst = max(run.val_bpb or 0.0 for run in chosen)
    if all((run.val_bpb or 0.0) > worst for run in left_out):
        message = (
            f"the claim rests on the {len(chosen)} best of {len(chosen) + len(left_out)} runs of one script; left "
            f"out are seeds {listed(sorted({run.seed for run in left_out if run.seed is not None}))}, each worse than "
            f"{worst:.5f}"
        )
        return found([Finding(ID, Outcome.WARNING, message, place(left_out[0]))], "")
    return not_checked(_UNDECIDED)


def _rival(run: Run, chosen: list[Run]) -> bool:
    """A finished run of the same script and model under a seed that the claim leaves out."""
    if not run.complete or run.val_bpb is None or run.seed is None or run.seed in {c.seed for c in chosen}:
        return False
    return any(
        run.code_bytes == c.code_bytes
        and run.model_params == c.model_params
        and run.val_tokens == c.val_tokens
        and (run.score.label if run.score else "") == (c.score.label if c.score else "")
        for c in chosen
    )


RULE = Rule(
    id=ID,
    title="Seeds chosen by their outcome",
    class_="evidence",
    authority="README",
    evidence=("history", "logs"),
    criterion="The folder holds no further finished runs of the same script that are all worse than the claimed ones.",
    why="The best three of many seeds beat any record by chance.",
    remedy="Report every seed that was run, or fix the seeds before running them.",
    sources=(
        readme("tuning over runs is fine, brute-forcing seeds is not"),
        pull(1769, "accepted: discloses seven runs and reports the five best", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example(
            "the best three of five",
            "breaks",
            folder(
                logs={**seeds(), 1: log(1, 1.1041), 2: log(2, 1.1052)},
                submission={
                    "val_bpb": 1.1001,
                    "seeds": [42, 314, 999],
                    "seed_results": {"42": {"val_bpb": 1.1001}, "314": {"val_bpb": 1.0998}, "999": {"val_bpb": 1.1004}},
                },
                readme="# Example\n",
            ),
            Outcome.WARNING,
        ),
        Example("every run is reported", "legal", folder(), Outcome.NOT_CHECKED),
    ),
    not_decidable="Runs that were never committed; nobody but their author knows of them.",
)
