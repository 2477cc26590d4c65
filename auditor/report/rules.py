"""The rules for people: the list, one rule explained, and the documentation page. Made from the rules' own data."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Sequence

from auditor.report.text import one_line, plain
from auditor.rule import Behaviour, Example, Rule

_LONGEST_DIFFERENCE = 40  # lines
_AUTHORITY = {
    "README": "the challenge's README",
    "maintainer": "a maintainer's ruling",
    "community": "the community's reading, without a ruling",
    "disputed": "argued both ways, without a ruling",
    "measured": "a measurement over the submissions",
}


def listing(rules: Sequence[Rule], *, width: int = 80) -> str:
    """One line per rule: id, authority, evidence, title."""
    ids = max((len(rule.id) for rule in rules), default=0)
    authorities = max((len(rule.authority) for rule in rules), default=0)
    lines = []
    for rule in rules:
        start = f"{rule.id:<{ids}}  {rule.authority:<{authorities}}  "
        lines += textwrap.wrap(
            one_line(rule.title), max(width, 60), initial_indent=start, subsequent_indent=" " * len(start)
        )
    return "\n".join([*lines, "", f"{len(rules)} rules. golf-audit --explain RULE tells more of one."]) + "\n"


def listing_json(rules: Sequence[Rule]) -> str:
    """Every rule's metadata as JSON."""
    rows = [
        {
            "id": rule.id,
            "title": rule.title,
            "authority": rule.authority,
            "evidence": list(rule.evidence),
            "criterion": rule.criterion,
            "why": rule.why,
            "remedy": rule.remedy,
            "not_decidable": rule.not_decidable,
            "sources": [{"url": s.url, "said": s.said, "date": s.date} for s in rule.sources],
            "examples": [{"name": e.name, "kind": e.kind, "expect": str(e.expect)} for e in rule.examples],
        }
        for rule in rules
    ]
    return json.dumps(rows, indent=2) + "\n"


def explain(rule: Rule, *, width: int = 80) -> str:
    """One rule as plain text, wrapped."""
    blocks = [(rule.id, rule.title)]
    blocks += [("What is tested", rule.criterion), ("Why", rule.why), ("What to do", rule.remedy)]
    if rule.not_decidable:
        blocks.append(("What it cannot see", rule.not_decidable))
    if rule.behaviour:
        blocks.append(("What --probe can show", _shown(rule.behaviour)))
    blocks.append(("Rests on", _AUTHORITY[rule.authority]))
    blocks.append(("Read off", ", ".join(rule.evidence)))
    lines: list[str] = []
    for title, text in blocks:
        lines += [title, *_wrapped(text, width), ""]
    lines.append("Sources")
    lines += [f"  {plain(s.said)}{f', {s.date}' if s.date else ''}: {plain(s.url)}" for s in rule.sources]
    if rule.examples:
        lines += ["", "Examples, which are its tests"]
        lines += [f"  {example.kind}: {plain(example.name)} ({example.expect})" for example in rule.examples]
        lines += _difference(rule.examples)
    return "\n".join(lines) + "\n"


def _shown(behaviour: Behaviour) -> str:
    """What a run of the submission says of the rule."""
    said = f"Read off {', '.join(behaviour.shown_by)}"
    if behaviour.breaks:
        conditions = " or ".join(c[1:] for c in behaviour.breaks)
        said += f"; a witness of condition {conditions} confirms it"
        said += f", and a dispute stays one: {behaviour.argued}" if behaviour.argued else ", and decides a dispute"
    if behaviour.blind:
        said += f"; where these hold nothing follows: {behaviour.blind}"
    return said + "."


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text, 4000), max(width, 40), initial_indent="  ", subsequent_indent="  ")


def _difference(examples: Sequence[Example]) -> list[str]:
    """The shortest difference between an example that breaks the rule and a legal one, if it is short."""
    best: list[str] = []
    for breaking in (e for e in examples if e.kind == "breaks"):
        for legal in (e for e in examples if e.kind == "legal"):
            lines = _diff(breaking, legal)
            if lines and (not best or len(lines) < len(best)):
                best = lines
    if not 0 < len(best) <= _LONGEST_DIFFERENCE:
        return []
    return ["", "The difference between breaking it (-) and keeping it (+)", *(f"  {plain(line)}" for line in best)]


def _diff(breaking: Example, legal: Example) -> list[str]:
    lines: list[str] = []
    for path in sorted({*breaking.files, *legal.files}):
        before, after = breaking.files.get(path, ""), legal.files.get(path, "")
        if before == after or isinstance(before, bytes) or isinstance(after, bytes):
            continue
        lines += difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, n=2, lineterm="")
    return lines


def page(rules: Sequence[Rule], ruleset: str) -> str:
    """`docs/rules.md`: an index and one section per rule."""
    lines = [
        "# Rules",
        "",
        "Made from the rules' own data by `golf-audit --rules --format markdown`; a test fails when it is stale.",
        f"State of the law: {ruleset}.",
        "",
        "| rule | what it is about | rests on | read off |",
        "|---|---|---|---|",
    ]
    for rule in rules:
        title = rule.title.replace("|", "\\|")
        lines.append(f"| [{rule.id}](#{rule.id}) | {title} | {rule.authority} | {', '.join(rule.evidence)} |")
    for rule in rules:
        lines += ["", *_section(rule)]
    return "\n".join(lines) + "\n"


def _section(rule: Rule) -> list[str]:
    lines = [f"## {rule.id}", "", f"{rule.title}."]
    lines += ["", f"- **Tested:** {rule.criterion}", f"- **Why:** {rule.why}", f"- **What to do:** {rule.remedy}"]
    if rule.not_decidable:
        lines.append(f"- **What it cannot see:** {rule.not_decidable}")
    if rule.behaviour:
        lines.append(f"- **What --probe can show:** {_shown(rule.behaviour)}")
    lines.append(f"- **Rests on:** {_AUTHORITY[rule.authority]}")
    for source in rule.sources:
        dated = f", {source.date}" if source.date else ""
        lines.append(f"  - [{source.said}{dated}]({source.url})")
    if rule.examples:
        lines += ["", "| example | kind | outcome |", "|---|---|---|"]
        lines += [f"| {e.name.replace('|', ' ')} | {e.kind} | {e.expect} |" for e in rule.examples]
    return lines
