#!/usr/bin/env python3
"""Make the pages that are made from data: docs/rules.md, docs/report.md and the beginning of the report in README.md.

The example's report is the one that `golf-audit examples/pre_quant_ttt` prints on 80 columns.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from auditor.commands import audit as cli
from auditor.report.rules import page
from rules import ALL
from rules.law.limits import load

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "pre_quant_ttt"
SHOWN = 25  # lines of the report in README.md
BEGIN, END = "<!-- report:begin -->", "<!-- report:end -->"


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
        ROOT / "docs" / "report.md": _between(ROOT / "docs" / "report.md", report),
        ROOT / "README.md": _between(ROOT / "README.md", beginning),
    }


def _between(path: Path, text: str) -> str:
    """The file with the text as a block between its markers."""
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{path.name} has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n```text\n{text}```\n{END}{after}"


def main() -> int:
    for path, text in made().items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"made {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
