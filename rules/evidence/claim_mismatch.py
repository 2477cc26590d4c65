"""claim-mismatch: title, README, submission.json and logs tell the same story."""

from __future__ import annotations

import re

from auditor.claims.readme import figures_of
from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from auditor.runs.unread import unread_logs
from auditor.source.excerpt import shortened
from rules.evidence._another_program import another_program
from rules.evidence._comparison import differences
from rules.examples.folders import folder, log, seeds
from rules.examples.scripts import script
from rules.law.limits import LIMITS
from rules.law.standing import claimed_at, distinct, name, not_filled_in, place, pull
from rules.order._epochs import unexplained
from rules.scored import unreadable

ID = "claim-mismatch"

_TITLE_BPB = re.compile(
    r"bpb\s{0,3}[:=]?\s{0,3}(\d\.\d{3,8})(?!\d)|(?<![\d.])(?<!\s[+\u2212\u0394-])(\d\.\d{3,8})\s{0,3}(?:val_?)?\s{0,3}bpb\b"
    r"(?!\s(?:[a-z-]{1,20}\s){0,2}(?:gap|gain|improvement|penalty|delta|difference|better|worse|lower|higher)\b)",
    re.IGNORECASE,
)
_TABLES = (".csv", ".tsv")
_TABLE = 1_000_000  # characters of one that are looked at
_TOLD_APART = 5  # digits behind the point by which a figure is known again
_LISTED = 5  # contradicting switches that are listed
_ROUNDING = 0.00006  # half a digit of a figure with four decimals


def check(facts: Facts) -> Ruling:
    shipped = None if not_filled_in(facts.claims) else facts.claims.val_bpb
    claim = shipped or facts.claims.readme_val_bpb
    scored = [run for run in distinct(facts.headline) if run.val_bpb is not None]
    if claim is None and all(row.val_bpb is None for row in facts.claims.seeds):
        return not_checked("nothing states a val_bpb that could be compared with the logs")
    findings = []
    unread = unread_logs(facts.submission)
    if claim is not None:
        # The mean of a part of the runs says nothing of the claim.
        findings += (
            []
            if unread and len(scored) < LIMITS.record_seeds
            else _against_logs(facts, claim.value, claimed_at(claim), scored)
        )
        findings += _against_words(facts, claim.value)
    findings += _not_the_end(scored)
    findings += _not_finite(facts)
    findings += differences(facts, ID, scored)
    findings += _sizes(facts, scored)
    findings += _settings(facts)
    findings += _code_of_another_run(facts)
    findings += another_program(facts, ID, scored)
    if not scored and not findings:
        return not_checked("no log shows a final figure that the claim could be compared with")
    unchecked = f"a log could not be read: {unread[0]}" if unread else ""
    return found(findings, "the claim is the mean of what the logs show", unchecked=unchecked)


def _against_logs(facts: Facts, claim: float, where: Location, scored: list[Run]) -> list[Finding]:
    tolerance = LIMITS.claim_tolerance_bpb
    figures = [run.val_bpb for run in scored if run.val_bpb is not None]
    if not figures:
        return []
    mean = sum(figures) / len(figures)
    if abs(claim - mean) <= tolerance:
        return []
    near = [(abs(run.val_bpb - claim), n) for n, run in enumerate(scored) if _same(run.val_bpb, claim) and run.val_bpb]
    own = [scored[n] for _, n in sorted(near)]
    shown = f"the {len(figures)} runs behind it average" if len(figures) > 1 else "the run behind it shows"
    what = f"claims {claim:.5f}, {shown} {mean:.5f} ({claim - mean:+.5f})"
    if own:
        message = f"{what}: the claim is the figure of {name(own[0])} alone"
        return [Finding(ID, Outcome.WARNING, message, where)]
    elsewhere = [(run, e) for run in facts.runs for e in run.evaluations if _same(e.val_bpb, claim)]
    if elsewhere:
        run, evaluation = elsewhere[0]
        label = evaluation.label or (f"step {evaluation.step}" if evaluation.step is not None else "another line")
        message = f"{what}: the claimed figure is that of `{label}` in {name(run)}"
        return [Finding(ID, Outcome.WARNING, message, place(run, evaluation.line))]
    stated = where.path.lower() == "submission.json"  # what prose says is read with less certainty
    outcome = Outcome.VIOLATION if claim < mean and stated else Outcome.WARNING
    table = _in_a_table(facts, claim)
    beside = f" ({table} states it; a table is no log)" if table else ""
    return [Finding(ID, outcome, f"{what}; no log shows the claimed figure{beside}", where)]


def _not_the_end(scored: list[Run]) -> list[Finding]:
    """A figure of a validation in the middle of training, where what came after it is worse."""
    for run in scored:
        score = run.score
        if score is None or score.step is None or score.val_bpb is None:
            continue
        later = [e for e in run.evaluations if e.line > score.line and e.val_bpb is not None]
        last = later[-1] if later else score
        if last.val_bpb is not None and last.val_bpb - score.val_bpb > LIMITS.claim_tolerance_bpb:
            end = f"`{last.label}`" if last.label else f"step {last.step}"
            message = f"{score.val_bpb:.5f} is what {name(run)} shows at step {score.step}; at its end, {end}, it shows"
            return [Finding(ID, Outcome.WARNING, f"{message} {last.val_bpb:.5f}", place(run, score.line))]
    return []


def _in_a_table(facts: Facts, claim: float) -> str:
    """The first table of the folder that states a figure to five digits at least; "" where none does."""
    digits = repr(claim).partition(".")[2]
    if len(digits) < _TOLD_APART:
        return ""
    tables = (file for file in facts.submission.files if file.path.lower().endswith(_TABLES) and file.data)
    return next((file.path for file in tables if f"{claim}" in file.text[:_TABLE]), "")


def _same(left: float | None, right: float) -> bool:
    return left is not None and abs(left - right) <= _ROUNDING


def _against_words(facts: Facts, claim: float) -> list[Finding]:
    findings = []
    readme, tolerance = facts.claims.readme_val_bpb, LIMITS.claim_tolerance_bpb
    shipped = facts.claims.val_bpb is not None and not not_filled_in(facts.claims)
    if shipped and readme is not None and not _stated(facts, claim):
        other = f"(it has {readme.value:.5f})"
        message = f"submission.json claims {claim:.5f}, which the README nowhere states as the result {other}"
        findings.append(Finding(ID, Outcome.WARNING, message, claimed_at(readme)))
    titled = [float(a or b) for a, b in _TITLE_BPB.findall(facts.submission.title or "")]
    if titled and all(abs(value - claim) > tolerance for value in titled):
        message = f"the title states {titled[0]}, the submission {claim:.5f}"
        findings.append(Finding(ID, Outcome.WARNING, message))
    return findings


def _stated(facts: Facts, claim: float) -> bool:
    """Whether the README holds the claimed figure somewhere as a result, however it is rounded."""
    shipped = facts.submission.named("README.md")
    figures = figures_of(shipped.text.split("\n"), shipped.path) if shipped is not None else ()
    return any(abs(figure.value - claim) <= LIMITS.claim_tolerance_bpb for figure in figures)


def _not_finite(facts: Facts) -> list[Finding]:
    """A run whose final evaluation printed nan or inf has no score, whatever its other lines show."""
    findings = []
    for run in distinct(facts.headline):
        final = run.not_finite
        if final is not None:
            label = f"`{final.label}`" if final.label else "the last line"
            message = f"the final evaluation of {name(run)}, {label}, printed {final.printed}: "
            unread = final.printed.lstrip("+-")[:1].isdigit()
            message += "no number that is understood" if unread else "it has no final score"
            outcome = Outcome.WARNING if unread else Outcome.VIOLATION
            findings.append(Finding(ID, outcome, message, place(run, final.line)))
    return findings


def _sizes(facts: Facts, scored: list[Run]) -> list[Finding]:
    """A claimed size below the logs', most often the model without the code."""
    claim = facts.claims.artifact_bytes
    logged = [(run, run.artifact_bytes) for run in scored if run.artifact_bytes is not None]
    if claim is None or not logged:
        return []
    if any(claim.value == size for _, size in logged):
        return []
    run, size = max(logged, key=lambda pair: pair[1])
    if claim.value >= min(size for _, size in logged):
        return []
    code = run.code_bytes or 0
    why = "; that is the model without its code" if code and abs(size - code - claim.value) < code // 2 else ""
    if abs(sum(other for _, other in logged) / len(logged) - claim.value) <= 1 and len(logged) > 1:
        why = "; that is the mean of the seeds' sizes"
    message = f"claims an artifact of {claim.value:,} bytes, {name(run)} totals {size:,}{why}"
    return [Finding(ID, Outcome.WARNING, message, claimed_at(claim))]


def _settings(facts: Facts) -> list[Finding]:
    """Switches that the documented command and the log, or two documented commands, set in different ways."""
    findings = []
    for conflict in facts.configuration.conflicts:
        used, other = conflict.used, conflict.other
        if other.source != "command":
            continue  # logs that differ from each other are another rule's
        path, _, line = other.where.rpartition(":")
        where = Location(path, int(line)) if line.isdigit() else Location(other.where)
        if used.source == "command":
            said = (
                f"two documented commands set {used.name} to {used.value or other.value} and {other.value} "
                f"({used.where}, {other.where}); no log says which ran"
            )
        else:
            said = f"the documented command sets {used.name}={other.value}, the run had {used.value} ({used.where})"
        findings.append(Finding(ID, Outcome.WARNING, said, where))
    return findings[:_LISTED]


def _code_of_another_run(facts: Facts) -> list[Finding]:
    """Lines of a log that no code in the folder prints: the log is of another program."""
    if unreadable(facts) is not None:
        return []
    findings = []
    for epochs in unexplained(facts):
        first = epochs.lines[0]
        message = f"the log shows code running that the folder lacks: {shortened(first.text, 60)}"
        findings.append(Finding(ID, Outcome.WARNING, message, place(epochs.run, first.number)))
    return findings


def _echo(changed: str) -> tuple[str, ...]:
    """The example's script as a trainer prints it into its log, with one more line in the middle."""
    lines = script().strip().splitlines()
    return (*lines[: len(lines) // 2], *([changed] if changed else []), *lines[len(lines) // 2 :], "=" * 100)


RULE = Rule(
    id=ID,
    title="The claim is not what the logs show",
    class_="evidence",
    authority="maintainer",
    evidence=("claims", "logs"),
    criterion="The claimed val_bpb is within 0.0005 of the mean of the headline runs, and the README, the title, the "
    "seeds' rows and the sizes agree with it. A claim below every figure of the logs is a violation; the best seed, "
    "another line of a log, a step before a worse end or a worse figure is a warning.",
    why="The leaderboard repeats the claim; what no log shows cannot be reproduced.",
    remedy="State the mean of the seeds as the logs print it, without corrections, everywhere the same.",
    sources=(
        pull(1981, "cocohearts: an offset added to the raw figure", "2026-05-02"),
        pull(2138, "cocohearts: the correction is in no log", "2026-05-02"),
        pull(2076, "cocohearts: the logs are authoritative over a summary", "2026-05-02"),
        pull(86, "cocohearts: the README's figure and the shipped log are different runs", "2026-05-04"),
    ),
    check=check,
    examples=(
        Example(
            "the documented command switches on what the log shows off",
            "breaks",
            folder(
                script(settings='swa = int(os.environ.get("SWA_ENABLED", "0"))'),
                logs=seeds(hyperparameters={"swa": 0}),
                readme="```bash\nSWA_ENABLED=1 torchrun --nproc_per_node=8 train_gpt.py\n```\n",
            ),
            Outcome.WARNING,
        ),
        Example("lower than any log", "breaks", folder(submission={"val_bpb": 1.09}), Outcome.VIOLATION),
        Example(
            "the best seed instead of the mean",
            "breaks",
            folder(logs=seeds((1.103, 1.098, 1.105)), submission={"val_bpb": 1.098}),
            Outcome.WARNING,
        ),
        Example(
            "the model's size without the code",
            "breaks",
            folder(logs=seeds(artifact_bytes=15_990_000), submission={"artifact_bytes": 15_942_000}),
            Outcome.WARNING,
        ),
        Example(
            "the log shows code running that the folder lacks",
            "breaks",
            folder(logs=seeds(lines=("ttt:epoch 1/2 loss:2.9", "ttt:epoch 2/2 loss:2.8"))),
            Outcome.WARNING,
        ),
        Example(
            "the result has a label that no code of the folder can print",
            "breaks",
            folder(logs=seeds(label="final_int8_tournament")),
            Outcome.WARNING,
        ),
        Example(
            "the log echoes another source",
            "breaks",
            folder(logs=seeds(before=_echo("muon_beta = 0.97  # tried at the end"))),
            Outcome.WARNING,
        ),
        Example(
            "the log ran with another constant than the code has",
            "breaks",
            folder(script(settings="num_loops = 3"), logs=seeds(hyperparameters={"num_loops": 5})),
            Outcome.WARNING,
        ),
        Example("the log echoes the folder's source", "legal", folder(logs=seeds(before=_echo(""))), Outcome.PASS),
        Example(
            "the dump repeats the code's constant",
            "legal",
            folder(script(settings="num_loops = 3"), logs=seeds(hyperparameters={"num_loops": "3"})),
            Outcome.PASS,
        ),
        Example("rounded to four digits", "legal", folder(submission={"val_bpb": 1.1001}), Outcome.PASS),
        Example(
            "nothing is claimed",
            "inactive",
            folder(logs={42: log(42, 1.1)}, readme="# Example\n", submission={"val_bpb": None, "seed_results": None}),
            Outcome.NOT_CHECKED,
        ),
    ),
    not_decidable="Whether the logs are of the shipped script; a rerun would show it.",
)
