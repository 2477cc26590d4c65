"""Which runs the claim stands on: folders hold superseded logs beside the headline ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from auditor.claims import Claim, Claims, SeedClaim
from auditor.claims.passes import FIGURE_TOLERANCE, is_mean, is_one
from auditor.runs.assemble import seed_of_name, with_score
from auditor.runs.evaluations import stem
from auditor.runs.joining import with_training
from auditor.runs.model import Evaluation, Run
from auditor.runs.score import kind, prefer_exact, with_seconds

# Seeds of one configuration lie closer together than this; most records' standard deviation is below 0.001.
SEED_SPREAD = 0.005
_STEPS, _SECONDS = 10, 2.0  # what rounding makes of a claim
_MOST_RUNS = 24  # beyond this, subsets are not searched for the claimed mean


@dataclass(frozen=True, slots=True)
class _Match:
    run: int
    evaluation: Evaluation
    distance: float
    same_seed: bool


def headline(runs: tuple[Run, ...], claims: Claims) -> tuple[Run, ...]:
    """The runs whose figures are the claimed ones, each with the evaluation that bears the claim as its `score`.

    Claimed seeds that bear the claimed score are matched first, then that score as a mean, then as any single figure,
    then seeds that do not bear it: tables show other passes beside the one that is claimed. Where nothing matches,
    every complete run that is no copy of another one is returned. `headline_because` says which it was.
    """
    distinct = _without_copies(runs)
    bearing, others = _by_tables(distinct, claims)
    whole = _all(distinct, claims.val_bpb)
    if len(whole) > len(bearing) > 0:
        bearing = whole  # a table that has other figures for some of them does not leave them out
    chosen = bearing or _by_claim(distinct, claims.val_bpb) or others or _by_claim(distinct, claims.readme_val_bpb)
    if chosen:
        return with_training(_with_siblings(chosen, distinct), distinct, claims)
    rest = tuple(r for r in distinct if r.complete) or tuple(distinct)
    because = "no log shows a claimed figure: every complete run is taken"
    return with_training([replace(r, headline_because=because) for r in rest], distinct, claims)


def _by_tables(runs: list[Run], claims: Claims) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The runs of the first table of seeds that bears the claimed score, and those of the first that does not."""
    bearing: list[tuple[Run, ...]] = []
    others: list[tuple[Run, ...]] = []
    for rows in (claims.seeds, claims.readme_seeds):
        rows = tuple(row for row in rows if row.val_bpb is not None)
        found = _by_seed(runs, rows, (*claims.seeds, *claims.readme_seeds))
        if found:
            agrees = claims.val_bpb is None or (
                _bears(claims.val_bpb.value, found, rows) and not _another_is(claims.val_bpb.value, found, rows, runs)
            )
            (bearing if agrees else others).append(found)
    return next(iter(bearing), ()), next(iter(others), ())


def _bears(claim: float, found: Sequence[Run], rows: Sequence[SeedClaim]) -> bool:
    """Whether the claim is the mean of the rows or of the runs found for them, or one of their figures."""
    stated = [row.val_bpb for row in rows if row.val_bpb is not None]
    shown = [run.val_bpb for run in found if run.val_bpb is not None]
    return is_mean(claim, stated) or is_mean(claim, shown) or is_one(claim, stated + shown)


def _another_is(claim: float, found: Sequence[Run], rows: Sequence[SeedClaim], runs: Sequence[Run]) -> bool:
    """Whether the claim is to all digits the figure of a run beside them: they are reruns of it."""
    stated = [row.val_bpb for row in rows if row.val_bpb is not None]
    exact = {(run.log, run.index) for run in runs if run.val_bpb == claim}
    return bool(exact) and not is_mean(claim, stated) and not exact & {(run.log, run.index) for run in found}


def _by_claim(runs: list[Run], claim: Claim[float] | None) -> tuple[Run, ...]:
    """The runs whose mean or figure is the claim to its last digit, else as near as rounding may be."""
    if claim is None:
        return ()
    value, where = claim.value, claim.where
    for tolerance in (min(_half_a_digit(value), FIGURE_TOLERANCE), FIGURE_TOLERANCE):
        found = _by_mean(runs, value, where, tolerance) or _by_figure(runs, value, where, tolerance)
        if found:
            return found
    for others in _with_other_figures(runs):
        found = _by_mean(others, value, where, FIGURE_TOLERANCE)
        if found:
            return found
    return ()


def _with_other_figures(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """The runs, each with a figure of another name on the last line that has some as its score: one after the other."""
    last = [[e for e in run.beside if e.line == run.beside[-1].line] for run in runs]
    for number in range(max(map(len, last), default=0)):
        yield [
            with_score(run, own[number], f"a figure beside another one on line {own[number].line}")
            for run, own in zip(runs, last, strict=True)
            if number < len(own)
        ]


def _half_a_digit(figure: float) -> float:
    """Half of one in the last digit that a figure was given with, and what binary fractions add to it."""
    _, _, decimals = repr(figure).partition(".")
    return FIGURE_TOLERANCE if "e" in decimals else float(0.5 * 10.0 ** -len(decimals)) + 1e-12


def _without_copies(runs: Sequence[Run]) -> list[Run]:
    """One run per set of figures; the one that knows its seed and is named after it, then the one with the dump."""
    best: dict[object, Run] = {}
    for key_of in (lambda run: run.content_digest, _of_one_run):
        best.clear()
        for run in runs:
            other = best.get(key_of(run))
            if other is None or _weight(run) > _weight(other):
                best[key_of(run)] = run
        runs = [run for run in runs if best[key_of(run)] is run]
    return list(runs)


def _of_one_run(run: Run) -> object:
    """What no second run repeats: a program's own log and its output on a terminal do not hold the same lines."""
    if run.seed is None or run.steps is None or run.train_seconds is None or run.val_bpb is None:
        return run.log, run.index
    return run.seed, run.steps, run.train_seconds, run.val_bpb, run.val_loss


def _weight(run: Run) -> tuple[bool, bool, bool, int]:
    named, explicit = seed_of_name(run.log)
    names_its_seed = explicit and named == run.seed
    return (run.seed is not None, names_its_seed, run.val_tokens is not None, len(run.hyperparameters))


def _rank(match: _Match, run: Run, told: Sequence[SeedClaim]) -> tuple[bool, bool, int, float, int]:
    """The order in which runs that show a claimed figure are taken: `told` are the rows of the seed."""
    return (
        match.distance > 1e-9, kind(match.evaluation) == "step", -agreement(run, told), match.distance, match.run
    )  # fmt: skip


def agreement(run: Run, rows: Sequence[SeedClaim]) -> int:
    """How many of the steps, seconds and sizes that are claimed beside a figure a run shows."""
    return sum(
        (row.steps is not None and run.steps is not None and abs(row.steps - run.steps) <= _STEPS)
        + (row.artifact_bytes is not None and row.artifact_bytes == run.artifact_bytes)
        + (row.code_bytes is not None and row.code_bytes == run.code_bytes)
        + (
            row.train_seconds is not None
            and run.train_seconds is not None
            and abs(row.train_seconds - run.train_seconds) <= _SECONDS
        )
        for row in rows
    )


def _by_seed(runs: list[Run], seeds: Sequence[SeedClaim], known: Sequence[SeedClaim]) -> tuple[Run, ...]:
    chosen: dict[int, tuple[_Match, SeedClaim]] = {}
    for claim in seeds:
        matches = [m for m in _matches(runs, claim.val_bpb or 0.0, claim.seed) if m.run not in chosen]
        own = [m for m in matches if m.same_seed] or matches
        if own:
            told = [row for row in known if row.seed == claim.seed]
            match = min(own, key=lambda m: _rank(m, runs[m.run], told))
            chosen[match.run] = (match, claim)
    result = _others_of_table(runs, seeds, chosen)
    for index in sorted(chosen):
        match, claim = chosen[index]
        what = f"seed {claim.seed}" if claim.seed is not None else "a seed"
        run = _pointed(runs[index], match.evaluation, f"its figure is the one claimed for {what}", claim.where)
        if run.seed is None and claim.seed is not None:
            run = replace(run, seed=claim.seed, seed_source=f"{claim.where}, by the figure")
        result.append(run)
    order = {run.log: position for position, run in enumerate(runs)}
    return tuple(sorted(result, key=lambda run: (order[run.log], run.index)))


def _others_of_table(
    runs: list[Run], seeds: Sequence[SeedClaim], chosen: dict[int, tuple[_Match, SeedClaim]]
) -> list[Run]:
    """Where figures of a table are found: the only log of a seed whose figure there is another than its log's."""
    if not chosen:
        return []
    found = {claim.seed for _, claim in chosen.values()}
    others = []
    for claim in seeds:
        own = [i for i, run in enumerate(runs) if run.seed == claim.seed and run.complete and i not in chosen]
        if claim.seed is not None and claim.seed not in found and len(own) == 1:
            because = f"its seed is claimed in {claim.where}, with another figure"
            others.append(replace(runs[own[0]], headline_because=because))
    return others


def _matches(runs: list[Run], value: float, seed: int | None, tolerance: float = FIGURE_TOLERANCE) -> list[_Match]:
    found = []
    for index, run in enumerate(runs):
        hits = [e for e in run.evaluations if e.val_bpb is not None and abs(e.val_bpb - value) <= tolerance]
        hits = [e for e in hits if e.step is None] or hits
        hits = hits or [e for e in run.beside if e.val_bpb is not None and abs(e.val_bpb - value) <= tolerance]
        if hits:
            nearest = min(
                hits, key=lambda e: (abs((e.val_bpb or 0.0) - value) > 1e-9, kind(e) == "diagnostic", -e.line)
            )
            same = seed is not None and run.seed == seed
            found.append(_Match(index, nearest, abs((nearest.val_bpb or 0.0) - value), same))
    return found


def _with_siblings(chosen: tuple[Run, ...], runs: list[Run]) -> tuple[Run, ...]:
    """Where the claim names one seed's figure only: the other seeds of what looks like the same configuration."""
    first = chosen[0]
    if len(chosen) > 1 or first.score is None or first.val_bpb is None or first.seed is None:
        return chosen
    seeds = {first.seed}
    siblings = []
    for run in runs:
        same_pass = run.score is not None and stem(run.score.label) == stem(first.score.label)
        if run.seed is None or run.seed in seeds or not run.complete or not same_pass or run.val_bpb is None:
            continue
        if not _same_machine(run, first):
            continue
        if run.model_params == first.model_params and abs(run.val_bpb - first.val_bpb) <= SEED_SPREAD:
            seeds.add(run.seed)
            siblings.append(replace(run, headline_because="another seed beside the one whose figure is claimed"))
    order = {run.log: position for position, run in enumerate(runs)}
    return tuple(sorted([first, *siblings], key=lambda r: (order[r.log], r.index)))


def _same_machine(left: Run, right: Run) -> bool:
    """Whether two runs may be of one machine: nothing that both logs say of it differs."""
    told = ((left.world_size, right.world_size), (left.gpu, right.gpu))
    return all(one is None or other is None or one == other for one, other in told)


def _by_mean(runs: list[Run], value: float, where: str, tolerance: float) -> tuple[Run, ...]:
    """Runs with different seeds whose mean is the claimed figure."""
    scored = [r for r in runs if r.complete and r.val_bpb is not None]
    if not 2 <= len(scored) <= _MOST_RUNS:
        return ()
    sizes = [len(scored), *range(min(5, len(scored) - 1), 1, -1)]
    for size in sizes:
        fits = []
        for group in combinations(scored, size):
            seeds = {r.seed if r.seed is not None else r.log for r in group}
            mean = sum(r.val_bpb or 0.0 for r in group) / size
            if len(seeds) == size and abs(mean - value) <= tolerance:
                fits.append((abs(mean - value), group))
        if fits:
            group = min(fits, key=lambda fit: fit[0])[1]
            because = f"the mean of these {size} runs is the figure claimed in {where}"
            return tuple(replace(r, headline_because=because) for r in group)
    return ()


def _all(runs: list[Run], claim: Claim[float] | None) -> tuple[Run, ...]:
    """All complete runs, each of a seed of its own, where the claim is to its last digit their mean."""
    scored = [r for r in runs if r.complete and r.val_bpb is not None and r.seed is not None]
    if claim is None or len(scored) < 3 or len({r.seed for r in scored}) < len(scored):
        return ()
    mean = sum(r.val_bpb or 0.0 for r in scored) / len(scored)
    if abs(mean - claim.value) > min(_half_a_digit(claim.value), FIGURE_TOLERANCE):
        return ()
    because = f"the mean of all {len(scored)} runs is the figure claimed in {claim.where}"
    return tuple(replace(r, headline_because=because) for r in scored)


def _by_figure(runs: list[Run], value: float, where: str, tolerance: float) -> tuple[Run, ...]:
    matches = _matches(runs, value, None, tolerance)
    final = [m for m in matches if m.evaluation.step is None] or matches
    if not final:
        return ()
    match = min(final, key=lambda m: (m.distance, m.run))
    return (_pointed(runs[match.run], match.evaluation, "its figure is the one claimed", where),)


def _pointed(run: Run, evaluation: Evaluation, because: str, where: str) -> Run:
    """The run with its score at the evaluation that bears the claim."""
    reason = f"{because} in {where}"
    if run.score is not None and run.score.val_bpb == evaluation.val_bpb:
        return replace(run, headline_because=reason)
    chosen = with_seconds(prefer_exact(evaluation, run.evaluations), run.evaluations)
    if run.score is not None and chosen.val_bpb == run.score.val_bpb:
        return replace(run, headline_because=reason)
    label = f"`{chosen.label}`" if chosen.label else f"step {chosen.step}"
    pointed = with_score(run, chosen, f"{label} on line {chosen.line} is the figure claimed in {where}")
    return replace(_packed_before(pointed, chosen), headline_because=reason)


def _packed_before(run: Run, score: Evaluation) -> Run:
    """The run with the size that was totalled last before its score, where another was totalled after it: one model
    was packed in several ways, each with an evaluation of its own."""
    line, raw = run.artifact_line, run.raw_artifact_bytes or run.raw_model_bytes
    if line is None or line < score.line or score.step is not None:
        return run
    before = [total for total in run.totals if total[1] < score.line and (raw is None or total[0] < raw)]
    return replace(run, artifact_bytes=before[-1][0], artifact_line=before[-1][1]) if before else run
