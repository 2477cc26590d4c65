"""The rules as values for the auditor: the law's numbers, what was ruled on a submission, what was waived."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.commands.process import UsageError

if TYPE_CHECKING:
    from auditor.judgement.judge import Budgets
    from auditor.judgement.model import Said, Waiver
    from auditor.rule import Rule
    from auditor.submission import Submission

_PULL = "https://github.com/openai/parameter-golf/pull/"
_WAIVER = {"rule": str, "pr": int, "by": str, "reason": str}


def law() -> tuple[tuple[Rule, ...], Budgets]:
    """Every rule, and the numbers that a report is measured against."""
    from auditor.judgement.judge import Budgets
    from rules import ALL
    from rules.law.limits import load

    limits = load()
    budgets = Budgets(
        artifact_bytes=limits.artifact_cap_bytes,
        train_seconds=limits.train_cap_seconds,
        eval_seconds=limits.eval_cap_seconds,
        validation_bytes=limits.canonical_bytes,
        ruleset=limits.ruleset,
        shown_bpb=limits.bpb_floor,
    )
    return ALL, budgets


def rule_named(name: str) -> Rule:
    """The rule of that name. Raises UsageError, with the nearest names, where there is none."""
    rules, _ = law()
    found = next((rule for rule in rules if rule.id == name), None)
    if found is None:
        raise UsageError(_no_rule(name))
    return found


def _no_rule(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [rule.id for rule in law()[0]], n=3)
    return f"there is no rule {name!r}" + (
        f"; did you mean {' or '.join(near)}?" if near else "; golf-audit --rules lists them"
    )


def said_of(submission: Submission) -> tuple[Said, ...]:
    """What the maintainers did with this very submission: a row of the leaderboard, a ruling, a merge."""
    from auditor.judgement.model import Said
    from rules.law import records, rulings

    said: list[Said] = []
    for row in records.accepted(records.load()):
        if row.folder == submission.folder or (submission.pr is not None and row.pr == submission.pr):
            said.append(Said("accepted", f"accepted as a record of {row.date} with {row.score:.4f} BPB", row.url))
    ruling = rulings.load().get(submission.pr) if submission.pr is not None else None
    if ruling is not None:
        text = f"ruled out by {ruling.by} for {' and '.join(ruling.rules)}"
        said.append(Said("ruled-out", text, f"{_PULL}{ruling.pr}"))
    if submission.landed_as is not None and not any(one.what == "accepted" for one in said):
        url = f"{_PULL}{submission.pr}" if submission.pr is not None else ""
        said.append(Said("merged", f"merged as {submission.landed_as[:9]}", url))
    return tuple(said)


@cache
def waivers(path: Path) -> tuple[Waiver, ...]:
    """The rows of a file of waivers. Raises UsageError for a file or a row that cannot be read."""
    from auditor.judgement.model import Waiver
    from rules import ALL

    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("waiver", [])
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the waivers in {str(path)!r}: {error}") from error
    known = {rule.id for rule in ALL}
    found = []
    for number, row in enumerate(rows, start=1):
        wrong = [name for name, kind in _WAIVER.items() if not isinstance(row.get(name), kind) or not row[name]]
        if wrong:
            raise UsageError(f"waiver {number} of {str(path)!r} lacks {', '.join(wrong)}")
        if row["rule"] not in known:
            raise UsageError(f"waiver {number} of {str(path)!r}: {_no_rule(row['rule'])}")
        found.append(Waiver(row["rule"], row["pr"], row["by"], row["reason"], str(row.get("url", ""))))
    return tuple(found)


def waived(submission: Submission, path: Path | None) -> Sequence[Waiver]:
    """The waivers of this pull request."""
    if path is None or submission.pr is None:
        return ()
    return tuple(waiver for waiver in waivers(path) if waiver.pr == submission.pr)
