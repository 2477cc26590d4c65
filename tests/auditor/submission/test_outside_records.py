"""A submission that stands outside of records/: its places are told from the repository's root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from submission_repositories import Repo

from auditor.commands.options import Options
from auditor.commands.work import audit
from auditor.report import render
from auditor.submission import load_path
from rules.examples.folders import folder


@pytest.mark.parametrize("place", ["my_submission", "work/my_submission"])
@pytest.mark.parametrize("committed", [True, False])
def test_sarif_places_are_relative_to_the_repository(tmp_path: Path, place: str, committed: bool) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    files = {name: data.encode() if isinstance(data, str) else data for name, data in folder(logs={}).items()}
    repo.write({f"{place}/{name}": data for name, data in files.items()})
    if committed:
        repo.commit("Mine")
    report = audit(load_path(repo.path / place), Options())
    assert report.submission.folder == place
    results = json.loads(render(report, "sarif"))["runs"][0]["results"]
    uris = {spot["physicalLocation"]["artifactLocation"]["uri"] for result in results for spot in result["locations"]}
    # Not the baseline's train_gpt.py and README.md at the root.
    assert uris
    assert all(uri.startswith(f"{place}/") for uri in uris)
