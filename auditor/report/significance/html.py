"""A comparison or the chain as one self-contained page: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources

from auditor import __version__
from auditor.report.significance import chain_view, charts, view
from auditor.report.significance.blocks import Block, Drawing, Items, Paragraph, Section, Table
from auditor.report.text import escape_html as esc
from auditor.report.text import one_line
from auditor.significance.model import Chain, Comparison

Draw = Callable[[str], str]
_STYLE = """.scroll + .scroll { margin-top: 1.25rem; }
.dense th, .dense td { padding-right: .55rem; } .dense td:first-child, .dense td:last-child { min-width: 0; }
.dense td { white-space: nowrap; }
"""


def render(answer: Comparison | Chain) -> str:
    """The whole page."""
    if isinstance(answer, Chain):
        title, tone, sentence = chain_view.title(answer), "", chain_view.sentence(answer)
        body = parts(chain_view.sections(answer), lambda chart: charts.of_chain(answer))
    else:
        title, tone, sentence = view.title(answer), view.tone(answer), view.sentence(answer)
        body = parts(view.sections(answer), drawing(answer))
    style = resources.files("auditor.report").joinpath("style.css").read_text("utf-8")
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(one_line(f'golf-stats: {title}', 200))}</title>\n<style>\n{style}{_STYLE}</style>\n</head>\n"
    )
    verdict = (
        f'<header class="verdict {tone or "not-checked"}">\n<h1>{esc(title[:1].upper() + title[1:])}</h1>\n'
        f"<p>{esc(one_line(sentence, 1500))}</p>\n</header>"
    )
    footer = f"<footer>Made by golf-stats {__version__}.</footer>"
    return f"{head}<body>\n<main>\n{verdict}\n{body}\n{footer}\n</main>\n</body>\n</html>\n"


def part(c: Comparison) -> list[str]:
    """The pieces of the section in golf-audit's page."""
    pieces = [f"<p><b>{esc(view.title(c))}</b></p>", f"<p>{esc(one_line(view.sentence(c), 1500))}</p>"]
    for section in view.part(c):
        chart = drawing(c)(section.chart) if section.chart else ""
        pieces += [f"<h3>{esc(section.title)}</h3>", f"<figure tabindex=0>{chart}</figure>" if chart else ""]
        pieces += [block(b) for b in section.blocks]
    return pieces


def drawing(c: Comparison) -> Draw:
    """The charts of a comparison by their names."""
    return lambda chart: charts.of_comparison(c, chart)


def parts(sections: Sequence[Section], draw: Draw) -> str:
    return "\n".join(_section(section, draw) for section in sections)


def _section(section: Section, draw: Draw) -> str:
    chart = draw(section.chart) if section.chart else ""
    figure = f"<figure tabindex=0>{chart}</figure>\n" if chart else ""
    body = "\n".join(block(b) for b in section.blocks)
    if section.folded:
        body = f"<details>\n<summary>Show</summary>\n{body}\n</details>"
    return f"<section>\n<h2>{esc(section.title)}</h2>\n{figure}{body}\n</section>"


def block(b: Block) -> str:
    """One block as HTML; also used by golf-audit's page."""
    if isinstance(b, Paragraph):
        return f"<p>{esc(one_line(b.text, 1500))}</p>"
    if isinstance(b, Items):
        rows = "".join(
            f"<dt>{esc(one_line(label, 60))}</dt><dd>{esc(one_line(text, 800))}</dd>\n" for label, text in b.rows
        )
        return f"<dl>\n{rows}</dl>" if rows else ""
    return "" if isinstance(b, Drawing) else _table(b)


def _table(b: Table) -> str:
    links = dict(b.links)

    def cell(tag: str, index: int, text: str) -> str:
        url = links.get(text, "")
        said = esc(one_line(text, 160))
        if tag == "td" and url.startswith("https://"):
            said = f'<a href="{esc(url)}" rel="noreferrer">{said}</a>'
        scope = " scope=col" if tag == "th" and said else ""
        tag = tag if said else "td"  # an empty head heads nothing
        return f"<{tag}{scope}{'' if index in b.left else ' class=number'}>{said}</{tag}>"

    dense = " class=dense" if b.dense else ""
    head = "".join(cell("th", i, text) for i, text in enumerate(b.headings))
    body = "\n".join("<tr>" + "".join(cell("td", i, t) for i, t in enumerate(row)) + "</tr>" for row in b.rows)
    rows = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="scroll" role="group" aria-label="Table" tabindex=0><table{dense}>{rows}</table></div>'
