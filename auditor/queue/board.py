"""What a queue amounts to: what could be merged next, the frontier as the audit sees it, what changed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from auditor.findings import Class
from auditor.queue.row import Row
from auditor.significance.model import Comparison, Side

_GRAVE: tuple[Class, ...] = ("score", "budget")
Compare = Callable[[Side, Side, date], Comparison]


@dataclass(frozen=True, slots=True)
class Record:
    """An accepted record: its ISO day, pull request, score (bits per byte), and its seeds."""

    day: str
    pr: int | None
    score: float
    side: Side


@dataclass(frozen=True, slots=True)
class Ready:
    """A candidate that beats the record as it would stand by then. `mend`: rules of evidence or paperwork still broken.

    Gains in bits per byte and nats per token.
    """

    row: Row
    base: str
    gain_bpb: float
    gain_nats: float | None
    p: float | None
    mend: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A score on a day (ISO), in bits per byte: what the logs show where it is valid, else what is claimed."""

    day: str
    bpb: float
    name: str
    pr: int | None
    valid: bool


@dataclass(frozen=True, slots=True)
class Standings:
    """What a queue amounts to. Frontiers hold the points that were the best so far, by day."""

    ready: tuple[Ready, ...]
    accepted: tuple[Point, ...]
    valid: tuple[Point, ...]
    claimed: tuple[Point, ...]
    points: tuple[Point, ...]  # every attempt that states a score and a day


@dataclass(frozen=True, slots=True)
class Change:
    """A pull request whose result is another one than before. `before` is None for one that is new."""

    before: Row | None
    after: Row

    @property
    def what(self) -> str:
        """`clean -> violation score`, `new head`, `new`."""
        if self.before is None:
            return "new"
        if self.before.head != self.after.head and _said(self.before) == _said(self.after):
            return "new head, the same result"
        new = "new head: " if self.before.head != self.after.head else ""
        if self.before.verdict == self.after.verdict and self.before.class_ == self.after.class_:
            return f"{new}decided by {_rests(self.before)} -> {_rests(self.after)}"
        return f"{new}{_verdict(self.before)} -> {_verdict(self.after)}"


def _verdict(row: Row) -> str:
    return f"{row.verdict} {row.class_}".strip()


def _rests(row: Row) -> str:
    disputed = f" (disputed: {', '.join(row.argued)})" if row.argued else ""
    return (", ".join(row.rules) or "nothing") + disputed


def _said(row: Row) -> tuple[str, str, frozenset[str]]:
    return (row.verdict, row.class_, frozenset((*row.rules, *row.argued)))


def changed(before: Iterable[Row], after: Iterable[Row]) -> tuple[Change, ...]:
    """What differs in head, verdict, class or deciding rules, by pull request."""
    known = {row.pr: row for row in before}
    if not known:
        return ()
    found = []
    for row in after:
        old = known.get(row.pr)
        if old is None or old.head != row.head or _said(old) != _said(row):
            found.append(Change(old, row))
    return tuple(found)


def broken(row: Row, classes: Mapping[str, Class], *of: Class) -> tuple[str, ...]:
    """The rules of these classes that decide or are disputed, and that no maintainer waived."""
    waived = set(row.waived.split(","))
    return tuple(rule for rule in (*row.rules, *row.argued) if classes.get(rule) in of and rule not in waived)


def valid(row: Row, classes: Mapping[str, Class]) -> bool:
    """Whether a log shows the score and the audit has nothing against it and the budgets.

    What could not be judged is not valid, also where something else decides the verdict.
    """
    return row.judged and row.mean is not None and not broken(row, classes, *_GRAVE)


def standings(
    rows: Sequence[Row], records: Sequence[Record], classes: Mapping[str, Class], compare: Compare
) -> Standings:
    """`compare(new, base, day)` is the test of the rules that were applied on that day."""
    accepted = [Point(r.day, r.score, f"#{r.pr}" if r.pr else r.side.name, r.pr, True) for r in records]
    attempts = [row for row in rows if row.attempt and row.bpb is not None and row.day]
    sound = {row.pr for row in attempts if valid(row, classes) or row.said == "accepted"}
    points = tuple(_point(row, row.pr in sound) for row in attempts)
    return Standings(
        ready=tuple(_ready(rows, records, classes, compare)),
        accepted=frontier(accepted),
        valid=frontier(_point(row, True) for row in attempts if row.pr in sound and row.mean is not None),
        claimed=frontier(Point(row.day, row.bpb or 0.0, row.title, row.pr, row.pr in sound) for row in attempts),
        points=points,
    )


def _point(row: Row, sound: bool) -> Point:
    bpb = row.mean if sound and row.mean is not None else row.bpb
    return Point(row.day, bpb or 0.0, row.title, row.pr, sound)


def frontier(points: Iterable[Point]) -> tuple[Point, ...]:
    """Those that were the best so far, by day; of one day the best alone."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.day, p.bpb)):
        if not best or point.bpb < best[-1].bpb:
            best.append(point)
    return tuple(best)


def _ready(
    rows: Sequence[Row], records: Sequence[Record], classes: Mapping[str, Class], compare: Compare
) -> Iterable[Ready]:
    """In the order in which the pull requests were opened, each against the record as it would then stand."""
    merged: list[Record] = []
    for row in sorted(rows, key=lambda r: r.pr):
        if not _candidate(row, classes):
            continue
        standing = _standing(row, [*(r for r in records if _ahead(r, row)), *merged])
        side = Side(f"#{row.pr}", "submission", row.seed_figures(), date=row.day, claimed=row.bpb)
        if standing is None or row.mean is None or row.mean >= standing.score:
            continue
        test = compare(side, standing.side, date.fromisoformat(row.day))
        bpb, nats = test.in_unit("bpb"), test.in_unit("nats")
        if test.deciding is None or not test.deciding.met or bpb is None:
            continue
        gain = nats.base.mean - nats.new.mean if nats is not None else None
        mend = broken(row, classes, "evidence", "paperwork")
        yield Ready(row, standing.side.name, bpb.base.mean - bpb.new.mean, gain, test.deciding.p, mend)
        merged.append(Record(row.day, row.pr, row.mean, side))


def _ahead(record: Record, row: Row) -> bool:
    """Whether the record was there first: of an earlier day, or opened earlier, whatever day the other one bears."""
    return record.day < row.day or (record.pr is not None and record.pr < row.pr)


def _candidate(row: Row, classes: Mapping[str, Class]) -> bool:
    """A record attempt that nobody ruled on, valid, with seeds that its own report could test, and without another
    folder that could not be merged: it would come in with this one."""
    sound = all(other.verdict == "clean" or other.class_ not in ("", *_GRAVE) for other in row.others())
    return row.attempt and not row.said and bool(row.day) and row.bar_met is not None and sound and valid(row, classes)


def _standing(row: Row, known: Sequence[Record]) -> Record | None:
    return min((record for record in known if record.pr != row.pr), key=lambda record: record.score, default=None)
