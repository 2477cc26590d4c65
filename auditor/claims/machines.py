"""The machine that a README names: `8×L20Z 81GB`, `1x RTX 4090`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auditor.claims.model import Claim

_NAMES = (
    r"(?:G?H ?100|G?H ?200|G?B ?200|B ?300|A ?100|A ?10G?|A ?40|V ?100|L ?40S?|L ?20Z?|L4|T4|H ?20|H ?800|A ?800"
    r"|MI ?300X?|RTX ?\w{0,3} ?\d{3,4}"
    r"|[2345]0[6-9]0|GB ?10|M[1-5] (?:Pro|Max|Ultra)|TPU|CPU)\b"
)
GPU_NAME: Final = re.compile(rf"\b{_NAMES}", re.IGNORECASE)
"""Accelerators that people have run submissions on."""

_MACHINE = re.compile(
    rf"(?<![\w.])(\d{{1,2}})\s?[x\u00d7*]\s?(?:NVIDIA\s|GeForce\s|Tesla\s)*({_NAMES})(?:\s(SXM\d?|PCIe|NVL))?",
    re.IGNORECASE,
)
# The machine of such a line is one that the result was not made on, and one of a comparison may be.
_NOT_HERE = re.compile(
    r"\b(?:est|estimate[ds]?|projected|projection|expect(?:ed)?|would|should|plan(?:ned)?|todo|pending|await\w*|request\w*"
    r"|need\w*|requires?|target\w*|grants?|official|baseline|ablations?|development|smoke|not)\b"
    r"|n['\u2019]t\b|\bno access\b|\baccess to\b",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"\b(?:slower|faster|compared|prior|previous|earlier|local)\b", re.IGNORECASE)
_OF_RESULTS = re.compile(r"#{1,6}\s.*\b(?:results?|seeds?|runs?|scores?)\b", re.IGNORECASE)
# What stands below such a heading has not been done.
_OF_PLANS = re.compile(
    r"#{1,6}\s.*\b(?:plan(?:s|ned)?|next|future|to-?do|roadmap|pending|remaining|proposed|improvements? to)\b",
    re.IGNORECASE,
)
_CAPTION = re.compile(r"\W{0,6}fig(?:ure|\.)\s?\d", re.IGNORECASE)
_LINES: Final = 200


def stated_machine(lines: Iterable[str], path: str) -> Claim[str] | None:
    """The one machine that a README names as a count and a GPU; None where it names several, or none.

    A line that speaks of an estimate or a plan names no machine of the result, and one that compares names it where no
    other does. A heading of the results names theirs, whatever the README says of the machine that is aimed at.
    """
    planned = fenced = False
    headed: dict[str, Claim[str]] = {}
    plain: dict[str, Claim[str]] = {}
    other: dict[str, Claim[str]] = {}
    for number, line in enumerate(lines, 1):
        if number > _LINES:
            break
        if line.lstrip()[:3] in ("```", "~~~"):
            fenced = not fenced
        if fenced:  # the comments of commands speak of where they may be run
            continue
        if line.startswith("#"):
            planned = _OF_PLANS.match(line) is not None
        if planned or line.lstrip().startswith(">") or _CAPTION.match(line):
            continue
        for match in _MACHINE.finditer(line):
            name = re.sub(r"\s+", "", match[2]).upper()
            form = f" {match[3]}" if match[3] else ""
            around = line[: match.start()] + line[match.end() :]
            if _NOT_HERE.search(around):
                continue
            kept = headed if _OF_RESULTS.match(line) else other if _COMPARED.search(around) else plain
            kept.setdefault(f"{match[1]}x{name}", Claim(f"{match[1]}x {match[2]}{form}", f"{path}:{number}"))
    found = headed or plain or other
    return next(iter(found.values())) if len(found) == 1 else None
