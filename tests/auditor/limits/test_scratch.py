"""Folders of our own: gone at the end, or swept when their owner is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from auditor.limits.scratch import Scratch, sweep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_in_use_is_not_swept(temporary: Path) -> None:
    with Scratch("test") as scratch:
        (scratch.path / "file").write_bytes(b"x")
        assert sweep() == 0
        assert scratch.path.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_the_dead_have_left_is_swept_and_nothing_else(temporary: Path) -> None:
    code = "import os; from auditor.limits.scratch import Scratch; Scratch('test'); os._exit(0)"
    environment = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment, timeout=60)
    (left,) = temporary.iterdir()
    (left / "locked").mkdir(mode=0)
    outside = temporary / "kept"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    (left / "link").symlink_to(outside)
    (temporary / "golf-audit-link").symlink_to(outside)
    (temporary / "golf-audit-file").write_bytes(b"x")
    inner = os.open(left, os.O_RDONLY)
    for _ in range(2000):  # deeper than a path can say
        os.mkdir("deeper", dir_fd=inner)
        below = os.open("deeper", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)
    assert sweep() == 1
    assert sorted(path.name for path in temporary.iterdir()) == ["golf-audit-file", "golf-audit-link", "kept"]
    assert (outside / "file").read_bytes() == b"x"
