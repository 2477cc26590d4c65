"""What a table says of one audited pull request: a value, and a row of the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, cast

from auditor.findings import Class, Outcome
from auditor.judgement.model import Report, Verdict
from auditor.report import seeds, view
from auditor.report.text import one_line
from auditor.significance.model import Figure

_TITLE, _MESSAGE = 160, 300  # characters


class Beside(NamedTuple):
    """Another record folder of the same pull request: its path, what was found of it, and the rules that decide."""

    folder: str
    verdict: str
    class_: str
    rules: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Row:
    """One pull request. Scores in bits per byte; "" and None where nothing is known. All text is untrusted.

    `attempt`: it asks for a place among the records. `bpb` is the claim; None where it is zero, a figure that is to
    come. `gain_bpb`, `gain_nats`, `p` and `bar_met` are those of the test against the record that stood (`base`).
    `figures` holds (bits per byte, nats per token or None) of each seed that counts, as JSON. `judged`: nothing kept
    the score from being judged, whatever decides. `deciding`, `disputed` (beside a violation that decides) and `warned`
    are ids of rules, the gravest first; `waived` those that a maintainer waived. `said` is what the maintainers did:
    accepted, ruled-out, merged or "". `beside` holds the other folders that the pull request adds, as JSON.
    """

    pr: int
    head: str
    folder: str
    title: str
    author: str
    track: str
    day: str
    attempt: bool
    verdict: str
    class_: str
    because: str
    deciding: str
    disputed: str
    warned: str
    waived: str
    judged: bool
    unchecked: int
    bpb: float | None
    mean: float | None
    seeds: int
    base: str
    gain_bpb: float | None
    gain_nats: float | None
    p: float | None
    bar_met: bool | None
    said: str
    said_text: str
    figures: str
    beside: str = "[]"

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that decide."""
        return _ids(self.deciding)

    @property
    def argued(self) -> tuple[str, ...]:
        """The rules that are disputed where another one decides."""
        return _ids(self.disputed)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The rules that warn."""
        return _ids(self.warned)

    def others(self) -> tuple[Beside, ...]:
        """The other folders that the pull request adds."""
        return tuple(Beside(f, verdict, class_, tuple(rules)) for f, verdict, class_, rules in json.loads(self.beside))

    def worse(self) -> Beside | None:
        """The worst of the other folders, where it is worse than this one."""
        own = view.gravity(Verdict(self.verdict), cast("Class | None", self.class_ or None))
        ranked = [(_gravity(other), other) for other in self.others()]
        gravity, worst = min(ranked, key=lambda one: one[0], default=(own, None))
        return worst if gravity < own else None

    def seed_figures(self) -> tuple[Figure, ...]:
        """The figures of the seeds that count, for a test against another record."""
        return tuple(Figure(bpb, loss, seed, log) for bpb, loss, seed, log in json.loads(self.figures))


def _gravity(other: Beside) -> tuple[int, int]:
    return view.gravity(Verdict(other.verdict), cast("Class | None", other.class_ or None))


def _ids(text: str) -> tuple[str, ...]:
    return tuple(rule for rule in text.split(",") if rule)


COLUMNS: tuple[str, ...] = tuple(item.name for item in fields(Row))


def values(row: Row) -> tuple[Any, ...]:
    """The row's fields in the order of `COLUMNS`."""
    return tuple(getattr(row, name) for name in COLUMNS)


def from_values(given: tuple[Any, ...]) -> Row:
    """The row that `values` was made of; SQLite has no booleans."""
    known = dict(zip(COLUMNS, given, strict=True))
    known["attempt"], known["judged"] = bool(known["attempt"]), bool(known["judged"])
    known["bar_met"] = None if known["bar_met"] is None else bool(known["bar_met"])
    return Row(**known)


def row_of(report: Report, *, head: str, day: str, attempt: bool) -> Row:
    """A report as a row. `day` is the ISO day that the submission bears, "" where none is known."""
    submission, claims = report.submission, report.claims
    runs = seeds.shown_runs(report)
    spread = seeds.spread(runs)
    deciding, disputed = view.rests_on(report)
    warned = dict.fromkeys(finding.rule for finding in view.warnings(report))
    test = report.significance
    bar = test.deciding if test is not None else None
    bpb, nats = (test.in_unit("bpb"), test.in_unit("nats")) if test is not None else (None, None)
    claim = next((one for one in (claims.val_bpb, claims.readme_val_bpb) if one is not None and one.value > 0), None)
    first = view.gravest(report)
    name = submission.folder.rstrip("/").rsplit("/", 1)[-1]
    return Row(
        pr=submission.pr or 0,
        head=head,
        folder=submission.folder,
        title=one_line((claims.name.value if claims.name else "") or submission.title or name, _TITLE),
        author=one_line(claims.author.value if claims.author else "", 80),
        track=submission.track or "",
        day=day,
        attempt=attempt,
        verdict=str(report.verdict),
        class_=report.verdict_class or "",
        because=one_line(first.message if first is not None else view.remark(report), _MESSAGE),
        deciding=",".join(deciding),
        disputed=",".join(disputed),
        warned=",".join(warned),
        waived=",".join(sorted({waiver.rule for waiver in report.waivers})),
        judged=not report.not_judged,
        unchecked=sum(row.outcome is Outcome.NOT_CHECKED for row in report.outcomes),
        bpb=claim.value if claim else None,
        mean=spread[0] if spread else None,
        seeds=sum(run.val_bpb is not None for run in runs),
        base=test.base.name if test is not None else "",
        gain_bpb=bpb.base.mean - bpb.new.mean if bpb is not None else None,
        gain_nats=nats.base.mean - nats.new.mean if nats is not None else None,
        p=bar.p if bar is not None else None,
        bar_met=bar.met if bar is not None else None,
        said=report.said[0].what if report.said else "",
        said_text="; ".join(one.text for one in report.said),
        figures=json.dumps([(f.val_bpb, f.val_loss, f.seed, f.log) for f in test.new.figures] if test else []),
        beside=json.dumps([(f.folder, str(f.verdict), f.verdict_class or "", f.decided_by) for f in report.folders]),
    )
