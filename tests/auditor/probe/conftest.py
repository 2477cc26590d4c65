"""What several files of tests here are given."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from jail_cells import ATTEMPTS, LIMITS, SECRET, SETS, Cell, skip_unless

from auditor.probe.sandbox import Jail, Policy
from auditor.probe.sandbox.watch import descendants


@pytest.fixture(scope="module", params=SETS)
def cell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    mechanisms = SETS[request.param]
    skip_unless(mechanisms)
    base = tmp_path_factory.mktemp("cell")
    scratch, folder = base / "scratch", base / "readable"
    scratch.mkdir()
    folder.mkdir()
    (folder / "inside.txt").write_text("inside")
    os.environ["GOLF_TEST_SECRET"] = SECRET
    shared = os.open(folder / "inside.txt", os.O_RDWR)
    os.set_inheritable(shared, True)
    others = frozenset(descendants(os.getpid()))
    policy = Policy(scratch, readable=(folder,), search=(ATTEMPTS,), limits=LIMITS)
    try:
        with Jail(policy, mechanisms=mechanisms) as jail:
            yield Cell(jail, mechanisms, scratch, folder, others)
    finally:
        os.close(shared)
        del os.environ["GOLF_TEST_SECRET"]
