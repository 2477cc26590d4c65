"""Code that looks for this program, or goes through objects of others, is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.judgement.gather import gather
from auditor.program.evasion import evasions, pryings
from auditor.submission import load_path


def test_code_that_looks_for_the_probe_is_named(tmp_path: Path) -> None:
    (tmp_path / "train_gpt.py").write_text(
        "import sys\nfrom torch.utils._python_dispatch import _disable_current_modes\n"
        'watched = "auditor.probe" in sys.modules\nprint("audited by golf-audit, which found nothing at all here")\n'
    )
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    found = evasions(gather(load_path(tmp_path), {}).sources)
    assert [place.line for _, place in found] == [2, 3]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("vars(builtins)", True), ("dir(__builtins__)", True), ("builtins.__dict__", True), ("gc.get_objects()", True),
        ("hook.e.__self__", True), ("dir(__import__('builtins'))", True), ("sys._getframe().f_back.f_locals", True),
        ("self.__dict__", False), ("vars(args)", False), ("builtins.print", False), ("gc.collect()", False),
        ("adapt.__name__", False),
    ],
)  # fmt: skip
def test_what_goes_through_objects_of_others_is_told(line: str, named: bool, tmp_path: Path) -> None:
    (tmp_path / "train_gpt.py").write_text(f"import builtins, gc, sys\n{line}\n")
    (tmp_path / "submission.json").write_text('{"val_bpb": 1.1}')
    assert bool(pryings(gather(load_path(tmp_path), {}).sources)) is named
