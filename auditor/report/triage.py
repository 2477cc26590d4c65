"""The triage table: one line for each of many submissions, the gravest thing first."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from auditor.findings import CLASSES
from auditor.judgement.model import Report, Verdict
from auditor.report import view
from auditor.report.probe import mark
from auditor.report.terminal import NARROWEST, VERDICT_STYLE, console
from auditor.report.text import clip, count, one_line

_WIDEST = 200


class Row(NamedTuple):
    """One line of the table. `record` and `probe`: is it a record, what the probe came to; "" where not tested."""

    name: str
    verdict: str
    class_: str
    bpb: str
    record: str = ""
    probe: str = ""
    rule: str = ""
    message: str = ""


def row_of(report: Report, name: str) -> Row:
    """A report in one line, by its gravest finding."""
    claim = report.claims.val_bpb
    finding = view.gravest(report)
    bar = report.significance.deciding if report.significance is not None else None
    record = "" if bar is None or bar.met is None else "bar met" if bar.met else "bar not met"
    return Row(
        name,
        str(report.verdict),
        report.verdict_class or "",
        f"{claim.value:.4f}" if claim else "?",
        record,
        mark(report.probe),
        finding.rule if finding else "",
        "; ".join(filter(None, (view.worst_folder(report), finding.message if finding else view.remark(report)))),
    )


def render(rows: list[Row], *, width: int = 80, colour: bool = False) -> str:
    """The table, the gravest first, with its sums. Columns in which nothing stands are left out."""
    width = min(max(width, NARROWEST), _WIDEST)
    out, page = console(width, colour)
    cells = [[one_line(cell) for cell in row] for row in sorted(rows, key=_gravity)]
    kept = [i for i in range(len(Row._fields) - 2) if any(line[i] for line in cells)]
    widths = {i: max(len(line[i]) for line in cells) for i in kept}
    for line in cells:
        start, at = "", 0
        for i in kept:
            at = len(start) if i == 1 else at
            start += (line[i].rjust(widths[i]) if i in (0, 3) else line[i].ljust(widths[i])) + "  "
        why = ": ".join(part for part in line[-2:] if part)
        text = Text(start + clip(why, max(width - len(start), 12)))
        text.stylize(VERDICT_STYLE.get(line[1], "").split(" on ")[-1], at, at + len(line[1]))
        page.print(text, no_wrap=True, overflow="crop", crop=True)
    return out.getvalue() + sums(rows) + "\n"


def _gravity(row: Row) -> tuple[int, int]:
    """Class, then verdict; those of one kind stay as they were asked for."""
    class_ = CLASSES.index(row.class_) if row.class_ in CLASSES else len(CLASSES)
    return class_, [str(verdict) for verdict in Verdict].index(row.verdict)


def sums(rows: list[Row]) -> str:
    """`12 submissions: 5 violation (2 score, 3 paperwork), 7 clean`."""
    said = []
    for verdict in map(str, Verdict):
        classes = [row.class_ for row in rows if row.verdict == verdict]
        parts = ", ".join(f"{classes.count(c)} {c}" for c in CLASSES if c in classes)
        if classes:
            said.append(f"{len(classes)} {verdict}" + (f" ({parts})" if parts else ""))
    return f"{count(len(rows), 'submission')}: {', '.join(said)}"
