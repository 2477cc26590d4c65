"""Which printed figure is the claimed one, and which came out without the recorder being told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from auditor.probe.claimed import claimed
from auditor.probe.measure import confined
from auditor.runs.model import Evaluation

UNIT = SimpleNamespace(text="print(f'final_sliding val_bpb:{bpb}'); print(f'byte_mixture val_bpb:{other}')")


def facts(claim: float | None, *figures: tuple[str, float], result: int = -1) -> Any:
    evaluations = tuple(Evaluation(n, label, bpb, 2.0 * bpb) for n, (label, bpb) in enumerate(figures))
    run = SimpleNamespace(score=evaluations[result], evaluations=evaluations)
    return SimpleNamespace(
        configuration=SimpleNamespace(settings={}), headline=[run], sources=SimpleNamespace(units=(UNIT,)),
        claims=SimpleNamespace(val_bpb=None if claim is None else SimpleNamespace(value=claim)),
    )  # fmt: skip


SLIDING, MIXED = ("final_sliding", 1.083), ("byte_mixture", 0.929)


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        (0.9297, "byte_mixture"),  # the log's result is another than what is claimed, and one of its figures is that
        (1.0831, "final_sliding"), (None, "final_sliding"),
        (0.5, "final_sliding"),  # none of them is claimed
    ],
)  # fmt: skip
def test_the_figure_that_is_claimed_is_probed(claim: float | None, label: str) -> None:
    assert claimed(facts(claim, MIXED, SLIDING)).label == label


@pytest.mark.parametrize(
    ("figures", "label"),
    [
        ((MIXED, SLIDING, ("run=80523689 score", 1.083)), "final_sliding"),  # a wrapper's line
        ((SLIDING, ("RESULT] run=80523689 score", 0.7)), "RESULT] run=80523689 score"),  # of nothing that was printed
        ((SLIDING, ("byte_mixture 2 passes", 1.083)), "byte_mixture 2 passes"),
    ],
)
def test_a_result_that_the_script_has_no_beginning_of_is_the_figure_that_it_repeats(
    figures: tuple[tuple[str, float], ...], label: str
) -> None:
    found = claimed(facts(None, *figures))
    assert found.label == label
    assert found.foreign is ("run=" in label)


HONEST = "final_exact val_loss:2.50000000 val_bpb:1.40000000"
FORGED = "final_exact val_loss:2.25000000 val_bpb:1.26000000"


@pytest.mark.parametrize(
    ("said", "unheard"),
    [
        (f"step:1/2 train_loss:9.1\n{HONEST}\n", False),
        (f"{HONEST}\n{FORGED}\n", True),  # written to the descriptor itself
        (f"  {HONEST}\r\n", False),
        ("", False),
        (f"part\x0b{FORGED}\n", False),  # one line, as the recorder was told of it
    ],
)
def test_a_figure_that_passed_the_recorder_by_is_noticed(said: str, unheard: bool) -> None:
    assert confined._unheard([(1, "step:1/2 train_loss:9.1"), (2, HONEST), (3, f"part\x0b{FORGED}")], said) is unheard
