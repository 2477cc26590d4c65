"""Everything in the project is ruff clean, and the packages are strictly typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.lint
@pytest.mark.parametrize("command", [["ruff", "check", "--quiet", "--no-cache", "."], ["mypy"]], ids=lambda c: c[0])
def test_is_clean(command: list[str]) -> None:
    run = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
