"""The fuzzers: a small part of what `./dev fuzz` runs, and that they would see a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import check
from fuzz.minimize import minimized
from fuzz.mutants import corpus, mutant
from fuzz.repositories import KINDS, make

import rules
from auditor.judgement import judge


@pytest.mark.parametrize("seed", range(60))
def test_mutants(seed: int) -> None:
    name, files = mutant(seed)
    assert check.folder(files) == [], name


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_odd_repositories(seed: int) -> None:
    assert check.repository(seed) == []


def test_a_seed_makes_the_same_again(tmp_path: Path) -> None:
    assert mutant(5) == mutant(5)
    assert mutant(5) != mutant(6)
    make(tmp_path / "one", 4)
    make(tmp_path / "two", 4)
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*")) for n in ("one", "two")]
    assert files[0] == files[1]


def test_a_failure_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("odd")

    files = corpus()[0][1]
    assert check.folder(files) == []
    with monkeypatch.context() as patch:
        patch.setattr("auditor.report.markdown.render", broken)
        (found,) = check.folder(files)
        assert found.kind.startswith("rendering markdown: ValueError")
    with monkeypatch.context() as patch:
        patch.setattr("auditor.report.terminal.render", lambda *_, **__: "\x1b[2J")
        assert [found.kind for found in check.folder(files)] == ["terminal holds U+001B"]
    with monkeypatch.context() as patch:
        patch.setattr("auditor.report.json_.render", lambda *_, **__: '{"x": NaN}')
        assert {found.kind for found in check.folder(files)} == {"json is no JSON", "jsonl is no JSON"}
    with monkeypatch.context() as patch:
        patch.setattr("auditor.judgement.gather.analyse", broken)
        (found,) = check.folder(files)
        assert found.kind.startswith("reading: ValueError")
    with monkeypatch.context() as patch:
        rule = rules.ALL[0]
        original = judge._apply
        patch.setattr(judge, "_apply", lambda r, facts: broken() if r is rule else original(r, facts))
        (found,) = check.folder(files)
        assert found.kind.startswith("judging: ValueError")


def test_what_is_kept_is_small() -> None:
    files = {"a": b"1\n2\nbad\n4\n" * 9, "b": b"x"}
    assert minimized(files, lambda left: b"bad" in left.get("a", b"")) == {"a": b"bad"}
