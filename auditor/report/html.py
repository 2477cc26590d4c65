"""The report as one self-contained page: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from importlib import resources

from auditor import __version__
from auditor.findings import CLASSES, Finding, Location, Outcome, Step
from auditor.judgement.model import Cap, Report
from auditor.report import recipe, seeds, view
from auditor.report.places import place
from auditor.report.plot import seeds_plot
from auditor.report.text import clip, count, one_line
from auditor.report.text import escape_html as esc
from auditor.source.excerpt import quote

_CODE_WIDTH = 240
_NUMERIC = {"seed", "val_bpb", "val_loss", "steps", "train s", "eval s", "artifact", "divided by"}


def render(report: Report, *, rules: str = "") -> str:
    """The whole page. `rules` is the address of a page that explains the rules, each under its id: without one the name
    of a rule leads to the ruling that it rests on.
    """
    if rules:
        report = replace(report, references={row.rule: f"{rules}#{row.rule}" for row in report.outcomes})
    style = resources.files("auditor.report").joinpath("style.css").read_text("utf-8")
    title = one_line(f"golf-audit: {view.short(report)}: {report.submission.folder}", 200)
    body = "\n".join(part for part in _parts(report) if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _parts(report: Report) -> Iterable[str]:
    yield _verdict(report)
    yield _identity(report)
    findings = view.deciding(report)
    yield _section("What decides it", [_finding(report, f) for f in findings] if findings else [])
    yield _section("Said without a place in the code", [_bare(report)])
    yield _section("Warnings", [_finding(report, f) for f in view.warnings(report)])
    yield _section("Looked at, and in order", [_finding(report, f) for f in view.in_order(report)])
    said = [f"<p>{esc(report.evaluation)}</p>", *_recipe(report)] if report.evaluation else []
    yield _section("How the score is made", said)
    yield _section("Probe", _probe(report))
    yield _section("Budgets", [_cap(cap) for cap in report.caps if cap.used is not None])
    yield _section("Seeds", _seeds(report))
    if report.significance is not None:
        from auditor.report.significance.html import part

        yield _section("Significance", part(report.significance))
    inactive = [_finding(report, f) for f in view.inactive(report)]
    yield _section("In the code, not active", _folded(count(len(inactive), "finding"), inactive))
    yield _section("What was not checked", _unchecked(report))
    yield _section("Configuration", _configuration(report))
    yield _section("Rules", [_rules(report)])
    ruleset = f", rules of {esc(report.ruleset)}" if report.ruleset else ""
    yield f"<footer>golf-audit {__version__}{ruleset}. {view.how(report).capitalize()}.</footer>"


def _recipe(report: Report) -> Iterable[str]:
    """The formula of the figure, a line for each part; the parts that break a rule are marked."""
    rows = recipe.rows(report)
    if not rows:
        return
    lines = (
        f'<tr{" class=broken" if row.rules else ""}><th scope="row"><code>{esc(row.name)}</code></th>'
        f"<td><code>= {esc(row.text)}</code></td><td>{esc(row.where)}</td><td>{esc(', '.join(row.rules))}</td></tr>"
        for row in rows
    )
    head = "<tr><th scope=col>part<th scope=col>formula<th scope=col>place<th scope=col>breaks"
    caption = "<caption>The formula of the reported figure</caption>"
    yield f"<table class=recipe>{caption}<thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>"
    yield "".join(f"<p class=note>{esc(note)}.</p>" for note in recipe.notes(report))


def _section(title: str, parts: Sequence[str]) -> str:
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{esc(title)}</h2>\n{body}\n</section>" if body else ""


def _verdict(report: Report) -> str:
    verdict = report.verdict
    hypothetical = view.hypothetical(report)
    lines = [view.because(report), view.besides(report), view.record(report)]
    said = [f"{label}: {_web(esc(one_line(text)), url)}" for label, text, url in view.beside(report)]
    return "\n".join(
        [
            f'<p class="hypothetical">{esc(one_line(hypothetical))}</p>' if hypothetical else "",
            f'<header class="verdict {verdict}">',
            f'<h1><span class="word">{verdict}</span> {esc(view.meaning(report))}</h1>',
            *(f"<p>{esc(one_line(line, 1000))}</p>" for line in lines if line),
            *(f'<p class="beside">{line}</p>' for line in said),
            "</header>",
        ]
    )


def _identity(report: Report) -> str:
    rows = "".join(f"<dt>{esc(label)}</dt><dd>{esc(one_line(value))}</dd>\n" for label, value in view.identity(report))
    return f"<dl>\n{rows}</dl>"


def _link(report: Report, rule: str) -> str:
    url = report.references.get(rule, "")
    return f'<a href="{esc(url)}">{esc(rule)}</a>' if url.startswith(".") else _web(esc(rule), url)


def _web(text: str, url: str) -> str:
    """A link around text that is HTML already."""
    return f'<a href="{esc(url)}" rel="noreferrer">{text}</a>' if url.startswith("https://") else text


def _place(report: Report, location: Location | None) -> str:
    """The place as code, linked to the line at its commit where that is known; "" without one."""
    where = place(location, report.sources)
    return _web(f"<code>{esc(where)}</code>", view.permalink(report, location)) if where else ""


def _finding(report: Report, finding: Finding) -> str:
    tone = "not-checked" if finding.active is False else str(finding.outcome)
    parts = [
        f'<article class="{tone}">',
        f'<h3><span class="tone">{finding.outcome}</span> {_link(report, finding.rule)} '
        f"<small>{esc(report.classes.get(finding.rule, ''))}</small></h3>",
        f"<p>{esc(one_line(finding.message, 1000))}</p>",
    ]
    if finding.outcome in view.DECIDING and finding.active is not False and report.criteria.get(finding.rule):
        parts.append(f'<p class="soft">The rule: {esc(report.criteria[finding.rule])}</p>')
    if view.waiver(report, finding.rule):
        parts.append(f"<p><b>{esc(one_line(view.waiver(report, finding.rule)))}</b></p>")
    where = _place(report, finding.location)
    if where:
        parts.append(f'<p class="soft">{where}</p>')
    others = [f"<li>{_place(report, o.location)} {esc(one_line(o.message))}</li>" for o in finding.also]
    parts += ["<ul>", *others, "</ul>"] if others else []
    if finding.active is not False or finding.trace:
        parts += [_excerpt(report, finding), _trace(report, finding)]
    if view.certainty(finding):
        parts.append(f"<p>Note: {esc(view.certainty(finding))}.</p>")
    if finding.remedy and finding.active is not False:
        parts.append(f"<p><b>What to do:</b> {esc(one_line(finding.remedy, 1000))}</p>")
    return "\n".join(part for part in [*parts, "</article>"] if part)


def _excerpt(report: Report, finding: Finding) -> str:
    rows: list[tuple[str, str, bool]] = []
    if finding.location is not None:
        lines = quote(report.sources, report.submission, finding.location, context=3)
        rows = [(str(line.number), line.text, line.marked) for line in lines]
    if not rows:
        rows = [("", text, True) for text in finding.excerpt.splitlines()[:8]]
    if not rows:
        return ""
    gutter = max(len(number) for number, _, _ in rows)
    body = "".join(
        f'<span{" class=marked" if marked else ""}><i style="width:{gutter}ch">{number}</i>'
        f"{esc(clip(text.expandtabs(4), _CODE_WIDTH)) or ' '}</span>"
        for number, text, marked in rows
    )
    return f"<pre tabindex=0>{body}</pre>"


def _trace(report: Report, finding: Finding) -> str:
    if not finding.trace:
        return ""
    steps = "\n".join(_step(report, step) for step in finding.trace)
    return f'<ol class="trace">\n{steps}\n</ol>'


def _step(report: Report, step: Step) -> str:
    words, code = step.text, step.code
    said = esc(one_line(words)) + (f": <code>{esc(one_line(code))}</code>" if code else "")
    where = _place(report, step.location)
    return f'<li><b>{esc(one_line(step.event, 60))}</b> {said} <code class="soft">{where}</code></li>'


def _bare(report: Report) -> str:
    return "\n".join(
        f'<p><span class="tone {row.outcome}">{row.outcome}</span> {_link(report, row.rule)}: '
        f"{esc(one_line(row.reason))}</p>"
        for row in view.bare_outcomes(report)
    )


def _probe(report: Report) -> list[str]:
    if report.probe is None:
        return []
    from auditor.report.probe import sections
    from auditor.report.probe_plot import plots
    from auditor.report.significance.html import block

    measured, *others = sections(report)
    first, *rest = [block(b) for b in measured.blocks]
    parts = [first, *(f"<figure tabindex=0>{chart}</figure>" for chart in plots(report.probe)), *rest]
    for other in others:
        blocks = [block(b) for b in other.blocks]
        parts += _folded(other.title, blocks) if other.folded else [f"<h3>{esc(other.title)}</h3>", *blocks]
    return parts


def _cap(cap: Cap) -> str:
    share = view.share(cap)
    over = cap.headroom is not None and cap.headroom < 0
    percent = 0.0 if share is None else share * 100
    source = cap.where + (f"; {cap.note}" if cap.note else "")
    return (
        f'<div class="cap{" over" if over else ""}"><div class="row"><span><b>{esc(cap.name)}</b> '
        f"{esc(view.amount(cap))}</span><span>{esc(view.headroom(cap))} ({percent:.2f} %)</span></div>"
        f'<div class="bar" role="img" aria-label="{percent:.2f} % of the {esc(cap.name)} budget used">'
        f'<div style="width:{min(percent, 100):.2f}%"></div></div>'
        f'<div class="soft"><code>{esc(one_line(source))}</code></div></div>'
    )


def _seeds(report: Report) -> list[str]:
    runs = seeds.shown_runs(report)
    if not runs:
        return []
    headings = astuple(seeds.HEADINGS)
    rows = [astuple(row) for row in seeds.table(runs)]
    points = [("?" if r.seed is None else str(r.seed), r.val_bpb) for r in runs]
    known = seeds.spread(runs)
    claim = report.claims.val_bpb
    plot = seeds_plot(
        [(label, value) for label, value in points if value is not None],
        known[0] if known else None,
        claim.value if claim else None,
    )
    return [
        f"<figure tabindex=0>{plot}</figure>" if plot else "",
        _table("Runs by seed", headings, rows, {i for i, heading in enumerate(headings) if heading in _NUMERIC}),
        f"<p>{esc(seeds.summary(report))}</p>",
        f"<p>{esc(seeds.ledger(report))}</p>",
    ]


def _unchecked(report: Report) -> list[str]:
    rows = [(", ".join(rules), one_line(reason)) for reason, rules in view.unchecked(report)]
    problems = "".join(f"<li>{esc(one_line(text))}</li>\n" for text in view.reading_problems(report))
    return [
        _table("Rules that were not checked", ("rules", "why"), rows) if rows else "",
        f"<h3>Could not be read</h3>\n<ul>\n{problems}</ul>" if problems else "",
    ]


def _configuration(report: Report) -> list[str]:
    rows = view.settings_of_interest(report)
    if not rows:
        return []
    table = _table(
        "Switches", ("switch", "value", "source", "where"), [tuple(one_line(cell, 200) for cell in row) for row in rows]
    )
    conflicts = [
        f"<p>{esc(one_line(c.name))}: <code>{esc(one_line(str(c.used.value)))}</code> ({esc(c.used.where)}) was used, "
        f"<code>{esc(one_line(str(c.other.value)))}</code> ({esc(c.other.where)}) says otherwise.</p>"
        for c in report.configuration.conflicts
    ]
    return [*conflicts, *_folded(count(len(rows), "switch", "switches"), [table])]


def _rules(report: Report) -> str:
    if not report.outcomes:
        return ""
    ordered = sorted(report.outcomes, key=lambda row: (row.outcome.rank, CLASSES.index(row.class_), row.rule))
    rows = "".join(
        f"<tr><th scope=row>{_link(report, row.rule)}</th><td class=kind>{row.class_}</td>"
        f'<td class="tone {row.outcome}">{row.outcome}</td>'
        f"<td>{esc(one_line(row.reason))}</td></tr>\n"
        for row in ordered
        if row.outcome is not Outcome.NOT_APPLICABLE
    )
    others = ", ".join(_link(report, row.rule) for row in ordered if row.outcome is Outcome.NOT_APPLICABLE)
    head = "".join(f"<th scope=col>{name}</th>" for name in ("rule", "class", "outcome", "why"))
    table = _scrolled("Every rule that applies", f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>")
    beside = f"\n<p>Not applicable: {others}</p>" if others else ""
    return f"<p>{esc(view.tally(report))}</p>\n{table}{beside}"


def _table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    right = set(numeric)

    def cell(tag: str, position: int, text: str) -> str:
        return f"<{tag}{' class=number' if position in right else ''}>{esc(text)}</{tag.split()[0]}>"

    head = "".join(cell("th scope=col", i, text) for i, text in enumerate(headings))
    body = "\n".join("<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>" for row in rows)
    return _scrolled(caption, f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>")


def _scrolled(caption: str, rows: str) -> str:
    """A table that scrolls by itself, also with the keyboard."""
    return (
        f'<div class="scroll" role="group" aria-label="{esc(caption)}" tabindex=0><table>'
        f"<caption>{esc(caption)}</caption>{rows}</table></div>"
    )


def _folded(title: str, parts: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{esc(title)}</summary>", *parts, "</details>"] if parts else []
