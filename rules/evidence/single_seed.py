"""single-seed: a record rests on several independent runs."""

from __future__ import annotations

from collections import defaultdict

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from auditor.runs.unread import unread_logs
from rules.examples.folders import folder, log, seeds
from rules.law.limits import LIMITS
from rules.law.standing import PROCESS, dated, distinct, is_record, listed, name, place, pull, readme

ID = "single-seed"


def check(facts: Facts) -> Ruling:
    if not is_record(facts):
        return not_applicable("not a record attempt")
    if not facts.headline:
        return not_checked("no log stands behind the claim; the logs of three seeds would decide")
    findings = _copies(facts.headline)
    shown = distinct(facts.headline)
    runs = tuple(run for run in shown if run.complete)
    known = {run.seed for run in runs if run.seed is not None}
    # A log without a seed may be any seed: it counts as one of its own.
    count = len(known) + sum(run.seed is None for run in runs)
    few = count < LIMITS.record_seeds
    unread = unread_logs(facts.submission) if few else ()
    if few and not unread:
        findings.append(_too_few(facts, runs, count) if runs else _none_ends(facts, shown))
    unchecked = (
        f"{count} seed{'s' if count != 1 else ''} shown, and a log could not be read: {unread[0]}" if unread else ""
    )
    return found(findings, f"{count} independent runs: seeds {listed(sorted(known))}", unchecked=unchecked)


def _copies(headline: tuple[Run, ...]) -> list[Finding]:
    """Logs of different seeds whose figures are all the same are one run."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in headline:
        if run.content_digest:
            groups[run.content_digest].append(run)
    return [
        Finding(
            ID,
            Outcome.VIOLATION,
            f"{listed(name(run) for run in group)} hold the same figures: one run under several seeds",
            place(group[1]),
        )
        for group in groups.values()
        if len({run.seed for run in group}) > 1
    ]


def _none_ends(facts: Facts, runs: tuple[Run, ...]) -> Finding:
    """Logs that were cut off before any final evaluation show no score, however many there are."""
    day = dated(facts)
    early = day is not None and day <= LIMITS.single_seed_practice_until
    message = f"{listed(name(run) for run in runs)} {'end' if len(runs) > 1 else 'ends'} before any final evaluation"
    return Finding(ID, Outcome.WARNING if early else Outcome.VIOLATION, message, place(runs[0]))


def _too_few(facts: Facts, runs: tuple[Run, ...], count: int) -> Finding:
    wanted = LIMITS.record_seeds
    claimed = {seed.seed for seed in (*facts.claims.seeds, *facts.claims.readme_seeds) if seed.val_bpb is not None}
    logs = f"{len(runs)} logs show" if len(runs) != 1 else "one log shows"
    message = f"{logs} {count} seed{'s' if count != 1 else ''}; a record most often needs {wanted}"
    if len(claimed) > count:
        message += f" ({len(claimed)} are claimed)"
    day = dated(facts)
    if day is not None and day <= LIMITS.single_seed_practice_until:
        message += f"; until {LIMITS.single_seed_practice_until} rows with fewer were accepted"
        return Finding(ID, Outcome.WARNING, message, place(runs[0]))
    return Finding(ID, Outcome.VIOLATION if count == 1 else Outcome.WARNING, message, place(runs[0]))


RULE = Rule(
    id=ID,
    title="A record attempt on fewer than three seeds",
    class_="evidence",
    authority="README",
    evidence=("logs", "claims"),
    criterion="The headline logs show the final evaluations of three distinct seeds and are not copies of one log. One "
    "seed, or none, is a violation (a warning for the first days, when such rows were accepted), two are a warning.",
    why="The margin between records is of the size of the noise between seeds; one run cannot show it.",
    remedy="Run the same script and settings with at least three seeds and ship every log.",
    sources=(
        readme("three runs most often suffice", PROCESS),
        pull(181, "valerio-oai: more seeds are needed", "2026-03"),
        pull(1963, "cocohearts: one seed is not ready", "2026-05-02"),
        pull(2020, "cocohearts: one seed is not ready", "2026-05-02"),
        pull(1902, "excludes rows of one seed and a tiny margin", "2026-04-28"),
    ),
    check=check,
    examples=(
        Example("one seed", "breaks", folder(logs={42: log(42, 1.1)}), Outcome.VIOLATION),
        Example(
            "one log under three names",
            "breaks",
            folder(logs={seed: log(seed, 1.1) for seed in (42, 314, 999)}),
            Outcome.VIOLATION,
        ),
        Example(
            "three logs that were cut off",
            "breaks",
            folder(logs={s: text.split("final_")[0] for s, text in seeds().items()}),
            Outcome.VIOLATION,
        ),
        Example("two seeds", "breaks", folder(logs=seeds((1.1001, 1.0998))), Outcome.WARNING),
        Example("three seeds", "legal", folder(), Outcome.PASS),
        Example(
            "one seed in the first days",
            "legal",
            folder(logs={42: log(42, 1.2)}, submission={"date": "2026-03-19"}),
            Outcome.WARNING,
        ),
        Example(
            "one seed off the record",
            "inactive",
            folder(logs={42: log(42, 1.1)}, submission={"track": "track_non_record_16mb"}),
            Outcome.NOT_APPLICABLE,
        ),
    ),
    not_decidable="Whether logs elsewhere (a reproduction in another pull request) complete the seeds; pure systems "
    "speed-ups are exempt by the README, which no log shows.",
)
