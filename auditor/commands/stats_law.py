"""The command line's knowledge of the rules, as far as significance goes: bars, bank, baselines, sides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.commands.process import UsageError
from auditor.significance import welch
from auditor.significance.chain import Entry
from auditor.significance.compare import Terms, compare, two_sided
from auditor.significance.inputs import Difference, from_runs, from_values, pooled, screened
from auditor.significance.model import Bar, Comparison, Figure, Remark, Side
from rules.law import records
from rules.law.limits import LIMITS

if TYPE_CHECKING:
    from auditor.rule import Facts
    from auditor.runs import Run
    from auditor.submission import Submission

README, PROGRESSION = "readme", "progression"


@cache
def bars() -> tuple[Bar, ...]:
    """The rules that were applied to records, the README's first."""
    margin, p, rows = (LIMITS.origins[n] for n in ("significance_nats", "significance_p", "progression_p"))
    return (
        Bar(
            README,
            "README",
            "README",
            LIMITS.significance_nats,
            LIMITS.significance_p,
            date.fromisoformat(margin.date),
            f"{p.said}, {margin.date}",
            p.url,
            "waived for pure speed-ups of the system, which figures cannot show",
        ),
        Bar(
            PROGRESSION,
            "April progression",
            "April",
            0.0,
            LIMITS.progression_p,
            LIMITS.progression_date,
            f"{rows.said}, {rows.date}",
            rows.url,
            f"announced {rows.date}, applied to rows since {LIMITS.progression_date}",
        ),
    )


@cache
def bank() -> tuple[float, int, int] | None:
    """The standard deviation between seeds over all accepted records: bits per byte, degrees of freedom, records."""
    return welch.pooled_sd([[f.val_bpb for f in side_of_record(r).figures] for r in records.accepted(records.load())])


def terms(as_of: date, confidence: float = welch.CONFIDENCE) -> Terms:
    return Terms(bars(), bank(), as_of, LIMITS.ledger_tolerance, confidence)


def frontier() -> tuple[tuple[str, float, str], ...]:
    """(day, score, name) of every accepted record, oldest first."""
    return tuple((r.date, r.score, _named(r)) for r in records.accepted(records.load()))


def entries() -> list[Entry]:
    return [Entry(side_of_record(r), r.pr, r.name, r.score) for r in records.accepted(records.load())]


def _named(record: records.Record) -> str:
    return f"#{record.pr}" if record.pr is not None else record.name


def side_of_record(record: records.Record) -> Side:
    """The figures of an accepted record, which are taken as they were accepted: one for each seed."""
    figures = tuple(Figure(s.val_bpb, s.val_loss, s.seed, s.log) for s in record.seeds)
    side = Side(_named(record), "record", figures, date=record.date, source=record.url, score=record.score)
    remarks = []
    if figures and abs(record.mean_bpb - record.score) > LIMITS.claim_tolerance_bpb:
        text = f"the row says {record.score}, the mean of the folder's logs is {record.mean_bpb:.5f}: the logs count"
        remarks.append(Remark("claim-differs", "changed", text))
    return screened(side, remarks)


def facts_of(submission: Submission) -> Facts:
    """What significance needs of a submission: its program is not followed."""
    from auditor.claims import read_claims
    from auditor.config import Configuration
    from auditor.program import Program
    from auditor.rule import Facts
    from auditor.runs import headline, read_runs
    from auditor.source import Sources, decode

    claims, runs = read_claims(submission), read_runs(submission)
    claimed = headline(runs, claims)
    sources = decode(submission, claims) if len(runs) > 1 else Sources(None, (), ())
    return Facts(submission, sources, claims, runs, claimed, Configuration(), Program(followed=False))


def day_of(facts: Facts) -> date | None:
    from rules.law.standing import dated

    return dated(facts)


def side_of(facts: Facts) -> Side:
    """The side that a submission makes."""
    from auditor.findings import Outcome
    from rules.evidence.mixed_config_seeds import differences

    def differ(base: Run, run: Run) -> Sequence[Difference]:
        return [(f.message, f.outcome is Outcome.VIOLATION) for f in differences(facts, base, run)]

    day = day_of(facts)
    return from_runs(
        facts.submission,
        facts.claims,
        facts.runs,
        facts.headline,
        differ,
        tolerance=LIMITS.claim_tolerance_bpb,
        day=day.isoformat() if day else "",
    )


def standing(day: date, *, inclusive: bool, folder: str = "") -> tuple[Side, str]:
    """The record that stood: (side, why). Raises UsageError where none did."""
    if inclusive:
        found = records.standing_on(day.isoformat(), excluding_folder=folder)
    else:
        found = records.best_before(day.isoformat(), excluding_folder=folder)
    if found is None:
        raise UsageError(f"no record was accepted {'by' if inclusive else 'before'} {day}; name one with --baseline")
    when = f"on {day}" if inclusive else f"before {day}, the submission's day"
    return side_of_record(found), f"the best record accepted {when}: {found.score} of {found.date}"


def source(text: str, repo: Path | None) -> tuple[Side, str]:
    """A SOURCE of the command line as (side, what it is). Raises UsageError or SubmissionError."""
    if text.isdecimal():
        rows = records.of_pull_request(int(text))
        if rows:
            several = f", the best of its {len(rows)} rows" if len(rows) > 1 else ""
            return side_of_record(rows[0]), f"the accepted record of pull request {text}{several}"
        if repo is None:
            raise UsageError(f"{text} is no accepted record's pull request; --repo CLONE would get any other one")
        return _pull_request(repo, int(text)), f"pull request {text} of the clone"
    values = _values(text)
    if values:
        return from_values(values, text if len(values) == 1 else "other figures"), "figures given on the command line"
    from auditor.submission import load_path

    if not Path(text).exists():
        raise UsageError(
            f"{text!r} is no record's pull request, no folder that exists, and no figures such as 1.08,1.09"
        )
    return side_of(facts_of(load_path(Path(text)))), "the submission given with it"


def _pull_request(repo: Path, number: int) -> Side:
    from auditor.submission import Clone

    with Clone(repo) as clone:
        return side_of(facts_of(clone.load(number)))


def _values(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def with_reproductions(side: Side, sources: Sequence[str], repo: Path | None) -> Side:
    """The side pooled with independent reproductions."""
    if not sources:
        return side
    return pooled(side, [source(text, repo)[0] for text in sources], two_sided)


def section(facts: Facts, baseline: str, repo: Path | None) -> Comparison | None:
    """What golf-audit reports: the submission against a SOURCE, or with "auto" against the record that stood.

    None where no record stood yet. Raises UsageError or SubmissionError for a SOURCE that is none.
    """
    new, day = side_of(facts), day_of(facts)
    if baseline == "auto":
        last = date.fromisoformat(LIMITS.ruleset)
        try:
            base, because = standing(day or last, inclusive=day is None, folder=facts.submission.folder)
        except UsageError:
            return None
        because += "" if day else " (the submission bears no date)"
    else:
        base, because = source(baseline, repo)
    as_of = day or date.fromisoformat(LIMITS.ruleset)
    return compare(new, base, terms(as_of), baseline_because=because, frontier=frontier())
