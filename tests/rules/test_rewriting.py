"""Names and spellings that an author chose decide nothing: every example of every rule, rewritten, is judged the same.

A few runs hold all rewritings together. `GOLF_REWRITINGS=each` takes them one at a time, which says on which one an
answer hangs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

import pytest
from folders_in_memory import loaded
from rewriting import COMBINED, SINGLE, Unfit, rewrite
from rewriting.places import packed
from rewriting.program import Rewriting

from auditor.judgement.gather import gather
from auditor.rule import Facts, Rule
from auditor.source.imports import NATIVE_SUFFIXES
from rules import ALL
from rules.examples.folders import recounted

KINDS = SINGLE if os.environ.get("GOLF_REWRITINGS") == "each" else COMBINED
_Key = tuple[tuple[tuple[str, str | bytes], ...], tuple[tuple[str, str], ...]]


def _examples() -> Mapping[_Key, list[tuple[Rule, str]]]:
    """The folders of all examples, each once, with the rules that it is an example of."""
    found: dict[_Key, list[tuple[Rule, str]]] = {}
    for rule in ALL:
        for example in rule.examples:
            key = (tuple(sorted(example.files.items())), tuple(sorted(example.settings.items())))
            found.setdefault(key, []).append((rule, example.name))
    return found


EXAMPLES = _examples()


@lru_cache(maxsize=1)
def _facts(key: _Key) -> Facts:
    return gather(loaded(dict(key[0])), dict(key[1]), strict=True)


def _rewritten(key: _Key, kind: str) -> _Key:
    """The folder with its scripts rewritten; a log that counted or echoed the script does so with the one there now."""
    steps = KINDS[kind]
    try:
        return _by(key, steps)
    except Unfit:
        if packed not in steps or len(steps) == 1:
            raise
    return _by(key, tuple(step for step in steps if step is not packed))  # what is echoed is not packed


def _by(key: _Key, steps: tuple[Rewriting, ...]) -> _Key:
    readable = {path: text for path, text in key[0] if isinstance(text, str)}
    new = rewrite(readable, steps)
    before, after = _code_bytes(readable), _code_bytes({**readable, **new})
    logs = {path: recounted(text, before, after) for path, text in readable.items() if path.endswith(".log")}
    for script, text in new.items():
        logs = {path: _echoed(log, readable.get(script, ""), text) for path, log in logs.items()}
    gone = {path for path in readable if path.endswith((".py", *NATIVE_SUFFIXES))} - new.keys()
    files = {path: text for path, text in {**dict(key[0]), **logs, **new}.items() if path not in gone}
    return tuple(sorted(files.items())), key[1]


def _echoed(log: str, before: str, after: str) -> str:
    """The log with the script that it echoes as it is now; lines that the echo alone has stay in its middle."""
    own, lines, new = before.strip().splitlines(), log.splitlines(), after.strip().splitlines()
    if not own or own[0] not in lines or own[-1] not in lines:
        return log
    start, end = lines.index(own[0]), len(lines) - lines[::-1].index(own[-1])
    only = [line for line in lines[start:end] if line not in own]
    if end - start - len(only) != len(own):
        return log
    if len(new) < len(own) // 4:
        raise Unfit("a packed script is not echoed line by line")
    half = len(new) // 2
    return "\n".join([*lines[:start], *new[:half], *only, *new[half:], *lines[end:]]) + "\n"


def _code_bytes(files: Mapping[str, str]) -> int:
    return sum(len(text.encode("utf-8")) for path, text in files.items() if path.endswith(".py"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", EXAMPLES, ids=["; ".join(f"{r.id}: {n}" for r, n in e)[:90] for e in EXAMPLES.values()])
def test_answers_stay(key: _Key, kind: str) -> None:
    try:
        facts = _facts(_rewritten(key, kind))
    except Unfit as why:
        pytest.skip(str(why))
    for rule, name in EXAMPLES[key]:
        expected = next(e.expect for e in rule.examples if e.name == name)
        ruling = rule.check(facts)
        assert ruling.outcome is expected, f"{rule.id}, {name!r}: {ruling.reason}"
