"""Is it a distribution? What other tokens at one position would have been scored with must not sum to more than 1.

Condition 2 of issue 1017. p(v) = exp(-score when v stands there); everything before the position is the same, so a
lawful scheme has one distribution there, and every v is looked up in it. Few tokens are tried, so the sum is bounded
from below: by what was tried alone; where the model's own row is known and tokens drawn by it keep their share of it,
by that share of what was not tried; and by what tokens that chance drew say of those that it did not. `CHANCE` is how
likely such a bound is too high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from auditor.findings import Location
from auditor.probe.job import Frames
from auditor.probe.measure.figures import Scores
from auditor.probe.measure.runs import Read
from auditor.probe.model import Chosen, Holds, Kind, Measurement, Term, Witness

OVER = 1e-3
"""Of a sum that is not 1, as for rows that are seen whole."""
CHANCE = 0.01
_AGREES = 1e-4  # nats: a fork scores as a run does whose stream had the token from the beginning
_PLACES = 8  # lines where sums take scores of one number in one function
_LISTED = 60  # terms that a report keeps of each position
_FITTED, _FITS = 6, 2e-3  # terms that a line is laid through, and how far off it they may be, for their part
_ROUNDING = 1e-4  # nats: a score that differs more from the model's own was computed further


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reported number takes the score of a position. `factor`: from what was summed to nats.

    `after`: where in the sequence of the recording a fork has seen nothing of the position, None where there is no such
    place. `score` and `model` in nats. `taken`: the lines at work where the sum takes it, and
    where others take other scores of the number in the same function: by which of them may rest on the token;
    `earlier`: how many sums take it there before that one.
    """

    position: int
    row: int
    taken: tuple[Frames, ...]
    earlier: int
    factor: float
    score: float
    model: float
    after: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A token with the target that was scored then, the model's own loss and the score (nats)."""

    token: int
    target: int
    model: float
    score: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What was tried at one position: why each token was, and what came out; `missing` says why nothing did."""

    position: int
    chosen: dict[int, Chosen]
    tried: tuple[Tried, ...]
    pieces: dict[int, str]
    known: dict[int, float]  # scores of whole runs with these tokens (nats)
    standing: int = -1  # the token that the run had there which forked
    whole: bool = False  # the whole vocabulary
    missing: str = ""
    pool: int = 0  # tokens that the drawn ones were drawn from evenly; 0: by what the model gives each
    mass: float = 0.0  # that the model gives all together that they were drawn from


def place_of(base: Read, position: int) -> Place | None:
    """None where the position does not enter the reported number once and for certain.

    Where some score is made of several sums, any may be: a fork would end at the first of them.
    """
    scores = base.scores
    if scores is None or len(np.unique(scores.row)) < len(scores.row):
        return None
    at = np.flatnonzero((base.position[scores.row] == position) & base.sure[scores.row])
    if len(at) != 1:
        return None
    i = int(at[0])
    row = int(scores.row[i])
    batches = base.recording.batches
    batch = int(np.searchsorted(batches["first"], row, side="right")) - 1
    entry = _entry(base, int(scores.node[i]), row)
    raw = float(base.recording.loss[row]) if math.isnan(entry) else entry
    value = float(scores.value[i])
    factor = value / raw if raw else 1.0
    after = int(batches["sequence"][batch - 1]) if batch else None
    taken, earlier = _taken(base, int(scores.node[i]), row)
    return Place(position, row, taken, earlier, factor, value, float(base.recording.loss[row]), after)


def _taken(base: Read, node: int, row: int) -> tuple[tuple[Frames, ...], int]:
    """The lines at work where sums take scores as this one's does, and how many take this row there before that one."""
    leaves, scores = base.recording.leaves, base.scores
    leaf = int(np.flatnonzero(leaves["node"] == node)[0])
    entries = np.flatnonzero(base.recording.entry_row == row)
    having = np.unique(np.searchsorted(leaves["start"], entries, side="right") - 1)
    own = int(leaves["site"][leaf])
    others = np.unique(scores.site).tolist() if scores is not None else []
    alike = [own, *(site for site in others if site != own and _alike(base, site, own))]
    if len(alike) > _PLACES:
        alike = [own]
    same = np.isin(leaves["site"][having], alike)
    return tuple(base.recording.sites.get(site, ()) for site in alike), int((same & (having < leaf)).sum())


def _alike(base: Read, one: int, other: int) -> bool:
    """Whether two places of sums are lines of one function, come to in the same way."""
    (a, *around), (b, *beyond) = (base.recording.sites.get(site) or (("", 0, ""),) for site in (one, other))
    return a[0] == b[0] and a[2] == b[2] and around == beyond


def _entry(base: Read, node: int, row: int) -> float:
    """What the sum took in the row's place, NaN for the row's own loss."""
    leaves = base.recording.leaves
    leaf = int(np.flatnonzero(leaves["node"] == node)[0])
    entries = slice(int(leaves["start"][leaf]), int(leaves["start"][leaf] + leaves["count"][leaf]))
    at = np.flatnonzero(base.recording.entry_row[entries] == row)
    return float(base.recording.entry_value[entries][at[0]]) if len(at) else math.nan


def further(base: Read) -> int:
    """How many scores of the reported number are not what the model's own row gives."""
    scores = base.scores
    if scores is None:
        return 0
    loss = base.recording.loss[scores.row]
    off = np.abs(scores.value - loss) > _ROUNDING * np.maximum(1.0, np.abs(loss))
    return int(off.sum())


def beside(scores: Scores) -> str:
    """What makes the figure beside its scores, "" for nothing: little here may be more on a longer stream."""
    if scores.added:
        return f"{scores.added:.3g} nats a token were added to the {len(scores.row):,} scores that make the figure"
    if scores.tilt:
        return f"scores enter the figure with factors that differ by {scores.tilt:.2g} of themselves"
    return ""


def exchange(base: Read, asked: Sequence[Asked]) -> Measurement:
    """The measurement over all positions that were asked for."""
    kind = Kind.EXCHANGE
    if base.scores is None and not any(one.tried for one in asked):
        reason = next((one.missing for one in asked if one.missing), base.untraced)
        return Measurement(kind, Holds.UNKNOWN, reason)
    computed = further(base)
    if base.scores is not None and not computed:
        count = len(base.scores.row)
        more = beside(base.scores)
        if more:
            return Measurement(kind, Holds.UNKNOWN, more, count, reported=base.reported)
        reason = f"each of {count:,} scores is the cross-entropy of a whole row: other tokens would have had the rest"
        return Measurement(kind, Holds.YES, reason, count, reported=base.reported)
    why = _not_believed(asked)
    if why:
        return Measurement(kind, Holds.UNKNOWN, why, reported=base.reported)
    found = [summed(base, one) for one in asked]
    sums = [f for f in found if f.total is not None]
    broken = [f for f in found if f.holds is Holds.NO]
    if not sums:
        reason = next((f.reason for f in found if f.reason), "no position of the stream could be exchanged")
        return Measurement(kind, Holds.UNKNOWN, reason, reported=base.reported)
    if len(broken) > 1 or (broken and asked[0].whole):
        first = max(broken, key=lambda f: f.total or 0.0)
        others = [f for f in broken if f is not first]
        again = f"; again at {', '.join(f'{f.witnesses[0].position:,}' for f in others)}" if others else ""
        witnesses = (*first.witnesses, *(w for f in others for w in f.witnesses))
        return replace(first, reason=first.reason + again, witnesses=witnesses, changed=len(broken))
    if broken:
        reason = f"{broken[0].reason}; at another position it could not be shown again"
        told = math.fsum(t.probability for t in broken[0].terms)
        if told <= 1.0 + OVER:  # by what chance drew: once in a hundred positions that says too much
            return replace(broken[0], holds=Holds.UNKNOWN, reason=reason, witnesses=(), changed=0)
        return replace(broken[0], reason=reason, reported=None)
    held = [f for f in sums if f.holds is Holds.YES]
    if held and len(held) == len(sums):
        most = max(held, key=lambda f: f.total or 0.0)
        return replace(most, reason="; ".join(f.reason for f in held), compared=sum(f.compared for f in held))
    return next(f for f in sums if f.holds is Holds.UNKNOWN)


def of_a_small_number(asked: Asked, vocabulary: int, put: Sequence[int]) -> str:
    """Why what was tried where nothing has been counted yet has too much by the probe's own doing, "" where it has not.

    `put`: whole numbers that the probe has put in the place of submitted ones. A lawful mixture with counts has the
    share s of the model's row there, and (1 - s) / V' for each token, where V' is the vocabulary as the script knows
    it. Where that is a number that was made small, together they have more than 1, and so they have elsewhere.
    """
    pairs = [(math.exp(-t.model), math.exp(-t.score)) for t in asked.tried if math.isfinite(t.model)]
    if len(pairs) < _FITTED or _not_believed([asked], alone=True):
        return ""
    own, had = np.array(pairs).T
    (share, each), *_ = np.linalg.lstsq(np.stack([own, np.ones(len(own))], axis=1), had, rcond=None)
    off = np.abs(share * own + each - had) / had
    if off.max() > _FITS or not -_FITS < share < 1.0 - OVER or each <= 0 or share + each * vocabulary <= 1.0 + OVER:
        return ""
    number = (1.0 - share) / each
    small = next((n for n in put if abs(n - number) <= _FITS * n), None)
    if small is None:
        return ""
    return (
        f"where nothing had been counted, at position {asked.position:,}, each of {len(pairs)} tokens had {each:.4g}"
        f" beside {share:.4g} of the model's: one of {small:,}, a number that the probe has made small, for a"
        f" vocabulary of {vocabulary:,}"
    )


def summed(base: Read, asked: Asked, chance: float = CHANCE) -> Measurement:
    """Of one position: what was tried, and what is known of the rest by it."""
    kind = Kind.EXCHANGE
    if asked.missing or not asked.tried:
        why = asked.missing or f"no token could be exchanged at position {asked.position:,}"
        return Measurement(kind, Holds.UNKNOWN, why, reported=base.reported)
    terms = [
        Term(asked.position, t.token, asked.pieces.get(t.token, ""), asked.chosen[t.token], math.exp(-t.score),
             math.exp(-t.model) if math.isfinite(t.model) else None)
        for t in asked.tried
    ]  # fmt: skip
    tried = math.fsum(t.probability for t in terms)
    own = math.fsum(t.model or 0.0 for t in terms)
    place = f"position {asked.position:,}"
    shown = tuple(sorted(terms, key=lambda t: -t.probability)[:_LISTED])
    found = Measurement(kind, Holds.YES, "", len(terms), 0, None, max(0.0, tried - 1.0), base.reported, (), None, (),
                        shown, tried)  # fmt: skip
    witness = _witness(base, asked.position, own, tried)
    if tried > 1.0 + OVER:
        reason = f"the {len(terms)} tokens tried at {place} would have had {tried:.4g} of probability together"
        return replace(found, holds=Holds.NO, reason=reason + ": no distribution", witnesses=(witness,))
    if asked.whole:
        had = f"would have had {tried:.4f} of probability together"
        if len(terms) < len(asked.chosen):
            reason = f"{len(terms):,} of the {len(asked.chosen):,} tokens of the vocabulary, tried at {place}, {had}"
            return replace(found, holds=Holds.UNKNOWN, reason=f"{reason}; more time (--probe-timeout) tells the rest")
        if abs(tried - 1.0) <= OVER:
            return replace(found, reason=f"the whole vocabulary at {place} {had}")
        return replace(
            found, holds=Holds.NO, reason=f"the whole vocabulary at {place} {had}, where a distribution has 1"
        )
    chosen, draws = _draws(asked, terms)
    least = at_least(chosen, draws, chance)
    if least > 1.0 + OVER:
        reason = (
            f"the {len(terms)} tokens tried at {place} would have had {tried:.4g} of probability together, and by the"
            f" {len(draws)} of them that chance drew all have at least {least:.4g} (but for a chance of {chance:.1g}):"
            " no distribution"
        )
        witness = _witness(base, asked.position, 1.0, least)
        return replace(
            found, holds=Holds.NO, reason=reason, witnesses=(witness,), total=least, effect=least - 1.0
        )  # fmt: skip
    drawn = [t for t in terms if t.chosen in ("drawn", "likely") and t.model]
    rest = max(0.0, 1.0 - own)
    if len(drawn) < 4 or any(t.model is None for t in terms):
        reason = f"the {len(terms)} tokens tried at {place} would have had {tried:.4g} of probability together"
        return replace(found, holds=Holds.UNKNOWN, reason=f"{reason}; what the others have is not known")
    share = min(t.probability / t.model for t in drawn if t.model)
    total = tried + share * rest
    reason = (
        f"the {len(terms)} tokens tried at {place} would have had {tried:.4g} of probability together, the others"
        f" {share:.4g} of what the model gives them, {share * rest:.4g}"
    )
    over = total - 1.0
    found = replace(found, total=total, effect=max(0.0, over))
    if over <= OVER:
        about, off = _about(chosen, draws)
        if about <= 1.0 + OVER + 2 * off:
            return replace(found, reason=reason)
        reason += f"; by the {len(draws)} that chance drew it is about {about:.3g}, but they are too few to know"
        return replace(found, holds=Holds.UNKNOWN, reason=reason)
    missed = (1.0 - min(1.0, over / (share * rest))) ** len(drawn)
    if missed > CHANCE:
        reason += f": {total:.4g}, but {len(drawn)} tokens drawn are too few to know that of the others"
        return replace(found, holds=Holds.UNKNOWN, reason=reason)
    witness = _witness(base, asked.position, own + rest, total)
    return replace(found, holds=Holds.NO, reason=f"{reason}: {total:.4g}, no distribution", witnesses=(witness,))


def at_least(told: float, draws: Sequence[tuple[float, float]], chance: float = CHANCE) -> float:
    """A sum of probabilities over everything that it is at least, but for this chance.

    `told`: of tokens that were chosen; `draws`: of tokens drawn one after the other from the rest, each its probability
    and its share of the draw. Were the sum s, the bet on the next token to have more than its part of what is left of
    s would be a fair one: that the winnings ever come to 1 / chance has that chance (Ville's inequality; the bets of
    Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024, for what has no bound).
    """
    low, high = told + math.fsum(p for p, _ in draws), told + 64.0
    if not draws or _winnings(low - told, draws) < 1.0 / chance:
        return low
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _winnings(middle - told, draws) >= 1.0 / chance else (low, middle)
    return low


_STAKES = (0.3, 0.5, 0.7, 0.9, 0.97)  # of what one has; the mean over all is one bet as well


def _winnings(rest: float, draws: Sequence[tuple[float, float]]) -> float:
    """Of one who has 1 and bets that the tokens which were not chosen have more than `rest` together."""
    held, undrawn = [1.0] * len(_STAKES), 1.0
    most = 1.0
    for probability, share in draws:
        if rest <= 0 or undrawn <= 0:
            return math.inf
        gain = probability * undrawn / share / rest - 1.0
        held = [has * (1.0 + stake * gain) for has, stake in zip(held, _STAKES, strict=True)]
        most = max(most, math.fsum(held) / len(held))
        rest, undrawn = rest - probability, undrawn - share
    return most


def _about(told: float, draws: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What everything has together by the tokens drawn, and its standard error."""
    if len(draws) < 2:
        return told, 0.0
    each = np.array([probability / share for probability, share in draws])
    return told + float(each.mean()), float(each.std(ddof=1)) / math.sqrt(len(draws))


def _draws(asked: Asked, terms: Sequence[Term]) -> tuple[float, list[tuple[float, float]]]:
    """What chosen tokens have together, and the drawn ones in their order with the share of each in the draw."""
    drawn = [t for t in terms if t.chosen == "drawn"]
    chosen = math.fsum(t.probability for t in terms if t.chosen != "drawn")
    if asked.pool:
        return chosen, [(t.probability, 1.0 / asked.pool) for t in drawn]
    if asked.mass <= 0 or any(not t.model for t in terms):
        return chosen, []
    return chosen, [(t.probability, (t.model or 0.0) / asked.mass) for t in drawn]


def _not_believed(asked: Sequence[Asked], *, alone: bool = False) -> str:
    """Why nothing that was tried can be believed, "" where it can. `alone`: on the base stream itself.

    A fork that misses a copy of the stream scores the old token, at one position as at another: some other token than
    the one that stood there in the run which forked has to have scored as in a run of its own.
    """
    confirmed = False
    for one in asked:
        if any(t.target != t.token for t in one.tried):
            return f"the token at position {one.position:,} could not be exchanged where the script keeps it"
        scores = {t.token: t.score for t in one.tried}
        for token, score in one.known.items():
            if token in scores and abs(scores[token] - score) > _AGREES * max(1.0, abs(score)):
                return f"a token exchanged at position {one.position:,} scores otherwise than in a run of its own"
            confirmed = confirmed or (token in scores and token != one.standing)
    if not confirmed and not alone and any(one.tried for one in asked):
        return "no exchanged token could be compared with a run of its own"
    return ""


def _witness(base: Read, position: int, before: float, after: float) -> Witness:
    place = place_of(base, position)
    location: Location | None = None
    function = ""
    if place is not None and base.scores is not None:
        i = int(np.flatnonzero(base.scores.row == place.row)[0])
        location, function = base.place(place.row, int(base.scores.site[i]))
    label = base.figure.label if base.figure else ""
    return Witness("C2", Kind.EXCHANGE, position, before, after, None, location, function, label)
