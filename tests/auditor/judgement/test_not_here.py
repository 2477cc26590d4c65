"""Files whose content is elsewhere or packed are named: nothing is missing, and defaults condemn nobody."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from report_samples import BUDGETS

from auditor.judgement.gather import gather
from auditor.judgement.judge import judge
from auditor.judgement.model import Report, Verdict
from auditor.submission import load_path
from auditor.submission.bounds import stand_in
from rules import ALL
from rules.examples.folders import folder

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345\n"


def report(tmp_path: Path, **instead: str | bytes) -> Report:
    files = dict(folder())
    for name in list(files):
        key = name.replace(".", "_")
        files[name] = instead.get(key, instead.get("logs", files[name]) if name.endswith(".log") else files[name])
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return judge(gather(load_path(tmp_path), {}), ALL, BUDGETS)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_pointer_with_any_line_ends(end: str) -> None:
    data = POINTER.strip("\n").replace("\n", end or "\n").encode() + end.encode()
    file = stand_in("a.log", data)
    assert file is not None
    assert file.size == 12_345
    assert "git lfs pull" in (file.problem or "")


@pytest.mark.parametrize("name", ["README_md", "submission_json", "train_gpt_py", "logs"])
def test_whatever_file_is_a_pointer_the_verdict_is_inconclusive(tmp_path: Path, name: str) -> None:
    found = report(tmp_path, **{name: POINTER})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "git lfs pull" in found.verdict_because
    assert next(o for o in found.outcomes if o.rule == "package-files").outcome == "not-checked"


def test_packed_logs_are_not_missing(tmp_path: Path) -> None:
    for name, text in folder().items():
        data = text if isinstance(text, bytes) else text.encode()
        place = tmp_path / (f"{name}.gz" if name.endswith(".log") else name)
        place.write_bytes(gzip.compress(data) if name.endswith(".log") else data)
    found = judge(gather(load_path(tmp_path), {}), ALL, BUDGETS)
    row = next(o for o in found.outcomes if o.rule == "package-files")
    assert row.outcome == "not-checked"
    assert "packed" in row.reason
