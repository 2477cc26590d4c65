"""derived-from-invalid: what was copied from a ruled-out submission inherits the ruling."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.law import rulings as _rulings
from rules.law.standing import pull

ID = "derived-from-invalid"

# "based on PR #123", "fork of https://github.com/openai/parameter-golf/pull/123"
_BUILDS_ON = re.compile(
    r"\b(?:based (?:up)?on|builds? (?:up)?on|built (?:up)?on|derived from|forked from|fork of|on top of|starting from|"
    r"reuses? the (?:code|script) (?:of|from))\b[^#\n.]{0,60}(?:PR ?)?(?:#|parameter-golf/pull/)(\d{1,5})\b",
    re.IGNORECASE,
)
_DOCUMENT_BYTES = 200_000


def check(facts: Facts) -> Ruling:
    findings = []
    for path in ("README.md", "submission.json"):
        shipped = facts.submission.named(path)
        if shipped is None or shipped.data is None or len(shipped.data) > _DOCUMENT_BYTES:
            continue
        for number, line in enumerate(shipped.text.splitlines(), 1):
            for said in _BUILDS_ON.finditer(line):
                ruled = _rulings.load().get(int(said.group(1)))
                if ruled is not None and ruled.pr != facts.submission.pr:
                    message = (
                        f"says that it builds on #{ruled.pr}, which {ruled.by} ruled out for {', '.join(ruled.rules)}; "
                        "whether the part that was ruled out is still in it, those rules say"
                    )
                    findings.append(Finding(ID, Outcome.WARNING, message, Location(shipped.path, number)))
    return found(
        findings,
        "",
        unchecked="names no ruled-out submission as its base; comparing its code with theirs would decide",
    )


RULE = Rule(
    id=ID,
    title="Builds on a submission that was ruled out",
    class_="score",
    authority="maintainer",
    evidence=("folder", "history"),
    criterion="README and submission.json name no submission as their base that was ruled out for how it scores.",
    why="A copied defect is the same defect.",
    remedy="Say which parts were taken over and show that the part that was ruled out is not among them.",
    sources=(
        pull(548, "valerio-oai: based on a judged submission", "2026-03"),
        pull(824, "valerio-oai: based on one that uses hashed n-gram caches", "2026-03-27"),
    ),
    check=check,
    examples=(
        Example(
            "the README names its base",
            "breaks",
            folder(readme="# Example\n\nBuilt on PR #779 with another learning rate.\n"),
            Outcome.WARNING,
        ),
        Example(
            "a base that was accepted",
            "legal",
            folder(readme="# Example\n\nBuilt on PR #1394 with another learning rate.\n"),
            Outcome.NOT_CHECKED,
        ),
        Example(
            "a comparison",
            "legal",
            folder(readme="# Example\n\nUnlike #779 this reads no hash of the target.\n"),
            Outcome.NOT_CHECKED,
        ),
    ),
    not_decidable="Code taken over silently; the evaluation rules judge the code itself, whoever wrote it.",
)
