#!/usr/bin/env python3
"""Make what is made from data: docs/rules.md, the report in docs/report.md and README.md, the fields in docs/json.md.

The example's report is the one that `golf-audit examples/pre_quant_ttt` prints on 80 columns.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.commands import audit as cli
from auditor.report.rules import page
from rules import ALL
from rules.law.limits import load

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "pre_quant_ttt"
SHOWN = 25  # lines of the report in README.md


def example_report() -> str:
    """What the command prints where nobody looks at it on a terminal: 80 columns, no colour."""
    out = io.StringIO()
    kept = {name: os.environ.pop(name) for name in ("COLUMNS", "FORCE_COLOR") if name in os.environ}
    try:
        with contextlib.redirect_stdout(out):
            status = cli.main([str(EXAMPLE)])
    finally:
        os.environ.update(kept)
    if status != cli.FAILED:
        raise RuntimeError(f"the audit of the example ended with status {status}")
    return out.getvalue()


def made() -> dict[Path, str]:
    """Every made page with the text that it has to have."""
    report = example_report()
    beginning = "\n".join(report.split("\n")[:SHOWN]) + "\n...\n"
    return {
        ROOT / "docs" / "rules.md": page(ALL, load().ruleset),
        ROOT / "docs" / "report.md": _between(ROOT / "docs" / "report.md", "report", f"```text\n{report}```"),
        ROOT / "docs" / "json.md": _between(ROOT / "docs" / "json.md", "fields", fields()),
        ROOT / "README.md": _between(ROOT / "README.md", "report", f"```text\n{beginning}```"),
    }


def fields() -> str:
    """The table of a report's fields, read off its schema."""
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text("utf-8"))
    rows = ["| field | what it is | values |", "|---|---|---|"]
    for name, given in schema["properties"].items():
        rows.append(f"| `{name}` | {given['description']} | {_kind(given)} |")
    return "\n".join(rows)


def _kind(given: Mapping[str, Any]) -> str:
    """The values of a field in a word or two."""
    if "enum" in given:
        return ", ".join(f"`{value}`" for value in given["enum"])
    if "const" in given:
        return f"`{given['const']}`"
    if "$ref" in given:
        return f"a {given['$ref'].rsplit('/', 1)[-1]}"
    if "oneOf" in given:
        return " or ".join(_kind(one) for one in given["oneOf"])
    types = given["type"]
    return " or ".join(types) if isinstance(types, list) else str(types)


def _between(path: Path, name: str, text: str) -> str:
    """The file with the text between the markers of that name."""
    opening, closing = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, begin, rest = path.read_text("utf-8").partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise RuntimeError(f"{path.name} has no {opening} ... {closing}")
    return f"{before}{opening}\n{text}\n{closing}{after}"


def main() -> int:
    for path, text in made().items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"made {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
