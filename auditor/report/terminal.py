"""The report for a terminal: the verdict, what decides it, then the figures. Colour never carries meaning alone.

Untrusted text enters as rich `Text` objects after `plain`; nothing is parsed as markup.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditor.findings import Finding, Location, Outcome
from auditor.judgement.model import Cap, Report, Verdict
from auditor.report import recipe, seeds, view
from auditor.report.places import place
from auditor.report.text import clip, one_line, plain
from auditor.source.excerpt import quote

NARROWEST, WIDEST = 40, 140
TEXT_WIDTH = 100  # running text is wrapped here even on a wider terminal
_LISTED = 12  # rows of a summary list before it is cut
_STEPS = 8  # events of a trace that are shown
_MARK = "cyan"  # arrows and numbers: dark blue cannot be read on black

VERDICT_STYLE: dict[str, str] = {
    Verdict.VIOLATION: "bold white on red",
    Verdict.DISPUTED: "bold black on yellow",
    Verdict.INCONCLUSIVE: "bold black on magenta",
    Verdict.CLEAN: "bold black on green",
}
_OUTCOME = {
    Outcome.VIOLATION: "bold red",
    Outcome.DISPUTED: "bold yellow",
    Outcome.ERROR: "bold magenta",
    Outcome.WARNING: "yellow",
}


def render(report: Report, *, width: int = 80, colour: bool = False) -> str:
    """The whole report. `width` in columns; without `colour` there is no escape sequence in it."""
    out, paper = console(min(max(width, NARROWEST), WIDEST), colour)
    page = _Page(report, paper, links=colour)
    page.heading()
    page.problems()
    page.figures()
    page.rest()
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n")).strip("\n") + "\n"


def console(width: int, colour: bool) -> tuple[io.StringIO, Console]:
    """A console that writes to a string and takes nothing for markup."""
    out = io.StringIO()
    paper = Console(
        file=out,
        width=width,
        height=100,  # otherwise the terminal is asked for it at every line
        force_terminal=colour,
        color_system="256" if colour else None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    return out, paper


class _Page:
    """One report being written to one console. `links`: places are hyperlinks to the commit on GitHub."""

    def __init__(self, report: Report, console: Console, *, links: bool) -> None:
        self.report = report
        self._links = links
        self.console = console
        self.text_width = min(console.width, TEXT_WIDTH)
        self._wide = console.width >= 110  # room for where a figure stands, beside it

    # --- verdict -----------------------------------------------------------------------------------------------

    def heading(self) -> None:
        verdict = self.report.verdict
        badge = Text(f" {verdict.upper()} ", style=VERDICT_STYLE[verdict])
        hypothetical = view.hypothetical(self.report)
        if hypothetical:
            self._show(Text(one_line(hypothetical, 400), style="bold reverse"))
        self._show(Text.assemble(badge, "  ", (view.meaning(self.report), "bold")))
        self._show(_plain(view.because(self.report)), indent=2)
        for text in filter(None, (view.besides(self.report), view.record(self.report))):
            self._show(_plain(text), indent=2)
        self._blank()
        beside = [(label, f"{text}{f' ({url})' if url else ''}") for label, text, url in view.beside(self.report)]
        self._pairs((label, _plain(value, 400)) for label, value in (*beside, *view.identity(self.report)))

    # --- what decides ------------------------------------------------------------------------------------------

    def problems(self) -> None:
        for finding in view.deciding(self.report):
            self._finding(finding)
        for row in view.bare_outcomes(self.report):
            self._blank()
            self._show(self._headline(row.outcome, row.rule, row.reason))
            self._law(row.rule)
        warnings = view.warnings(self.report)
        for finding in warnings[:_LISTED]:
            self._blank()
            self._show(self._headline(finding.outcome, finding.rule, finding.message))
            self._where(finding)
        self._cut(len(warnings), "more warnings; --format json has them all")

    def _finding(self, finding: Finding) -> None:
        self._blank()
        self._show(self._headline(finding.outcome, finding.rule, finding.message))
        self._where(finding)
        self._excerpt(finding)
        self._trace(finding)
        notes = []
        if view.certainty(finding):
            notes.append(("note", _plain(view.certainty(finding))))
        if view.waiver(self.report, finding.rule):
            notes.append(("waived", _plain(view.waiver(self.report, finding.rule))))
        if finding.remedy:
            notes.append(("fix", _plain(finding.remedy, 1000)))
        self._law(finding.rule, notes)

    def _headline(self, outcome: Outcome, rule: str, message: str) -> Text:
        style = _OUTCOME.get(outcome, "bold")
        return Text.assemble(
            (str(outcome), style), (f"[{plain(rule)}]", style), ": ", (one_line(message, 1000), "bold")
        )

    def _where(self, finding: Finding) -> None:
        where = place(finding.location, self.report.sources)
        if where:
            self._show(Text.assemble(("--> ", _MARK), self._linked(finding.location, where)), indent=2)
        for other in finding.also[:_LISTED]:
            at = self._linked(other.location, place(other.location, self.report.sources))
            said = Text.assemble(("--> ", _MARK), at, ": ", one_line(other.message, 300))
            self._show(said, indent=2, hang=4)
        self._cut(len(finding.also), "more places")

    def _linked(self, location: Location | None, text: str) -> Text:
        url = view.permalink(self.report, location) if self._links else ""
        return Text(one_line(text), style=f"link {url}" if url else "")

    def _excerpt(self, finding: Finding) -> None:
        lines = (
            quote(self.report.sources, self.report.submission, finding.location, context=2) if finding.location else ()
        )
        if lines:
            rows = [(str(line.number), line.text, line.marked) for line in lines]
        else:
            rows = [("", text, True) for text in finding.excerpt.splitlines()[:8]]
        if not rows:
            return
        gutter = max(len(number) for number, _, _ in rows)
        room = self.console.width - gutter - 6
        rows = _dedented(rows)
        self._show(Text(" " * gutter + " |", style="dim"), indent=2)
        for number, text, marked in rows:
            mark = (f"{number:>{gutter}} {'>' if marked else '|'} ", "bold" if marked else "dim")
            code = (clip(plain(text.replace("\t", "    ")), room), "bold" if marked else "")
            self._show(Text.assemble(mark, code), indent=2, wrap=False)
        self._show(Text(" " * gutter + " |", style="dim"), indent=2)

    def _trace(self, finding: Finding) -> None:
        if not finding.trace:
            return
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", style=_MARK)
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold", style="dim", max_width=self.text_width // 3)
        table.add_column(overflow="fold")
        steps = finding.trace[:_STEPS]
        places = [one_line(place(step.location, self.report.sources).split(" (", 1)[0], 120) for step in steps]
        widest = min(max(map(len, places)), self.text_width // 3)
        room = self.text_width - widest - max(len(step.event) for step in steps) - 8
        for number, (step, where) in enumerate(zip(steps, places, strict=True), start=1):
            words, code = step.text, step.code
            text = Text(one_line(words, 300) + (f":\n{clip(one_line(code, 300), room)}" if code else ""))
            table.add_row(str(number), _plain(step.event, 20), Text(where), text)
        self._show(Text("trace"), indent=2)
        self._show(table, indent=4)
        self._cut(len(finding.trace), "more events", shown=_STEPS)

    def _law(self, rule: str, notes: Sequence[tuple[str, Text]] = ()) -> None:
        url = self.report.references.get(rule)
        law = [("law", _plain(url, 300))] if url else []
        self._pairs([*notes, *law, ("more", Text(f"golf-audit --explain {plain(rule)}"))], indent=2)

    # --- figures -----------------------------------------------------------------------------------------------

    def _recipe(self) -> None:
        """The formula of the figure, a line for each part."""
        for row in recipe.rows(self.report):
            text = Text.assemble((one_line(row.name, 20), "cyan"), " = ", one_line(row.text, 200))
            where = (f"  {one_line(row.where, 80)}", "dim")
            broken = (f"  breaks {plain(', '.join(row.rules))}" if row.rules else "", "bold red")
            self._show(Text.assemble(text, where, broken), indent=4, hang=4)
        for note in recipe.notes(self.report):
            self._show(Text(note, "dim"), indent=4)

    def figures(self) -> None:
        if self.report.evaluation:
            self._section("How the score is made")
            self._show(_plain(self.report.evaluation, 2000), indent=2)
            self._recipe()
        if self.report.probe is not None:
            from auditor.report.probe import sections
            from auditor.report.significance.terminal import show

            show(self.console, sections(self.report))
        if any(cap.used is not None for cap in self.report.caps):
            self._section("Budgets", "the largest of the runs that the claim stands on")
            self._show(self._caps(self.report.caps), indent=2)
            if not self._wide:
                self._pairs(((cap.name, _plain(_source(cap), 200)) for cap in self.report.caps if cap.where), indent=2)
        runs = seeds.shown_runs(self.report)
        if runs:
            self._section("Seeds")
            self._show(self._seeds(), indent=2)
            self._cut(len(runs), "more runs")
        if runs or self.report.claims.val_bpb:
            self._show(_plain(seeds.summary(self.report)), indent=2)
        if runs:
            self._section("Byte ledger")
            self._show(_plain(seeds.ledger(self.report)), indent=2)
        if self.report.significance is not None:
            from auditor.report.significance.terminal import show_part

            self._section("Significance", f"against {one_line(self.report.significance.base.name, 60)}")
            show_part(self.console, self.report.significance)

    def _caps(self, caps: Sequence[Cap]) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        if self._wide:
            table.add_column(overflow="fold", style="dim")
        for cap in caps:
            over = cap.headroom is not None and cap.headroom < 0
            left = Text(view.headroom(cap), style="bold red" if over else "")
            cells = [Text(cap.name), Text(view.amount(cap)), left, _bar(cap, over, 20 if self._wide else 10)]
            table.add_row(*cells, *([_plain(_source(cap), 120)] if self._wide else []))
        return table

    def _seeds(self) -> Table:
        rows = seeds.table(seeds.shown_runs(self.report)[:_LISTED])
        hidden = {"log"} if self.console.width < 110 else set()
        hidden |= {"val_loss", "steps"} if self.console.width < 96 else set()
        headings = astuple(seeds.HEADINGS)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        for heading in headings:
            if heading not in hidden:
                table.add_column(heading, justify="left" if heading == "log" else "right", overflow="fold")
        for row in rows:
            cells = zip(headings, astuple(row), strict=True)
            table.add_row(*(_plain(cell, 60) for heading, cell in cells if heading not in hidden))
        return table

    # --- the rest ----------------------------------------------------------------------------------------------

    def rest(self) -> None:
        fine = view.in_order(self.report)
        if fine:
            self._section("Looked at, and in order")
            self._list([(f.rule, f"{f.message} ({place(f.location, self.report.sources)})") for f in fine])
        inactive = view.inactive(self.report)
        if inactive:
            self._section("In the code, not active", "does not run under this configuration; decides nothing")
            rows = [(f.rule, f"{f.message} ({place(f.location, self.report.sources)})") for f in inactive]
            self._list(rows)
        unchecked = view.unchecked(self.report)
        if unchecked:
            self._section("Not checked")
            self._list([(", ".join(rules), reason) for reason, rules in unchecked])
        problems = view.reading_problems(self.report)
        if problems:
            self._section("Could not be read")
            for problem in problems[:_LISTED]:
                self._show(_plain(problem), indent=2)
            self._cut(len(problems), "more")
        self._blank()
        ruleset = f"; rules of {self.report.ruleset}" if self.report.ruleset else ""
        self._show(Text(view.tally(self.report) + plain(ruleset), style="dim"))

    def _list(self, rows: Sequence[tuple[str, str]]) -> None:
        for label, value in rows[:_LISTED]:
            self._show(Text.assemble((one_line(label), "cyan"), ": ", one_line(value, 300)), indent=2, hang=2)
        self._cut(len(rows), "more")

    # --- helpers -----------------------------------------------------------------------------------------------

    def _section(self, title: str, note: str = "") -> None:
        self._blank()
        self._show(Text.assemble((title, "bold underline"), (f"  {note}" if note else "", "dim")))

    def _pairs(self, pairs: Iterable[tuple[str, Text]], indent: int = 2) -> None:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in pairs:
            table.add_row(label, value)
        if table.row_count:
            self._show(table, indent=indent)

    def _cut(self, total: int, what: str, shown: int = _LISTED) -> None:
        if total > shown:
            self._show(Text(f"... {total - shown} {what}", style="dim"), indent=2)

    def _blank(self) -> None:
        self.console.file.write("\n")

    def _show(self, item: RenderableType, indent: int = 0, hang: int = 0, wrap: bool = True) -> None:
        if isinstance(item, Text) and wrap:
            lines = item.wrap(self.console, self.text_width - indent - hang, overflow="fold")
            for number, line in enumerate(lines):
                margin = indent + (hang if number else 0)
                if self._links:
                    self.console.print(Padding(line, (0, 0, 0, margin)))
                else:  # without colour it is its characters: a library that lays out takes long over thousands of lines
                    self.console.file.write(f"{' ' * margin}{line.plain}\n")
            return
        self.console.print(Padding(item, (0, 0, 0, indent)), no_wrap=not wrap, overflow="crop" if not wrap else None)


def _plain(text: str, limit: int = 600) -> Text:
    return Text(one_line(text, limit))


def _dedented(rows: list[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    """The rows without the white space that all of them start with."""
    texts = [text.expandtabs(4) for _, text, _ in rows]
    margins = [len(text) - len(text.lstrip(" ")) for text in texts if text.strip()]
    margin = min(margins, default=0)
    return [(number, text[margin:], marked) for (number, _, marked), text in zip(rows, texts, strict=True)]


def _bar(cap: Cap, over: bool, width: int) -> Text:
    """A bar of the used share, with the figure: colour and bar only repeat what the words say."""
    share = view.share(cap)
    if share is None:
        return Text("")
    full = min(int(share * width), width)  # a full bar means a full budget
    style = "red" if over else "green"
    return Text.assemble(("█" * full, style), ("░" * (width - full), "dim"), f" {share * 100:.2f} %")


def _source(cap: Cap) -> str:
    return cap.where + (f"; {cap.note}" if cap.note else "")
