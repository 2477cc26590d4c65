"""A small clone, and what loads pull requests from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from submission_repositories import Load, Repo

from auditor.submission import Clone, Submission


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def load(repo: Repo) -> Load:
    def loader(number: int, **options: str) -> Submission:
        with Clone(repo.path) as clone:
            return clone.load(number, **options)

    return loader
