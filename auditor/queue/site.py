"""The queue as pages: one folder, no server, no request to elsewhere. jinja2 escapes every value.

index.html holds every row as a table, which site.js sorts and filters; without it the table is there all the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auditor import __version__
from auditor.queue.board import Change, Standings
from auditor.queue.chart import frontier_chart
from auditor.queue.row import Row
from auditor.queue.store import Store, StoreError
from auditor.report.rule_page import AUTHORITY
from auditor.report.text import escape_html, plain
from auditor.rule import Rule

_STATIC = ("site.css", "site.js")
_REPOSITORY = "https://github.com/openai/parameter-golf"
_BODY = "<body>\n"
_NOTHING = "(none)"
RULES = "../rules.html"  # where the page of a submission finds the rules


@dataclass(frozen=True, slots=True)
class Site:
    """What is shown. `tool` and `ended` say which auditor it was, and when; `rules` are those that it has."""

    rows: Sequence[Row]
    standings: Standings
    changes: Sequence[Change]
    tool: str
    ended: str
    rules: Sequence[Rule] = ()


def write(folder: Path, store: Store, keys: Mapping[int, str], site: Site) -> int:
    """Writes the folder, each file whole or not at all; returns how many changed. Pages of no row are taken away.

    Raises StoreError where the folder cannot be written.
    """
    try:
        return _write(folder, store, keys, site)
    except OSError as error:
        raise StoreError(f"cannot write the pages in {folder}: {error.strerror or error}") from error


def _write(folder: Path, store: Store, keys: Mapping[int, str], site: Site) -> int:
    for name in ("", "pr", "author"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pages = environment()
    authors = _authors(site.rows)
    common = {"site": site, "tool": __version__, "total": len(site.rows), "authors": authors}
    files: dict[str, str] = {name: _packaged(name) for name in _STATIC}
    counts = _counts(site.rows)
    files["index.html"] = pages.get_template("index.html").render(common, counts=counts, here="index")
    files["ready.html"] = pages.get_template("ready.html").render(common, here="ready")
    charts = [Markup(frontier_chart(site.standings)), Markup(frontier_chart(site.standings, since="2026-04-01"))]
    files["leaderboard.html"] = pages.get_template("leaderboard.html").render(common, charts=charts, here="board")
    files["changes.html"] = pages.get_template("changes.html").render(common, here="changes")
    found = {rule: numbers for rule, *numbers in counts["rules"]}
    files["rules.html"] = pages.get_template("rules.html").render(
        common, found=found, authority=AUTHORITY, here="rules"
    )
    files["authors.html"] = pages.get_template("authors.html").render(common, here="authors")
    one = pages.get_template("author.html")
    for slug, rows in authors.items():
        files[f"author/{slug}.html"] = one.render(common, name=rows[0].author or _NOTHING, rows=rows, here="", up="../")
    changed = sum(_put(folder / name, text) for name, text in files.items())
    for row in site.rows:
        changed += _put(folder / "pr" / f"{row.pr}.html", _page(row, store.page(keys[row.pr])))
    _take_away(folder / "pr", {f"{row.pr}.html" for row in site.rows})
    _take_away(folder / "author", {f"{slug}.html" for slug in authors})
    return changed


def environment() -> Environment:
    """jinja2 with autoescape for every template; control and bidirectional characters are spelt out in every text."""
    pages = Environment(
        loader=PackageLoader("auditor.queue", "pages"),
        autoescape=True,
        finalize=_safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(figure=_figure, slug=slug, signed=_signed, chance=_chance)
    pages.globals.update(repository=_REPOSITORY, up="")
    return pages


def _safe(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def slug(name: str) -> str:
    """A file name for an author: letters and digits, and a hash, so that nobody gets onto another's page."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    rest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{words or 'author'}-{rest}"


def _figure(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.3g}"


def _chance(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _signed(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:+.{digits}f}" if abs(value) < 1000 else f"{value:+.3g}"


def _authors(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(slug(row.author), []).append(row)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Sums for the filters: by verdict with class, rule (decides, disputed, warns), track and by what was said."""
    decides = Counter(rule for row in rows for rule in row.rules)
    disputed = Counter(rule for row in rows for rule in row.argued)
    warns = Counter(rule for row in rows for rule in row.warnings)
    verdicts = Counter(f"{row.verdict} {row.class_}".strip() for row in rows)
    ranked = sorted({*decides, *disputed, *warns}, key=lambda r: (-decides[r], -disputed[r], -warns[r], r))
    return {
        "verdicts": sorted(verdicts.items()),
        "rules": [(rule, decides[rule], disputed[rule], warns[rule]) for rule in ranked],
        "tracks": sorted(Counter(row.track or _NOTHING for row in rows).items()),
        "said": sorted(Counter(row.said or "nothing" for row in rows).items()),
    }


def _page(row: Row, page: str) -> str:
    """The report's own page, with the way back."""
    links = [f'<a href="../index.html">Queue</a> <a href="../author/{slug(row.author)}.html">By this author</a>']
    links.append(f'<a href="{_REPOSITORY}/pull/{row.pr}" rel="noreferrer">#{row.pr} on GitHub</a>')
    if row.title:
        links.append(f"<b>{escape_html(row.title)}</b>")
    return page.replace(_BODY, f'{_BODY}<nav class="way">{" ".join(links)}</nav>\n', 1)


def _packaged(name: str) -> str:
    return resources.files("auditor.queue").joinpath("pages").joinpath(name).read_text("utf-8")


def _put(path: Path, text: str) -> bool:
    """Writes the file where it is another one; whether it was."""
    data = text.encode("utf-8", "replace")
    with suppress(OSError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as out:
            out.write(data)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    return True


def _take_away(folder: Path, kept: set[str]) -> None:
    for path in folder.glob("*.html"):
        if path.name not in kept:
            path.unlink(missing_ok=True)
