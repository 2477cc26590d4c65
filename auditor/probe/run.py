"""The probe of one submission: a run that settles, others on streams that differ, tokens exchanged in one place."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from auditor.findings import Location
from auditor.probe.belief import FLIPS, doubted, limited, moved, once, opened, too_few
from auditor.probe.blocks import NOWHERE
from auditor.probe.candidates import choose, drawn_at, drawn_from, drawn_mass, ordered
from auditor.probe.claimed import claimed, placed
from auditor.probe.coverage import unseen
from auditor.probe.job import STEP, Exchange
from auditor.probe.measure import Ending, Measured, Request, Stream, confined
from auditor.probe.measure.confined import Survey
from auditor.probe.measure.exchange import Place
from auditor.probe.model import Chosen, Evasion, Kind, Probe, Unseen
from auditor.probe.plan import Made
from auditor.probe.runner import Home, Run, Runner
from auditor.probe.sandbox import Broken, Refused
from auditor.probe.scene import NoTokenizer, Site, Streams, Tokens
from auditor.probe.scene.streams import FUTURE, flip_late, flip_one
from auditor.probe.settle import Settled, reopened, settle
from auditor.program.evasion import evasions, pryings
from auditor.rule import Facts

Progress = Callable[[str], None]
_SHARE = 0.6  # of the time for the runs of the base stream: the three others take as long as the one that settled
_UNHEARD = "it prints a figure past sys.stdout"
_MARKED = "it writes to what records which code has run"
_EARLY = tuple(range(1, 9))  # positions before which next to nothing has been counted
_BEFORE, _AFTER = 24, 4  # tokens around a position by which a fork finds it
_OVER = 1.5  # of probability: what is that far above 1 needs no further token
_EXCHANGING = 0.25  # of the time that is left, at each position
_ENOUGH_SECONDS = 5.0  # at each position, where not the whole vocabulary is tried, once the first tokens were
_SLOWER = 2.0  # times as long as the base run another run may take
_SHORTER = 2.5  # times as long as it, for the two runs of shorter streams
_DRAWN, _FURTHER = 24, 40  # tokens that chance draws at each position; more of them where these tell too little
_FURTHER_SECONDS = 12.0  # at each position, for those
_DRAWN_AT_END = 12  # at the end: each costs what the script does after that score


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of processor time for all runs together. `seed`: of streams, positions and tokens; None: drawn anew.

    `exhaustive`: the whole vocabulary is tried at one position. `only`: the runs that this measurement needs, no other.
    `home`: gives the one that submissions take turns in; without, this one has its own.
    """

    unsafe: bool = False
    seconds: float = 120.0
    seed: int | None = None
    exhaustive: bool = False
    only: Kind | None = None
    home: Callable[[], Home] | None = None


def probe(
    facts: Facts, *, unsafe: bool = False, seconds: float = 120.0, progress: Progress | None = None,
    seed: int | None = None, exhaustive: bool = False, only: Kind | None = None,
    home: Callable[[], Home] | None = None,
) -> Probe:  # fmt: skip
    """Runs the submission small and measures it. The keywords are those of `Options`."""
    found = _probe(facts, Options(unsafe, seconds, seed, exhaustive, only, home), progress)
    said = (*evasions(facts.sources), *pryings(facts.sources))
    evading = (*(Evasion(what, place) for what, place in said), *found.evasions)
    if found.status == "refused" or not evading:
        return found
    measured = tuple(doubted(m, evading[0]) for m in found.measurements)
    return replace(found, evasions=evading, measurements=measured)


def _probe(facts: Facts, options: Options, progress: Progress | None) -> Probe:
    if facts.sources.entry is None:
        return Probe("failed", "no script was found that could be run")
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    try:
        home = options.home() if options.home is not None else None
        with Runner(facts.submission, unsafe=options.unsafe, home=home) as runner:
            seconds = options.seconds * _SHARE
            settled = settle(runner, facts, seconds, what="base run", seed=seed, progress=progress)
            options = replace(options, seed=seed)
            found = _Series(runner, facts, settled, options, progress).probed()
            plan = reopened(settled, (name for left_out in found.unseen for name in left_out.turned))
            left = options.seconds - runner.spent
            if plan is not None and not any(m.witnesses for m in found.measurements) and left > runner.spent:
                settled = settle(runner, facts, left * _SHARE, what="base run", plan=plan, seed=seed, progress=progress)
                again = _Series(runner, facts, settled, options, progress).probed()
                found = again if again.status == "ran" else found
            return replace(found, seed=seed, forked=runner.forked, whole=runner.whole)
    except Refused as error:
        return Probe("refused", str(error))
    except NoTokenizer as error:
        return Probe("failed", str(error))
    except Broken as error:
        return Probe("failed", f"the sandbox did not start: {error}")


def _lacking(made: Made) -> Iterator[Unseen]:
    """Files that the submission reads and does not have, and modules that it was run without.

    What the probe made up says nothing of the files, and the way without a module nothing of the way with it.
    """
    for one in made.lacking:
        yield Unseen(Location(one.path, one.line, one.line), (f"what {one.name} holds",))
    for name, path, line in made.without:
        yield Unseen(Location(path, line, line), (f"what {name} computes",))


def _evading(survey: Survey) -> Iterator[Evasion]:
    if survey.unheard:
        yield Evasion(_UNHEARD)
    if any((line, column) == NOWHERE for _, line, column in survey.blocks):
        yield Evasion(_MARKED)


@dataclass
class _Series:
    """The runs of one submission, one after the other."""

    runner: Runner
    facts: Facts
    settled: Settled
    options: Options
    progress: Progress | None
    runs: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    end: Ending | None = None
    masked: Tokens | None = None  # the base stream with another token at one position
    tried: tuple[Tokens, tuple[Exchange, ...]] | None = None  # in forks of the run of that stream

    @property
    def streams(self) -> Streams:
        return self.settled.workspace.streams

    def probed(self) -> Probe:
        settled = self.settled
        if settled.run.error:
            return self._failed(settled.run.error)
        self.runs["base"] = settled.run.recorded
        call, claim = self.runner.measuring, claimed(self.facts)
        try:
            sites = self.streams.sites[-1:] if self.options.exhaustive else self.streams.sites
            asked = [*(site.position for site in sites), *_EARLY]
            survey = confined.survey(
                call, self.runs["base"], self._stream, claim, asked, settled.run.said,
                float(np.random.default_rng([self.options.seed or 0, 3]).uniform(*FUTURE)),
            )  # fmt: skip
            if survey.fault:
                return self._failed(survey.fault)
            requests = self._others(survey, sites)
            self._mask(survey)
            self.end = self._ending(survey)
            measured = self._measured(requests)
            if isinstance(measured, str) or moved(measured):
                measured = self._controlled(requests)
            if not isinstance(measured, str) and too_few(measured):
                measured = self._drawn_further(measured, requests)
        except ValueError as error:
            return self._failed(str(error))
        if isinstance(measured, str):
            return self._failed(measured)
        made = self.settled.made
        left_out = (*_lacking(made), *unseen(self.facts, survey, made.chosen, made.changed))
        measurements = (
            opened(limited(placed(self.facts, m), left_out), made.opened) for m in measured.measurements
        )  # fmt: skip
        return Probe(
            "ran", "", self.runner.isolation, settled.attempts, tuple(measurements), settled.run.account.absent,
            measured.labels, len(self.streams.base), measured.losses_recorded, left_out,
            tuple(_evading(survey)),
        )  # fmt: skip

    def _measured(self, requests: list[Request]) -> Measured | str:
        claim = claimed(self.facts)
        return confined.measured(
            self.runner.measuring, self.runs, self.missing, self._stream, claim, requests, self.end
        )

    def _failed(self, reason: str) -> Probe:
        reason = f"it did not run to its end: {reason}"
        absent = self.settled.run.account.absent
        return Probe("failed", reason, self.runner.isolation, self.settled.attempts, absent=absent)

    def _controlled(self, requests: list[Request]) -> Measured | str:
        """Something changed: the base again tells it from noise, and it has to change with other tokens as well."""
        if "null" not in self.runs:
            self._run("null", self.streams.base)
        if "target" not in self.runs:
            self._run("target", self.streams.target)
        measured = self._measured(requests)
        if self.streams.again is not None and not isinstance(measured, str) and once(measured):
            self._run("again", self.streams.again)
            measured = self._measured(requests)
        if not isinstance(measured, str) and measured.resized:  # last: nothing is forked after another length
            self._run("resized", self.streams.base[:-STEP])
            measured = self._measured(requests)
        return measured

    def _drawn_further(self, measured: Measured, requests: list[Request]) -> Measured | str:
        """More tokens, as they were drawn, where those that were tried say too little of the others."""
        if self.tried is None:
            return measured
        stream, exchanges = self.tried
        had = {one: {token for position, token in measured.exchanged if position == one.position} for one in exchanges}
        drawn = {r.position: [t for t, why in r.chosen.items() if why == "drawn"] for r in requests}
        left = min(_FURTHER_SECONDS, (self._left - _SLOWER * self.settled.run.spent) / 2)
        more = tuple(
            replace(one, tokens=tuple(t for t in drawn[one.position] if t not in had[one]), seconds=left, most=left)
            for one in exchanges
        )  # fmt: skip
        if left < 1.0:
            return measured
        self._run("more", stream, exchanges=more)
        return self._measured(requests)

    def _uncounted(self, survey: Survey) -> tuple[Exchange, Request] | None:
        """Tokens are exchanged where nothing has been counted yet: what is too much there is not of what was counted.

        The numbers that the probe has made small may be constants of the formula (a vocabulary, say).
        """
        used = {int(c.used) for c in self.settled.made.changed if c.used.isdecimal() and len(c.used) < 10}
        put = tuple(sorted(used - {0, 1}))
        early = (place for place in survey.places if place.position in _EARLY and place.after is not None)
        place = next(early, None)
        if place is None or not put:
            return None
        rng, base = np.random.default_rng([self.options.seed or 0, 5]), self.streams.base
        chosen = drawn_at(base, place.position, self.settled.made.layout.vocabulary, rng)
        stretch = tuple(int(t) for t in base[place.position : place.position + _BEFORE + _AFTER])
        seconds = max(1.0, min(_EXCHANGING * self._left, _ENOUGH_SECONDS))
        one = Exchange(
            place.position, place.after or 0, place.row, place.taken, stretch, 0, tuple(chosen), place.factor, seconds,
            math.inf, earlier=place.earlier,
        )  # fmt: skip
        return one, Request(place.position, chosen, self._texts(chosen), put=put)

    def _others(self, survey: Survey, sites: tuple[Site, ...]) -> list[Request]:
        """The run that is compared with the base, and what is tried by exchange in it.

        Tokens are exchanged before the first that it has changed (up to there it is the base run), and at that one: it
        has another token there, so that what a fork says of the base's is compared with the base run. Where documents
        are scored in another order, an ending is known before: they are exchanged in a run of the base stream.
        """
        places = {place.position: place for place in survey.places}
        wanted = {site: places[site.position] for site in sites if site.position in places}
        only = self.options.only
        computed = bool(survey.further) and only in (None, Kind.EXCHANGE)
        turned = bool(survey.late) and survey.first in survey.late
        if turned and not computed:
            self._turn(survey)
        forked = self.streams.base if turned else self.streams.future
        exchanges, requests = [], []
        for site in sites if computed else ():
            place = wanted.get(site)
            if place is None or place.after is None:
                why = f"the score of position {site.position:,} is not known for certain"
                requests.append(Request(site.position, missing=why))
                continue
            row = confined.distribution(self.runner.measuring, self.runs["base"], place.row)
            chosen = self._chosen(site, row)
            exchanges.append(self._exchange(site, place, chosen, forked))
            requests.append(self._request(site, chosen, row))
        uncounted = self._uncounted(survey) if exchanges else None
        early: tuple[Exchange, ...] = ()
        if uncounted is not None:
            early, requests = (uncounted[0],), [*requests, uncounted[1]]
        untraced = survey.last is not None  # then nothing compares scores
        if turned and computed and not untraced:
            if exchanges:  # in the base run itself, and beside it a run with another token at a site
                self.tried = self.streams.base, tuple(exchanges)
                self._run("null", self.streams.base, exchanges=(*early, *exchanges))
                self._run("target", self.streams.target)
            exchanges, early = [], ()
            self._turn(survey)
        if only in (None, Kind.EXCHANGE, Kind.SCORE_COUNT, *FLIPS) and not untraced:
            if exchanges:
                self.tried = self.streams.future, tuple(exchanges)
            self._run("future", self.streams.future, exchanges=(*early, *exchanges))
        return requests

    def _turn(self, survey: Survey) -> None:
        """Documents are scored in another order than the stream's: other tokens are in what is scored last."""
        late = np.zeros(len(self.streams.base), dtype=bool)
        late[list(survey.late)] = True
        rng = np.random.default_rng([self.options.seed or 0, 4])
        vocabulary = self.settled.made.layout.vocabulary
        self.settled.workspace.streams = flip_late(self.streams, late, survey.first, vocabulary, rng)

    def _mask(self, survey: Survey) -> None:
        """Another token at one of the positions by which the weights were moved before these were scored.

        What is masked out of a batch moves nothing, and no other flip may be among them.
        """
        streams = self.streams
        changed = (streams.future != streams.base) | (streams.target != streams.base)
        if not survey.early or changed[list(survey.early)].any() or "future" not in self.runs:
            return
        rng = np.random.default_rng([self.options.seed or 0, 6])
        self.masked = flip_one(streams.base, survey.early, self.settled.made.layout.vocabulary, rng)
        if self.masked is not None:
            self._run("masked", self.masked)

    def _ending(self, survey: Survey) -> Ending | None:
        """What other tokens at the end of a stream cost, by the printed figure: where no score is traced to it."""
        if survey.last is None or self.options.only not in (None, Kind.EXCHANGE):
            return None
        rng, workspace = np.random.default_rng([self.options.seed or 0, 2]), self.settled.workspace
        tail = workspace.tail(rng)
        if tail is None or self.streams.bytes_ is None:
            return Ending(missing="no token goes on as another one does, so none could be exchanged at the end")
        drawn = rng.permutation(tail.others)[:_DRAWN_AT_END].tolist()
        chosen: dict[int, Chosen] = {tail.token: "there", **dict.fromkeys(tail.beginnings, "prefix")}
        chosen |= dict.fromkeys(drawn, "drawn")
        (row, after), last = survey.last, len(tail.stream) - 1
        start = last - tail.times - _BEFORE
        other = tail.beginnings[0]
        self._run("end", tail.with_last(other))
        seconds = max(1.0, self._left - (_SLOWER + _SHORTER) * self.settled.run.spent)
        tried = Exchange(
            last, after, row, (), tuple(int(t) for t in tail.stream[start:]), last - start, tuple(chosen), 1.0, seconds,
            math.inf, survey.label,
        )  # fmt: skip
        if "end" not in self.missing:
            self._run("tail", tail.stream, exchanges=(tried,))
        for name, less in (("short", STEP), ("shorter", 2 * STEP)):  # last: nothing is forked after another length
            if self.missing.keys().isdisjoint({"end", "tail", "short"}):
                self._run(name, tail.stream[:-less])
        sizes = {token: workspace.bytes_after(tail.token, token) for token in chosen}
        whole = int(self.streams.bytes_[1 : -tail.times].sum()) + tail.times * sizes[tail.token]
        return Ending(chosen, self._texts(chosen), sizes, whole, other, len(tail.others))

    def _texts(self, tokens: Iterable[int]) -> dict[int, str]:
        pieces = self.settled.workspace.pieces()
        return {token: pieces[token].decode("utf-8", "backslashreplace") for token in tokens}

    def _chosen(self, site: Site, row: NDArray[np.float64] | None) -> dict[int, Chosen]:
        pieces = self.settled.workspace.pieces()
        if self.options.exhaustive:
            return {**dict.fromkeys(range(len(pieces)), "drawn"), int(self.streams.base[site.position]): "there"}
        rng = np.random.default_rng([self.options.seed or 0, site.position])
        return choose(self.streams.base, site, pieces, row, _DRAWN + _FURTHER, rng)

    def _exchange(self, site: Site, place: Place, chosen: dict[int, Chosen], forked: Tokens) -> Exchange:
        """`forked`: the stream of the run that forks."""
        assert place.after is not None
        start = max(0, site.position - _BEFORE)
        stretch = tuple(int(t) for t in forked[start : site.position + _AFTER])
        rng = np.random.default_rng([self.options.seed or 0, site.position, 1])
        other = self.streams.target if forked is self.streams.base else self.streams.base  # whose own run is known
        exhaustive = self.options.exhaustive
        tokens = ordered(chosen, int(other[site.position]), rng, len(chosen) if exhaustive else _DRAWN)
        free = self._left - _SLOWER * self.settled.run.spent  # of what the run itself takes
        most = max(1.0, free if exhaustive else min(_EXCHANGING * self._left, free / 2))
        return Exchange(
            site.position, place.after, place.row, place.taken, stretch, site.position - start, tokens,
            place.factor, most if exhaustive else min(most, _ENOUGH_SECONDS), math.inf if exhaustive else _OVER,
            earlier=place.earlier, most=most,
        )  # fmt: skip

    def _request(self, site: Site, chosen: dict[int, Chosen], row: NDArray[np.float64] | None) -> Request:
        asked = Request(site.position, chosen, self._texts(chosen), self.options.exhaustive)
        if row is None:
            return replace(asked, pool=drawn_from(len(self.settled.workspace.pieces()), chosen))
        return replace(asked, mass=drawn_mass(row, chosen))

    def _run(self, name: str, stream: Tokens, exchanges: tuple[Exchange, ...] = ()) -> None:
        left = self._left
        if left <= 1:
            self.missing[name] = "no time was left"
            return
        if self.progress is not None:
            self.progress(f"{name} run" + (f", {sum(len(e.tokens) for e in exchanges)} tokens" if exchanges else ""))
        run: Run = self.runner.run(
            self.settled.made, self.settled.workspace, stream, left, exchanges=exchanges, until_tried=name == "more"
        )
        if run.error:
            self.missing[name] = run.error
        else:
            self.runs[name] = run.recorded

    @property
    def _left(self) -> float:
        """Seconds of processor time."""
        return self.options.seconds - self.runner.spent

    @property
    def _stream(self) -> Stream:
        s = self.streams
        return Stream(
            s.base, s.future, s.target, s.P, s.Q, s.bytes_, self.settled.made.layout.vocabulary, s.again, s.late,
            self.masked,
        )  # fmt: skip
