"""--checklist: what a submitter goes through before a pull request, each line with its fix."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from auditor.findings import Class, Finding, Outcome
from auditor.judgement.model import Report
from auditor.report import seeds, view
from auditor.report.places import place
from auditor.report.terminal import TEXT_WIDTH, VERDICT_STYLE, console
from auditor.report.text import one_line

# In the order in which a submitter can mend things: files first, the method last.
_SECTIONS: tuple[tuple[Class, str], ...] = (
    ("paperwork", "The package"),
    ("evidence", "The claim and what shows it"),
    ("budget", "Bytes, seconds, hardware"),
    ("score", "How the score is made"),
)
_MARK = {
    Outcome.VIOLATION: "NO",
    Outcome.DISPUTED: "??",
    Outcome.ERROR: "??",
    Outcome.WARNING: "!",
    Outcome.NOT_CHECKED: "?",
    Outcome.PASS: "ok",
}
_SCRIPT = "train_gpt.py"  # as the challenge names it
_STYLE = {"NO": "bold red", "??": "bold yellow", "!": "yellow", "?": "dim", "ok": "green"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `mark` is NO, ??, !, ? or ok; `fix` is "" where there is nothing to do."""

    section: str
    mark: str
    what: str
    said: str
    fix: str = ""


def lines(report: Report) -> tuple[Line, ...]:
    """Figures that were read, then every rule that applies; of the rules on the score those that do not pass."""
    found: list[Line] = list(_read(report))
    for class_, title in _SECTIONS:
        rows = [row for row in report.outcomes if row.class_ == class_ and row.outcome in _MARK]
        rows.sort(key=lambda row: (row.outcome.rank, row.rule))
        shown = [row for row in rows if class_ != "score" or row.outcome.rank < Outcome.NOT_CHECKED.rank]
        for row in shown:
            hits = [f for f in report.findings if f.rule == row.rule and f.active is not False]
            hits = [f for f in hits if row.outcome.rank < Outcome.NOT_CHECKED.rank and f.outcome is not Outcome.PASS]
            if not hits:
                found.append(Line(title, _MARK[row.outcome], row.rule, row.reason))
            for number, hit in enumerate(hits, start=1):
                again = any(later.remedy == hit.remedy for later in hits[number:])  # told once, below the last
                said = _said(report, hit, hit.message)
                found.append(Line(title, _MARK[hit.outcome], row.rule, said, "" if again else hit.remedy))
        others = [row.outcome for row in rows if row not in shown]
        if others:
            said = f"{others.count(Outcome.PASS)} more rules passed, {others.count(Outcome.NOT_CHECKED)} not checked"
            mark = "ok" if Outcome.NOT_CHECKED not in others else "?"
            found.append(Line(title, mark, "the rest", f"{said}; the report names them"))
    return tuple(found)


def _said(report: Report, hit: Finding | None, reason: str) -> str:
    where = place(hit.location, report.sources) if hit is not None else ""
    return f"{reason} ({where})" if where and where not in reason else reason


def _read(report: Report) -> Iterable[Line]:
    """What was found in the folder, before any rule."""
    files = [f.path for f in report.submission.files]
    yield Line("What was read", "ok" if files else "NO", "files", ", ".join(files[:12]) or "none")
    if report.submission.track is None:
        said = f"{report.submission.folder}: a pull request has it below records/, in the folder of a track"
        yield Line("What was read", "?", "folder", said)
    yield _script(report)
    claim = report.claims.val_bpb
    said = f"{claim.value:.8g} BPB ({claim.where})" if claim else "no val_bpb that could be read"
    yield Line("What was read", "ok" if claim else "NO", "claim", said)
    runs = seeds.shown_runs(report)
    yield Line("What was read", "ok" if runs else "NO", "seeds", seeds.summary(report) if runs else "no log")
    # What is no record attempt may take longer, and rules of budgets only warn.
    refused = any(row.class_ == "budget" and row.outcome is Outcome.VIOLATION for row in report.outcomes)
    over = "NO" if refused else "!"
    for cap in report.caps:
        mark = "?" if cap.headroom is None else "ok" if cap.headroom >= 0 else over
        yield Line(
            "What was read", mark, cap.name, f"{view.amount(cap)}, {view.headroom(cap)}; {cap.where or 'no log'}"
        )
    for problem in view.reading_problems(report):
        yield Line("What was read", "?", "unread", problem)
    if view.worse(report):
        yield Line("What was read", "!", "folders", view.worse(report))
    if report.not_judged:
        yield Line("What was read", "?", "score", f"not judged: {report.not_judged}")
    bar = report.significance.deciding if report.significance is not None else None
    if report.significance is not None and bar is not None:
        mark = {True: "ok", False: "!", None: "?"}[bar.met]
        yield Line("What was read", mark, "record", view.record(report))


def _script(report: Report) -> Line:
    entry = report.sources.entry
    if entry is None:
        return Line("What was read", "NO", "script", "no training script")
    if not any(f.path.rsplit("/", 1)[-1] == _SCRIPT for f in report.submission.files):
        said, fix = f"{entry.label}; no file is named {_SCRIPT}", f"Name the script {_SCRIPT}: that is what is run."
        return Line("What was read", "!", "script", said, fix)
    return Line("What was read", "ok", "script", entry.label)


def render(report: Report, *, form: str = "terminal", width: int = 80, colour: bool = False) -> str:
    """The list, or with `json` an array of objects."""
    found = lines(report)
    if form == "json":
        return json.dumps([asdict(line) for line in found], indent=2) + "\n"
    return _text(report, found, min(max(width, 60), TEXT_WIDTH), colour)


def _text(report: Report, found: Sequence[Line], width: int, colour: bool) -> str:
    from rich.text import Text

    out, page = console(width, colour)
    if view.hypothetical(report):
        page.print(Text(one_line(view.hypothetical(report)), style="bold reverse"))
    section = ""
    for line in found:
        if line.section != section:
            page.print(Text(("\n" if section else "") + line.section, style="bold underline"))
            section = line.section
        head = f"  [{line.mark:^2}] {line.what}: "
        said = textwrap.wrap(head + one_line(line.said, 400), width, subsequent_indent=" " * 7) or [head]
        page.print(Text.assemble(said[0][:3], (said[0][3:5], _STYLE[line.mark]), said[0][5:]))
        for more in said[1:]:
            page.print(Text(more))
        fix = f"       fix: {one_line(line.fix, 600)}" if line.fix else ""
        for more in textwrap.wrap(fix, width, subsequent_indent=" " * 12):
            page.print(Text(more, style="bold"))
    page.print()
    page.print(Text.assemble((view.short(report), VERDICT_STYLE[report.verdict]), f"  {view.meaning(report)}"))
    return "\n".join(text.rstrip() for text in out.getvalue().split("\n"))
