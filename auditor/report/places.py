"""How a place in a submission is written for people."""

from __future__ import annotations

from auditor.findings import Location
from auditor.source import Sources


def place(location: Location | None, sources: Sources) -> str:
    """`train_gpt.py:120-124 (layer 1, lzma+base85)`; empty without a location."""
    if location is None:
        return ""
    lines = ""
    if location.line:
        last = location.end_line
        lines = f":{location.line}" + (f"-{last}" if last and last > location.line else "")
    if location.layer == 0:
        return location.path + lines
    packing = next((u.packing for u in sources.units if (u.path, u.layer) == (location.path, location.layer)), "")
    return f"{location.path}{lines} (layer {location.layer}{', ' + packing if packing else ''})"
