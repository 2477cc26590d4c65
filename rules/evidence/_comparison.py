"""Everything that two places of a submission state of one thing, compared: README, submission.json and logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.claims import Claim, Claims, SeedClaim
from auditor.claims.passes import is_mean, is_one
from auditor.claims.times import holds_time
from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.runs import Run
from auditor.runs.unread import unread_logs
from rules.law.limits import LIMITS
from rules.law.standing import claimed_at, gpu_model, name

_SECONDS, _SECONDS_SHARE = 2.0, 0.01  # what rounding makes of a time
_ROUND_STEPS = 10
_LAST_EDIT = 64  # bytes that a script may have changed by after it was weighed
_MEBI = 1.048576
_LEAST = 1e-5  # BPB: what another order of summation makes of a figure
_FAR = 0.2  # share of the claim: a figure further off is a difference, or of something else
_PER_SEED = re.compile(r"(?<![\w.])(\d{1,2})[- ]seeds?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A figure and where it stands: `README.md:31`, `submission.json:val_bpb`, `train_seed42.log:310`."""

    value: float
    where: str
    logged: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared: its name and unit, what rounding may do to it, and whether more of it ranks a submission."""

    name: str
    unit: str
    digits: int
    ranks: bool

    def close(self, left: float, right: float) -> bool:
        larger = max(abs(left), abs(right))
        if self.unit == "bytes":
            # Megabytes with one or two digits are rounded; bytes are not.
            rounded = [v for v in (left, right) if v % 1_000 == 0]
            coarse = 100_000 if any(v % 100_000 == 0 for v in rounded) else 10_000 if rounded else 0
            # "MB" is often said of mebibytes.
            return abs(left - right) <= coarse or any(
                abs(value * _MEBI - other) <= coarse * _MEBI
                for value, other in ((left, right), (right, left))
                if value in rounded
            )
        if self.unit == "s":
            return abs(left - right) <= max(_SECONDS, _SECONDS_SHARE * larger)
        if self.unit == "steps":
            rounded = [v for v in (left, right) if v % _ROUND_STEPS == 0]
            return abs(left - right) <= (max(100.0, 0.01 * larger) if rounded else 1.0)
        # A figure that ends in zeros was printed with more digits than it shows here.
        digit = min(max(_rounding(left), _rounding(right)), LIMITS.claim_tolerance_bpb)
        return abs(left - right) <= max(digit, _LEAST)

    def text(self, value: float) -> str:
        unit = "" if self.unit == "BPB" else f" {self.unit}"
        return f"{value:,.{self.digits}f}{unit}"


def _rounding(figure: float) -> float:
    """What rounding, or cutting off, may have done to a figure: one in its last digit."""
    _, _, decimals = repr(figure).partition(".")
    return 0.0 if "e" in decimals else float(10.0 ** -len(decimals))


BPB = Measure("val_bpb", "BPB", 5, True)
ARTIFACT = Measure("artifact", "bytes", 0, False)
CODE = Measure("code", "bytes", 0, False)
STEPS = Measure("steps", "steps", 0, False)
TRAINING = Measure("training", "s", 1, False)
EVALUATION = Measure("evaluation", "s", 1, False)


def differences(facts: Facts, rule: str, scored: Sequence[Run]) -> list[Finding]:
    """One finding for each figure that two places state differently."""
    found: list[Finding] = []
    claims = facts.claims
    found += _means(facts, rule, scored)
    for seed, places in _by_seed(claims, scored).items():
        _without_shipped(facts, scored, seed, places)
        # A superseded log of the seed speaks for a figure, too.
        others = [
            Stated(e.val_bpb, run.log, logged=True)
            for run in (*scored, *facts.runs)
            for e in run.evaluations
            if run.seed == seed and e.val_bpb is not None
        ]
        for measure, stated in places.items():
            found += _pair(rule, measure, stated, f" for seed {seed}", others if measure is BPB else ())
    found += _artifact(rule, claims, scored)
    found += _code(rule, claims, scored)
    found += _steps(facts, rule, scored)
    found += _times(facts, rule, scored)
    found += _hardware(rule, claims, scored)
    found += _seed_count(facts, rule, scored)
    return found


def _claimed(*claims: Claim[int] | Claim[float] | None) -> list[Stated]:
    return [Stated(float(claim.value), claim.where) for claim in claims if claim is not None]


def _means(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    """A mean that the README states against the one that submission.json claims."""
    claim = facts.claims.val_bpb
    if claim is None:
        return
    shown = [run.val_bpb for run in scored if run.val_bpb is not None]
    mean = sum(shown) / len(shown) if shown else None
    for stated in facts.claims.readme_means:
        if BPB.close(stated.value, claim.value) or abs(stated.value - claim.value) > _FAR * claim.value:
            continue
        # Where not all of the README's seeds have logs, they show no mean to compare with.
        whole = len(shown) >= sum(row.val_bpb is not None for row in facts.claims.readme_seeds)
        better = whole and mean is not None and mean - stated.value > LIMITS.claim_tolerance_bpb
        proof = f", the logs show {mean:.5f}" if mean is not None else ""
        message = f"{stated.where} states a mean of {stated.value:.5f}, {claim.where} {claim.value:.5f}{proof}"
        yield Finding(rule, Outcome.VIOLATION if better else Outcome.WARNING, message, claimed_at(stated))
        return


def _by_seed(claims: Claims, scored: Sequence[Run]) -> dict[int, dict[Measure, list[Stated]]]:
    """What each place states of each seed; the logs last."""
    found: dict[int, dict[Measure, list[Stated]]] = {}
    for row in (*claims.seeds, *claims.readme_seeds):
        if row.seed is not None:
            for measure, value in _of_row(row):
                found.setdefault(row.seed, {}).setdefault(measure, []).append(Stated(value, row.where))
    for run in scored:
        if run.seed is not None and run.seed in found:
            for measure, value, line in _of_run(run):
                where = f"{run.log}:{line}" if line else run.log
                found[run.seed].setdefault(measure, []).append(Stated(value, where, logged=True))
    return found


def _without_shipped(facts: Facts, scored: Sequence[Run], seed: int, places: dict[Measure, list[Stated]]) -> None:
    """Leaves out sizes that count the code as it is shipped where the log counted another: `uncounted-code` says so."""
    shipped = facts.sources.code_bytes
    run = next((run for run in scored if run.seed == seed and run.code_bytes), None)
    if run is None or not shipped:
        return
    whole = (run.artifact_bytes or 0) - (run.code_bytes or 0) + shipped
    for measure, size in ((CODE, shipped), (ARTIFACT, whole)):
        kept = [s for s in places.get(measure, ()) if s.logged or abs(s.value - size) > _LAST_EDIT]
        if measure in places:
            places[measure] = kept


def _of_row(row: SeedClaim) -> Iterator[tuple[Measure, float]]:
    values = (
        (BPB, row.val_bpb),
        (ARTIFACT, row.artifact_bytes),
        (CODE, row.code_bytes),
        (STEPS, row.steps),
        (TRAINING, row.train_seconds),
    )
    return ((measure, float(value)) for measure, value in values if value is not None)


def _of_run(run: Run) -> Iterator[tuple[Measure, float, int | None]]:
    values = (
        (BPB, run.val_bpb, run.score.line if run.score else None),
        (ARTIFACT, run.artifact_bytes, run.artifact_line),
        (CODE, run.code_bytes, None),
        (STEPS, run.steps, None),
        (TRAINING, run.train_seconds, run.train_seconds_line),
    )
    return ((measure, float(value), line) for measure, value, line in values if value is not None)


def _pair(
    rule: str, measure: Measure, stated: Sequence[Stated], of: str, others: Sequence[Stated] = ()
) -> Iterator[Finding]:
    """The first two places that differ; several logs of one seed speak for each other.

    `others` are figures of the logs that are not their results: a claim that is one of them is no invention.
    """
    logs = [s for s in stated if s.logged]
    said = [s for s in stated if not s.logged]
    for claim in said:
        if logs and not any(measure.close(claim.value, s.value) for s in logs):
            nearest = min(logs, key=lambda s: abs(s.value - claim.value))
            finding = _differs(rule, measure, claim, nearest, of)
            shown = next((other for other in others if measure.close(claim.value, other.value)), None)
            if shown is not None:
                beside = "" if nearest.where.startswith(shown.where) else f"; it is the figure of {shown.where}"
                finding = replace(finding, outcome=Outcome.WARNING, message=finding.message + beside)
            yield finding
            return
    for index, claim in enumerate(said):
        other = next((s for s in said[index + 1 :] if not measure.close(claim.value, s.value)), None)
        if other is not None:
            yield _differs(rule, measure, claim, other, of)
            return


def _differs(rule: str, measure: Measure, claim: Stated, other: Stated, of: str) -> Finding:
    named = "" if measure is STEPS else f" of {measure.name}"
    message = (
        f"{claim.where} states {measure.text(claim.value)}{named}{of}, "
        f"{other.where} {'shows' if other.logged else 'states'} {measure.text(other.value)}"
    )
    better = measure.ranks and other.logged and other.value - claim.value > LIMITS.claim_tolerance_bpb
    return Finding(rule, Outcome.VIOLATION if better else Outcome.WARNING, message, _place(claim.where))


def _place(where: str) -> Location:
    return claimed_at(Claim(0.0, where))


def _artifact(rule: str, claims: Claims, scored: Sequence[Run]) -> Iterator[Finding]:
    """The claimed size against the README's; one of several seeds' sizes may be the claimed one, or their mean, as
    either side lists them or as the logs show them."""
    claim = claims.artifact_bytes
    sizes = [row.artifact_bytes for row in (*claims.readme_seeds, *claims.seeds) if row.artifact_bytes is not None]
    logged = [run.artifact_bytes for run in scored if run.artifact_bytes is not None]
    means = [*_mean_sizes(claims), *([round(sum(logged) / len(logged))] if len(logged) > 1 else [])]
    if claim is not None and not any(ARTIFACT.close(claim.value, size) for size in (*sizes, *means)):
        yield from _pair(rule, ARTIFACT, _claimed(claim, claims.readme_artifact_bytes), "")


def _mean_sizes(claims: Claims) -> Iterator[float]:
    """The mean size of the seeds that each side lists."""
    for rows in (claims.readme_seeds, claims.seeds):
        sizes = [row.artifact_bytes for row in rows if row.artifact_bytes is not None]
        if sizes:
            yield float(round(sum(sizes) / len(sizes)))


def _code(rule: str, claims: Claims, scored: Sequence[Run]) -> Iterator[Finding]:
    """The claimed code size against every way in which the logs count it."""
    claim = claims.code_bytes
    shown = {
        float(size): run
        for run in scored
        for size in (run.code_bytes, run.code_bytes_compressed, run.code_bytes_uncompressed)
        if size
    }
    if claim is None or not shown or any(CODE.close(claim.value, size) for size in shown):
        return
    if any(row.code_bytes == claim.value for row in claims.seeds):
        return  # said of the seed
    size = min(shown, key=lambda s: abs(s - claim.value))
    yield _differs(rule, CODE, Stated(float(claim.value), claim.where), Stated(size, shown[size].log, True), "")


def _steps(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    """Claimed steps that no run made and none had planned; one finding for each place. A README that has the steps of
    a run as well speaks of another one there."""
    claims, readme = facts.claims, facts.submission.named("README.md")
    text = readme.text if readme is not None else ""
    shown = [(float(run.steps), run) for run in scored if run.steps is not None]
    planned = [float(run.planned_steps) for run in scored if run.planned_steps is not None]
    rows = [row.steps for row in (*claims.seeds, *claims.readme_seeds) if row.steps is not None]
    mean = sum(steps for steps, _ in shown) / len(shown) if shown else 0.0
    for claim in (claims.steps, claims.readme_steps):
        if claim is None or not shown or claim.value in rows:  # a row's is compared with its seed's log
            continue
        if claim is claims.readme_steps and any(_holds(text, int(steps)) for steps, _ in shown):
            continue
        if not any(STEPS.close(claim.value, steps) for steps in (mean, *(steps for steps, _ in shown), *planned)):
            steps, run = min(shown, key=lambda pair: abs(pair[0] - claim.value))
            yield _differs(rule, STEPS, Stated(float(claim.value), claim.where), Stated(steps, run.log, True), "")


def _holds(text: str, number: int) -> bool:
    """Whether a text has a whole number, with commas or without."""
    return re.search(rf"(?<![\d.,])(?:{number}|{number:,})(?![\d]|[.,]\d)", text) is not None


def _times(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    """A claimed time that is shorter than what the logs show, or two claims that differ."""
    claims = facts.claims
    trained = [(run.train_seconds, run) for run in scored if run.train_seconds is not None]
    evaluated = [(run.eval_seconds, run) for run in scored if run.eval_seconds is not None]
    for measure, claim, readme, shown in (
        (TRAINING, claims.train_seconds, claims.readme_train_seconds, trained),
        (EVALUATION, claims.eval_seconds, claims.readme_eval_seconds, evaluated),
    ):
        if claim is None:
            continue
        least = min(shown, key=lambda pair: pair[0], default=None)
        if least is not None and claim.value < least[0] and not measure.close(claim.value, least[0]):
            yield _differs(rule, measure, Stated(claim.value, claim.where), Stated(least[0], least[1].log, True), "")
        elif readme is not None and claim.where != readme.where and not _is_timed(facts, claim.value):
            yield from _pair(rule, measure, _claimed(claim, readme), "")


def _is_timed(facts: Facts, seconds: float) -> bool:
    """Whether the README holds a time, under whatever name: a key for the wall clock may mean more than training."""
    shipped = facts.submission.named("README.md")
    return shipped is not None and holds_time(shipped.text.split("\n"), seconds)


def _hardware(rule: str, claims: Claims, scored: Sequence[Run]) -> Iterator[Finding]:
    """The model of the GPUs that is claimed against the one that a log names."""
    claimed = gpu_model(claims.hardware.value) if claims.hardware else ""
    if claims.hardware is None or not claimed:
        return
    for run in scored:
        shown = gpu_model(run.gpu or "")
        if shown and shown != claimed:
            message = f"{claims.hardware.where} names {claimed} GPUs, {name(run)} ran on {run.gpu}"
            better = claimed == "H100"
            yield Finding(rule, Outcome.VIOLATION if better else Outcome.WARNING, message, claimed_at(claims.hardware))
            return


def _readme_results(claims: Claims) -> list[SeedClaim]:
    """The README's rows of seeds where they bear the claimed score: others may be of what was tried."""
    rows = [row for row in claims.readme_seeds if row.seed is not None and row.val_bpb is not None]
    claim = claims.val_bpb or claims.readme_val_bpb
    figures = [row.val_bpb for row in rows if row.val_bpb is not None]
    return rows if claim is not None and (is_one(claim.value, figures) or is_mean(claim.value, figures)) else []


def _seed_count(facts: Facts, rule: str, scored: Sequence[Run]) -> Iterator[Finding]:
    """More seeds claimed than logs show: by submission.json, else by the README's figures."""
    rows = [row for row in facts.claims.seeds if row.seed is not None]
    rows = rows or _readme_results(facts.claims)
    shown = {run.seed for run in (*facts.runs, *scored) if run.seed is not None}
    if len(scored) < 1 or not rows or any(run.seed is None for run in scored):
        return
    said = list(dict.fromkeys(row.seed for row in rows))
    missing = [seed for seed in said if seed not in shown]
    if missing and not unread_logs(facts.submission):
        listed = ", ".join(map(str, missing))
        which = f"seed{'s' if len(missing) > 1 else ''} {listed}"
        place = _place(next(row for row in rows if row.seed == missing[0]).where)
        message = f"{place.path} states {len(said)} seed{'s' if len(said) > 1 else ''}; no log shows {which}"
        yield Finding(rule, Outcome.WARNING, message, place)
