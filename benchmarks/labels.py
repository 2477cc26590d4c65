#!/usr/bin/env python3
"""Compare a batch of reports with what people ruled on the same pull requests.

    golf-audit --repo CLONE --format jsonl --pr N N N ... -o results.jsonl
    python benchmarks/labels.py labels.jsonl results.jsonl                     print the tables
    python benchmarks/labels.py labels.jsonl results.jsonl --write docs/verdicts.md  put them between its score markers

A label is one JSON object a line: `pr`, `expect` ("clean" or "violation"), `scope` ("evaluation": how the score is
made; "other": bytes, budgets, evidence), `rules` (what is broken), `accept` (every name under which that may be
reported) and `confidence` ("ruled" by a maintainer, or "verified" in the code by hand).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- scores:begin -->", "<!-- scores:end -->"
_POSITIVE = frozenset({"violation", "disputed"})
_SAID = _POSITIVE | {"warning"}

EVALUATION = frozenset(
    {
        "adapt-before-score",
        "byte-ppm-mixture",
        "calibration-on-val",
        "cross-sample-leak",
        "final-epoch-score",
        "future-dependence",
        "logit-bias-on-val",
        "ngram-target-gate",
        "ngram-target-key",
        "oracle-selection",
        "paid-prefix",
        "ppm-target-gate",
        "pre-quant-ttt",
        "slot-context-only",
        "slot-scored-positions",
        "smear-document-leak",
        "two-pass-rescore",
        "unnormalized-mixture",
        "val-in-training",
    }
)
"""The rules on how a score is made. Labels of the scope "evaluation", the clean ones included, speak of these alone."""

Label = Mapping[str, Any]
Result = Mapping[str, Any]


@dataclass
class Group:
    """Counts of one kind of label."""

    labels: int = 0
    right: int = 0
    ruled: int = 0
    ruled_right: int = 0


@dataclass
class RuleScore:
    """Counts of one rule. `false` are violations, `disputed` disputed findings, both on submissions labelled clean."""

    labels: int = 0
    named: int = 0
    otherwise: int = 0  # the submission was faulted, under another accepted name
    false: int = 0
    disputed: int = 0


@dataclass
class Scores:
    """What the tables show. `clean` counts the labels that false alarms are counted on."""

    groups: dict[str, Group] = field(default_factory=dict)
    rules: dict[str, RuleScore] = field(default_factory=dict)
    clean: int = 0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def active(result: Result | None, outcomes: Iterable[str]) -> set[str]:
    """Rules with a finding of one of these outcomes in code that runs, or that may run."""
    wanted = set(outcomes)
    found = (result or {}).get("findings", [])
    return {f["rule"] for f in found if f.get("active") is not False and f["outcome"] in wanted}


def is_right(label: Label, result: Result | None) -> bool:
    """Whether the report agrees with the label; a submission that could not be judged never does."""
    if result is None:
        return False
    if label["expect"] == "clean":
        return result.get("verdict") != "inconclusive" and not active(result, {"violation"}) & EVALUATION
    if label["scope"] == "evaluation":
        return bool(active(result, _POSITIVE) & EVALUATION)
    return bool(active(result, _SAID) & set(label["accept"]))


def score(labels: Sequence[Label], results: Mapping[int, Result]) -> Scores:
    """Count, per kind of label and per rule."""
    scores = Scores()
    for label in labels:
        result = results.get(label["pr"])
        right = is_right(label, result)
        group = scores.groups.setdefault(f"{label['scope']}/{label['expect']}", Group())
        ruled = label["confidence"] == "ruled"
        group.labels += 1
        group.right += right
        group.ruled += ruled
        group.ruled_right += ruled and right
        for rule in label.get("rules", ()):
            row = scores.rules.setdefault(rule, RuleScore())
            row.labels += 1
            named = rule in active(result, _SAID)
            row.named += named
            row.otherwise += right and not named
        if label["expect"] == "clean":
            scores.clean += 1
            for rule in active(result, {"violation"}) & EVALUATION:
                scores.rules.setdefault(rule, RuleScore()).false += 1
            for rule in active(result, {"disputed"}) & EVALUATION:
                scores.rules.setdefault(rule, RuleScore()).disputed += 1
    return scores


_GROUPS = {
    "evaluation/violation": "the score breaks a rule: violation or dispute reported",
    "evaluation/clean": "the score is made legally: no violation reported",
    "other/violation": "bytes, budgets or evidence at fault: reported",
}


def tables(scores: Scores) -> str:
    """The two Markdown tables."""
    lines = ["| labelled pull requests | agree | of these ruled by a maintainer |", "|---|---:|---:|"]
    for name in sorted(scores.groups, key=lambda n: (list(_GROUPS).index(n) if n in _GROUPS else 9, n)):
        g = scores.groups[name]
        lines.append(f"| {_GROUPS.get(name, name)} | {g.right} of {g.labels} | {g.ruled_right} of {g.ruled} |")
    lines += [
        "",
        "| rule | labels | found | found under another name | missed | false alarms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for rule in sorted(scores.rules):
        row = scores.rules[rule]
        alarms = "not labelled"
        if rule in EVALUATION:
            alarms = f"{row.false}" + (f" (and {row.disputed} disputed)" if row.disputed else "")
        missed = row.labels - row.named - row.otherwise
        lines.append(f"| `{rule}` | {row.labels} | {row.named} | {row.otherwise} | {missed} | {alarms} |")
    said = f"False alarms are counted on the {scores.clean} submissions whose evaluation is labelled clean."
    return "\n".join([*lines, "", said])


def replaced(text: str, block: str) -> str:
    """`text` with `block` between its markers. Raises ValueError without them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args(argv)
    results = {r["submission"]["pr"]: r for r in read_lines(given.results)}
    block = tables(score(read_lines(given.labels), results))
    if given.write is None:
        print(block)
        return 0
    try:
        given.write.write_text(replaced(given.write.read_text("utf-8"), block), "utf-8")
    except ValueError as error:
        print(f"{given.write}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
