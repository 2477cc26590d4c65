"""What the process that starts the runs does without."""

from __future__ import annotations

import subprocess
import sys


def test_no_torch_is_imported_outside_of_the_sandbox():
    """It takes longer to import than most of what the parent does."""
    code = "import sys, auditor.probe.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
