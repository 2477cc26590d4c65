"""Mixtures of a token model with a byte model in C texts, and what their gates read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.program.helpers_c import CText, functions
from auditor.program.mixtures.of_bytes import ByteMixture

_WIDTH = re.compile(r"(?i)^(n_?b(ytes)?|num_?bytes|len(gth)?s?|\w*_lens?|\w*byte_?(len|count)s?|tok\w*_bytes|nbytes)$")
_SPREAD = re.compile(
    r"\b(\w{1,80})\s?=\s?-?\s?\w{0,60}(?:nll|logp|lp)\w{0,60}(?:\s*\[\s*\w+\s*\])?\s*/\s*(?:\(\s*(?:double|float)\s*\))?\s*(\w+)"
)
_MIX = re.compile(
    r"log\s*\(\s*exp\s*\([^;]{1,60}\+\s*exp\s*\(|\b\w{1,80}\s?\*\s?[^;+]{1,60}\+\s*\(\s*1(?:\.0?)?f?\s*-\s*\w+\s*\)\s*\*"
)
_ASSIGNED = re.compile(r"(?<![=!<>])\b(\w{1,80})\s?=(?!=)\s?([^;,{}]{1,200})")
_ADDED = re.compile(r"\+\s*(\w+)")
_COMPARED = re.compile(r"(-?\b\w+)\s*(?:>=|<=|>|<)(?![<>])\s*(-?\b\w+)")


def c_mixtures(source: CText) -> Iterator[ByteMixture]:
    """The mixtures of a C text, read assignment by assignment."""
    text = source.text
    spread = next((m for m in _SPREAD.finditer(text) if _WIDTH.search(m[2])), None)
    if spread is None:
        return
    for start, end in functions(text):
        body = text[start:end]
        mix = _MIX.search(body)
        if mix is not None:
            gate, reads = _gate(body)
            yield ByteMixture(
                place=source.place(start + mix.start()),
                active=source.active,
                spread=source.place(spread.start()),
                gate=None if gate is None else source.place(start + gate),
                reads=reads,
            )


def _gate(body: str) -> tuple[int | None, str]:
    """Where the weight (`lam = test ? low : high`) depends on a comparison of a mixed log-probability."""
    assigned: dict[str, list[tuple[int, str]]] = {}
    for match in _ASSIGNED.finditer(body):
        assigned.setdefault(match[1], []).append((match.start(), match[2]))
    mixed = {
        name
        for values in assigned.values()
        for _, value in values
        if "?" in value or "log" in value
        for name in _ADDED.findall(value)
    }
    weights = [n for n, values in assigned.items() if re.match(r"(?i)lam|w(eight)?$|alpha|mix_w", n) and values]
    seen: set[str] = set()
    while weights:
        name = weights.pop()
        if name in seen:
            continue
        seen.add(name)
        for position, value in assigned.get(name, ()):
            test = value.split("?")[0] if "?" in value else value
            for match in _COMPARED.finditer(test):
                read = {side.lstrip("-") for side in match.groups()} & mixed
                if read:
                    return position, min(read)
            weights += re.findall(r"\b[A-Za-z_]\w*", test)
    return None, ""
