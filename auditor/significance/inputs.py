"""From runs, typed values and reproductions to the sides of a comparison, with what is wrong about the evidence.

Refusals and corrections are decided here, before anything is tested; docs/statistics.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from auditor.claims import Claims, SeedClaim
from auditor.runs import Run
from auditor.runs.evaluations import stem
from auditor.significance.model import Figure, Remark, Side
from auditor.significance.units import bytes_per_token
from auditor.submission import Submission

# (message, whether the setting differs rather than only the code's size)
Difference = tuple[str, bool]
Differences = Callable[[Run, Run], Sequence[Difference]]

_DIVERGED = re.compile(r"bpb\w{0,20}[\"']?\s{0,3}[:=]\s{0,3}[-+]?(?:nan|inf)\b", re.IGNORECASE)
_LISTED = 4
_MOST = 1e6  # bits per byte or nats per token; a byte has 8 bits


def from_values(values: Sequence[float], name: str, ratio: float | None = None) -> Side:
    """A side from figures that were typed in (bits per byte)."""
    return screened(
        Side(name, "values", tuple(Figure(v) for v in values), ratio, source="given on the command line"), ()
    )


def from_runs(
    submission: Submission,
    claims: Claims,
    runs: Sequence[Run],
    headline: Sequence[Run],
    differences: Differences,
    *,
    tolerance: float,
    day: str = "",
) -> Side:
    """The side that a submission's logs make, checked against its claims.

    `differences(base, run)` says how two runs differ in settings or code. `tolerance` (bits per byte) is how far a
    claim may lie from the log. `day` is the submission's (ISO).
    """
    name = f"#{submission.pr}" if submission.pr is not None else submission.folder.rstrip("/").rsplit("/", 1)[-1]
    scored = [r for r in headline if r.val_bpb is not None]
    remarks = [*_copies(runs, scored), *_diverged(submission, runs)]
    left_out = [r for r in _left_out(runs, scored) if not differences(scored[0], r)]
    if left_out:
        said = _list(_said(r) for r in left_out)
        text = f"left out of the claim, run with the same settings and code, counted here: {said}"
        remarks.append(Remark("subset", "changed", text))
    remarks += _against_claims(claims, scored, tolerance)
    figures = [_figure(r) for r in [*scored, *left_out]]
    odd, of_code = _mixed(scored, differences)
    stricter: tuple[Figure, ...] = ()
    if odd:
        remarks.append(Remark("mixed-settings", "refused", f"seeds of different configurations: {_list(odd)}"))
    elif of_code:
        logs = {r.log for r, _ in of_code}
        said = _list(said.removesuffix(": not one script") for _, said in of_code)
        text = f"code or data differ between seeds: {said}; tested with and without, the worse counts"
        remarks.append(Remark("mixed-code", "changed", text))
        stricter = tuple(f for f in figures if f.log not in logs)
    claimed = claims.val_bpb or claims.readme_val_bpb
    side = Side(
        name,
        "submission",
        tuple(figures),
        bytes_per_token(figures),
        day,
        submission.folder,
        claimed.value if claimed else None,
        one_for_each_seed(stricter)[0],
    )
    return screened(side, remarks)


def screened(side: Side, remarks: Iterable[Remark]) -> Side:
    """The side with one figure for each seed, and with the refusals that its figures themselves give rise to."""
    remarks = list(remarks)
    figures, repeated = one_for_each_seed(side.figures)
    remarks += repeated
    broken = [f for f in figures if not 0 < f.val_bpb < _MOST]
    losses = [f for f in figures if f.val_loss is not None and not 0 < f.val_loss < _MOST]
    if broken or losses:
        text = (
            f"{_list(f.label or repr(f.val_bpb) for f in broken or losses)}: not a number above 0 and below {_MOST:g}"
        )
        remarks.append(Remark("not-a-number", "refused", text))
    elif not figures:
        remarks.append(Remark("no-figure", "refused", "no log shows a final figure"))
    elif len(figures) == 1:
        remarks.append(Remark("one-seed", "refused", "one seed: without a second one there is no spread to test with"))
    elif len({f.val_bpb for f in figures}) == 1:
        text = f"all {len(figures)} figures are {figures[0].val_bpb:.9g}: copied or rounded, there is no spread"
        remarks.append(Remark("zero-variance", "refused", text))
    return replace(side, figures=figures, remarks=(*side.remarks, *remarks))


def one_for_each_seed(figures: Sequence[Figure]) -> tuple[tuple[Figure, ...], list[Remark]]:
    """Runs of one seed are not independent: they count as one figure, their mean."""
    groups: dict[object, list[Figure]] = {}
    for position, figure in enumerate(figures):
        groups.setdefault(("?", position) if figure.seed is None else figure.seed, []).append(figure)
    kept, remarks = [], []
    for group in groups.values():
        if len(group) == 1:
            kept.append(group[0])
            continue
        losses = [f.val_loss for f in group if f.val_loss is not None]
        loss = sum(losses) / len(losses) if len(losses) == len(group) else None
        bpb = sum(f.val_bpb for f in group) / len(group)
        logs = ", ".join(dict.fromkeys(f.log for f in group if f.log))
        kept.append(Figure(bpb, loss, group[0].seed, logs))
        text = f"seed {group[0].seed} was run {len(group)} times: counted once, with the mean {bpb:.8f}"
        remarks.append(Remark("same-seed", "changed", text))
    return tuple(kept), remarks


def pooled(side: Side, others: Sequence[Side], heterogeneous: Callable[[Side, Side], float | None]) -> Side:
    """The side with the figures of independent reproductions added.

    A figure that both have (same seed, same figure) is one log in two places and counts once. `heterogeneous` is the
    two-sided p that two sides differ, None where it cannot be tested; below 0.05 the pool is said to mix two things.
    """
    figures, remarks = list(side.figures), []
    for other in others:
        known = {(f.seed, f.val_bpb) for f in figures}
        added = [f for f in other.figures if (f.seed, f.val_bpb) not in known]
        copies = len(other.figures) - len(added)
        if copies:
            text = f"{copies} of the figures of {other.name} are already there: copies, counted once"
            remarks.append(Remark("copy", "changed", text))
        text = f"{len(added)} figures of {other.name} are pooled with those of {side.name}"
        p = heterogeneous(side, other)
        if p is not None and p < 0.05:
            text += f"; the two differ (two-sided p = {p:.3g}), so that the pool mixes two things"
        remarks.append(Remark("pooled", "changed", text))
        remarks += [replace(r, message=f"{other.name}: {r.message}") for r in other.remarks if r.code not in _OF_SIZE]
        figures += added
    before = [r for r in side.remarks if r.code not in _OF_SIZE]
    name = " + ".join([side.name, *(o.name for o in others)])
    return screened(replace(side, name=name, figures=tuple(figures), remarks=tuple(before), stricter=()), remarks)


_OF_SIZE = frozenset({"one-seed", "zero-variance", "no-figure"})  # remarks that more figures may remove


def _figure(run: Run) -> Figure:
    assert run.val_bpb is not None
    return Figure(run.val_bpb, run.val_loss, run.seed, run.log)


def _said(run: Run) -> str:
    seed = f"seed {run.seed}, " if run.seed is not None else ""
    return f"{run.log} ({seed}{run.val_bpb:.9g})"


def _list(items: Iterable[str]) -> str:
    listed = list(dict.fromkeys(items))
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return "; ".join(listed[:_LISTED]) + more


def _copies(runs: Sequence[Run], headline: Sequence[Run]) -> list[Remark]:
    """Logs that hold the figures of a headline log."""
    remarks = []
    for kept in headline:
        others = [
            r for r in runs if r.content_digest == kept.content_digest and (r.log, r.index) != (kept.log, kept.index)
        ]
        if kept.content_digest and others:
            seeds = {r.seed for r in (kept, *others) if r.seed is not None}
            under = f", under {len(seeds)} seeds" if len(seeds) > 1 else ""
            said = f"{_list(r.log for r in others)}: a copy of {kept.log}{under}; counted once"
            remarks.append(Remark("copy", "changed", said))
    return remarks


def _diverged(submission: Submission, runs: Sequence[Run]) -> list[Remark]:
    """Logs without a final figure that print NaN or infinity for one."""
    scored = {r.log for r in runs if r.val_bpb is not None and r.complete}
    remarks = []
    for log in dict.fromkeys(r.log for r in runs if r.log not in scored):
        shipped = submission.by_path.get(log)
        lines = shipped.text.splitlines() if shipped is not None else []
        if any("bpb" in line.lower() and _DIVERGED.search(line[:400]) for line in lines):
            text = f"{log} prints NaN or infinity for its bits per byte: a seed that failed cannot be left out"
            remarks.append(Remark("not-a-number", "refused", text))
    return remarks


def _left_out(runs: Sequence[Run], headline: Sequence[Run]) -> list[Run]:
    """Complete runs beside the headline ones that end in the same kind of evaluation."""
    if not headline:
        return []
    used = {r.content_digest for r in headline}
    chosen = {(r.log, r.index) for r in headline}
    label = stem(headline[0].score.label) if headline[0].score else ""
    result = []
    for run in runs:
        new = run.content_digest not in used and (run.log, run.index) not in chosen
        if new and run.complete and run.score is not None and run.val_bpb is not None:
            known = run.code_bytes is not None and run.model_params == headline[0].model_params
            if known and stem(run.score.label) == label:
                used.add(run.content_digest)
                result.append(run)
    return result


def _mixed(runs: Sequence[Run], differences: Differences) -> tuple[list[str], list[tuple[Run, str]]]:
    """How runs differ from the first in settings, and which of them differ in the size of their code only."""
    settings: list[str] = []
    code: list[tuple[Run, str]] = []
    for run in runs[1:]:
        for message, severe in differences(runs[0], run):
            if severe:
                settings.append(message)
            else:
                code.append((run, message))
    majority = {r.log for r, _ in code}
    if code and 2 * len(majority) > len(runs):  # the first is the odd one
        code = [(runs[0], message) for _, message in code]
    return settings, code


def _against_claims(claims: Claims, runs: Sequence[Run], tolerance: float) -> list[Remark]:
    remarks = []
    by_seed = {r.seed: r for r in runs if r.seed is not None}
    rows = claims.seeds if any(s.val_bpb is not None for s in claims.seeds) else claims.readme_seeds
    missing = [s for s in _seeds(rows) if s.seed not in by_seed]
    if missing and len(runs) < len(_seeds(rows)):
        text = f"claimed without a log, not counted: {_list(f'seed {s.seed} ({s.where})' for s in missing)}"
        remarks.append(Remark("fewer-logs", "changed", text))
    for row in _seeds(rows):
        run = by_seed.get(row.seed or 0)
        if run is None or run.val_bpb is None or row.val_bpb is None:
            continue
        if abs(row.val_bpb - run.val_bpb) > tolerance:
            text = f"{row.where} claims {row.val_bpb:.9g} for seed {row.seed}, {run.log} shows {run.val_bpb:.9g}"
            remarks.append(Remark("claim-differs", "changed", f"{text}: the log counts"))
    claim = claims.val_bpb or claims.readme_val_bpb
    if claim is not None and runs:
        shown = sum(r.val_bpb or 0.0 for r in runs) / len(runs)
        if abs(shown - claim.value) > tolerance:
            text = f"{claim.where} claims {claim.value:.9g}, the mean of the logs is {shown:.8f}: the logs count"
            remarks.append(Remark("claim-differs", "changed", text))
    return remarks


def _seeds(rows: Sequence[SeedClaim]) -> list[SeedClaim]:
    unique = {r.seed: r for r in rows if r.seed is not None}
    return list(unique.values())
