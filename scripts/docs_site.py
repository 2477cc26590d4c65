#!/usr/bin/env python3
"""Build the site of the documentation: docs/, the pages of the root, and a page for each rule.

The pages are laid out in build/docs and built by zensical, strictly: a link that leads nowhere fails the build. Links
to files outside of docs/ lead to copies of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from auditor.report.rule_page import page
from auditor.report.rules import index
from rules import ALL
from rules.examples.folders import folder
from rules.law.limits import load

ROOT = Path(__file__).resolve().parents[1]
LAID_OUT = Path("build") / "docs"
FILES = "files"  # where files that are no pages are copied to

# Page of the site: its title and the file it is made of; the rules come after the verdicts.
PAGES: Mapping[str, tuple[str, str]] = {
    "index.md": ("golf-audit", "README.md"),
    "commands.md": ("The commands", "docs/commands.md"),
    "report.md": ("A whole report", "docs/report.md"),
    "verdicts.md": ("Verdicts", "docs/verdicts.md"),
    "queue.md": ("The queue", "docs/queue.md"),
    "statistics.md": ("Is it a record?", "docs/statistics.md"),
    "probe.md": ("The probe", "docs/probe.md"),
    "json.md": ("JSON", "docs/json.md"),
    "record.md": ("The record's recipe", "docs/record.md"),
    "label-notes.md": ("Labels the code contradicts", "docs/label-notes.md"),
    "hardening.md": ("Hardening", "docs/hardening.md"),
    "contributing.md": ("Contributing", "CONTRIBUTING.md"),
    "security.md": ("Security", "SECURITY.md"),
    "changelog.md": ("Changelog", "CHANGELOG.md"),
}
_RULES_AFTER = "verdicts.md"
_LINK = re.compile(r'(?<=\]\()(?P<to>[^)#:\s]+)(?P<anchor>#[^)\s]*)?(?=\))|(?<=src=")(?P<picture>[^":]+)(?=")')
_STYLE = """\
/* A difference may be wide: it scrolls by itself. Printed, nothing is folded or cut. */
details > summary { cursor: pointer; }
[data-md-color-scheme="default"] .md-nav__link--active { color: #2f3fa8 !important; }
img { max-width: 100%; height: auto; }
@media print {
  @page { size: A4; margin: 15mm; }
  pre, pre code { white-space: pre-wrap !important; overflow-wrap: anywhere; }
  details > *:not(summary) { display: block !important; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""


def lay_out(target: Path) -> str:
    """Writes every page below `target`, which is made anew; returns the configuration of the build, with navigation."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "rules").mkdir(parents=True)
    sources = {source: name for name, (_, source) in PAGES.items()}
    known = {str(path.relative_to(ROOT)) for path in (*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"))}
    if missing := known - {*sources, "docs/rules.md"}:
        raise RuntimeError(f"no page of the site is made of {', '.join(sorted(missing))}")
    for name, (_, source) in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        (target / name).write_text(_LINK.sub(_leading(source, sources, target), text), "utf-8")
    (target / "rules" / "index.md").write_text(index(ALL, load().ruleset), "utf-8")
    ordinary = folder()
    for rule in ALL:
        (target / "rules" / f"{rule.id}.md").write_text(page(rule, ordinary), "utf-8")
    shutil.copyfile(ROOT / "docs" / "report.schema.json", target / "report.schema.json")
    (target / "site.css").write_text(_STYLE, "utf-8")
    configuration = (ROOT / "zensical.toml").read_text("utf-8")
    head, section, rest = configuration.partition("[project.extra]")
    return f"{head}{_navigation()}\n{section}{rest}"


def _leading(source: str, sources: Mapping[str, str], target: Path) -> Callable[[re.Match[str]], str]:
    """What makes a link of the file `source` one of the site. Raises RuntimeError where it leads nowhere."""

    def led(match: re.Match[str]) -> str:
        to, anchor = match["to"] or match["picture"], match["anchor"] or ""
        path = os.path.normpath(os.path.join(os.path.dirname(source), to))
        if path == "docs/rules.md":
            return f"rules/{anchor[1:]}.md" if anchor else "rules/index.md"
        if path in sources:
            return sources[path] + anchor
        if path == "docs/report.schema.json":
            return "report.schema.json"
        if not (ROOT / path).is_file():
            raise RuntimeError(f"{source} links to {to}, which is no file")
        copied = Path(FILES) / path
        (target / copied).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / copied)
        return str(copied)

    return led


def _navigation() -> str:
    entries = []
    for name, (title, _) in PAGES.items():
        entries.append(f"  {{ {json.dumps(title)} = {json.dumps(name)} }},")
        if name == _RULES_AFTER:
            pages = ", ".join(json.dumps(f"rules/{page}.md") for page in ("index", *(rule.id for rule in ALL)))
            entries.append(f'  {{ "Rules" = [{pages}] }},')
    return "\n".join(["nav = [", *entries, "]", ""])


def build(root: Path = ROOT) -> int:
    """Lays out the pages below `root` and builds them there; the status of the build."""
    configuration = lay_out(root / LAID_OUT)
    file = root / "build" / "zensical.toml"
    file.write_text(configuration.replace('"build/', '"'), "utf-8")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(file)])
    return done.returncode


def main(argv: Sequence[str] = ()) -> int:
    status = build()
    if status == 0:
        print(f"built {ROOT / 'build' / 'site' / 'index.html'}")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
