"""The rules for people: the list, one rule explained, and the documentation page. Made from the rules' own data."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from auditor.report.rule_page import AUTHORITY, shortest, shown, since, source
from auditor.report.text import one_line, plain
from auditor.report.view import AT_STAKE
from auditor.rule import Rule


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
            "class": rule.class_,
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
        blocks.append(("What --probe can show", shown(rule.behaviour)))
    blocks.append(("At stake", f"{rule.class_}: {AT_STAKE[rule.class_]}"))
    blocks.append(("Rests on", AUTHORITY[rule.authority]))
    blocks.append(("Since", since(rule)))
    blocks.append(("Read off", ", ".join(rule.evidence)))
    lines: list[str] = []
    for title, text in blocks:
        lines += [title, *_wrapped(text, width), ""]
    lines.append("Sources")
    lines += [f"  {plain(s.said)}{f', {s.date}' if s.date else ''}: {plain(s.url)}" for s in rule.sources]
    if rule.examples:
        lines += ["", "Examples, which are its tests"]
        lines += [f"  {example.kind}: {plain(example.name)} ({example.expect})" for example in rule.examples]
        best = shortest(rule.examples)
        if best:
            lines += ["", "The difference between breaking it (-) and keeping it (+)", *(f"  {line}" for line in best)]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text, 4000), max(width, 40), initial_indent="  ", subsequent_indent="  ")


def page(rules: Sequence[Rule], ruleset: str) -> str:
    """`docs/rules.md`: an index and one section per rule."""
    lines = [
        "# Rules",
        "",
        "Made from the rules' own data by `golf-audit --rules --format markdown`; a test fails when it is stale.",
        f"State of the law: {ruleset}.",
        "",
        *_table(rules, "#{}"),
    ]
    for rule in rules:
        lines += ["", *_section(rule)]
    return "\n".join(lines) + "\n"


def index(rules: Sequence[Rule], ruleset: str) -> str:
    """The list of the pages of the rules, the gravest class first."""
    lines = ["# Rules", "", f"{len(rules)} rules; state of the law: {ruleset}. A rule's class says what is at stake."]
    for class_, stake in AT_STAKE.items():
        of_class = [rule for rule in rules if rule.class_ == class_]
        said = f"{stake[:1].upper()}{stake[1:]}."
        lines += ["", f"## {class_.capitalize()}", "", said, "", *_table(of_class, "{}.md", classes=False)]
    return "\n".join(lines) + "\n"


def _table(rules: Sequence[Rule], link: str, *, classes: bool = True) -> list[str]:
    names = ["rule", "what it is about", *(["class"] if classes else []), "rests on", "read off"]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for rule in rules:
        title = rule.title.replace("|", "\\|").rstrip(".")
        cells = [f"[{rule.id}]({link.format(rule.id)})", title, *([rule.class_] if classes else [])]
        lines.append(f"| {' | '.join([*cells, rule.authority, ', '.join(rule.evidence)])} |")
    return lines


def _section(rule: Rule) -> list[str]:
    lines = [f"## {rule.id}", "", f"{rule.title.rstrip('.')}."]
    lines += ["", f"- **Tested:** {rule.criterion}", f"- **Why:** {rule.why}", f"- **What to do:** {rule.remedy}"]
    if rule.not_decidable:
        lines.append(f"- **What it cannot see:** {rule.not_decidable}")
    if rule.behaviour:
        lines.append(f"- **What --probe can show:** {shown(rule.behaviour)}")
    lines.append(f"- **At stake:** {rule.class_}: {AT_STAKE[rule.class_]}")
    lines.append(f"- **Rests on:** {AUTHORITY[rule.authority]}; since {since(rule)}")
    lines += [f"  - {source(given)}" for given in rule.sources]
    if rule.examples:
        lines += ["", "| example | kind | outcome |", "|---|---|---|"]
        lines += [f"| {e.name.replace('|', ' ')} | {e.kind} | {e.expect} |" for e in rule.examples]
    return lines
