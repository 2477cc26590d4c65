"""What the reports for people have in common: selections, sums and wording of a Report. Decides nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote as url_quote

from auditor.findings import CLASSES, Class, Finding, Location, Outcome
from auditor.judgement.model import Cap, OtherFolder, Report, RuleOutcome, Verdict
from auditor.report.text import count, grouped
from auditor.runs.unread import unread_logs

DECIDING = (Outcome.VIOLATION, Outcome.DISPUTED)
MEGABYTE = 1_000_000
_REPOSITORY = "https://github.com/openai/parameter-golf"
_COMMIT = re.compile(r"[0-9a-f]{40}")

AT_STAKE: dict[Class, str] = {
    "score": "the number is not what it claims to be",
    "evidence": "the number is not shown",
    "budget": "too many bytes, too many seconds, or other hardware",
    "paperwork": "the package is not as asked",
}
_BROKEN: dict[Class, str] = {
    "score": "of the score",
    "evidence": "of the evidence",
    "budget": "of the budget",
    "paperwork": "in the paperwork: package incomplete",
}
_NOT_DECIDED = {
    Verdict.INCONCLUSIVE: "could not be judged",
    Verdict.CLEAN: "nothing found that breaks a rule; see what was not checked",
}
_TALLY = (
    (Outcome.VIOLATION, "violated"),
    (Outcome.DISPUTED, "disputed"),
    (Outcome.ERROR, "failed to run"),
    (Outcome.WARNING, "warned"),
    (Outcome.PASS, "passed"),
    (Outcome.NOT_CHECKED, "not checked"),
    (Outcome.NOT_APPLICABLE, "not applicable"),
)


def short(report: Report) -> str:
    """The verdict with its class in a word or two: `violation of the score`, `package incomplete`, `clean`."""
    return _short(report.verdict, report.verdict_class)


def _short(verdict: Verdict, class_: Class | None) -> str:
    if verdict is Verdict.VIOLATION and class_ == "paperwork":
        return "package incomplete"
    return str(verdict) if class_ is None else f"{verdict} ({class_})"


def meaning(report: Report) -> str:
    """What follows the verdict's word: `of the score: the number is not what it claims to be`."""
    class_ = report.verdict_class
    if class_ is None:
        return _NOT_DECIDED.get(report.verdict, "")
    if report.verdict is Verdict.DISPUTED:
        return f"rests on a practice that is argued both ways, without a ruling ({class_})"
    graver = next((row for row in _disputed(report) if CLASSES.index(row.class_) < CLASSES.index(class_)), None)
    also = f"; the {graver.class_} is disputed" if graver is not None else ""
    what = _BROKEN[class_] if class_ == "paperwork" else f"{_BROKEN[class_]}: {AT_STAKE[class_]}"
    return what + also


def _disputed(report: Report) -> list[RuleOutcome]:
    rows = [row for row in report.outcomes if row.outcome is Outcome.DISPUTED]
    return sorted(rows, key=lambda row: CLASSES.index(row.class_))


def hypothetical(report: Report) -> str:
    """`HYPOTHETICAL: with TTT_ENABLED=1`; "" for a report of the submission as it is."""
    if not report.what_if:
        return ""
    values = ", ".join(f"{name}={value}" for name, value in report.what_if.items())
    return f"HYPOTHETICAL: what if {values}; not the submission as it is configured"


def beside(report: Report) -> tuple[tuple[str, str, str], ...]:
    """(label, text, URL): what the maintainers did with this very submission and what they waived, and what else the
    pull request adds."""
    rows = [("maintainers", one.text, one.url) for one in report.said]
    rows += [("waived", f"{w.rule} by {w.by}: {w.reason}", w.url) for w in report.waivers]
    rows += [("other folders", text, "") for text in _others(report)]
    return tuple(rows)


def _others(report: Report) -> list[str]:
    """What was found of the other folders, the worst first; those of which the same is to be said in one line."""
    same: dict[str, list[str]] = {}
    for other in sorted(report.folders, key=lambda other: gravity(other.verdict, other.verdict_class)):
        decided = f", decided by {', '.join(other.decided_by)}" if other.decided_by else ""
        same.setdefault(f"{_short(other.verdict, other.verdict_class)}{decided}", []).append(other.folder)
    return [f"{found}: {', '.join(folders)}" for found, folders in same.items()]


def waiver(report: Report, rule: str) -> str:
    """What is said at a finding that a maintainer waived."""
    return "; ".join(f"waived by {w.by}: {w.reason}" for w in report.waivers if w.rule == rule)


def besides(report: Report) -> str:
    """What the verdict's own line leaves out: that the score was not judged, that another folder of the pull request
    is worse; "" where there is nothing of the kind."""
    return " ".join(filter(None, (_score_not_judged(report), worse(report))))


def _score_not_judged(report: Report) -> str:
    if report.verdict is Verdict.INCONCLUSIVE or report.verdict_class == "score" or not report.not_judged:
        return ""
    return f"The score itself was not judged: {report.not_judged}."


def worse(report: Report) -> str:
    """Which folder that the pull request adds as well is worse than this one; "" where none is."""
    found = _worse_folders(report)
    if not found:
        return ""
    more = f", and {count(len(found) - 1, 'more folder')} worse than this one" if len(found) > 1 else ""
    which = f"{found[0].folder}, which is worse: {_short(found[0].verdict, found[0].verdict_class)}"
    return f"The verdict is of one folder. The pull request also adds {which}{more}."


def worst_folder(report: Report) -> str:
    """The same in a few words: `also adds Other: violation (score)`."""
    found = _worse_folders(report)
    if not found:
        return ""
    return f"also adds {found[0].folder.rpartition('/')[2]}: {_short(found[0].verdict, found[0].verdict_class)}"


def worst(report: Report) -> str:
    """The gravest verdict of all folders of the pull request, of the chosen one where none is graver."""
    return str(min((report.verdict, *(other.verdict for other in report.folders)), key=list(Verdict).index))


def _worse_folders(report: Report) -> list[OtherFolder]:
    own = gravity(report.verdict, report.verdict_class)
    ranked = sorted(report.folders, key=lambda other: gravity(other.verdict, other.verdict_class))
    return [other for other in ranked if gravity(other.verdict, other.verdict_class) < own]


def gravity(verdict: Verdict, class_: Class | None) -> tuple[int, int]:
    """Sorts the gravest first: class, then verdict."""
    return CLASSES.index(class_) if class_ in CLASSES else len(CLASSES), list(Verdict).index(verdict)


def record(report: Report) -> str:
    """Is it a record? A sentence or two; "" where it was not tested."""
    if report.significance is None:
        return ""
    from auditor.report.significance.view import sentence

    doubt = "If the score stands: " if any(f.outcome in DECIDING for f in _of_score(report)) else "By its logs, "
    return doubt + sentence(report.significance)


def _of_score(report: Report) -> tuple[Finding, ...]:
    return tuple(f for f in deciding(report) if report.classes.get(f.rule) == "score")


def deciding(report: Report) -> tuple[Finding, ...]:
    """The findings that the verdict rests on."""
    return tuple(f for f in report.findings if f.active is not False and f.outcome in DECIDING)


def warnings(report: Report) -> tuple[Finding, ...]:
    return tuple(f for f in report.findings if f.active is not False and f.outcome not in (*DECIDING, Outcome.PASS))


def in_order(report: Report) -> tuple[Finding, ...]:
    """What was looked at and is as it should be: a place, and no warning."""
    return tuple(f for f in report.findings if f.active is not False and f.outcome is Outcome.PASS)


def inactive(report: Report) -> tuple[Finding, ...]:
    """What is in the code and does not run under this configuration."""
    return tuple(f for f in report.findings if f.active is False)


def rests_on(report: Report) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules that decide the verdict, and those that are disputed beside a violation; each the gravest first."""
    worst: dict[str, Outcome] = {}
    bare = (row for row in bare_outcomes(report) if row.outcome in DECIDING)
    found: list[Finding | RuleOutcome] = [*deciding(report), *bare]
    for one in found:
        worst[one.rule] = min(worst.get(one.rule, one.outcome), one.outcome, key=lambda outcome: outcome.rank)
    decide = tuple(rule for rule, outcome in worst.items() if outcome.value == report.verdict.value)
    return decide, tuple(rule for rule in worst if rule not in decide)


def gravest(report: Report) -> Finding | None:
    """The first of the findings that the verdict rests on; None where no finding speaks."""
    return next((f for f in deciding(report) if f.outcome.value == report.verdict.value), None)


def because(report: Report) -> str:
    """What the verdict rests on; where findings follow that say it, only which rules they are of."""
    if not deciding(report):
        return report.verdict_because
    decide, disputed = rests_on(report)
    besides = f" Disputed besides: {', '.join(disputed)}." if disputed else ""
    return f"Decided by {', '.join(decide)}.{besides}"


def remark(report: Report) -> str:
    """A few words for a row of the triage table in which no finding speaks."""
    if report.verdict is not Verdict.CLEAN:
        return report.verdict_because
    rows = sorted(report.outcomes, key=lambda row: CLASSES.index(row.class_))
    warned = [row.rule for row in rows if row.outcome is Outcome.WARNING]
    unchecked = sum(row.outcome is Outcome.NOT_CHECKED for row in report.outcomes)
    return f"{unchecked} not checked" + (f"; warned: {', '.join(warned)}" if warned else "")


def bare_outcomes(report: Report) -> tuple[RuleOutcome, ...]:
    """Outcomes worth reading that no active finding explains: errors, and rulings that point nowhere."""
    explained = {f.rule for f in report.findings if f.active is not False}
    wanted = (*DECIDING, Outcome.ERROR, Outcome.WARNING)
    rows = [o for o in report.outcomes if o.outcome in wanted and o.rule not in explained]
    return tuple(sorted(rows, key=lambda row: (CLASSES.index(row.class_), row.outcome.rank, row.rule)))


def unchecked(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Reasons why rules were not checked, each with its rules; the most frequent reason first."""
    groups: dict[str, list[str]] = {}
    for row in report.outcomes:
        if row.outcome is Outcome.NOT_CHECKED:
            groups.setdefault(row.reason, []).append(row.rule)
    rows = [(reason, tuple(rules)) for reason, rules in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0]))]
    return (*_of_probe(report), *rows)


def _of_probe(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a probe was asked to decide and did not; it comes first, since somebody asked for it."""
    if report.probe is None:
        return ()
    from auditor.report.probe import unchecked as of_probe

    groups: dict[str, list[str]] = {}
    for reason, what in of_probe(report.probe):
        groups.setdefault(reason, []).append(what)
    return tuple((reason, tuple(what)) for reason, what in groups.items())


def how(report: Report) -> str:
    """Whether anything of the submission was executed."""
    probe = report.probe
    if probe is None or probe.status == "refused":
        return "the submission was read, not run"
    where = "with less isolation than it should have" if probe.isolation.missing else "in a sandbox"
    return f"the submission was read, and run small {where} (--probe)"


def tally(report: Report) -> str:
    """`31 rules passed, 4 not checked, 9 not applicable`."""
    parts = [(sum(row.outcome is outcome for row in report.outcomes), word) for outcome, word in _TALLY]
    said = ", ".join(f"{number} {word}" for number, word in parts if number)
    return f"{count(len(report.outcomes), 'rule')}: {said}" if said else "no rules were applied"


def certainty(finding: Finding) -> str:
    """What is said of a finding whose code may or may not run."""
    return "it could not be told whether this runs" if finding.active is None else ""


def identity(report: Report) -> tuple[tuple[str, str], ...]:
    """What was audited: (label, value) pairs, untrusted values included."""
    submission, claims = report.submission, report.claims
    pairs = [("folder", submission.folder or "unknown")]
    if submission.pr is not None:
        pairs.append(("pull request", f"#{submission.pr}"))
    if submission.title and submission.as_committed:
        pairs.append(("title", submission.title))
    if submission.commit and submission.as_committed:
        pairs.append(("commit", submission.commit))
    if claims.val_bpb:
        pairs.append(("claim", f"{claims.val_bpb.value:.8g} BPB ({claims.val_bpb.where})"))
    if report.sources.entry:
        code = f"{report.sources.entry.label}; {grouped(report.sources.code_bytes, 0, 'bytes')} of code"
        files = [f.path for f in report.sources.files if f.role != "data"]
        pairs.append(("program", code + (f" in {len(files)} files" if len(files) > 1 else "")))
    if submission.chosen_because:
        pairs.append(("chosen", submission.chosen_because))
    judged = {*(other.folder for other in report.folders), *submission.landed}
    if left := [folder for folder in submission.other_folders if folder not in judged]:
        pairs.append(("not audited", ", ".join(left[:4]) + _more(left, 4)))
    pairs += [("note", note) for note in submission.notes]
    return tuple(pairs)


def permalink(report: Report, location: Location | None) -> str:
    """The place at its commit on GitHub; "" where the commit or the folder is not known, or not what was read."""
    submission = report.submission
    commit = submission.commit or ""
    if location is None or not _COMMIT.fullmatch(commit) or not submission.as_committed:
        return ""
    if not submission.folder.startswith("records/") or location.path not in submission.by_path:
        return ""
    path = url_quote(f"{submission.folder.rstrip('/')}/{location.path}".encode("utf-8", "replace"), safe="/")
    lines = ""
    if location.line and location.layer == 0:
        last = location.end_line
        lines = f"#L{location.line}" + (f"-L{last}" if last and last > location.line else "")
    plain = "?plain=1" if lines and path.lower().endswith(".md") else ""
    return f"{_REPOSITORY}/blob/{commit}/{path}{plain}{lines}"


def _more(items: Sequence[object], shown: int) -> str:
    return f" and {len(items) - shown} more" if len(items) > shown else ""


def reading_problems(report: Report) -> tuple[str, ...]:
    """What could not be read of the submission, whatever the reason."""
    said = list(report.submission.problems)
    said += [f"{f.path}: {f.problem}" for f in report.submission.files if f.problem]
    for problem in report.sources.problems:
        where = f"{problem.path}:{problem.line}" if problem.line else problem.path
        said.append(f"{where}: {problem.message}")
    said += report.claims.problems
    said += unread_logs(report.submission)
    for run in report.headline or report.runs:
        said += [f"{run.log}: {problem}" for problem in run.problems]
    return tuple(dict.fromkeys(said))


def amount(cap: Cap) -> str:
    """`15,989,311 of 16,000,000 bytes`."""
    digits = 0 if cap.unit == "bytes" else 1
    return f"{grouped(cap.used, digits)} of {grouped(cap.limit)} {cap.unit}"


def headroom(cap: Cap) -> str:
    """`10,689 left`, `12.3 over`, `unknown`."""
    if cap.headroom is None:
        return "unknown"
    digits = 0 if cap.unit == "bytes" else 1
    return f"{grouped(abs(cap.headroom), digits)} {'left' if cap.headroom >= 0 else 'over'}"


def share(cap: Cap) -> float | None:
    """Used fraction of the budget, 0 upwards."""
    return None if cap.used is None or cap.limit <= 0 else cap.used / cap.limit


def settings_of_interest(report: Report) -> tuple[tuple[str, str, str, str], ...]:
    """(name, value, source, where) of every switch of the configuration, by name."""
    return tuple(
        (name, "unknown" if s.value is None else str(s.value), s.source, s.where)
        for name, s in sorted(report.configuration.settings.items())
    )
