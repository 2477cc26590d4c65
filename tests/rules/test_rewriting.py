"""Names and spellings that an author chose decide nothing: every example of every rule, rewritten, is judged the same.

Three runs hold all rewritings together. `GOLF_REWRITINGS=each` takes them one at a time, which says on which one an
answer hangs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

import pytest
from folders_in_memory import loaded
from rewriting import COMBINED, SINGLE, Unfit, rewrite

from auditor.judgement.gather import gather
from auditor.rule import Facts, Rule
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
    """The folder with its scripts rewritten; a log that counted the script counts the one that is there now."""
    readable = {path: text for path, text in key[0] if isinstance(text, str)}
    new = rewrite(readable, KINDS[kind])
    before, after = _code_bytes(readable), _code_bytes({**readable, **new})
    logs = {path: recounted(text, before, after) for path, text in readable.items() if path.endswith(".log")}
    return tuple(sorted({**dict(key[0]), **logs, **new}.items())), key[1]


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
